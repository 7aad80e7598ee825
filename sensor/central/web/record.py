"""Incidents out of the store as the pages get them: the record and what people said, as a role may see it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sensor.central.incidents.chain import incident_json, verify_chain
from sensor.central.store.protocol import Store
from sensor.central.store.values import Label
from sensor.central.types import IncidentVersion
from sensor.central.web.access import Viewer, Web
from sensor.central.web.answers import NotThere
from sensor.central.web.filters import Query
from sensor.central.web.redact import redacted
from sensor.errors import ChainError

MACHINE = "fusion"
"""Author of the versions that nobody decided."""
DESK = "desk"
"""Source of labels that say what happened at the desk."""
REVIEW = "review"
"""Source of labels that say what a reviewer decided."""
SEEN, TAKEN_BACK = "acknowledged", "taken back"
_FEW = 300
"""Up to so many incidents, their labels are asked for one by one."""


def view(version: IncidentVersion, viewer: Viewer) -> dict[str, Any]:
    """A version as this viewer may see it."""
    body = incident_json(version)
    return body if viewer.may("nodes") else redacted(body)


def desk_of(labels: Iterable[Label]) -> dict[str, Any]:
    """What people said of one incident."""
    seen: list[dict[str, Any]] = []
    decision: dict[str, Any] | None = None
    others: list[dict[str, Any]] = []
    for label in labels:
        told = {"by": label.author, "at_ns": label.at_ns, "label": label.label, "reason": label.reason}
        if label.source == DESK and label.label == SEEN:
            seen.append(told)
        elif label.source == REVIEW:
            decision = None if label.label == TAKEN_BACK else told
        else:
            others.append({**told, "source": label.source})
    return {"acknowledged": seen, "decision": decision, "dispositions": others}


def rows(web: Web, viewer: Viewer, query: Query) -> list[dict[str, Any]]:
    """Incidents that a query asks for, newest first, each with ``desk``."""
    return [{**view(version, viewer), "desk": desk} for version, desk in versions_with_desk(web.store, query)]


def versions_with_desk(store: Store, query: Query) -> list[tuple[IncidentVersion, dict[str, Any]]]:
    """Last versions that a query asks for, and what people said of each."""
    found = store.latest(
        since_ns=query.since_ns, until_ns=query.until_ns, limit=query.limit, filters=query.filters
    )
    labels = _labels(store, found)
    paired = [(version, desk_of(labels.get(version.incident_id, ()))) for version in found]
    if query.reviewed is None:
        return paired
    return [(version, desk) for version, desk in paired if is_reviewed(version, desk) == query.reviewed]


def is_reviewed(version: IncidentVersion, desk: Mapping[str, Any]) -> bool:
    """Whether a person has decided."""
    return desk["decision"] is not None or version.state == "reviewed"


def _labels(store: Store, found: Sequence[IncidentVersion]) -> Mapping[str, list[Label]]:
    if len(found) <= _FEW:
        return {version.incident_id: store.labels(version.incident_id) for version in found}
    grouped: defaultdict[str, list[Label]] = defaultdict(list)
    for label in store.labels():
        grouped[label.incident_id].append(label)
    return grouped


def whole(web: Web, viewer: Viewer, incident_id: str) -> dict[str, Any]:
    """Everything about one incident: versions, labels, evidence, and whether its chain of hashes holds.

    Raises:
        NotThere: there is no such incident.
    """
    versions = web.store.versions(incident_id)
    if not versions:
        raise NotThere(f"there is no incident {incident_id[:60]}")
    return {
        "incident": view(versions[-1], viewer),
        "desk": desk_of(web.store.labels(incident_id)),
        "versions": [view(version, viewer) for version in versions],
        "chain": _chain_words(versions),
        "evidence": _evidence(web, viewer, versions[-1]),
        "deliveries": [
            {"channel": item.channel, "version": item.version, "state": item.state, "reason": item.reason}
            for item in web.store.deliveries(incident_id=incident_id)
        ],
    }


def _chain_words(versions: Sequence[IncidentVersion]) -> dict[str, Any]:
    try:
        verify_chain(versions)
    except ChainError as error:
        return {"holds": False, "words": str(error)}
    return {"holds": True, "words": f"{len(versions)} version(s), each named by the next one's hash"}


def _evidence(web: Web, viewer: Viewer, version: IncidentVersion) -> dict[str, Any]:
    """Which of an incident's events have sound, to those who may hear it."""
    if not viewer.may("audio"):
        return {"allowed": False, "events": [], "words": f"your role ({viewer.role}) does not hear evidence"}
    clips = web.clips
    held = [] if clips is None else [each for each in version.event_ids if clips.holds(each)]
    words = "" if held else "no sound was kept of this incident: sensors report times and figures, not audio"
    return {"allowed": True, "events": held, "words": words}
