"""All the places a node may have its time from, asked together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensor.errors import ClockError, ConfigError
from sensor.timing import satellite
from sensor.timing.chrony import Chrony
from sensor.timing.gpsd import DEFAULT_PORT, Gpsd
from sensor.timing.ntp import KernelNtp
from sensor.timing.pps import PpsDevice

if TYPE_CHECKING:
    from collections.abc import Callable

    from sensor.timing.kernel import ClockReading, KernelClock
    from sensor.timing.settings import TimingSettings
    from sensor.timing.vote import Vote


class Sources:
    """The kernel, chronyd, gpsd and a PPS device, as far as they are there and wanted.

    With chronyd answering, the kernel's own word is not asked for: chronyd knows when all its servers
    are gone, the kernel goes on believing for nine hours.

    Raises ConfigError when ``settings.gpsd`` names no address.
    """

    def __init__(self, settings: TimingSettings, kernel: Callable[[], KernelClock]) -> None:
        self._read_kernel = kernel
        self._ntp = KernelNtp(settings)
        self._wanted = settings
        self.chrony: Chrony | None = None
        if settings.chrony != "off":
            chrony = Chrony()
            if chrony.installed or settings.chrony == "on":
                self.chrony = chrony
        self.gpsd = None if settings.gpsd == "none" else Gpsd(*address(settings.gpsd))
        self.pps: PpsDevice | None = None
        if settings.pps_device != "none":
            self.pps = PpsDevice(settings.pps_device)

    def kernel(self) -> KernelClock | None:
        """What adjtimex says; None where it is refused."""
        try:
            return self._read_kernel()
        except ClockError:
            return None

    def poll(self) -> None:
        """Let each collect what has come."""
        for source in (self.chrony, self.gpsd, self.pps):
            if source is not None:
                source.poll()

    def votes(self, reading: ClockReading, kernel: KernelClock | None, held: Vote | None) -> list[Vote]:
        """What each says of UTC now; ``held`` names the second when no other does."""
        votes: list[Vote | None] = []
        if self.chrony is not None and self.chrony.tracking() is not None:
            votes.append(self.chrony.vote(reading))
        elif kernel is not None:
            votes.append(self._ntp.vote(reading, kernel))
        if self.gpsd is not None:
            votes.append(satellite.vote(self.gpsd, reading))
        known = [vote for vote in votes if vote is not None]
        # Many receivers go on pulsing, freely, when they have lost the sky.
        unlocked = self.gpsd is not None and self.gpsd.error is None and self.gpsd.fix() is None
        namers = known or ([held] if held is not None else [])
        if self.pps is not None and namers and not unlocked:
            by_pulse = self.pps.vote(reading, min(namers, key=lambda vote: vote.sigma_ns))
            known += [by_pulse] if by_pulse is not None else []
        return known

    def clock_was_set(self) -> None:
        """Drop what was measured against the system clock before it was set."""
        if self.gpsd is not None:
            self.gpsd.forget_offsets()
        if self.pps is not None:
            self.pps.forget()

    def problems(self) -> tuple[str, ...]:
        """What of the wanted sources is missing or wrong, in words."""
        wanted = self._wanted
        found: list[str | None] = []
        if wanted.chrony == "on" and self.chrony is not None:
            found.append(self.chrony.error)
        if self.gpsd is not None:
            found.append(self.gpsd.error if wanted.gpsd != "auto" else None)
            found.append(satellite.complaint(self.gpsd))
        if self.pps is not None and wanted.pps_device != "auto":
            found.append(self.pps.error)
        return tuple(item for item in found if item)

    def close(self) -> None:
        """Give processes and connections back."""
        for source in (self.chrony, self.gpsd):
            if source is not None:
                source.close()


def address(text: str) -> tuple[str, int]:
    """Host and port of ``host:port``, ``host`` or ``auto``; raise ConfigError at anything else."""
    if text == "auto":
        return "127.0.0.1", DEFAULT_PORT
    host, _, port = text.rpartition(":") if text.count(":") == 1 else (text, "", "")
    if not host or (port and not port.isdecimal()) or not 0 < int(port or DEFAULT_PORT) < 65_536:
        raise ConfigError(f"timing.gpsd: {text!r} is no address; write host:port, auto or none")
    return host, int(port or DEFAULT_PORT)
