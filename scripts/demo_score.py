"""What the centre made of the script: each scripted incident beside the one that was recorded."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from scripts.demo_town import Scripted
from sensor.central.types import Ellipse, IncidentVersion

NEAR_M = 25.0
SAME_S = 1.5
_SAME_M = 250.0
ALARMS = frozenset({"gunshot", "probable_gunshot"})


@dataclass(frozen=True, slots=True)
class Result:
    """One scripted incident and what became of it."""

    scripted: Scripted
    found: IncidentVersion | None
    """The recorded incident of that time and place; None: there is none."""
    off_m: float | None

    @property
    def inside_ellipse(self) -> bool:
        """Whether the true place lies in the 95 % ellipse."""
        version = self.found
        if version is None or version.place is None or version.ellipse_95 is None:
            return False
        return _inside(version, version.ellipse_95, self.scripted)

    @property
    def located(self) -> bool:
        """Within its own ellipse, or within NEAR_M."""
        return self.off_m is not None and (self.inside_ellipse or self.off_m <= NEAR_M)

    def words(self) -> str:
        """One line."""
        script = f"{self.scripted.second:6.1f} s  {self.scripted.words:<20}"
        if not self.scripted.is_gunfire:
            return f"{script} {self._fireworks()}"
        if self.found is None or self.off_m is None:
            return f"{script} MISSED"
        by = [text for text, holds in (
            (f"within {NEAR_M:.0f} m", self.off_m <= NEAR_M),
            ("within its 95 % ellipse", self.inside_ellipse),
        ) if holds]  # fmt: skip
        how = " and ".join(by) if by else f"NOT within {NEAR_M:.0f} m, NOT within its ellipse"
        return f"{script} located {self.off_m:.1f} m off, {how}; {_said(self.found)}"

    def _fireworks(self) -> str:
        if self.found is None:
            return "no alert, as it should be"
        verdict = "A FALSE ALARM" if self.found.incident_class in ALARMS else "no alarm"
        return f"{verdict}: {_said(self.found)}"


def score(script: Iterable[Scripted], incidents: Sequence[IncidentVersion]) -> list[Result]:
    """Pair each scripted incident with the recorded one next to it; each recorded one serves once."""
    scripted = list(script)
    pairs = sorted(
        (off_m, number, version.incident_id)
        for number, item in enumerate(scripted)
        for version in incidents
        if (off_m := _apart_m(item, version)) is not None
    )
    taken: dict[int, tuple[float, str]] = {}
    used: set[str] = set()
    for off_m, number, incident_id in pairs:
        if number not in taken and incident_id not in used:
            taken[number] = (off_m, incident_id)
            used.add(incident_id)
    by_id = {version.incident_id: version for version in incidents}
    return [
        Result(item, by_id[taken[number][1]], taken[number][0])
        if number in taken
        else Result(item, None, None)
        for number, item in enumerate(scripted)
    ]


def not_scripted(results: Iterable[Result], incidents: Sequence[IncidentVersion]) -> Iterator[str]:
    """Incidents that stand and that the script knows nothing of, one line each."""
    known = {result.found.incident_id for result in results if result.found is not None}
    for version in incidents:
        if version.incident_id not in known and version.state != "retracted":
            place = "not located" if version.place is None else "located"
            yield f"not in the script: {place}; {_said(version)}; {version.reason}"


def _apart_m(item: Scripted, version: IncidentVersion) -> float | None:
    if version.place is None or version.state == "retracted":
        return None
    if abs(version.utc_ns - item.utc_ns) > SAME_S * 1e9:
        return None
    off_m = item.off_m(version.place.lat_deg, version.place.lon_deg)
    return off_m if off_m <= _SAME_M else None


def _inside(version: IncidentVersion, ellipse: Ellipse, item: Scripted) -> bool:
    """Whether the scripted place lies in the ellipse round the recorded one."""
    place = version.place
    if place is None:
        return False
    north_m = item.off_m(place.lat_deg, item.lon_deg) * math.copysign(1.0, item.lat_deg - place.lat_deg)
    east_m = item.off_m(item.lat_deg, place.lon_deg) * math.copysign(1.0, item.lon_deg - place.lon_deg)
    azimuth = math.radians(ellipse.azimuth_deg)
    along = east_m * math.sin(azimuth) + north_m * math.cos(azimuth)
    across = east_m * math.cos(azimuth) - north_m * math.sin(azimuth)
    return (along / ellipse.semi_major_m) ** 2 + (across / ellipse.semi_minor_m) ** 2 <= 1.0


def _said(version: IncidentVersion) -> str:
    rounds = len(version.rounds)
    return (
        f"{version.incident_class.replace('_', ' ')}, p {version.p_gunshot:.2f}, {rounds} "
        f"round{'' if rounds == 1 else 's'}, {len(version.nodes)} nodes"
    )
