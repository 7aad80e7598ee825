"""The door to whoever makes new versions of incidents on a person's behalf."""

from __future__ import annotations

from typing import Literal, Protocol

from sensor.central.types import IncidentClass, IncidentVersion

Action = Literal["acknowledge", "confirm", "reclassify", "retract", "restore"]


class Reviewer(Protocol):
    """What the desk asks of the incidents' keeper."""

    def review(
        self,
        incident_id: str,
        *,
        action: Action,
        author: str,
        reason: str,
        incident_class: IncidentClass | None = None,
        expected_version: int | None = None,
        at_ns: int,
    ) -> IncidentVersion:
        """Append the version that a person's decision makes, tell the live pages of it, and return it.

        ``restore`` takes back the last decision by a version of its own. Raises VersionConflict when a person
        decided something since ``expected_version``.
        """
        ...
