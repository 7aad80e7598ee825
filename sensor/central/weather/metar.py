"""Temperature and wind out of a METAR report.

After WMO-No. 306, FM 15 METAR, and the remarks of the United States' Federal Meteorological Handbook No. 1
(temperature in tenths). What else a report says is not looked at.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sensor.central.weather.report import WeatherReport
from sensor.errors import CentralError

_STATION = re.compile(r"[A-Z][A-Z0-9]{3}")
_TIME = re.compile(r"(\d{2})(\d{2})(\d{2})Z")
_WIND = re.compile(r"(\d{3}|VRB|///)P?(\d{2,3}|//)(?:GP?\d{2,3})?(KT|MPS|KMH)")
_TEMPERATURE = re.compile(r"(M?\d{2})/(?:M?\d{2}|//)?")
_TENTHS = re.compile(r"T([01])(\d{3})(?:[01]\d{3})?")
_M_S = {"KT": 1852.0 / 3600.0, "MPS": 1.0, "KMH": 1.0 / 3.6}
_TRENDS = ("TEMPO", "BECMG", "NOSIG", "RMK")


class MetarError(CentralError):
    """A text that is no METAR report, or one without what is asked of it."""


def read_metar(text: str, now_ns: int) -> WeatherReport:
    """The report in one line; its day of the month is that nearest to ``now_ns`` and not a day ahead of it.

    Raises:
        MetarError: there is no station, no time, or no temperature in it.
    """
    words = text.replace("=", " ").split()
    while words and words[0] in ("METAR", "SPECI", "COR"):
        del words[0]
    if len(words) < 3 or not _STATION.fullmatch(words[0]):
        raise MetarError(f"{text[:60]!r} begins with no station such as KAGC")
    station, moment = words[0], _TIME.fullmatch(words[1])
    if moment is None:
        raise MetarError(f"{station}: {words[1]!r} is no time such as 271853Z")
    if "NIL" in words:
        raise MetarError(f"{station}: the station says nothing (NIL)")
    body = words[2 : next((n for n, word in enumerate(words) if word in _TRENDS), len(words))]
    temperature_c = _temperature_c(body, words)
    if temperature_c is None:
        raise MetarError(f"{station}: there is no temperature in it")
    wind = _wind_m_s(body)
    return WeatherReport(
        utc_ns=_utc_ns(*(int(part) for part in moment.groups()), now_ns=now_ns),
        temperature_c=temperature_c,
        wind_east_m_s=None if wind is None else wind[0],
        wind_north_m_s=None if wind is None else wind[1],
        source=f"metar {station}",
    )


def read_metars(text: str, now_ns: int) -> Iterator[WeatherReport]:
    """Every report of a text, one a line or ended by ``=``; what is none is left out."""
    for line in re.split(r"[\n=]", text):
        try:
            yield read_metar(line, now_ns)
        except MetarError:
            continue


def _temperature_c(body: list[str], words: list[str]) -> float | None:
    if "RMK" in words:
        for word in words[words.index("RMK") :]:
            found = _TENTHS.fullmatch(word)
            if found:
                return (-1.0 if found[1] == "1" else 1.0) * int(found[2]) / 10.0
    for word in body:
        found = _TEMPERATURE.fullmatch(word)
        if found:
            return -float(found[1][1:]) if found[1].startswith("M") else float(found[1])
    return None


def _wind_m_s(body: list[str]) -> tuple[float, float] | None:
    """Components towards east and north; None where it is not told. A variable one is light: none."""
    for word in body:
        found = _WIND.fullmatch(word)
        if found is None:
            continue
        if found[1] == "///" or found[2] == "//":
            return None
        if found[1] == "VRB":
            return 0.0, 0.0
        speed_m_s = int(found[2]) * _M_S[found[3]]
        from_rad = math.radians(int(found[1]))  # where it comes from, clockwise from true north
        return -speed_m_s * math.sin(from_rad), -speed_m_s * math.cos(from_rad)
    return None


def _utc_ns(day: int, hour: int, minute: int, *, now_ns: int) -> int:
    now = datetime.fromtimestamp(now_ns // 10**9, UTC)
    for back in range(-1, 31):
        date = now - timedelta(days=back)
        if date.day != day:
            continue
        try:
            found = datetime(date.year, date.month, day, hour, minute, tzinfo=UTC)
        except ValueError as error:
            raise MetarError(f"{day:02d}{hour:02d}{minute:02d}Z is no time of day") from error
        return int(found.timestamp()) * 10**9
    raise MetarError(f"day {day} is none of the last month's")
