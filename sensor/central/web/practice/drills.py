"""What is practised: cases whose truth is known, from the shipped drills or from the site's own record."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from itertools import takewhile
from typing import Any

from sensor.central.incidents.states import FUSION
from sensor.central.store.protocol import Store
from sensor.central.store.values import Label
from sensor.central.types import Alternative, Ellipse, IncidentVersion, Place, RoundTime, Tag
from sensor.geodesy import Vector, llh_from_enu

GUNFIRE = frozenset({"gunshot", "probable_gunshot"})
RECORDED = "recorded"
"""Id of the drill that is made of the site's own record."""
_RECORDED_MOST = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One incident with its truth."""

    version: IncidentVersion
    """As fusion told it: class, place and rounds; its times are put to the present when it is practised."""
    gunfire: bool
    """Whether it really was."""
    truth: str
    """What it really was, in words."""
    lesson: str
    """What to have looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """A sequence of cases."""

    drill_id: str
    title: str
    words: str
    cases: tuple[Case, ...]


def shipped(centre: Vector) -> tuple[Drill, ...]:
    """The drills that come with the package, laid round ``centre`` (latitude, longitude, height)."""
    text = (files(__package__) / "drills.json").read_text(encoding="utf-8")
    return tuple(
        Drill(
            drill_id=body["id"],
            title=body["title"],
            words=body["words"],
            cases=tuple(_case(case, centre) for case in body["cases"]),
        )
        for body in json.loads(text)
    )


def recorded(store: Store) -> Drill | None:
    """The latest incidents whose truth somebody established at the scene; None where there are none."""
    truths: dict[str, Label] = {
        label.incident_id: label for label in store.labels() if label.label in ("confirmed", "false")
    }
    cases = []
    for incident_id, label in reversed(truths.items()):
        # What fusion said before anybody judged: after that, its versions carry the judgement.
        told = list(takewhile(lambda version: version.author == FUSION, store.versions(incident_id)))
        if told and not told[-1].exercise:
            cases.append(_recorded_case(told[-1], label))
        if len(cases) == _RECORDED_MOST:
            break
    if not cases:
        return None
    return Drill(
        drill_id=RECORDED,
        title="From our own record",
        words=f"{len(cases)} incidents of this site whose truth was established at the scene.",
        cases=tuple(cases),
    )


def _recorded_case(version: IncidentVersion, label: Label) -> Case:
    return Case(
        version=replace(version, event_ids=(), related_to=(), prev_hash=None, hash=None, signature=None),
        gunfire=label.label == "confirmed",
        truth=f"{label.label}: {label.reason or 'no further words'} ({label.source})",
        lesson="",
    )


def _case(body: Mapping[str, Any], centre: Vector) -> Case:
    """One case of the shipped file; see its keys there."""
    nodes = tuple(f"sensor-{number}" for number in range(1, body["nodes"] + 1))
    rounds = tuple(RoundTime(utc_ns=round(at_s * 1e9), sigma_ns=2_000_000) for at_s in body["rounds_s"])
    spot = body.get("spot")
    return Case(
        version=IncidentVersion(
            incident_id="exercise",
            version=1,
            state="classified" if spot else "open",
            site="exercise",
            utc_ns=rounds[0].utc_ns,
            place=_place(spot, centre) if spot else None,
            ellipse_95=_ellipse(spot) if spot else None,
            rounds=rounds,
            rounds_lo=body["rounds_lo"],
            rounds_hi=body["rounds_hi"],
            p_gunshot=body["p_gunshot"],
            incident_class=body["class"],
            nodes=nodes,
            residuals_ms=dict(zip(nodes, body["residuals_ms"], strict=False)),
            event_ids=(),
            tags=tuple(Tag(name=name, evidence=evidence) for name, evidence in body["tags"].items()),
            confidence=body["confidence"],
            alternatives=_alternatives(body.get("mirror"), centre),
            card={"words": body["card"], **_near(body.get("near"), centre)},
            reason=body["reason"],
            exercise=True,
        ),
        gunfire=body["truth"] in GUNFIRE,
        truth=body["truth"].replace("_", " "),
        lesson=body["lesson"],
    )


def _place(spot: Sequence[float], centre: Vector) -> Place:
    lat, lon, height = llh_from_enu((spot[0], spot[1], 0.0), centre)
    return Place(lat_deg=round(lat, 7), lon_deg=round(lon, 7), height_m=round(height, 1))


def _ellipse(spot: Sequence[float]) -> Ellipse:
    return Ellipse(semi_major_m=spot[2], semi_minor_m=spot[3], azimuth_deg=spot[4])


def _alternatives(mirror: Sequence[float] | None, centre: Vector) -> tuple[Alternative, ...]:
    if mirror is None:
        return ()
    return (Alternative(place=_place(mirror, centre), ellipse_95=_ellipse(mirror), odds=mirror[5]),)


def _near(near: Sequence[float] | None, centre: Vector) -> dict[str, Any]:
    if near is None:
        return {}
    place = _place(near, centre)
    return {"near": {"lat_deg": place.lat_deg, "lon_deg": place.lon_deg, "radius_m": near[2]}}
