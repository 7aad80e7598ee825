"""Time stamps that only move on the edges of USB frames."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FRAME_NS = 1_000_000
"""A USB frame (USB 2.0, 5.3); the host's audio position counts in frames."""
_KEPT = 128
_FEWEST = 32
_GATHERED = 0.6
"""Resultant length above which phases within a frame are taken to be gathered at one value."""
_SPREAD = 0.3
"""Resultant length of the samples' own phases below which that gathering cannot be chance."""
_MOST_BLOCKS = 20_000
"""Block starts that are looked at; a window holds fewer."""
_FOLLOWED_NS = 100_000.0
"""With a gap wider than this the line may follow the frames, and then be early as well: where the phases
turned over within its span."""
_TOUCH_NS = 2_000.0
_TOUCH_JITTER = 0.065
_TOUCH_SPAN_S = 120.0
"""A line touches stamps that the host reads late by a mean m so far above the truth, and with a spread of
0.065 m over two minutes; over shorter spans it touches fewer (simulated: scripts/evaluate_timing)."""


class Quantum:
    """Finds out whether time stamps are rounded up to frames, and what that hides.

    A stamp rounded up lies within one frame above the truth. While blocks begin at all phases of a
    frame, some stamp is nearly right and the line under the cloud is too. Where they begin at few phases
    only, for as long as the sound card's crystal and the host's stay in step, the line may be late by as
    much as these phases lie apart. Which ones were met follows from the length of a block and from the
    card's rate against that of the frames, which the stamps themselves show.
    """

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._stamps: deque[tuple[int, int]] = deque(maxlen=_KEPT)
        self._jitter_ns = 0.0
        self._block_s = 0.0
        self._frame_slope = 0.0
        self.found = False

    def observe(self, index: int, mono_ns: int) -> None:
        """Remember one time stamp."""
        self._stamps.append((index, mono_ns))

    def look(self, x_s: Floats, late_ns: Floats) -> None:
        """Test the recent stamps for frames, and take the frames' rate from each second's earliest stamp.

        Args:
            x_s: nominal time of these; shape (n,).
            late_ns: how much later they are than that, to any constant; shape (n,).
        """
        self._test()
        third = len(x_s) // 3
        if not self.found or third < 1:
            return
        moved = np.diff(np.mod(late_ns + x_s * 1e9, FRAME_NS))
        phases = np.concatenate(([0.0], np.cumsum(moved - FRAME_NS * np.round(moved / FRAME_NS))))
        rise = np.median(phases[-third:]) - np.median(phases[:third])
        self._frame_slope = float(rise / (np.median(x_s[-third:]) - np.median(x_s[:third])))

    def correction(self, slope: float, span_s: float) -> tuple[float, float]:
        """How late a line probably is, and one sigma of that, ns.

        Args:
            slope: of the line, ns per second of nominal time.
            span_s: that it rests on.
        """
        if not self.found:
            return 0.0, 0.0
        hidden_ns = self._widest_gap_ns(slope - self._frame_slope, span_s)
        hidden_sigma_ns = hidden_ns / (2.0 if hidden_ns > _FOLLOWED_NS else math.sqrt(12.0))
        touch_ns = _TOUCH_JITTER * self._jitter_ns * math.sqrt(_TOUCH_SPAN_S / max(span_s, 1.0))
        return hidden_ns / 2.0 + _TOUCH_NS, math.hypot(hidden_sigma_ns, touch_ns)

    def _widest_gap_ns(self, slope: float, span_s: float) -> float:
        """Widest part of a frame in which no block began, as the line has it.

        A line that follows the frames instead of the samples (``slope`` 0) finds them at the same few
        phases all the time.
        """
        blocks = min(int(span_s / self._block_s) + 1, _MOST_BLOCKS)
        phases = np.sort(np.mod(np.arange(blocks) * (self._block_s * (1e9 + slope)), FRAME_NS))
        return float(max(np.diff(phases).max(initial=0.0), FRAME_NS - phases[-1] + phases[0]))

    def _test(self) -> None:
        if len(self._stamps) < _FEWEST:
            return
        indices = np.array([item[0] for item in self._stamps], dtype=np.float64)
        phases = np.array([item[1] % FRAME_NS for item in self._stamps], dtype=np.float64)
        nominal = indices * (1e9 / self._rate_hz)
        gathering = _gathering(phases)
        self.found = gathering > _GATHERED and _gathering(nominal) < _SPREAD
        self._block_s = float(np.median(np.diff(indices))) / self._rate_hz
        # Exponential lateness of mean m gathers phases to 1 / sqrt(1 + (2 pi m / frame)^2).
        self._jitter_ns = FRAME_NS / (2.0 * math.pi) * math.sqrt(max(max(gathering, 1e-3) ** -2 - 1.0, 0.0))


def _gathering(times_ns: Floats) -> float:
    """Resultant length of the times' phases within a frame: 0 spread evenly, 1 all alike."""
    return float(abs(np.exp(2j * np.pi / FRAME_NS * times_ns).mean()))
