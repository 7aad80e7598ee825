"""What every origin of samples offers: microphone, file and simulator alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from sensor.types import Block

if TYPE_CHECKING:
    from sensor.types import Samples


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureStats:
    """A snapshot of a source for health, status and watchdog. Counters run from its construction."""

    device: str
    """What the samples come from, for an operator; a file's path; empty before the first open."""
    rate_hz: float = 0.0
    """Sampling rate, Hz; 0 before the first open."""
    channels: int = 0
    """Channels per sample; 0 before the first open."""
    samples: int = 0
    """Samples per channel handed over in blocks."""
    lost: int = 0
    """Samples per channel that passed at the microphone but were not handed over."""
    overruns: int = 0
    """How often the reader was too slow and the ring overwrote samples."""
    xruns: int = 0
    """How often the driver lost samples, flagged by it or found from its times."""
    reopened: int = 0
    """How often the device was opened again after it failed."""
    zero_s: float = 0.0
    """Length of the present run of exact zeros on the channel with the longest one, s."""
    stalled: bool = False
    """No samples are coming in: the device is silent, absent or being opened."""
    clock_domain: str = "unknown"
    """Clock behind ``Block.mono_ns``: ``monotonic``, ``realtime`` or ``relative`` (the driver's own times),
    ``arrival`` (times of the callback, late by the driver's delay), ``file`` or ``unknown``."""
    problem: str | None = None
    """What an operator should see to, in words; None when all is well."""
    damaged: str | None = None
    """How a file falls short of what its header promises; None for a sound one."""


class Source(Protocol):
    """Samples in blocks with absolute indices.

    One pass: iterate ``blocks`` once, from one thread. Everything else may be called from any thread.
    """

    @property
    def name(self) -> str:
        """What the samples come from, for an operator."""
        ...

    @property
    def rate_hz(self) -> float:
        """Sampling rate, Hz; constant once ``open`` returned."""
        ...

    @property
    def channels(self) -> int:
        """Channels of every block; constant once ``open`` returned."""
        ...

    def open(self) -> None:
        """Make ``rate_hz`` and ``channels`` known; wait for an absent device until it comes or ``close``.

        Raises:
            CaptureError: It cannot be had, and waiting would not help.
        """
        ...

    def blocks(self) -> Iterator[Block]:
        """Yield blocks whose indices run on from 0; a jump equals the block's ``lost``.

        Opens if need be. Ends at the end of a file, or after ``close`` once everything captured
        before it has been handed over.

        Raises:
            CaptureError: No more samples can be had, and waiting would not help.
        """
        ...

    def close(self) -> None:
        """Stop and free the device or file; may be called again, and from any thread."""
        ...

    def stats(self) -> CaptureStats:
        """How it is now; cheap, from any thread."""
        ...


class ZeroRun:
    """Length of the present run of exact zeros, per channel; a dead microphone delivers them for ever."""

    def __init__(self, channels: int) -> None:
        """Start with no zeros seen."""
        self._run = np.zeros(channels, dtype=np.int64)

    def update(self, samples: Samples) -> None:
        """Account for ``samples``, shape (channels, n)."""
        frames = samples.shape[1]
        if frames and samples[:, -1].all():  # nearly always: no channel ends in a zero
            self._run[:] = 0
            return
        for channel, row in enumerate(samples):
            nonzero = np.flatnonzero(row)
            if nonzero.size:
                self._run[channel] = frames - 1 - nonzero[-1]
            else:
                self._run[channel] += frames

    @property
    def longest(self) -> int:
        """Samples of exact zeros up to now on the channel with the most."""
        return int(self._run.max(initial=0))
