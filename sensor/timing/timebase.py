"""Sample index -> UTC and its sigma: live (sample clock, then system clock) or by decree of a file."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from sensor.timing.pps_channel import PpsChannel
from sensor.timing.sample_clock import SampleClock
from sensor.timing.vote import undisciplined_sigma_ns
from sensor.types import ClockReport, ClockSource, Timestamp

if TYPE_CHECKING:
    from sensor.timing.clock import UtcClock
    from sensor.timing.settings import TimingSettings
    from sensor.types import Block

_ARRIVAL_SIGMA_NS = 500e6
"""How late a block may reach the dsp thread when nothing else is known of its time."""
_RECEIVER_NS = 100.0
"""A timing receiver's pulse against UTC, one sigma."""
_SAME_INPUT_NS = 1_000.0
"""Difference of delay between two channels of one converter, one sigma."""


class Timebase(Protocol):
    """What the pipeline needs of time."""

    def observe(self, block: Block) -> None:
        """Learn from a block's time stamp; called for every block, in order."""
        ...

    def stamp(self, index: float, pick_sigma_s: float) -> Timestamp:
        """UTC of an absolute (fractional) sample index; the pick's own sigma is one of the parts."""
        ...

    def report(self) -> ClockReport:
        """How the clock stands now; may be called from any thread."""
        ...

    def tick(self) -> None:
        """Look at the clock sources; called about once a second by the clock thread."""
        ...


@dataclass(frozen=True, slots=True)
class Latency:
    """Constant delay from the microphone's membrane to the sample's time stamp."""

    delay_s: float
    sigma_s: float


def _timestamp(utc_ns: int, source: ClockSource, state: str, parts_ns: dict[str, float]) -> Timestamp:
    """A Timestamp whose sigma is the root sum of squares of its (whole-nanosecond) parts, at least 1."""
    whole = {name: math.ceil(value) for name, value in parts_ns.items()}
    sigma_ns = max(1, round(math.hypot(*whole.values())))
    return Timestamp(utc_ns, sigma_ns, source, state, whole)


class LiveTimebase:
    """Time of a stream that is being captured now.

    A pulse per second on one of its channels, once followed and named, gives UTC directly; else the
    sample clock gives CLOCK_MONOTONIC and the node's clock UTC. There is always an answer, if need be
    with a large sigma.

    Args:
        rate_hz: nominal sampling rate.
        settings: of the timing stage.
        utc: the node's UTC, shared by every stream of the process.
        latency: calibrated latency of this device; None takes the settings'.
    """

    def __init__(
        self, rate_hz: float, settings: TimingSettings, utc: UtcClock, latency: Latency | None = None
    ) -> None:
        self._rate_hz = rate_hz
        self._clock = SampleClock(rate_hz, settings)
        self._utc = utc
        self._latency = latency or Latency(settings.latency_s, settings.latency_sigma_s)
        self._next_index: int | None = None
        self._arrival = (0, time.monotonic_ns())
        self._pulse_channel = settings.pps_channel
        self._pulses: PpsChannel | None = None
        if settings.pps_channel is not None:
            self._pulses = PpsChannel(rate_hz, settings.pps_cable_delay_s)

    def observe(self, block: Block) -> None:
        """Learn from a block's time stamp; lost samples or a jump of the index open a new epoch."""
        if block.lost or (self._next_index is not None and block.first != self._next_index):
            self._clock.reset()
            if self._pulses is not None:
                self._pulses.reset()
        self._next_index = block.end
        self._arrival = (block.end, time.monotonic_ns())
        if block.mono_ns:
            self._clock.observe(block.first, block.mono_ns)
        if self._pulses is not None and self._pulse_channel is not None:
            if self._pulse_channel < block.samples.shape[0]:
                self._pulses.process(block.first, block.samples[self._pulse_channel], self._named)
            else:
                self._pulses.complaint = (
                    f"timing.pps_channel is {self._pulse_channel}, "
                    f"but the device has {block.samples.shape[0]} channels"
                )

    def stamp(self, index: float, pick_sigma_s: float) -> Timestamp:
        """UTC of an absolute sample index and one sigma, with the parts it is made of."""
        parts_ns = {"pick": pick_sigma_s * 1e9}
        by_pulse = None if self._pulses is None else self._pulses.at(index)
        if by_pulse is not None:
            utc_ns, sigma_ns = by_pulse
            parts_ns |= {"sample_clock": sigma_ns, "clock_source": _RECEIVER_NS, "latency": _SAME_INPUT_NS}
            return _timestamp(utc_ns, ClockSource.PPS, "locked", parts_ns)
        mono_ns, sample_sigma_ns = self._monotonic(index)
        utc = self._utc.at(mono_ns - self._latency.delay_s * 1e9)
        parts_ns |= {
            "sample_clock": sample_sigma_ns,
            "clock_source": float(utc.sigma_ns),
            "latency": self._latency.sigma_s * 1e9,
        }
        if utc.holdover_ns:
            parts_ns["holdover"] = float(utc.holdover_ns)
        state = "locked" if self._clock.state == "locked" else "acquiring"
        return _timestamp(utc.utc_ns, utc.source, state, parts_ns)

    def report(self) -> ClockReport:
        """State, rate and spread of the sample clock, and the quality of UTC."""
        utc = self._utc.report()
        report = ClockReport(
            source=utc.source,
            state=self._clock.state,
            utc_sigma_ns=utc.sigma_ns,
            ppm=self._clock.ppm,
            residual_ns=None if self._clock.residual_ns is None else round(self._clock.residual_ns),
            epoch=self._clock.epoch,
            steps=utc.steps,
            via=utc.via,
            problems=utc.problems,
        )
        if self._pulses is None:
            return report
        by_pulse = self._pulses.at(self._arrival[0])
        if by_pulse is None:
            complaint = self._pulses.complaint or "no pulse on the PPS channel yet"
            return replace(report, problems=(*report.problems, complaint))
        return replace(
            report,
            source=ClockSource.PPS,
            state="locked",
            utc_sigma_ns=math.ceil(by_pulse[1]),
            ppm=self._pulses.ppm,
            via="pulse channel",
        )

    def tick(self) -> None:
        """Look at the clock sources."""
        self._utc.poll()

    def _monotonic(self, index: float) -> tuple[float, float]:
        """CLOCK_MONOTONIC of a sample index and its sigma, ns; by the arrival of blocks if need be."""
        if self._clock.state != "none":
            return self._clock.predict(index)
        arrived, now_ns = self._arrival
        return now_ns + (index - arrived) * 1e9 / self._rate_hz, _ARRIVAL_SIGMA_NS

    def _named(self, index: float) -> tuple[int, float]:
        """UTC of a sample index without pulses, and its sigma, ns: good enough to name a second."""
        mono_ns, sample_sigma_ns = self._monotonic(index)
        utc = self._utc.at(mono_ns - self._latency.delay_s * 1e9)
        return utc.utc_ns, math.hypot(sample_sigma_ns, utc.total_ns, self._latency.sigma_s * 1e9)


class FileTimebase:
    """Time of a recording: sample 0 at ``start_utc_ns``, the nominal rate by decree.

    Args:
        rate_hz: the file's sampling rate.
        start_utc_ns: UTC of the first sample; None begins at 1970-01-01 with source ``none`` and the
            sigma that a live node states for such a clock: decades.
        start_sigma_s: one sigma of a stated start, s.
    """

    def __init__(self, rate_hz: float, start_utc_ns: int | None, start_sigma_s: float = 0.0) -> None:
        self._rate_hz = rate_hz
        self._start_ns = start_utc_ns or 0
        self._source = ClockSource.FILE
        self._start_sigma_ns = start_sigma_s * 1e9
        if start_utc_ns is None:
            self._source = ClockSource.NONE
            self._start_sigma_ns = float(undisciplined_sigma_ns(0))

    def observe(self, block: Block) -> None:
        """Nothing to learn: the time line is the file's own."""

    def stamp(self, index: float, pick_sigma_s: float) -> Timestamp:
        """UTC of an absolute sample index."""
        whole = math.floor(index)
        since_ns = whole * 10**9 / self._rate_hz + (index - whole) * 1e9 / self._rate_hz
        parts_ns = {"pick": pick_sigma_s * 1e9, "clock_source": self._start_sigma_ns}
        return _timestamp(self._start_ns + round(since_ns), self._source, "locked", parts_ns)

    def report(self) -> ClockReport:
        """The stated start is all there is."""
        return ClockReport(
            source=self._source,
            state="none" if self._source is ClockSource.NONE else "locked",
            utc_sigma_ns=round(self._start_sigma_ns),
            ppm=0.0,
        )

    def tick(self) -> None:
        """Nothing to look at."""
