"""One report of the weather."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sensor.errors import WireError

SCHEMA = "gunshot.weather.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class WeatherReport:
    """What somebody measured at one time."""

    utc_ns: int
    temperature_c: float
    wind_east_m_s: float | None
    """Towards the east; None where the wind is not known."""
    wind_north_m_s: float | None
    source: str
    """``metar KAGC``, ``mqtt town``."""

    def values(self) -> dict[str, Any]:
        """As the record keeps it."""
        return asdict(self)


def report_of(body: Mapping[str, Any], *, source: str, now_ns: int) -> WeatherReport:
    """A report as it came over the broker, or as the record kept it.

    Raises:
        WireError: which field is missing or cannot be.
    """
    utc_ns = body.get("utc_ns", now_ns)
    if isinstance(utc_ns, bool) or not isinstance(utc_ns, int) or not 0 <= utc_ns <= now_ns + 3600 * 10**9:
        raise WireError(f"weather: utc_ns {utc_ns!r} is no time up to now, in nanoseconds since 1970")
    east, north = (_figure(body, f"wind_{side}_m_s", 60.0) for side in ("east", "north"))
    if (east is None) != (north is None):
        raise WireError("weather: the wind needs both wind_east_m_s and wind_north_m_s")
    temperature_c = _figure(body, "temperature_c", 60.0)
    if temperature_c is None:
        raise WireError("weather: temperature_c is missing")
    said = body.get("source")
    return WeatherReport(
        utc_ns=utc_ns,
        temperature_c=temperature_c,
        wind_east_m_s=east,
        wind_north_m_s=north,
        source=said if isinstance(said, str) and 0 < len(said) <= 60 else source,
    )


def _figure(body: Mapping[str, Any], name: str, most: float) -> float | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise WireError(f"weather: {name} {value!r} is no number")
    if abs(value) > most:
        raise WireError(f"weather: {name} {value:g} cannot be; expected -{most:g} to {most:g}")
    return float(value)
