"""A source of samples that a test made; it passes the same contract as the real ones."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np

from sensor.capture.source import CaptureStats
from sensor.types import Block


class ArraySource:
    """Hands over an array in blocks.

    Args:
        samples: shape (channels, n).
        rate_hz: sampling rate, Hz.
        block: samples per block.
        start_ns: CLOCK_MONOTONIC of the first sample, ns; 0 = unknown, and then of all others too.
    """

    def __init__(self, samples: np.ndarray, rate_hz: float, *, block: int = 4_800, start_ns: int = 0) -> None:
        self._samples = np.asarray(samples, dtype=np.float32)
        self._block = block
        self._start_ns = start_ns
        self._closing = threading.Event()
        self._given = 0
        self.name = "array"
        self.rate_hz = float(rate_hz)
        self.channels = int(self._samples.shape[0])

    def open(self) -> None:
        """Do nothing."""

    def blocks(self) -> Iterator[Block]:
        """The array from its beginning, until `close`."""
        for first in range(0, self._samples.shape[1], self._block):
            if self._closing.is_set():
                return
            samples = self._samples[:, first : first + self._block]
            self._given = first + samples.shape[1]
            since_ns = round(first / self.rate_hz * 1e9)
            yield Block(
                first=first, samples=samples, mono_ns=self._start_ns + since_ns if self._start_ns else 0
            )

    def close(self) -> None:
        """End `blocks` before its next block."""
        self._closing.set()

    def stats(self) -> CaptureStats:
        """What was handed over."""
        return CaptureStats(
            device=self.name, rate_hz=self.rate_hz, channels=self.channels, samples=self._given
        )
