"""Time stamps that only move on the edges of USB frames."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FRAME_NS = 1_000_000
"""A USB frame (USB 2.0, 5.3); the host's audio position counts in frames."""
ON_TIME_NS = 1.3 * FRAME_NS
"""A stamp later than this after another one is late for some other reason."""
_KEPT = 128
_FEWEST = 32
_GATHERED = 0.6
"""Resultant length above which phases within a frame are taken to be gathered at one value."""
_SPREAD = 0.3
"""Resultant length of the samples' own phases below which that gathering cannot be chance."""
_HIGHEST_JITTER = 1.5
"""By how many times its mean an exponential jitter raises the highest of a bucket's on-time stamps."""
_TOUCH_NS = 2_000.0
_TOUCH_JITTER = 0.08
_TOUCH_SPAN_S = 120.0
"""A line touches stamps that the host reads late by a mean m so far above the truth, and with a spread of
0.08 m over two minutes; over shorter spans it touches fewer (simulated: scripts/evaluate_timing)."""


class Quantum:
    """Finds out whether time stamps are rounded up to frames, and what that hides.

    A stamp rounded up lies within one frame above the truth. While blocks begin at all phases of a
    frame, some stamp is nearly right and the line under the cloud is too. A block that is a whole
    number of frames meets one phase only, for as long as the sound card's crystal and the host's stay
    in step: the line may then be late by as much as the highest stamp falls short of a whole frame.
    """

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._stamps: deque[tuple[int, int]] = deque(maxlen=_KEPT)
        self._jitter_ns = 0.0
        self.found = False

    def observe(self, index: int, mono_ns: int) -> None:
        """Remember one time stamp."""
        self._stamps.append((index, mono_ns))

    def correction(self, on_time_ns: NDArray[np.float64], span_s: float) -> tuple[float, float]:
        """How late the line probably is, and one sigma of that, ns.

        Args:
            on_time_ns: for each bucket the latest stamp above the line.
            span_s: that the line rests on.
        """
        if not self._test():
            return 0.0, 0.0
        highest_ns = float(np.quantile(on_time_ns, 0.97)) - _HIGHEST_JITTER * self._jitter_ns
        hidden_ns = min(max(0.0, FRAME_NS - highest_ns), FRAME_NS)
        touch_ns = _TOUCH_JITTER * self._jitter_ns * math.sqrt(_TOUCH_SPAN_S / max(span_s, 1.0))
        return hidden_ns / 2.0 + _TOUCH_NS, math.hypot(hidden_ns / math.sqrt(12.0), touch_ns)

    def _test(self) -> bool:
        if len(self._stamps) < _FEWEST:
            return self.found
        indices = np.array([item[0] for item in self._stamps], dtype=np.float64)
        phases = np.array([item[1] % FRAME_NS for item in self._stamps], dtype=np.float64)
        nominal = indices * (1e9 / self._rate_hz)
        gathering = _gathering(phases)
        self.found = gathering > _GATHERED and _gathering(nominal) < _SPREAD
        # Exponential lateness of mean m gathers phases to 1 / sqrt(1 + (2 pi m / frame)^2).
        self._jitter_ns = FRAME_NS / (2.0 * math.pi) * math.sqrt(max(max(gathering, 1e-3) ** -2 - 1.0, 0.0))
        return self.found


def _gathering(times_ns: NDArray[np.float64]) -> float:
    """Resultant length of the times' phases within a frame: 0 spread evenly, 1 all alike."""
    return float(abs(np.exp(2j * np.pi / FRAME_NS * times_ns).mean()))
