"""Endpoints of the review desk: seen, decided, taken back, what came of it."""

from __future__ import annotations

from starlette.requests import Request

from sensor.central.store.values import VersionConflict
from sensor.central.types import IncidentVersion
from sensor.central.web.access import Body, Viewer, Web
from sensor.central.web.answers import Conflict, NotThere
from sensor.central.web.bodies import choice, text, whole_number
from sensor.central.web.decisions import REASON_MAX, Decision, read_decision
from sensor.central.web.record import DESK, REVIEW, SEEN, TAKEN_BACK, desk_of, view
from sensor.errors import ConfigError

OUTCOMES = {
    "casings_found": "confirmed",
    "victim_found": "confirmed",
    "property_damage": "confirmed",
    "witness": "confirmed",
    "nothing_found": "unknown",
    "not_searched": "unknown",
    "not_a_shot": "false",
}
"""What an officer found -> what it says of the incident, in the three words of the public figures."""


def _tell(web: Web, incident_id: str) -> dict[str, object]:
    """Tell every page what people now say of an incident."""
    desk = desk_of(web.store.labels(incident_id))
    web.live.publish("desk", {"incident_id": incident_id, "desk": desk})
    return desk


def _known(web: Web, incident_id: str) -> IncidentVersion:
    version = web.store.latest_of(incident_id)
    if version is None:
        raise NotThere(f"there is no incident {incident_id[:60]}")
    return version


def acknowledge(web: Web, viewer: Viewer, request: Request, body: Body) -> dict[str, object]:
    """``POST /api/incidents/{incident_id}/acknowledge``: somebody has seen it."""
    del body
    version = _known(web, request.path_params["incident_id"])
    seen = desk_of(web.store.labels(version.incident_id))["acknowledged"]
    if all(each["by"] != viewer.name for each in seen):
        web.store.add_label(
            version.incident_id,
            source=DESK,
            label=SEEN,
            reason="",
            author=viewer.name,
            at_ns=web.now_ns(),
            key=f"seen:{version.incident_id}:{viewer.name}",
        )
        web.audit(viewer.name, "acknowledge", version.incident_id, version=version.version)
    return {"desk": _tell(web, version.incident_id)}


def review(web: Web, viewer: Viewer, request: Request, body: Body) -> dict[str, object]:
    """``POST /api/incidents/{incident_id}/review {action, class, reason, expected_version}``.

    A decision that somebody else made since the page was loaded is a conflict, not overwritten.
    """
    if web.reviewer is None:
        raise ConfigError("this server only shows incidents; reviews are made where fusion runs")
    known = _known(web, request.path_params["incident_id"])
    decision = read_decision(body)
    expected = whole_number(body, "expected_version", least=1, most=1_000_000_000)
    try:
        version = web.reviewer.review(
            known.incident_id,
            action=decision.action,
            author=viewer.name,
            reason=decision.reason or "confirmed at the desk",
            incident_class=decision.incident_class,
            expected_version=expected,
            at_ns=web.now_ns(),
        )
    except VersionConflict as error:
        last = _known(web, known.incident_id)
        raise Conflict(
            f"{last.author} made version {last.version} of this incident while you were reading version "
            f"{expected} ({last.state}: {last.reason}); look at it and decide again"
        ) from error
    _write_down(web, viewer, version, decision)
    return {"incident": view(version, viewer), "desk": _tell(web, version.incident_id)}


def _write_down(web: Web, viewer: Viewer, version: IncidentVersion, decision: Decision) -> None:
    """The decision as a label, which the figures are made of, and in the audit."""
    label = {"retract": "retracted", "restore": TAKEN_BACK}.get(decision.action, version.incident_class)
    web.store.add_label(
        version.incident_id,
        source=REVIEW,
        label=label,
        reason=decision.reason,
        author=viewer.name,
        at_ns=web.now_ns(),
        key=f"review:{version.incident_id}:{version.version}",
    )
    web.audit(
        viewer.name,
        f"review.{decision.action}",
        version.incident_id,
        version=version.version,
        incident_class=version.incident_class,
        reason=decision.reason,
    )


def disposition(web: Web, viewer: Viewer, request: Request, body: Body) -> dict[str, object]:
    """``POST /api/incidents/{incident_id}/disposition {outcome, note}``: what was found at the place."""
    version = _known(web, request.path_params["incident_id"])
    outcome = choice(body, "outcome", tuple(OUTCOMES))
    note = text(body, "note", most=REASON_MAX)
    web.store.add_label(
        version.incident_id,
        source="scene",
        label=OUTCOMES[outcome],
        reason=f"{outcome.replace('_', ' ')}{': ' if note else ''}{note}",
        author=viewer.name,
        at_ns=web.now_ns(),
    )
    web.audit(viewer.name, "disposition", version.incident_id, outcome=outcome, note=note)
    return {"desk": _tell(web, version.incident_id)}
