"""Pulses in a recording and their times to a fraction of a sample: pulse per second, or clicks.

Each pulse is found by its first excursion, then placed by a matched filter whose template is the
median of all pulses; the template's leading edge, where it first reaches half of its first extreme,
ties the common time to the signal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sensor.calibrate.sine import Floats

BEFORE_S = 0.002
AFTER_S = 0.003
"""Window of the template round the first excursion: long enough for the edge, too short for echoes."""
DEAD_S = 0.4
"""After a pulse the next one is looked for no earlier than this, which skips a pulse's trailing edge."""
FINER = 4
OVERSAMPLING = 32


@dataclass(frozen=True, slots=True, eq=False)
class Pulses:
    """What was found in one channel."""

    index: Floats
    """Fractional sample index of each pulse's leading edge, ascending, from the start of the channel."""
    edge_s: float
    """10 to 90 % rise of the common leading edge, seconds: how sharply the instant is defined."""
    snr_db: float
    """Height of the template over the noise before it, dB."""
    template: Floats
    """The common shape, for the picture; its leading edge is at ``BEFORE_S`` to within a sample."""


def find_pulses(samples: Floats, rate_hz: float) -> Pulses:
    """Find the pulses of one channel.

    Args:
        samples: shape (n,), ±1.0 full scale.
        rate_hz: sampling rate.

    Returns:
        The pulses; none when nothing stands 20 dB out of the noise.
    """
    none = Pulses(np.empty(0), 0.0, 0.0, np.empty(0))
    if samples.size < rate_hz:
        return none
    centred = np.where(np.isfinite(samples), samples, 0.0).astype(np.float64)
    centred -= np.median(centred)
    coarse = _first_excursions(centred, rate_hz)
    before, after = round(BEFORE_S * rate_hz), round(AFTER_S * rate_hz)
    coarse = coarse[(coarse >= 2 * before) & (coarse < centred.size - 2 * after)]
    if coarse.size == 0:
        return none
    windows = centred[coarse[:, None] + np.arange(-before, after)]
    shift, template = _align(windows)
    edge, edge_samples = _leading_edge(template)
    noise = float(np.sqrt(np.median(windows[:, : before // 2] ** 2)))
    height = float(np.max(np.abs(template)))
    return Pulses(
        index=coarse - before + edge + shift,
        edge_s=edge_samples / rate_hz,
        snr_db=20.0 * math.log10(height / max(noise, 1e-9)) if height > 0.0 else 0.0,
        template=template,
    )


def _first_excursions(centred: Floats, rate_hz: float) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Sample at which each pulse first exceeds a third of a usual pulse's height.

    The usual height is the median of the largest value in each 1.1 s, so one bang does not set it.
    """
    size = np.abs(centred)
    span = round(1.1 * rate_hz)
    spans = max(1, size.size // span)
    heights = [float(part.max()) for part in np.array_split(size, spans)]
    usual = float(np.median(heights))
    noise = 1.4826 * float(np.median(size))
    threshold = max(usual / 3.0, 10.0 * noise)
    if usual < 10.0 * noise or usual <= 0.0:
        return np.empty(0, dtype=np.int64)
    above = np.flatnonzero(size > threshold)
    found: list[int] = []
    position = 0
    while position < above.size:
        found.append(int(above[position]))
        position = int(np.searchsorted(above, above[position] + round(DEAD_S * rate_hz)))
    return np.array(found, dtype=np.int64)


def _align(windows: Floats) -> tuple[Floats, Floats]:
    """Shift of each window against their common shape, in samples, and that shape.

    Three rounds of: median of the aligned windows, correlation with it, parabola through its peak.
    """
    count, length = windows.shape
    taper = np.ones(length)
    ramp = max(2, length // 8)
    taper[:ramp] = 0.5 - 0.5 * np.cos(math.pi * np.arange(ramp) / ramp)
    taper[-ramp:] = taper[:ramp][::-1]
    padded = 2 * length
    spectra = np.fft.rfft(windows * taper, padded, axis=1)
    turn = -2j * math.pi * np.fft.rfftfreq(padded)
    shift = np.zeros(count)
    template = np.zeros(length)
    for _ in range(4):
        aligned = np.fft.irfft(spectra * np.exp(-turn * shift[:, None]), padded, axis=1)[:, :length]
        template = np.median(aligned, axis=0)
        # Four times finer, because a parabola through samples of a band-limited peak is off by 0.05 of one.
        product = spectra * np.conj(np.fft.rfft(template, padded))
        matched = np.fft.irfft(product, FINER * padded, axis=1)
        reach = FINER * (length // 4)
        near = np.concatenate([matched[:, -reach:], matched[:, : reach + 1]], axis=1)
        near = near * np.sign(np.median(near[:, reach]) or 1.0)
        peak = np.clip(np.argmax(near, axis=1), 1, 2 * reach - 1)
        rows = np.arange(count)
        left, top, right = near[rows, peak - 1], near[rows, peak], near[rows, peak + 1]
        curvature = left - 2.0 * top + right
        part = np.divide(0.5 * (left - right), curvature, out=np.zeros(count), where=curvature < 0.0)
        shift = (peak - reach + np.clip(part, -0.5, 0.5)) / FINER
        shift -= np.median(shift)
    return shift, template


def _leading_edge(template: Floats) -> tuple[float, float]:
    """Where the template first reaches half of its first extreme, and its 10 to 90 % rise, in samples."""
    length = template.size
    fine = np.fft.irfft(np.fft.rfft(template), length * OVERSAMPLING) * OVERSAMPLING
    size = np.abs(fine)
    first = int(np.argmax(size > 0.5 * size.max()))
    # Climb from there to the extreme that this excursion reaches.
    top = first
    while top + 1 < size.size and size[top + 1] >= size[top]:
        top += 1
    height = size[top]

    def crossing(share: float) -> float:
        """Where the rise passes a share of the extreme, in fine samples."""
        below = top
        while below > 0 and size[below] > share * height:
            below -= 1
        step = size[below + 1] - size[below] if below < top else 1.0
        return below + (share * height - size[below]) / step if step > 0.0 else float(below)

    return crossing(0.5) / OVERSAMPLING, (crossing(0.9) - crossing(0.1)) / OVERSAMPLING
