"""The figures of a period, from the record alone: what was told, what came of it, how fast, what was missed.

An **alert** is an incident, exercises left out, that was called gunshot or probable gunshot in any version:
taking it back later does not make it one alert less. What really happened is what labels say (dispatch
centre, officers on the scene, a file); a reviewer's judgement from hearing is counted apart and is no ground
truth. Nothing here names a person, gives anybody's own words, or places anything better than COARSE_DEG.
"""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sensor.central.cad.dispositions import DISPATCHED, MISSED, ON_SCENE, VERDICTS
from sensor.central.record.fleet_figures import FleetFigures, fleet_figures
from sensor.central.record.intervals import Share, Spread, share, spread
from sensor.central.record.ledger import Anchor, verify_record
from sensor.central.store import Label, Store
from sensor.central.types import IncidentVersion
from sensor.errors import ChainError
from sensor.geodesy import enu_from_llh

GUNFIRE = frozenset({"gunshot", "probable_gunshot"})
_MOST = 1_000_000
_SAME_S, _SAME_M = 120.0, 100.0
"""Two alerts nearer than this in time and place may be one shooting told twice."""
COARSE_DEG = 0.005
"""Places are rounded to this, some 500 m: a shooting is often somebody's home."""
_BY_EAR = frozenset({"review", "desk"})
"""Sources of labels that say what people at a screen thought."""
_PRIVACY = {
    "evidence.heard": "sound of an event was listened to",
    "export": "a list of incidents was taken out",
    "incident.export": "the whole file of one incident was taken out",
    "audit.read": "the audit was read",
    "login.refused": "a login was refused",
}
"""Actions of the audit that the public counts, and what each means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert of the period."""

    incident_id: str
    utc_ns: int
    site: str
    first_class: str
    last_class: str
    state: str
    versions: int
    located: bool
    verdict: str
    """``confirmed``, ``false``, ``unknown`` (somebody said so) or ``none`` (nobody answered)."""
    verdict_by: str
    """Source of that word, such as ``cad/city``; empty where there is none."""
    near: tuple[float, float] | None
    """Latitude and longitude, rounded to COARSE_DEG; None where it was not located."""
    contradicted: bool
    """Sources disagree about it."""
    located_after_s: float | None
    told_after_s: float | None
    """Discharge to the first receiver's acknowledgement."""
    dispatched_after_s: float | None
    on_scene_after_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """A person changed what the machine had said."""

    incident_id: str
    version: int
    before: str
    after: str
    """Who and why is in the record, not here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """A shooting that somebody reported and the sensors did not."""

    at_ns: int
    source: str
    near: tuple[float, float] | None
    """Rounded to COARSE_DEG."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Everything the report says."""

    since_ns: int
    until_ns: int
    history_from_ns: int | None
    """What the nodes said before is not kept any more; None = everything is."""
    alerts: tuple[Alert, ...]
    incidents: int
    """Incidents of the period, alerts or not, exercises left out."""
    exercises: int
    not_located: int
    retracted: int
    verdicts: Mapping[str, int]
    confirmed: Share
    """Of all alerts: what is known for certain, so a lower bound."""
    confirmed_of_decided: Share
    """Of the alerts that were confirmed or found false."""
    contradicted: int
    repeated: int
    """Alerts within two minutes and 100 m of another."""
    missed: tuple[Missed, ...]
    detected: Share
    """Confirmed alerts of confirmed alerts and reported misses."""
    located_after: Spread
    told_after: Spread
    dispatched_after: Spread
    on_scene_after: Spread
    undeliverable: int
    reversals: tuple[Reversal, ...]
    fleet: FleetFigures
    privacy: Mapping[str, int]
    """What was done with data that could harm somebody -> how often."""
    record: str
    """Whether the record is whole, in words."""
    anchor: Anchor | None
    """The record as it stands; None where it is not whole."""


def gather(store: Store, *, since_ns: int, until_ns: int, history_from_ns: int | None = None) -> Figures:
    """Read the record for ``since_ns <= utc_ns < until_ns``; raise StoreError when it cannot be read.

    ``history_from_ns``: since when the nodes' history is kept; None = it is all there.
    """
    latest = store.latest(since_ns=since_ns, until_ns=until_ns, limit=_MOST)
    real = [version for version in latest if not version.exercise]
    labels: dict[str, list[Label]] = defaultdict(list)
    for label in store.labels():
        labels[label.incident_id].append(label)
    histories = {version.incident_id: store.versions(version.incident_id) for version in real}
    alerts = tuple(
        _alert(store, histories[version.incident_id], labels[version.incident_id])
        for version in sorted(real, key=lambda item: item.utc_ns)
        if any(item.incident_class in GUNFIRE for item in histories[version.incident_id])
    )
    verdicts = Counter(alert.verdict for alert in alerts)
    record, anchor = _record(store)
    missed = _missed(labels, since_ns, until_ns)
    confirmed, false = verdicts["confirmed"], verdicts["false"]
    return Figures(
        since_ns=since_ns,
        until_ns=until_ns,
        history_from_ns=history_from_ns,
        alerts=alerts,
        incidents=len(real),
        exercises=len(latest) - len(real),
        not_located=sum(not alert.located for alert in alerts),
        retracted=sum(alert.state == "retracted" for alert in alerts),
        verdicts={name: verdicts[name] for name in (*VERDICTS, "none")},
        confirmed=share(confirmed, len(alerts)),
        confirmed_of_decided=share(confirmed, confirmed + false),
        contradicted=sum(alert.contradicted for alert in alerts),
        repeated=_repeated([histories[alert.incident_id][-1] for alert in alerts]),
        missed=missed,
        detected=share(confirmed, confirmed + len(missed)),
        located_after=_spread(alert.located_after_s for alert in alerts),
        told_after=_spread(alert.told_after_s for alert in alerts),
        dispatched_after=_spread(alert.dispatched_after_s for alert in alerts),
        on_scene_after=_spread(alert.on_scene_after_s for alert in alerts),
        undeliverable=_undeliverable(store, alerts),
        reversals=tuple(item for alert in alerts for item in _reversals(histories[alert.incident_id])),
        fleet=fleet_figures(store, since_ns, until_ns),
        privacy={
            words: len(store.audit_log(since_ns=since_ns, until_ns=until_ns, action=action, limit=_MOST))
            for action, words in _PRIVACY.items()
        },
        record=record,
        anchor=anchor,
    )


def _alert(store: Store, history: Sequence[IncidentVersion], labels: Sequence[Label]) -> Alert:
    last = history[-1]
    said = [label for label in labels if label.label in VERDICTS and label.source not in _BY_EAR]
    verdict = max(said, key=lambda label: label.at_ns, default=None)
    by_source = {label.source: label.label for label in sorted(said, key=lambda label: label.at_ns)}
    placed = [version.created_ns for version in history if version.place is not None]
    told = [
        item.settled_ns
        for item in store.deliveries(incident_id=last.incident_id, state="delivered")
        if item.settled_ns is not None and item.channel not in {"mqtt", "home-assistant"}
    ]
    return Alert(
        incident_id=last.incident_id,
        utc_ns=last.utc_ns,
        site=last.site,
        first_class=history[0].incident_class,
        last_class=last.incident_class,
        state=last.state,
        versions=len(history),
        located=last.place is not None,
        verdict="none" if verdict is None else verdict.label,
        verdict_by="" if verdict is None else verdict.source,
        near=None if last.place is None else _coarse(last.place.lat_deg, last.place.lon_deg),
        contradicted=len(set(by_source.values()) - {"unknown"}) > 1,
        located_after_s=_after_s(last.utc_ns, placed),
        told_after_s=_after_s(last.utc_ns, told),
        dispatched_after_s=_label_after_s(last.utc_ns, labels, DISPATCHED),
        on_scene_after_s=_label_after_s(last.utc_ns, labels, ON_SCENE),
    )


def _coarse(lat_deg: float, lon_deg: float) -> tuple[float, float]:
    return (
        round(round(lat_deg / COARSE_DEG) * COARSE_DEG, 3),
        round(round(lon_deg / COARSE_DEG) * COARSE_DEG, 3),
    )


def _after_s(utc_ns: int, moments: Sequence[int]) -> float | None:
    return (min(moments) - utc_ns) / 1e9 if moments else None


def _label_after_s(utc_ns: int, labels: Sequence[Label], name: str) -> float | None:
    return _after_s(utc_ns, [label.at_ns for label in labels if label.label == name])


def _spread(values: Iterable[float | None]) -> Spread:
    return spread([value for value in values if value is not None])


def _missed(labels: Mapping[str, Sequence[Label]], since_ns: int, until_ns: int) -> tuple[Missed, ...]:
    found = [
        Missed(at_ns=label.at_ns, source=label.source, near=_told_place(label.reason))
        for group in labels.values()
        for label in group
        if label.label == MISSED and since_ns <= label.at_ns < until_ns
    ]
    return tuple(sorted(found, key=lambda item: item.at_ns))


def _told_place(text: str) -> tuple[float, float] | None:
    """The place in the label of a miss, which is JSON with ``lat_deg`` and ``lon_deg``."""
    try:
        told = json.loads(text)
        return _coarse(float(told["lat_deg"]), float(told["lon_deg"]))
    except (ValueError, TypeError, KeyError, OverflowError):
        return None


def _repeated(versions: Sequence[IncidentVersion]) -> int:
    """How many alerts follow another so closely that they may be the same shooting."""
    count = 0
    for index, version in enumerate(versions):
        for other in reversed(versions[:index]):
            if version.utc_ns - other.utc_ns > _SAME_S * 1e9:
                break
            if _near(version, other):
                count += 1
                break
    return count


def _near(version: IncidentVersion, other: IncidentVersion) -> bool:
    if version.place is None or other.place is None or version.site != other.site:
        return False
    here, there = version.place, other.place
    east_m, north_m, _ = enu_from_llh((here.lat_deg, here.lon_deg, 0.0), (there.lat_deg, there.lon_deg, 0.0))
    return math.hypot(east_m, north_m) <= _SAME_M


def _reversals(history: Sequence[IncidentVersion]) -> list[Reversal]:
    return [
        Reversal(
            incident_id=after.incident_id,
            version=after.version,
            before=_said(before),
            after=_said(after),
        )
        for before, after in itertools.pairwise(history)
        if after.author != "fusion" and _said(before) != _said(after)
    ]


def _said(version: IncidentVersion) -> str:
    return "retracted" if version.state == "retracted" else version.incident_class


def _undeliverable(store: Store, alerts: Sequence[Alert]) -> int:
    return sum(len(store.deliveries(incident_id=alert.incident_id, state="dead")) for alert in alerts)


def _record(store: Store) -> tuple[str, Anchor | None]:
    try:
        proof = verify_record(store)
    except ChainError as error:
        return f"NOT WHOLE: {error}", None
    words = (
        f"whole: {proof.versions} versions of {proof.incidents} incidents and {proof.audit_entries} audit "
        "entries, each chained to the one before"
    )
    return words, proof.anchor
