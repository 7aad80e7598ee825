"""The kernel's clocks: bracketed reads, what adjtimex vouches for, and word of a step.

Everything here is unprivileged and reads only. Containers may refuse adjtimex: that is a ClockError,
and the sensor goes on with a larger sigma.
"""

from __future__ import annotations

import ctypes
import errno
import os
import time
from dataclasses import dataclass

from sensor.errors import ClockError

_STA_UNSYNC = 0x0040
_STA_NANO = 0x2000
_TIME_ERROR = 5
_TFD_NONBLOCK = 0o4000
_TFD_CLOEXEC = 0o2000000
_TFD_TIMER_ABSTIME = 1
_TFD_TIMER_CANCEL_ON_SET = 2
_FAR_FUTURE_S = 2**31 - 1
LEAP_STATES = frozenset({"insert", "delete", "leaping", "leapt"})
"""Kernel states from the announcement of a leap second until it is forgotten."""
_STATE_NAMES = ("ok", "insert", "delete", "leaping", "leapt", "error")


class _Timex(ctypes.Structure):
    """``struct timex`` of <sys/timex.h>; ctypes' long follows the machine's ABI."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("time_s", ctypes.c_long),
        ("time_us", ctypes.c_long),
        ("tick", ctypes.c_long),
        ("ppsfreq", ctypes.c_long),
        ("jitter", ctypes.c_long),
        ("shift", ctypes.c_int),
        ("stabil", ctypes.c_long),
        ("jitcnt", ctypes.c_long),
        ("calcnt", ctypes.c_long),
        ("errcnt", ctypes.c_long),
        ("stbcnt", ctypes.c_long),
        ("tai", ctypes.c_int),
        ("reserved", ctypes.c_int * 11),
    )


class _Itimerspec(ctypes.Structure):
    _fields_ = (
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("value_s", ctypes.c_long),
        ("value_ns", ctypes.c_long),
    )


@dataclass(frozen=True, slots=True)
class KernelClock:
    """What the kernel says of CLOCK_REALTIME, whoever disciplines it."""

    synchronised: bool
    """A daemon or a PPS vouches for the clock (STA_UNSYNC is clear and the state is not an error)."""
    max_error_ns: int
    """Bound of the error by the disciplining daemon; grows 500 ppm between its updates."""
    est_error_ns: int
    """The daemon's own estimate of the error."""
    state: str
    """``ok``, ``insert`` or ``delete`` (leap second announced), ``leaping``, ``leapt``, ``error``."""
    tai_s: int
    """TAI - UTC as the kernel was told, s; 0 when nobody did."""
    freq_ppm: float
    """Rate correction in force."""


@dataclass(frozen=True, slots=True)
class ClockReading:
    """One bracketed reading of the clocks."""

    mono_ns: int
    """CLOCK_MONOTONIC in the middle of the bracket."""
    offset_ns: int
    """CLOCK_REALTIME - CLOCK_MONOTONIC."""
    width_ns: int
    """Width of the bracket: the offset is known to half of it."""
    suspended_ns: int
    """CLOCK_BOOTTIME - CLOCK_MONOTONIC: how long the machine has slept since it started."""


def read_kernel() -> KernelClock:
    """Ask adjtimex(2) without setting anything; raise ClockError when it is refused."""
    libc = ctypes.CDLL(None, use_errno=True)
    values = _Timex()
    state = libc.adjtimex(ctypes.byref(values))
    if state < 0:
        reason = os.strerror(ctypes.get_errno())
        raise ClockError(f"adjtimex is refused ({reason}): the quality of the system clock is unknown")
    return KernelClock(
        synchronised=state != _TIME_ERROR and not values.status & _STA_UNSYNC,
        max_error_ns=int(values.maxerror) * 1000,
        est_error_ns=int(values.esterror) * 1000,
        state=_STATE_NAMES[state] if state < len(_STATE_NAMES) else "error",
        tai_s=int(values.tai),
        freq_ppm=values.freq / 65536.0,
    )


def read_clocks(attempts: int = 9) -> ClockReading:
    """Read REALTIME between two readings of MONOTONIC and keep the tightest of ``attempts`` brackets."""
    best: tuple[int, int, int] | None = None
    for _ in range(attempts):
        before = time.monotonic_ns()
        real = time.time_ns()
        after = time.monotonic_ns()
        if best is None or after - before < best[2]:
            middle = (before + after) // 2
            best = (middle, real - middle, after - before)
    assert best is not None  # noqa: S101  attempts is at least 1
    slept = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()
    return ClockReading(mono_ns=best[0], offset_ns=best[1], width_ns=best[2], suspended_ns=slept)


class StepWatch:
    """Learns from the kernel that CLOCK_REALTIME was set (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET).

    The offset shows a step as well; this one also sees a clock that was set forth and back between two
    looks.
    """

    def __init__(self) -> None:
        """Arm the watch; raise ClockError where the kernel offers none."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.timerfd_create(time.CLOCK_REALTIME, _TFD_NONBLOCK | _TFD_CLOEXEC)
        if self._fd < 0:
            raise ClockError(f"no timerfd ({os.strerror(ctypes.get_errno())}): steps show only as an offset")
        self._arm()

    def _arm(self) -> None:
        when = _Itimerspec(0, 0, _FAR_FUTURE_S, 0)
        flags = _TFD_TIMER_ABSTIME | _TFD_TIMER_CANCEL_ON_SET
        if self._libc.timerfd_settime(self._fd, flags, ctypes.byref(when), None) < 0:
            raise ClockError(f"timerfd cannot be armed: {os.strerror(ctypes.get_errno())}")

    def stepped(self) -> bool:
        """Whether the clock was set since the last call; never waits."""
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno != errno.ECANCELED:
                raise ClockError(f"timerfd: {error}") from error
        self._arm()
        return True

    def close(self) -> None:
        """Give the descriptor back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
