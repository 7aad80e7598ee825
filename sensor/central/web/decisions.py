"""A person's decision about an incident, as desk and practice read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from sensor.central.types import IncidentClass
from sensor.central.web.bodies import choice, text
from sensor.central.web.filters import CLASSES

Decided = Literal["confirm", "reclassify", "retract", "restore"]
DECISIONS: tuple[Decided, ...] = ("confirm", "reclassify", "retract", "restore")
CONFIRMABLE = tuple(name for name in CLASSES if name not in ("unknown", "probable_gunshot"))
"""What can be confirmed: something definite. Who confirms a probable gunshot says that it was one."""
REASON_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What somebody decided, and why."""

    action: Decided
    incident_class: IncidentClass | None
    """What it is, where confirmed or reclassified: as the person saw it, whatever fusion said since."""
    reason: str


def read_decision(body: Mapping[str, Any], allowed: tuple[Decided, ...] = DECISIONS) -> Decision:
    """``{action, class, reason}``; a reason is wanted for each decision but a confirmation.

    Raises:
        WireError: the body is none.
    """
    action = cast("Decided", choice(body, "action", allowed))
    named = {"confirm": CONFIRMABLE, "reclassify": CLASSES}.get(action)
    return Decision(
        action=action,
        incident_class=cast("IncidentClass", choice(body, "class", named)) if named else None,
        reason=text(body, "reason", most=REASON_MAX, least=0 if action == "confirm" else 3),
    )
