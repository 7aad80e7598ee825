"""CLOCK_MONOTONIC -> UTC, with a history, so that a sound is stamped with the clock as it was."""

from __future__ import annotations

import bisect
import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sensor.errors import ClockError
from sensor.timing.discipline import Discipline
from sensor.timing.holdover import Oscillator
from sensor.timing.kernel import LEAP_STATES, StepWatch, read_clocks, read_kernel
from sensor.timing.sources import Sources
from sensor.timing.vote import UNDISCIPLINED_SIGMA_NS, undisciplined_sigma_ns
from sensor.types import ClockReport, ClockSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from sensor.timing.kernel import ClockReading, KernelClock
    from sensor.timing.settings import TimingSettings

logger = logging.getLogger(__name__)

HISTORY_S = 600.0
STEP_NS = 1_000_000
"""REALTIME and MONOTONIC are slewed together, so their difference only moves when the clock is set."""
_STALE_S = 5.0
_LEAP_NS = 10**9
_DAY_NS = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class UtcReading:
    """UTC of one instant."""

    utc_ns: int
    sigma_ns: int
    """One sigma, holdover left out."""
    source: ClockSource
    holdover_ns: int = 0
    """One sigma of what the clock may have wandered since its source was lost."""

    @property
    def total_ns(self) -> int:
        """One sigma, holdover included."""
        return math.ceil(math.hypot(self.sigma_ns, self.holdover_ns))


@dataclass(frozen=True, slots=True)
class _Anchor:
    """What was believed at one poll."""

    mono_ns: int
    offset_ns: int
    sigma_ns: int
    source: ClockSource
    holdover_ns: int
    leap_ns: int = 0
    """MONOTONIC of a leap second between the anchor before and this one; 0 for none."""


@dataclass(frozen=True, slots=True)
class UtcReport:
    """How the node's UTC stands now."""

    source: ClockSource
    sigma_ns: int
    """One sigma, holdover included."""
    steps: int
    """How often the system clock was set."""
    leaps: int
    via: str
    """Where the time comes from, for people."""
    problems: tuple[str, ...]

    def without_stream(self) -> ClockReport:
        """The same for a node that hears nothing yet."""
        return ClockReport(
            source=self.source,
            state="none",
            utc_sigma_ns=self.sigma_ns,
            steps=self.steps,
            via=self.via,
            problems=self.problems,
        )


class UtcClock:
    """Follows the system clock and its sources, and says how far they may be trusted.

    One thread calls :meth:`poll` about once a second; :meth:`at` and :meth:`report` may be called from
    any other: they read frozen values that ``poll`` swaps in whole. A step of the system clock does
    not move time stamps: the sensor keeps its own UTC on CLOCK_MONOTONIC (holdover) until a source
    vouches for the new time.

    Args:
        settings: of the timing stage.
        clocks: reads the clocks; another one in simulations.
        kernel: reads adjtimex; raises ClockError where that is refused.
        sources: where time comes from; those that the settings name unless given.
    """

    def __init__(
        self,
        settings: TimingSettings,
        clocks: Callable[[], ClockReading] = read_clocks,
        kernel: Callable[[], KernelClock] = read_kernel,
        sources: Sources | None = None,
    ) -> None:
        self._read_clocks = clocks
        self.sources = Sources(settings, kernel) if sources is None else sources
        self._oscillator = Oscillator.of(settings)
        self._discipline = Discipline(settings)
        self._watch: StepWatch | None = None
        self._last: ClockReading | None = None
        self._steps = 0
        self._leaps = 0
        self._history: tuple[_Anchor, ...] = ()
        self._report = UtcReport(ClockSource.NONE, UNDISCIPLINED_SIGMA_NS, 0, 0, "", ())
        try:
            self._watch = StepWatch()
        except ClockError as error:
            logger.info("%s", error)
        self.poll()

    def close(self) -> None:
        """Give descriptors, connections and processes back."""
        self.sources.close()
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    # For the clock thread

    def poll(self) -> None:
        """Read the clocks and the sources, and swap in what follows."""
        reading = self._read_clocks()
        kernel = self.sources.kernel()
        leap_ns = self._notice_jump(reading, kernel)
        self.sources.poll()
        votes = self.sources.votes(reading, kernel, self._discipline.held)
        self._discipline.weigh(votes, reading.mono_ns)
        anchor = self._anchor(reading, leap_ns)
        oldest_ns = reading.mono_ns - int(HISTORY_S * 1e9)
        self._history = (*(item for item in self._history if item.mono_ns >= oldest_ns), anchor)
        self._report = UtcReport(
            source=anchor.source,
            sigma_ns=math.ceil(math.hypot(anchor.sigma_ns, anchor.holdover_ns)),
            steps=self._steps,
            leaps=self._leaps,
            via="" if self._discipline.held is None else self._discipline.held.via,
            problems=(*self._discipline.alarms, *self.sources.problems()),
        )
        self._last = reading

    def _notice_jump(self, reading: ClockReading, kernel: KernelClock | None) -> int:
        """Count a step; carry what is held over a leap second, and return its MONOTONIC (else 0)."""
        was_set = self._was_set()
        if self._last is None:
            return 0
        slept_ns = reading.suspended_ns - self._last.suspended_ns
        if slept_ns > STEP_NS:
            logger.warning("the machine slept for %.1f s: the clock must prove itself anew", slept_ns / 1e9)
            self._discipline.forget()
            self.sources.clock_was_set()
            return 0
        jump_ns = reading.offset_ns - self._last.offset_ns
        jumped = abs(jump_ns) > STEP_NS + reading.width_ns + self._last.width_ns
        if jumped and kernel is not None and kernel.state in LEAP_STATES:
            leap_ns = -_LEAP_NS if jump_ns < 0 else _LEAP_NS
            if abs(jump_ns - leap_ns) <= STEP_NS:
                return self._leap(self._last, leap_ns)
        if jumped or was_set:
            self._steps += 1
            self.sources.clock_was_set()
            logger.warning("the system clock was set by %+.6f s", jump_ns / 1e9)
        return 0

    def _was_set(self) -> bool:
        if self._watch is None:
            return False
        try:
            return self._watch.stepped()
        except ClockError as error:
            logger.warning("%s", error)
            self._watch.close()
            self._watch = None
            return False

    def _leap(self, last: ClockReading, leap_ns: int) -> int:
        """Take a leap second that the kernel has just made; return its MONOTONIC.

        An inserted second begins when UTC first shows midnight and repeats the second before it; a
        deleted one leaves out 23:59:59.
        """
        before_ns = last.mono_ns + last.offset_ns
        midnight_ns = -(-before_ns // _DAY_NS) * _DAY_NS
        if leap_ns > 0:
            midnight_ns -= _LEAP_NS
        self._discipline.leap(leap_ns)
        self.sources.clock_was_set()
        self._leaps += 1
        logger.warning("leap second: UTC moved by %+d s", leap_ns // _LEAP_NS)
        return midnight_ns - last.offset_ns

    def _anchor(self, reading: ClockReading, leap_ns: int) -> _Anchor:
        """What is believed now."""
        belief = self._discipline.belief(reading.mono_ns)
        if belief is None:
            sigma_ns = undisciplined_sigma_ns(reading.mono_ns + reading.offset_ns)
            return _Anchor(reading.mono_ns, reading.offset_ns, sigma_ns, ClockSource.NONE, 0, leap_ns)
        sigma_ns = math.ceil(math.hypot(belief.sigma_ns, reading.width_ns / 2.0))
        return _Anchor(
            reading.mono_ns, belief.offset_ns, sigma_ns, belief.source, belief.holdover_ns, leap_ns
        )

    # For any thread

    def at(self, mono_ns: float) -> UtcReading:
        """UTC of an instant of the last ten minutes, by the clock as it was then."""
        history = self._history
        instant_ns = round(mono_ns)
        after = bisect.bisect_right(history, instant_ns, key=lambda item: item.mono_ns)
        anchor = history[max(0, after - 1)]
        if after < len(history) and history[after].leap_ns and instant_ns >= history[after].leap_ns:
            anchor = history[after]
        source, wander_ns = anchor.source, anchor.holdover_ns
        stale_s = (instant_ns - anchor.mono_ns) / 1e9
        if stale_s > _STALE_S and source is not ClockSource.NONE:
            source = ClockSource.HOLDOVER
            wander_ns = math.ceil(math.hypot(wander_ns, self._oscillator.sigma_ns(stale_s)))
        return UtcReading(instant_ns + anchor.offset_ns, anchor.sigma_ns, source, wander_ns)

    def report(self) -> UtcReport:
        """How things stand now."""
        return self._report
