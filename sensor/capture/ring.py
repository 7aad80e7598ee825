"""The ring between PortAudio's callback and the dsp thread, addressed by sample index.

One writer, many readers, no lock: the writer must never wait. It moves ``first`` before it copies
and ``end`` after; a reader copies and then checks ``first``. Checked any earlier, samples that
were overwritten during the copy would go unnoticed. (The order of these stores and loads between
processors is kept by the hand-over of Python's interpreter lock, which lies between any two of them
that run in different threads.)
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

import numpy as np

from sensor.errors import Overrun

if TYPE_CHECKING:
    from sensor.types import Samples


class Ring:
    """The last ``capacity`` samples of a stream."""

    def __init__(self, channels: int, capacity: int) -> None:
        """Reserve room for ``capacity`` samples of ``channels`` channels; the first index is 0."""
        self._data: Samples = np.zeros((channels, capacity), dtype=np.float32)
        self._capacity = capacity
        self._first = 0
        self._end = 0
        # A bare lock serves as a binary semaphore that the writer only ever releases: releasing neither
        # waits nor gives up the interpreter lock, which an Event or a pipe may do.
        self._news = threading.Lock()
        self._news.acquire()
        self._closed = False

    @property
    def first(self) -> int:
        """Index of the oldest sample still held."""
        return self._first

    @property
    def end(self) -> int:
        """Index one past the newest sample."""
        return self._end

    @property
    def capacity(self) -> int:
        """How many samples it holds."""
        return self._capacity

    def write(self, samples: Samples) -> None:
        """Append ``samples``, shape (n, channels) as PortAudio delivers them, n ≤ capacity. Never waits.

        Raises:
            ValueError: More samples than fit, or another number of channels.
        """
        count = samples.shape[0]
        if count > self._capacity or samples.shape[1] != self._data.shape[0]:
            message = f"samples of shape {samples.shape} do not fit a ring of {self._data.shape}"
            raise ValueError(message)
        end = self._end
        self._first = max(self._first, end + count - self._capacity)
        at = end % self._capacity
        head = min(count, self._capacity - at)
        self._data[:, at : at + head] = samples[:head].T
        if head < count:
            self._data[:, : count - head] = samples[head:].T
        self._end = end + count
        self._wake()

    def read(self, first: int, end: int) -> Samples:
        """Return a copy of the samples ``[first, end)``, shape (channels, n).

        Raises:
            Overrun: They were overwritten, before or while they were copied.
            ValueError: They have not been written yet, or the range is not one.
        """
        if not 0 <= first <= end <= self._end:
            message = f"[{first}, {end}) is not within what was written, [0, {self._end})"
            raise ValueError(message)
        count = min(end - first, self._capacity)
        at = first % self._capacity
        head = min(count, self._capacity - at)
        copy = np.empty((self._data.shape[0], count), dtype=np.float32)
        copy[:, :head] = self._data[:, at : at + head]
        copy[:, head:] = self._data[:, : count - head]
        if first < self._first:
            message = f"samples from {first} on were overwritten; the oldest held is {self._first}"
            raise Overrun(message, oldest=self._first)
        return copy

    def wait(self, end: int, timeout_s: float) -> bool:
        """Wait until samples up to ``end`` were written; False after ``timeout_s`` or ``close``.

        For one waiting thread.
        """
        deadline = time.monotonic() + timeout_s
        while self._end < end and not self._closed:
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not self._news.acquire(timeout=remaining):
                break
        return self._end >= end

    def close(self) -> None:
        """End a wait now and every later one at once; what was written can still be read."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        if self._news.locked():
            with contextlib.suppress(RuntimeError):  # another thread released it in between
                self._news.release()
