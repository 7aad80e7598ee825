"""What is new in a version, whether it is worth writing down, and how to say it."""

from __future__ import annotations

from sensor.central.incidents.draft import apart_m
from sensor.central.incidents.settings import IncidentSettings
from sensor.central.types import IncidentVersion


def is_worth_a_version(last: IncidentVersion, new: IncidentVersion, settings: IncidentSettings) -> bool:
    """Whether somebody who knows ``last`` should be told of ``new``."""
    if last.state == "closed" and _evidence(last) == _evidence(new):
        return False  # said once more, nothing new
    if _evidence(last) != _evidence(new) or last.state not in {"closed", new.state}:
        return True
    moved_m = apart_m(last, new) if last.place is not None else 0.0
    return moved_m > settings.moved_m or abs(last.p_gunshot - new.p_gunshot) > settings.p_changed


def _evidence(version: IncidentVersion) -> tuple[object, ...]:
    """What may not change without a new version."""
    return (
        version.event_ids,
        len(version.rounds),
        version.rounds_lo,
        version.rounds_hi,
        version.incident_class,
        version.related_to,
        version.place is None,
        frozenset(tag.name for tag in version.tags),
    )


def changes(last: IncidentVersion, new: IncidentVersion) -> str:
    """What became different, in words."""
    parts = [text for text in (_of_state(last, new), _of_place(last, new)) if text]
    if len(last.nodes) != len(new.nodes):
        parts.append(f"heard by {len(new.nodes)} nodes, was {len(last.nodes)}")
    if len(last.rounds) != len(new.rounds):
        parts.append(f"{len(new.rounds)} rounds, was {len(last.rounds)}")
    if last.incident_class != new.incident_class:
        parts.append(f"{new.incident_class}, was {last.incident_class}")
    if last.related_to != new.related_to:
        parts.append(f"related to {len(new.related_to)} others")
    added = sorted({tag.name for tag in new.tags} - {tag.name for tag in last.tags})
    if added:
        parts.append("tagged " + ", ".join(added))
    if abs(last.p_gunshot - new.p_gunshot) > 0.005:
        parts.append(f"p {new.p_gunshot:.2f}, was {last.p_gunshot:.2f}")
    return "; ".join(parts) or "arrivals assigned anew"


def _of_state(last: IncidentVersion, new: IncidentVersion) -> str:
    if last.state == "retracted":
        return "found again"
    if last.state == "closed":
        return "opened again by a late arrival" if last.event_ids != new.event_ids else "opened again"
    return ""


def _of_place(last: IncidentVersion, new: IncidentVersion) -> str:
    if last.place is None:
        return "" if new.place is None else "located"
    if new.place is None:
        return "cannot be located any more"
    moved_m = apart_m(last, new)
    return f"moved {moved_m:.1f} m" if moved_m >= 0.1 else ""
