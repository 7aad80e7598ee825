"""The door to whoever makes new versions of incidents on a person's behalf."""

from __future__ import annotations

from typing import Protocol

from sensor.central.types import IncidentClass, IncidentVersion
from sensor.central.web.decisions import Decided


class Reviewer(Protocol):
    """What desk and practice ask of the incidents' keeper."""

    def practise(self, version: IncidentVersion) -> IncidentVersion:
        """Seal a version of an exercise, append it to the record, and return it; raise StoreError."""
        ...

    def review(
        self,
        incident_id: str,
        *,
        action: Decided,
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
