"""Settings of the detector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Interval

LEAST_BAND_HZ = 500.0
"""Narrowest band: taps of 8 ms part no less, and an impulse fills more."""


@dataclass(frozen=True, kw_only=True)
class DetectSettings:
    """When an impulse is a trigger, and how much audio goes with it. Levels are relative: no calibration."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    threshold_db: Annotated[float, Interval(ge=6.0, le=40.0)] = 10.6
    """Excess of a 1 ms frame over both the noise floor and the last 20 ms that makes a trigger, dB, 6 to 40.
    A decibel less finds fainter and more distant shots and costs about a third more triggers."""

    repeat_likeness: Annotated[float, Interval(ge=0.3, le=1.0)] = 0.45
    """Normalised correlation with the last loud impulse that makes a trigger too, 0.3 to 1: the next round of
    automatic fire, hidden in the reverberation of the last. 1 switches this off, and timing by lag
    with it."""

    refractory_s: Annotated[float, Interval(ge=0.01, le=1.0)] = 0.04
    """Shortest time between two triggers, seconds, 0.01 to 1. What fires faster than every 40 ms, 1500
    rounds a minute, loses every second round."""

    pre_roll_s: Annotated[float, Interval(ge=0.0, le=0.5)] = 0.1
    """Audio before the onset that goes with a trigger, seconds, 0 to 0.5."""

    post_roll_s: Annotated[float, Interval(ge=0.05, le=0.25)] = 0.24
    """Audio after the onset that goes with a trigger, seconds, 0.05 to 0.25. A trigger is decided this long
    plus at most one hop (0.05 s) after its onset; where a stream begins, after 0.25 s at the soonest."""

    band_low_hz: Annotated[float, Interval(ge=50.0, le=2000.0)] = 300.0
    """Lower edge of the band in which impulses are sought, Hz, 50 to 2000. Wind and traffic live below."""

    band_high_hz: Annotated[float, Interval(ge=1000.0, le=20000.0)] = 5000.0
    """Upper edge of that band, Hz, 1000 to 20000; lowered to 0.45 of the sampling rate where that is less."""

    floor_rise_db_s: Annotated[float, Interval(ge=0.5, le=60.0)] = 6.0
    """Fastest rise of the noise floor, dB per second, 0.5 to 60: reverberation must not lift it."""

    floor_fall_db_s: Annotated[float, Interval(ge=0.5, le=200.0)] = 20.0
    """Fastest fall of the noise floor, dB per second, 0.5 to 200."""
