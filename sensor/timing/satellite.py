"""UTC and place by a GPS receiver behind gpsd."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

from sensor.timing.vote import SOFTWARE_MADE_S, Vote
from sensor.types import ClockSource

if TYPE_CHECKING:
    from sensor.timing.gpsd import Gpsd, GpsOffset
    from sensor.timing.kernel import ClockReading

FEWEST = 4
NMEA_SIGMA_NS = 400_000_000
"""A time sentence arrives 10 to 700 ms after its second, with 100 to 300 ms of jitter (gpsd, Time Service
HOWTO): such time only tells which second it is."""
NMEA_DELAY_NS = 300_000_000
"""The middle of that delay."""
LEAST_PULSE_SIGMA_NS = 3_000
_PULSE_SPREAD_NS = 1_000_000.0


def vote(gpsd: Gpsd, reading: ClockReading) -> Vote | None:
    """UTC by the receiver: by its pulses where gpsd sees them, else by its sentences; None without a fix."""
    if gpsd.fix() is None:
        return None
    pulses = gpsd.pulses()
    if len(pulses) >= FEWEST and pulses[-1].utc_s >= SOFTWARE_MADE_S:
        middle_ns, spread_ns = _middle(pulses)
        if spread_ns <= _PULSE_SPREAD_NS:
            sigma_ns = math.hypot(LEAST_PULSE_SIGMA_NS, spread_ns, pulses[-1].precision_s * 1e9)
            return Vote(ClockSource.PPS, reading.offset_ns + middle_ns, math.ceil(sigma_ns), "gpsd pulse")
    sentences = gpsd.sentences()
    if len(sentences) < FEWEST or sentences[-1].utc_s < SOFTWARE_MADE_S:
        return None
    middle_ns, spread_ns = _middle(sentences)
    sigma_ns = math.hypot(NMEA_SIGMA_NS, spread_ns)
    offset_ns = reading.offset_ns + middle_ns + NMEA_DELAY_NS
    return Vote(ClockSource.GPS, offset_ns, math.ceil(sigma_ns), "gpsd sentence")


def complaint(gpsd: Gpsd) -> str | None:
    """What is wrong with the receiver's time, in words; None when nothing is."""
    offsets = gpsd.pulses() or gpsd.sentences()
    if offsets and offsets[-1].utc_s < SOFTWARE_MADE_S:
        return "the GPS receiver names a date of the past (week rollover): update or replace it"
    return None


def _middle(offsets: list[GpsOffset]) -> tuple[int, float]:
    values = [item.offset_ns for item in offsets]
    middle_ns = statistics.median(values)
    return round(middle_ns), 1.4826 * statistics.median(abs(value - middle_ns) for value in values)
