"""What one source says about UTC."""

from __future__ import annotations

from dataclasses import dataclass

from sensor.types import ClockSource

EVEN_SIGMA = 0.7
"""Sigma of an error that may lie anywhere within a bound, as a part of that bound: 70 % of a uniform
distribution lie within 0.7 of it, all within 1.4."""

SOFTWARE_MADE_S = 1_735_689_600
"""2025-01-01, before this software: whoever names an earlier time is wrong by at least the difference."""
UNDISCIPLINED_SIGMA_NS = 7 * 86_400 * 10**9
"""A machine without a battery clock starts with the time of its last shutdown: days are common."""


def undisciplined_sigma_ns(utc_ns: int) -> int:
    """One sigma of a time that nothing vouches for: a week, or what it lacks to the software's own age."""
    return max(UNDISCIPLINED_SIGMA_NS, SOFTWARE_MADE_S * 10**9 - utc_ns)


@dataclass(frozen=True, slots=True)
class Vote:
    """UTC as one source has it; the clock weighs votes, no source sets anything itself."""

    source: ClockSource
    offset_ns: int
    """UTC - CLOCK_MONOTONIC."""
    sigma_ns: int
    """One sigma of it."""
    via: str = ""
    """Where it comes from, for people: ``kernel``, ``chrony 192.0.2.1``, ``gpsd``."""
