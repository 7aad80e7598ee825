"""UTC as the kernel vouches for it, whichever NTP daemon disciplines it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sensor.timing.holdover import Oscillator
from sensor.timing.vote import EVEN_SIGMA, Vote
from sensor.types import ClockSource

if TYPE_CHECKING:
    from sensor.timing.kernel import ClockReading, KernelClock
    from sensor.timing.settings import TimingSettings

_MAX_ERROR_GROWTH = 500e-6
"""The kernel lets maxerror grow this fast between updates (MAXFREQ, <linux/timex.h>)."""


class KernelNtp:
    """Judges adjtimex's figures.

    ``maxerror`` is the daemon's bound plus 500 ppm of the time since its last update, far more than a
    disciplined crystal wanders. The growth is therefore taken off again, once an update was seen, and
    replaced by the oscillator's own; systemd-timesyncd states no bound at all (esterror 0), so for it
    the whole of maxerror is growth.
    """

    def __init__(self, settings: TimingSettings) -> None:
        self._floor_ns = settings.kernel_ntp_sigma_s * 1e9
        self._oscillator = Oscillator.of(settings)
        self._last_max_ns: int | None = None
        self._updated: tuple[int, int] | None = None

    def vote(self, reading: ClockReading, kernel: KernelClock) -> Vote | None:
        """UTC by the system clock, or None while the kernel says that nobody disciplines it."""
        if not kernel.synchronised:
            self._last_max_ns = self._updated = None
            return None
        if self._last_max_ns is not None and kernel.max_error_ns < self._last_max_ns:
            self._updated = (reading.mono_ns, kernel.max_error_ns)
        self._last_max_ns = kernel.max_error_ns
        bound_ns, age_s = self._bound_and_age(reading, kernel)
        sigma_ns = math.hypot(self._floor_ns, EVEN_SIGMA * bound_ns, self._oscillator.sigma_ns(age_s))
        return Vote(ClockSource.NTP, reading.offset_ns, math.ceil(sigma_ns), "kernel")

    def _bound_and_age(self, reading: ClockReading, kernel: KernelClock) -> tuple[float, float]:
        """The daemon's bound (ns) at its last update, and the seconds since."""
        if kernel.est_error_ns == 0:
            return 0.0, kernel.max_error_ns / 1e9 / _MAX_ERROR_GROWTH
        if self._updated is None:
            return float(kernel.max_error_ns), 0.0
        updated_ns, bound_ns = self._updated
        return float(bound_ns), (reading.mono_ns - updated_ns) / 1e9
