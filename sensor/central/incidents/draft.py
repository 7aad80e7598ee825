"""From what fusion says of one source to what its incident's next version says."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sensor.central.frame import Frame
from sensor.central.incidents.classify import judge
from sensor.central.incidents.factors import Setting
from sensor.central.incidents.rounds import cadence_tags, count_rounds, round_times
from sensor.central.incidents.settings import IncidentSettings
from sensor.central.types import (
    Alternative,
    Arrival,
    Confidence,
    Ellipse,
    Fix,
    IncidentClass,
    IncidentVersion,
    Place,
    RoundTime,
    Source,
    State,
    Tag,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What an incident's next version would say."""

    source: Source
    state: State
    site: str
    utc_ns: int
    place: Place | None
    ellipse_95: Ellipse | None
    rounds: tuple[RoundTime, ...]
    rounds_lo: int
    rounds_hi: int
    p_gunshot: float
    incident_class: IncidentClass
    nodes: tuple[str, ...]
    residuals_ms: Mapping[str, float]
    event_ids: tuple[str, ...]
    tags: tuple[Tag, ...]
    confidence: Confidence
    alternatives: tuple[Alternative, ...]
    card: Mapping[str, Any]

    def fields(self) -> dict[str, Any]:
        """What goes into an `IncidentVersion`."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "source"}


def arrivals_of(source: Source) -> list[Arrival]:
    """Arrivals of the rounds, in order of time."""
    found = [arrival for volley in source.association.rounds for arrival in volley]
    return sorted(found, key=lambda arrival: (arrival.utc_ns, arrival.event_id))


def draft_of(source: Source, setting: Setting, settings: IncidentSettings) -> Draft:
    """What an incident would say of this source."""
    arrivals, fix = arrivals_of(source), source.fix
    rounds = round_times(source)
    count = count_rounds(source.association)
    judgement = judge(rounds, arrivals, fix, setting, settings)
    names = _names(arrivals)
    tags = cadence_tags(rounds)
    if setting.fireworks_mode:
        tags.append(Tag(name="fireworks_mode", evidence={"why": "many incidents in this site at present"}))
    state: State = "open" if fix is None else "located"
    if fix is not None and judgement.incident_class != "unknown":
        state = "classified"
    return Draft(
        source=source,
        state=state,
        site=Counter(arrival.site for arrival in arrivals).most_common(1)[0][0],
        utc_ns=min(item.utc_ns for item in rounds),
        place=None if fix is None else _rounded(fix.place),
        ellipse_95=None if fix is None else _rounded_ellipse(fix.ellipse_95),
        rounds=rounds,
        rounds_lo=min(count.lo, len(rounds)),
        rounds_hi=max(count.hi, len(rounds)),
        p_gunshot=judgement.p_gunshot,
        incident_class=judgement.incident_class,
        nodes=tuple(sorted(set(names.values()))),
        residuals_ms=_residuals_ms(fix, names),
        event_ids=tuple(arrival.event_id for arrival in arrivals),
        tags=tuple(tags),
        confidence="low" if fix is None else fix.confidence,
        alternatives=() if fix is None else fix.alternatives,
        card=_card(source, arrivals, names, judgement.card),
    )


def _names(arrivals: Sequence[Arrival]) -> dict[str, str]:
    """Event id -> the node's name; with its site where an incident spans two."""
    one_site = len({arrival.site for arrival in arrivals}) == 1
    return {arrival.event_id: arrival.node if one_site else arrival.key for arrival in arrivals}


def _rounded(place: Place) -> Place:
    """To a centimetre: more digits would only pretend."""
    return Place(
        lat_deg=round(float(place.lat_deg), 7),
        lon_deg=round(float(place.lon_deg), 7),
        height_m=round(float(place.height_m), 2),
    )


def _rounded_ellipse(ellipse: Ellipse) -> Ellipse:
    return Ellipse(
        semi_major_m=round(float(ellipse.semi_major_m), 2),
        semi_minor_m=round(float(ellipse.semi_minor_m), 2),
        azimuth_deg=round(float(ellipse.azimuth_deg), 1),
    )


def _residuals_ms(fix: Fix | None, names: Mapping[str, str]) -> dict[str, float]:
    """Node -> residual of its first round used, milliseconds."""
    found: dict[str, float] = {}
    if fix is not None:
        for item in sorted(fix.residuals, key=lambda item: (item.weight <= 0.0, item.round)):
            found.setdefault(names.get(item.event_id, item.node), round(1e3 * float(item.residual_s), 3))
    return dict(sorted(found.items()))


def _card(
    source: Source, arrivals: Sequence[Arrival], names: Mapping[str, str], judged: Mapping[str, Any]
) -> dict[str, Any]:
    """The explain card: what fusion and location say of themselves, and what was added here."""
    association, fix = source.association, source.fix
    card: dict[str, Any] = {
        "arrivals": _arrival_lines(arrivals, fix, names),
        "silent": list(association.silent),
        "echoes": [_brief(item) for item in association.echoes],
        "shock_waves": [_brief(item) for item in association.shock_waves],
        **judged,
    }
    if fix is None:
        card["near"] = near(arrivals)
        card["words"] = [source.reason] if source.reason else []
    else:
        card |= {"n_effective": round(float(fix.n_effective), 2), **fix.card}
    return card


def _arrival_lines(
    arrivals: Sequence[Arrival], fix: Fix | None, names: Mapping[str, str]
) -> list[dict[str, Any]]:
    residuals = {} if fix is None else {item.event_id: item for item in fix.residuals}
    lines = []
    for arrival in arrivals:
        line: dict[str, Any] = {
            "event_id": arrival.event_id,
            "node": names[arrival.event_id],
            "utc_ns": arrival.utc_ns,
            "snr_db": arrival.snr_db,
            "p_gunshot": arrival.p_gunshot,
        }
        found = residuals.get(arrival.event_id)
        if found is not None:
            late = "late" if found.residual_s > 0 else "early"
            why = f"{late} by {abs(1e3 * found.residual_s):.0f} ms: an echo, a detour or a wrong clock"
            line |= {
                "round": found.round,
                "residual_ms": round(1e3 * float(found.residual_s), 3),
                "sigma_ms": round(1e3 * float(found.sigma_s), 3),
                "weight": round(float(found.weight), 3),
                "distance_m": round(float(found.distance_m), 1),
                "why": why if found.weight < 0.5 else "",
            }
        lines.append(line)
    return lines


def _brief(arrival: Arrival) -> dict[str, Any]:
    return {"event_id": arrival.event_id, "node": arrival.node, "utc_ns": arrival.utc_ns}


def near(arrivals: Sequence[Arrival]) -> dict[str, float]:
    """Where it was heard, of what was not located: the nodes' middle and greatest distance from it."""
    positions = {arrival.key: arrival.position for arrival in arrivals}
    frame = Frame.around(list(positions.values()))
    points = [frame.enu(position) for position in positions.values()]
    east = sum(point[0] for point in points) / len(points)
    north = sum(point[1] for point in points) / len(points)
    middle = frame.place(east, north)
    radius_m = max(math.hypot(point[0] - east, point[1] - north) for point in points)
    return {
        "lat_deg": round(middle.lat_deg, 6),
        "lon_deg": round(middle.lon_deg, 6),
        "radius_m": round(radius_m, 1),
    }


def apart_m(one: IncidentVersion | Draft, other: IncidentVersion | Draft) -> float:
    """Distance on the ground between two located incidents, metres; infinite if one is not located."""
    if one.place is None or other.place is None:
        return math.inf
    east, north, _ = Frame(one.place).enu(other.place)
    return math.hypot(east, north)
