"""A kernel PPS device: when the system clock's seconds really begin.

The kernel stamps each pulse with CLOCK_REALTIME and shows it, unprivileged, in
``/sys/class/pps/pps0/assert`` as ``seconds.nanoseconds#sequence`` (Documentation/driver-api/pps.rst).
A pulse says where a second begins, never which one it is: that another source must know.
"""

from __future__ import annotations

import math
import statistics
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sensor.timing.vote import Vote
from sensor.types import ClockSource

if TYPE_CHECKING:
    from sensor.timing.kernel import ClockReading

SYSFS = Path("/sys/class/pps")
FRESH_S = 5.0
KEPT = 16
FEWEST = 4
LEAST_SIGMA_NS = 3_000
"""Interrupt latency of a GPIO pulse on a Raspberry Pi: 1 to 5 us."""
WHOLE_SECOND_SIGMA_NS = 100_000_000
"""The source that names the second must be this sure of it: within three sigmas of 0.3 s."""
_SPREAD_NS = 200_000.0
"""Pulses that scatter more than this are no pulses per second."""
_SECOND_NS = 10**9


@dataclass(frozen=True, slots=True)
class Pulse:
    """One edge as the kernel saw it."""

    seen_s: float
    """CLOCK_MONOTONIC when it was read here, s."""
    real_ns: int
    """CLOCK_REALTIME of the edge."""
    sequence: int


def parse(text: str) -> tuple[int, int]:
    """CLOCK_REALTIME (ns) and sequence number of an ``assert`` file; raise ValueError at anything else."""
    stamp, _, sequence = text.strip().partition("#")
    seconds, _, fraction = stamp.partition(".")
    if len(fraction) != 9 or not all(part.isdecimal() for part in (seconds, fraction, sequence)):
        raise ValueError(f"not a PPS time stamp: {text!r}")
    return int(seconds) * _SECOND_NS + int(fraction), int(sequence)


class PpsDevice:
    """Reads the pulses of one device.

    Args:
        device: ``/dev/pps0`` and the like, or ``auto`` for the first that is not a network card's.
        sysfs: where the kernel shows its devices.
    """

    def __init__(self, device: str = "auto", sysfs: Path = SYSFS) -> None:
        self._device = device
        self._sysfs = sysfs
        self._file: Path | None = None
        self._pulses: deque[Pulse] = deque(maxlen=KEPT)
        self.error: str | None = None
        """Why there are no pulses at present."""

    def poll(self) -> None:
        """Look for a pulse since the last look; called about once a second."""
        try:
            self._file = self._file or self._find()
            real_ns, sequence = parse(self._file.read_text(encoding="ascii"))
        except (OSError, ValueError) as error:
            self._file = None
            self.error = f"PPS device {self._device}: {error}"
            return
        if sequence == 0 or (self._pulses and self._pulses[-1].sequence == sequence):
            if not self.fresh():
                self.error = f"PPS device {self._device}: no pulse in the last {FRESH_S:.0f} s"
            return
        if not self._pulses and time.time_ns() - real_ns > FRESH_S * 1e9:
            return
        self._pulses.append(Pulse(time.monotonic(), real_ns, sequence))
        self.error = None

    def fresh(self) -> bool:
        """Whether a pulse came within the last five seconds."""
        return bool(self._pulses) and time.monotonic() - self._pulses[-1].seen_s <= FRESH_S

    def forget(self) -> None:
        """The system clock was set: stamps against it mean nothing any more."""
        self._pulses.clear()

    def vote(self, reading: ClockReading, whole: Vote) -> Vote | None:
        """UTC with its seconds moved onto the pulses.

        Args:
            reading: the clocks now; the same, unset system clock as stamped the pulses.
            whole: a source that knows which second it is.
        """
        if not self.fresh() or len(self._pulses) < FEWEST or whole.sigma_ns > WHOLE_SECOND_SIGMA_NS:
            return None
        shift_ns = whole.offset_ns - reading.offset_ns
        errors_ns = [_to_second(pulse.real_ns + shift_ns) for pulse in self._pulses]
        middle_ns = statistics.median(errors_ns)
        spread_ns = 1.4826 * statistics.median(abs(error - middle_ns) for error in errors_ns)
        if spread_ns > _SPREAD_NS or abs(middle_ns) > 4 * WHOLE_SECOND_SIGMA_NS:
            self.error = f"PPS device {self._device}: pulses scatter by {spread_ns / 1e3:.0f} us"
            return None
        sigma_ns = math.hypot(LEAST_SIGMA_NS, spread_ns)
        return Vote(ClockSource.PPS, whole.offset_ns - round(middle_ns), math.ceil(sigma_ns), "pulse")

    def _find(self) -> Path:
        names = [Path(self._device).name]
        if self._device == "auto":
            names = sorted(path.name for path in self._sysfs.iterdir() if not _of_network(path))
        for name in names:
            path = self._sysfs / name / "assert"
            if path.is_file():
                return path
        raise FileNotFoundError(f"none in {self._sysfs}")


def _of_network(device: Path) -> bool:
    """Whether a device belongs to a network card's PTP clock, whose seconds are its own."""
    try:
        return (device / "name").read_text(encoding="ascii", errors="replace").startswith("ptp")
    except OSError:
        return False


def _to_second(utc_ns: int) -> int:
    """Signed distance from the nearest whole second, ns."""
    return (utc_ns + _SECOND_NS // 2) % _SECOND_NS - _SECOND_NS // 2
