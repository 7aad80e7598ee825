"""Band-passed frame energies by strided matrix products.

Each column of a matrix is an impulse response, shifted to one output sample of the frame, so a single
product filters, decimates and frames. The always-on path takes two of them: a short low-pass to the lower
rate, then the band-pass there, half the multiplications of the band-pass alone. The energy of a frame needs
no anti-alias filter behind the band-pass: decimation keeps the power.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sensor.detect.settings import LEAST_BAND_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sensor.types import Samples

FRAME_S = 1e-3
"""Frame of the level track: the rise of a street shot is 0.6 to 1.8 ms."""
HALF_FRAMES = 4
"""Half length of the band-pass in frames; what a frame's level knows of the future."""
DECIMATOR_FRAMES = 1
"""Of them, half length of the low-pass ahead of the band-pass."""
DECIMATOR_CUT = 0.85
"""Its edge, relative to the band of the lower rate. At 48 kHz what passes beyond 5.6 kHz is 52 dB down, at
1.0 it is 41 dB; the band-pass is within 0.05 dB of what it would be alone (0.07 at 1.0)."""
KAISER_BETA = 5.0
"""Stop band at about -50 dB."""


def band_pass_taps(low_hz: float, high_hz: float, rate_hz: float, half: int) -> NDArray[np.float64]:
    """Linear-phase band-pass of ``2 * half + 1`` taps: windowed sinc, gain 1 at mid-band, 0 at 0 Hz."""
    n = np.arange(-half, half + 1)
    window = np.kaiser(n.size, KAISER_BETA)
    taps = (
        window
        * 2.0
        * (high_hz * np.sinc(2 * high_hz * n / rate_hz) - low_hz * np.sinc(2 * low_hz * n / rate_hz))
    )
    taps /= rate_hz
    taps -= window * taps.sum() / window.sum()
    middle = np.exp(-2j * np.pi * np.sqrt(low_hz * high_hz) * n / rate_hz)
    return taps / np.abs(taps @ middle)


def decimator_taps(factor: int, half: int) -> NDArray[np.float64]:
    """Low-pass of ``2 * half + 1`` taps for a rate ``factor`` times lower, gain 1 at 0 Hz."""
    n = np.arange(-half, half + 1)
    taps: NDArray[np.float64] = np.kaiser(n.size, KAISER_BETA) * np.sinc(DECIMATOR_CUT * n / factor)
    return taps / taps.sum()


def behind(decimator: NDArray[np.float64], taps: NDArray[np.float64], factor: int) -> NDArray[np.float64]:
    """Taps at the lower rate that come nearest, after the decimator, to ``taps``; gain 0 at 0 Hz."""
    count = (taps.size - decimator.size) // factor + 1
    shifted = shifted_taps(decimator, range(0, count * factor, factor), taps.size)
    # The columns are far from alike: the normal equations do as well as a decomposition, in half the time.
    low: NDArray[np.float64] = np.linalg.solve(shifted.T @ shifted, shifted.T @ taps).astype(np.float64)
    window = np.kaiser(count, KAISER_BETA)
    return low - window * low.sum() / window.sum()


def shifted_taps(taps: NDArray[np.float64], starts: range, span: int) -> NDArray[np.float64]:
    """Matrix (span, starts) whose columns are the taps, each from its own start on."""
    matrix = np.zeros((span, len(starts)))
    for column, start in enumerate(starts):
        matrix[start : start + taps.size, column] = taps
    return matrix


def overlapping(samples: Samples, shape: tuple[int, ...], steps: tuple[int, ...]) -> Samples:
    """A view of overlapping rows of contiguous ``samples``.

    ``steps``: samples from one to the next along all axes but the last, whose rows are contiguous.
    """
    strides = [step * samples.itemsize for step in (*steps, 1)]
    # The same by np.lib.stride_tricks takes longer than many a copy of the rows.
    view: Samples = np.ndarray(shape, samples.dtype, samples, strides=strides)
    return view


class FrameFilter:
    """Mean square of the band-passed signal in frames of about 1 ms; too narrow a band is a ValueError."""

    def __init__(self, rate_hz: float, low_hz: float, high_hz: float) -> None:
        if high_hz - low_hz < LEAST_BAND_HZ:
            raise ValueError(f"{low_hz:g} to {high_hz:g} Hz is narrower than {LEAST_BAND_HZ:g} Hz")
        self.frame = round(rate_hz * FRAME_S)
        """Samples per frame."""
        self.half = HALF_FRAMES * self.frame
        """Samples that the filter needs on either side of a frame."""
        high_hz = min(high_hz, 0.45 * rate_hz)
        self.taps = band_pass_taps(low_hz, high_hz, rate_hz, self.half)
        """The whole filter at the full rate."""
        step = max(1, int(rate_hz / (2.4 * high_hz)))
        self.factor = math.gcd(self.frame, step)
        """How far the first of two stages can decimate and keep to the frames; 1 = there is one stage."""
        starts = range(0, self.frame, step)
        self.span = self.frame + 2 * self.half
        """Samples that one frame looks at."""
        # With the division by the number of outputs folded in, the sum of squares is the mean square.
        scale = 1.0 / math.sqrt(len(starts))
        if self.factor > 1:
            ahead = DECIMATOR_FRAMES * self.frame
            decimator = decimator_taps(self.factor, ahead)
            low = behind(decimator, self.taps, self.factor)
            self.taps = (
                shifted_taps(decimator, range(0, low.size * self.factor, self.factor), self.taps.size) @ low
            )
            coarse = self.frame // self.factor
            span = self.frame - self.factor + decimator.size
            self.first: Samples = shifted_taps(decimator, range(0, self.frame, self.factor), span).astype(
                np.float32
            )
            """Matrix from the samples to a frame's at the lower rate."""
            low_starts = range(0, coarse, step // self.factor)
            second = shifted_taps(low, low_starts, coarse + low.size - 1)
            self.second: Samples = (second * scale).astype(np.float32)
            """Matrix from those to the outputs."""
        self.matrix: Samples = (shifted_taps(self.taps, starts, self.span) * scale).astype(np.float32)
        """Both in one, from the samples to the outputs."""
        self.halves: Samples = np.zeros((len(starts), 2), np.float32)
        """Matrix from the squares of the outputs to what each half of the frame adds to its mean square."""
        self.halves[: len(starts) // 2, 0] = 1.0
        self.halves[len(starts) // 2 :, 1] = 1.0

    def frames(self, samples: Samples) -> Samples:
        """A view (n, span) of contiguous ``samples``; its first row is the frame that begins at ``half``."""
        count = max(0, (samples.size - 2 * self.half) // self.frame)
        return overlapping(samples, (count, self.span), (self.frame,))

    def energies(self, frames: Samples) -> Samples:
        """Level of each frame of a view made by ``frames``, mean square in full scale squared, shape (n,).

        It is the larger of the frame's own and that of the frame half a frame earlier, so that an impulse on
        the border of two frames does not lose up to 3 dB; the first frame has nothing earlier.
        """
        # A copy first: on overlapping rows the product would fall back to a slower path.
        outputs = np.ascontiguousarray(frames) @ self.matrix
        first, second = (np.square(outputs, out=outputs) @ self.halves).T
        latest = second.copy()
        np.maximum(second[1:], second[:-1], out=latest[1:])
        return first + latest


def in_one_row(matrix: Samples, step: int, frames: int) -> Samples:
    """The matrix for so many frames at once, each ``step`` inputs after the last."""
    span, outputs = matrix.shape
    wide: Samples = np.zeros((span + (frames - 1) * step, frames * outputs), np.float32)
    for n in range(frames):
        wide[n * step : n * step + span, n * outputs : (n + 1) * outputs] = matrix
    return wide


class HopFilter:
    """Frame energies of the hops of a stream, one after the other: the always-on path.

    What a hop needs of those before it is kept at every stage: nothing is multiplied twice. Each hop has
    products of its own, so that its energies are the same to the last bit however many are asked for at once.

    Args:
        filters: of the stream.
        count: frames per hop, an even number.
        most: hops that may be asked for at once.
    """

    def __init__(self, filters: FrameFilter, count: int, most: int) -> None:
        outputs: Samples = np.zeros((most, count, len(filters.halves)), np.float32)
        if filters.factor == 1:
            stages = [_Stage.of(filters.matrix, filters.frame, outputs)]
        else:
            coarse = filters.frame // filters.factor
            # Two frames in a row are fewer bytes to copy and a better shape for the product.
            second = _Stage.of(in_one_row(filters.second, coarse, 2), 2 * coarse, outputs)
            low = second.inputs[second.lead :].reshape(most, -1)
            stages = [_Stage.of(filters.first, filters.frame, low), second]
        self.lead = stages[0].lead
        """Samples before a hop that it looks at."""
        self.samples = stages[0].inputs
        """To be filled: those, then the hops."""
        self._halves: Samples = np.zeros((1 + most * count, 2), np.float32)
        """What each half of a frame adds to its mean square; first of the last frame before the hops."""
        self._kept = [*(stage.inputs for stage in stages), self._halves]
        parts = [[stage.part(n) for stage in stages] for n in range(1, most + 1)]
        self._parts = [_Hops(part, outputs, filters.halves, self._halves) for part in parts]
        """By the number of hops asked for, less one: to cut arrays for each block costs as much as a copy."""

    def energies(self, hops: int) -> Samples:
        """Levels of the frames of the next hops, full scale squared, shape (hops, count)."""
        return self._parts[hops - 1].energies()

    def forget(self) -> None:
        """Begin with another stream."""
        for kept in self._kept:
            kept[:] = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class _Stage:
    """One product of overlapping rows and a matrix."""

    lead: int
    """Inputs before a hop that it looks at."""
    inputs: Samples
    """Those, then those of the hops."""
    overlapping: Samples
    """View of them as rows, shape (hops, rows, n)."""
    rows: Samples
    """Buffer for a copy of it: on overlapping rows the product would fall back to a slower path."""
    matrix: Samples
    """Shape (n, per row)."""
    outputs: Samples
    """Shape (hops, rows, per row)."""

    @classmethod
    def of(cls, matrix: Samples, step: int, outputs: Samples) -> _Stage:
        """With buffers of its own: ``step`` inputs from row to row; ``outputs`` of shape (hops, ...)."""
        span, width = matrix.shape
        outputs = outputs.reshape(len(outputs), -1, width)
        hops, rows = outputs.shape[:2]
        lead = (-(-span // step) - 1) * step
        inputs: Samples = np.zeros(lead + hops * rows * step, np.float32)
        view = overlapping(inputs, (hops, rows, span), (rows * step, step))
        return cls(lead, inputs, view, np.zeros(view.shape, np.float32), matrix, outputs)

    def part(self, hops: int) -> _Stage:
        """The same for the first hops alone, in the same buffers."""
        end = self.lead + (self.inputs.size - self.lead) // len(self.rows) * hops
        rows, outputs = self.rows[:hops], self.outputs[:hops]
        return _Stage(self.lead, self.inputs[:end], self.overlapping[:hops], rows, self.matrix, outputs)


class _Hops:
    """The way from the samples of so many hops to the energies of their frames."""

    def __init__(self, stages: list[_Stage], outputs: Samples, matrix: Samples, halves: Samples) -> None:
        """``outputs``: of the last stage; ``matrix``: from their squares to ``halves``."""
        hops, count = len(stages[0].rows), outputs.shape[1]
        self._stages = stages
        self._outputs = outputs[:hops]
        self._matrix = matrix
        of_hops = halves[: 1 + hops * count]
        self._halves = of_hops[1:].reshape(hops, count, 2)
        first, second = of_hops.T
        self._first, self._second, self._second_before = first[1:], second[1:], second[:-1]
        # The samples are the caller's to move on.
        kept = [(stage.inputs[: stage.lead], stage.inputs[-stage.lead :]) for stage in stages[1:]]
        self._kept = [*kept, (of_hops[0], of_hops[-1])]
        """Where what later hops need is kept, and where it is."""

    def energies(self) -> Samples:
        """Shape (hops, count)."""
        for stage in self._stages:
            np.copyto(stage.rows, stage.overlapping)
            np.matmul(stage.rows, stage.matrix, out=stage.outputs)
        np.square(self._outputs, out=self._outputs)
        np.matmul(self._outputs, self._matrix, out=self._halves)
        energies: Samples = np.maximum(self._second, self._second_before)
        energies += self._first
        for kept, newest in self._kept:
            np.copyto(kept, newest)
        return energies.reshape(self._outputs.shape[:2])
