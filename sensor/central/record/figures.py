"""The figures of a period, from the record alone: what was told, what came of it, how fast, what was missed.

An **alert** is an incident, exercises left out, that was called gunshot or probable gunshot in any version:
taking it back later does not make it one alert less. What really happened is what labels say (dispatch
centre, police, a file); a reviewer's judgement from hearing is counted apart and is no ground truth.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sensor.central.cad.dispositions import DISPATCHED, MISSED, ON_SCENE, VERDICTS
from sensor.central.record.fleet_figures import NodeFigures, SiteCoverage, coverage_of, node_figures
from sensor.central.record.intervals import Share, Spread, share, spread
from sensor.central.store import Label, Store
from sensor.central.types import IncidentVersion
from sensor.errors import ChainError
from sensor.geodesy import enu_from_llh

GUNFIRE = frozenset({"gunshot", "probable_gunshot"})
_MOST = 1_000_000
_SAME_S, _SAME_M = 120.0, 100.0
"""Two alerts nearer than this in time and place may be one shooting told twice."""
_HEARD = "evidence.heard"


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
    author: str
    before: str
    after: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """A shooting that somebody reported and the sensors did not."""

    at_ns: int
    source: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Everything the report says."""

    since_ns: int
    until_ns: int
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
    nodes: tuple[NodeFigures, ...]
    coverage: tuple[SiteCoverage, ...]
    sound_heard: int
    """How often a person listened to the sound of an event."""
    record: str
    """Whether the record is whole, in words."""


def gather(store: Store, *, since_ns: int, until_ns: int) -> Figures:
    """Read the record for ``since_ns <= utc_ns < until_ns``; raise StoreError when it cannot be read."""
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
    missed = _missed(labels, since_ns, until_ns)
    confirmed, false = verdicts["confirmed"], verdicts["false"]
    return Figures(
        since_ns=since_ns,
        until_ns=until_ns,
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
        nodes=node_figures(store, since_ns, until_ns),
        coverage=coverage_of(store, since_ns, until_ns),
        sound_heard=len(store.audit_log(since_ns=since_ns, until_ns=until_ns, action=_HEARD, limit=_MOST)),
        record=_record(store),
    )


def _alert(store: Store, history: Sequence[IncidentVersion], labels: Sequence[Label]) -> Alert:
    last = history[-1]
    said = [label for label in labels if label.label in VERDICTS]
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
        contradicted=len(set(by_source.values()) - {"unknown"}) > 1,
        located_after_s=_after_s(last.utc_ns, placed),
        told_after_s=_after_s(last.utc_ns, told),
        dispatched_after_s=_label_after_s(last.utc_ns, labels, DISPATCHED),
        on_scene_after_s=_label_after_s(last.utc_ns, labels, ON_SCENE),
    )


def _after_s(utc_ns: int, moments: Sequence[int]) -> float | None:
    return (min(moments) - utc_ns) / 1e9 if moments else None


def _label_after_s(utc_ns: int, labels: Sequence[Label], name: str) -> float | None:
    return _after_s(utc_ns, [label.at_ns for label in labels if label.label == name])


def _spread(values: Iterable[float | None]) -> Spread:
    return spread([value for value in values if value is not None])


def _missed(labels: Mapping[str, Sequence[Label]], since_ns: int, until_ns: int) -> tuple[Missed, ...]:
    found = [
        Missed(at_ns=label.at_ns, source=label.source, text=label.reason)
        for group in labels.values()
        for label in group
        if label.label == MISSED and since_ns <= label.at_ns < until_ns
    ]
    return tuple(sorted(found, key=lambda item: item.at_ns))


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
            author=after.author,
            before=_said(before),
            after=_said(after),
            reason=after.reason,
        )
        for before, after in itertools.pairwise(history)
        if after.author != "fusion" and _said(before) != _said(after)
    ]


def _said(version: IncidentVersion) -> str:
    return "retracted" if version.state == "retracted" else version.incident_class


def _undeliverable(store: Store, alerts: Sequence[Alert]) -> int:
    return sum(len(store.deliveries(incident_id=alert.incident_id, state="dead")) for alert in alerts)


def _record(store: Store) -> str:
    try:
        versions, entries = store.verify_ledger(), store.verify_audit()
    except ChainError as error:
        return f"NOT WHOLE: {error}"
    return f"whole: {versions} versions and {entries} audit entries, each chained to the one before"
