"""Incidents and their record kept in step: what fusion finds and what people say, version after version."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from sensor.central.incidents.chain import Signer, seal
from sensor.central.incidents.machine import Incidents, WindowLike
from sensor.central.incidents.review import Action, ReviewError, is_judged, judgement_of, review
from sensor.central.incidents.states import FUSION
from sensor.central.store.protocol import Store
from sensor.central.store.values import VersionConflict
from sensor.central.types import IncidentClass, IncidentVersion, Place

logger = logging.getLogger(__name__)
TRIES = 5
_DEG_M = 111_000.0


class Listener(Protocol):
    """Whoever is to know of a version once it is stored."""

    def __call__(self, version: IncidentVersion, number: int) -> None:
        """Take notice; ``number`` is its place in the record."""
        ...


class Recorder:
    """Writes versions, one at a time, and tells of each.

    Args:
        store: the record.
        incidents: what fusion's answers become.
        signer: signs what people write.
        on_version: told of each version once it is stored; what it raises is logged.
    """

    def __init__(
        self, store: Store, incidents: Incidents, *, signer: Signer | None, on_version: Listener
    ) -> None:
        self._store = store
        self._incidents = incidents
        self._signer = signer
        self._on_version = on_version
        self._lock = threading.Lock()

    def update(self, window: WindowLike, now_ns: int) -> list[IncidentVersion]:
        """Write what an answer of fusion brings about; raise StoreError when the record refuses.

        What was written before a refusal stays and is not written again by the next attempt.
        """
        written: list[IncidentVersion] = []
        with self._lock:
            for _ in range(TRIES):
                try:
                    for version in self._incidents.propose(window, now_ns):
                        self._write(version)
                        written.append(version)
                except VersionConflict as conflict:
                    # A person, or another worker, was faster: take theirs up and look again.
                    logger.info("%s", conflict)
                    self._take_up(version.incident_id)
                    continue
                return written
        raise VersionConflict(
            "others write the same incidents at the same time; is the worker's area its own?"
        )

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
        """Write what a person says of an incident.

        Raises:
            VersionConflict: another person has said something since ``expected_version``. What fusion wrote
                meanwhile is no obstacle.
            ReviewError: there is no such incident, or the judgement makes no sense.
            StoreError: the record refuses.
        """
        for _ in range(TRIES):
            with self._lock:
                versions = self._store.versions(incident_id)
                if not versions:
                    raise ReviewError(f"there is no incident {incident_id}")
                if expected_version is not None:
                    newer = [
                        item for item in versions if item.version > expected_version and item.author != FUSION
                    ]
                    if newer:
                        raise VersionConflict(
                            f"incident {incident_id}: {newer[-1].author} has judged it since; look again"
                        )
                version = review(
                    versions[-1],
                    action=action,
                    author=author,
                    reason=reason,
                    incident_class=incident_class,
                    at_ns=at_ns,
                    signer=self._signer,
                )
                try:
                    self._write(version)
                except VersionConflict:
                    continue  # fusion of another worker was faster
                return version
        raise VersionConflict(f"incident {incident_id}: it changes too fast; try again")

    def practise(self, version: IncidentVersion) -> IncidentVersion:
        """Write a version of an exercise; fusion never hears of it.

        Raises:
            ReviewError: it is not marked as an exercise.
            StoreError: the record refuses.
        """
        if not version.exercise:
            raise ReviewError(f"incident {version.incident_id} is not marked as an exercise")
        sealed = seal(version, self._signer)
        with self._lock:
            self._tell(sealed, self._store.append_version(sealed))
        return sealed

    def _write(self, version: IncidentVersion) -> None:
        number = self._store.append_version(version)
        self._incidents.adopt(version)
        self._tell(version, number)

    def _tell(self, version: IncidentVersion, number: int) -> None:
        try:
            self._on_version(version, number)
        except Exception:
            logger.exception(
                "version %d of %s is stored, telling of it failed", version.version, version.incident_id
            )

    def _take_up(self, incident_id: str) -> None:
        latest = self._store.latest_of(incident_id)
        if latest is not None:
            self._incidents.adopt(latest)


def history_of(store: Store, *, radius_m: float, days: float) -> Callable[[Place, int], Mapping[str, int]]:
    """What people said of earlier incidents near a place, by class: judgements, never our own guesses."""
    from math import cos, radians  # noqa: PLC0415  for this one formula

    def history(place: Place, utc_ns: int) -> Mapping[str, int]:
        if radius_m <= 0.0 or days <= 0.0:
            return {}
        north = radius_m / _DEG_M
        east = north / max(0.01, cos(radians(place.lat_deg)))
        box = (place.lon_deg - east, place.lat_deg - north, place.lon_deg + east, place.lat_deg + north)
        found: dict[str, int] = {}
        for item in store.latest(
            since_ns=utc_ns - round(days * 86400e9),
            until_ns=utc_ns - 60 * 10**9,  # not this burst itself
            limit=200,
            filters={"bbox": box, "exercise": False},
        ):
            judged = judgement_of(item) if is_judged(item) else None
            if judged is not None and judged.evidence.get("action") in ("confirm", "reclassify"):
                name = item.incident_class.removeprefix("probable_")
                found[name] = found.get(name, 0) + 1
        return found

    return history


def as_exercise(version: IncidentVersion) -> IncidentVersion:
    """The same, marked as never to be acted on; not sealed."""
    return replace(version, exercise=True, hash=None, signature=None)
