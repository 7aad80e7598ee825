"""The detector's own short memory of raw samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sensor.types import Samples


class History:
    """The last samples of a stream by absolute index: all since the last ``trim`` and ``keep`` before it."""

    def __init__(self, keep: int, first: int) -> None:
        self._keep = keep
        self._first = first
        self._buffer: Samples = np.zeros(2 * keep, np.float32)
        self._used = 0

    @property
    def empty(self) -> bool:
        """Whether nothing was ever appended."""
        return self._used == 0

    @property
    def end(self) -> int:
        """Absolute index one past the newest sample."""
        return self._first + self._used

    def trim(self) -> None:
        """Forget, now and then, what is older than the last ``keep`` samples."""
        if self._used < 2 * self._keep:
            return
        excess = self._used - self._keep
        kept = self._buffer[excess : self._used]
        if self._buffer.size > 4 * self._keep:  # one huge block is no reason to hold its memory for ever
            self._buffer = np.zeros(2 * self._keep, np.float32)
        self._buffer[: self._keep] = kept
        self._first += excess
        self._used = self._keep

    def append(self, samples: Samples) -> None:
        """Take over a copy of the samples that follow."""
        needed = self._used + samples.size
        if needed > self._buffer.size:
            larger = np.zeros(max(needed, 2 * self._buffer.size), np.float32)
            larger[: self._used] = self._buffer[: self._used]
            self._buffer = larger
        self._buffer[self._used : needed] = samples
        self._used = needed

    def read(self, on: int, off: int) -> Samples:
        """A copy of samples [on, off); zeros where they are not held."""
        out: Samples = np.zeros(max(0, off - on), np.float32)
        low, high = max(on, self._first), min(off, self.end)
        if low < high:
            out[low - on : high - on] = self._buffer[low - self._first : high - self._first]
        return out
