"""When the first sample of a callback was at the microphone, on CLOCK_MONOTONIC.

PortAudio states two times per callback: ``current_s``, its reading of a clock, and ``adc_s``, the
same reading less the delay of the first sample. Which clock that is depends on the driver: monotonic
on kernel ALSA and PipeWire, UTC through PulseAudio, counted from the stream's start on JACK, and some
give 0. So the clock is never assumed: every callback's ``current_s`` is compared with both system
clocks as the callback read them.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from enum import StrEnum

NEAR_NS = 1_000_000_000
"""A driver's clock is one of the system's if it reads the same within this: callbacks come within
milliseconds of ``current_s``, and the system's two clocks are years apart once UTC is known."""
MAX_DELAY_S = 60.0
"""Longest believable age of a callback's first sample: PulseAudio buffers tens of seconds; JACK has been
seen to state a day."""
STEP_NS = 1_000_000
"""UTC moved against the monotonic clock by this much more than slewing explains: it was stepped."""
MAX_SLEW = 0.1
"""Fastest slewing of UTC that the kernel allows (adjtimex tick, 10 %)."""
RELATIVE_WINDOW = 64
"""Callbacks over which the promptest one ties a relative clock to the monotonic one."""


class ClockDomain(StrEnum):
    """The clock a driver's times come from."""

    MONOTONIC = "monotonic"
    REALTIME = "realtime"
    RELATIVE = "relative"
    """Its own origin; tied to the monotonic clock by the promptest of the last callbacks."""
    ARRIVAL = "arrival"
    """No usable time: the moment of the callback less the block's length, late by the driver's delay."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the callback notes beside the samples."""

    first: int
    """Index of the first sample in its stream's ring."""
    frames: int
    adc_s: float
    """PortAudio's time of the first sample, s, in the driver's clock."""
    current_s: float
    """PortAudio's time of the callback, s, in the driver's clock."""
    mono_ns: int
    """CLOCK_MONOTONIC in the callback, ns."""
    real_ns: int
    """CLOCK_REALTIME in the callback, ns."""
    overflow: bool
    """The driver says that samples were lost just before these."""


class AdcClock:
    """Translates the times of one stream's callbacks, given in order."""

    def __init__(self, rate_hz: float) -> None:
        """Know nothing of the driver's clock yet."""
        self._rate_hz = rate_hz
        self._previous: Header | None = None
        self._relative: deque[int] = deque(maxlen=RELATIVE_WINDOW)
        self.domain = ClockDomain.ARRIVAL
        """Domain of the last header."""

    def first_sample_ns(self, header: Header) -> int:
        """CLOCK_MONOTONIC of the header's first sample, ns, as the driver has it.

        Late by up to the callback's delay where the driver's own time cannot be used.
        """
        self.domain, current_ns = self._current_ns(header)
        self._previous = header
        delay_s = header.current_s - header.adc_s
        if self.domain is ClockDomain.ARRIVAL or abs(delay_s) > MAX_DELAY_S:
            self.domain = ClockDomain.ARRIVAL
            return arrival_ns(header, self._rate_hz)
        return current_ns - round(delay_s * 1e9)

    def _current_ns(self, header: Header) -> tuple[ClockDomain, int]:
        """The driver's clock and CLOCK_MONOTONIC of ``current_s``."""
        if not (math.isfinite(header.current_s) and math.isfinite(header.adc_s)):
            return ClockDomain.ARRIVAL, 0
        if header.current_s == 0.0 or header.adc_s == 0.0:
            return ClockDomain.ARRIVAL, 0
        current_ns = round(header.current_s * 1e9)
        off_mono, off_real = abs(current_ns - header.mono_ns), abs(current_ns - header.real_ns)
        if off_mono <= min(off_real, NEAR_NS):
            return ClockDomain.MONOTONIC, current_ns
        if self._stepped(header):
            # UTC was stepped since the last callback, and nobody knows on which side of it current_s
            # was read; the arrival is late by milliseconds, a wrong guess off by the whole step.
            return ClockDomain.ARRIVAL, 0
        if off_real <= NEAR_NS:
            return ClockDomain.REALTIME, current_ns - header.real_ns + header.mono_ns
        self._relative.append(header.mono_ns - current_ns)
        return ClockDomain.RELATIVE, current_ns + min(self._relative)

    def _stepped(self, header: Header) -> bool:
        if self._previous is None:
            return False
        mono_ns = header.mono_ns - self._previous.mono_ns
        real_ns = header.real_ns - self._previous.real_ns
        return abs(real_ns - mono_ns) > STEP_NS + MAX_SLEW * mono_ns


def arrival_ns(header: Header, rate_hz: float) -> int:
    """Latest possible CLOCK_MONOTONIC of the first sample: all were captured before the callback."""
    return header.mono_ns - round(header.frames / rate_hz * 1e9)
