"""A machine whose clocks a test moves: what UtcClock reads, without waiting for real seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sensor.errors import ClockError
from sensor.timing.clock import UtcClock
from sensor.timing.kernel import ClockReading, KernelClock
from sensor.timing.settings import TimingSettings
from sensor.timing.sources import Sources
from sensor.timing.vote import Vote

QUIET = TimingSettings(chrony="off", gpsd="none", pps_device="none")
"""Settings under which only the kernel is asked."""
SYNCHRONISED = KernelClock(
    synchronised=True, max_error_ns=2_000_000, est_error_ns=500_000, state="ok", tai_s=37, freq_ppm=0.0
)
UNSYNCHRONISED = replace(SYNCHRONISED, synchronised=False, state="error", max_error_ns=16 * 10**9)
NOON_NS = 1_800_014_400 * 10**9
"""2027-01-15 12:00 UTC."""


class Machine:
    """Clocks, kernel and votes under a test's control; ``run`` lets seconds pass, polling each."""

    def __init__(self, kernel: KernelClock | None = SYNCHRONISED, utc_ns: int = NOON_NS) -> None:
        self.mono_ns = 5_000 * 10**9
        self.offset_ns = utc_ns - self.mono_ns
        self.suspended_ns = 0
        self.state = kernel
        self.extra_votes: Sequence[Vote] = ()

    def clocks(self) -> ClockReading:
        """Both clocks, read at once."""
        return ClockReading(self.mono_ns, self.offset_ns, 200, self.suspended_ns)

    def kernel(self) -> KernelClock:
        """What adjtimex would say; raises ClockError where there is none."""
        if self.state is None:
            raise ClockError("adjtimex is refused")
        return self.state

    def vote(self, source: Vote) -> Vote:
        """The same vote, its offset counted from the true time of this machine's start."""
        return replace(source, offset_ns=self.offset_ns + source.offset_ns)


class ScriptedSources(Sources):
    """The real sources, plus votes that the test adds."""

    def __init__(self, settings: TimingSettings, machine: Machine) -> None:
        super().__init__(settings, machine.kernel)
        self._machine = machine

    def votes(self, reading: ClockReading, kernel: KernelClock | None, held: Vote | None) -> list[Vote]:
        """Those of the real sources, then those of the test."""
        return [*super().votes(reading, kernel, held), *self._machine.extra_votes]


class Bench:
    """A UtcClock on a Machine."""

    def __init__(self, machine: Machine | None = None, settings: TimingSettings = QUIET) -> None:
        self.machine = Machine() if machine is None else machine
        self.clock = UtcClock(
            settings,
            clocks=self.machine.clocks,
            kernel=self.machine.kernel,
            sources=ScriptedSources(settings, self.machine),
        )

    def run(self, seconds: int) -> None:
        """Let time pass, polling once a second."""
        for _ in range(seconds):
            self.machine.mono_ns += 10**9
            self.clock.poll()
