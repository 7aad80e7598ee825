"""Nights of fireworks: known from the calendar, or declared because far more is heard than usual.

The mode hides nothing. It is an event of its own when it begins and when it ends, incidents meanwhile carry
its tag, and how much it weighs stands on each one's card.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sensor.central.incidents.settings import FireworksSettings
from sensor.errors import ConfigError

WINDOW_NS = 600 * 10**9
EVENING_HOUR = 16
NIGHT_HOUR = 4
_FIRST_S = 946_684_800
"""2000-01-01: an earlier time is that of a recording whose date is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeChange:
    """Fireworks mode began or ended in a site."""

    site: str
    active: bool
    utc_ns: int
    per_10_min: int
    """Incidents in the ten minutes before."""
    reason: str


class Calendar:
    """Which evenings are known for fireworks."""

    def __init__(self, settings: FireworksSettings) -> None:
        """Raise ConfigError at a time zone that is not known."""
        self._days = frozenset(settings.days)
        try:
            self._zone = ZoneInfo(settings.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ConfigError(
                f"incidents.fireworks.timezone: {settings.timezone!r} is not known; "
                "write one such as America/New_York, and install tzdata"
            ) from error

    def reason(self, utc_ns: int) -> str:
        """Why fireworks are customary at this moment; empty when they are not."""
        seconds = utc_ns // 10**9
        if seconds < _FIRST_S:
            return ""
        local = datetime.fromtimestamp(seconds, UTC).astimezone(self._zone)
        evening = local - timedelta(hours=NIGHT_HOUR)  # the small hours belong to the evening before
        if evening.hour + NIGHT_HOUR < EVENING_HOUR:
            return ""
        day = f"{evening.month:02d}-{evening.day:02d}"
        return f"evening of {day}, when fireworks are customary" if day in self._days else ""


class FireworksMode:
    """Rate rule with hysteresis, for one site. Times are the incidents' own."""

    def __init__(self, settings: FireworksSettings, site: str) -> None:
        self._settings = settings
        self._site = site
        self._times: list[int] = []
        self._seen: set[str] = set()
        self.active = False

    def add(self, incident_id: str, utc_ns: int) -> ModeChange | None:
        """Count a new incident once; return the change it brought about."""
        if incident_id in self._seen:
            return None
        self._seen.add(incident_id)
        bisect.insort(self._times, utc_ns)
        return self.advance(max(utc_ns, self._times[-1]))

    def advance(self, now_ns: int) -> ModeChange | None:
        """Let time pass; return the change it brought about."""
        del self._times[: bisect.bisect_left(self._times, now_ns - WINDOW_NS)]
        if not self._times:
            self._seen.clear()
        count = len(self._times)
        limit = self._settings.leave_per_10_min if self.active else self._settings.enter_per_10_min
        wanted = count >= limit
        if wanted == self.active:
            return None
        self.active = wanted
        reason = (
            f"{count} incidents in ten minutes, {limit:g} declare fireworks mode"
            if wanted
            else f"{count} incidents in ten minutes, fireworks mode ends below {limit:g}"
        )
        return ModeChange(site=self._site, active=wanted, utc_ns=now_ns, per_10_min=count, reason=reason)
