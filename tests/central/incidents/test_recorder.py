"""Writing what people say: one after another, and exercises apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor.central.incidents.machine import Incidents
from sensor.central.incidents.recorder import Recorder
from sensor.central.incidents.review import ReviewError
from sensor.central.incidents.settings import IncidentSettings
from sensor.central.store.sqlite import SqliteStore
from sensor.central.store.values import VersionConflict
from sensor.central.types import IncidentVersion
from tests.support.incidents import incident_version, next_version


class Desk:
    """A recorder over a real record, and what it told."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.incidents = Incidents(IncidentSettings())
        self.told: list[tuple[str, int]] = []
        self.recorder = Recorder(store, self.incidents, signer=None, on_version=self._hear)

    def _hear(self, version: IncidentVersion, number: int) -> None:
        self.told.append((version.incident_id, number))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    store = SqliteStore(tmp_path / "record.db")
    store.append_version(incident_version(1))
    yield Desk(store)
    store.close()


def test_a_judgement_is_stored_and_told(desk: Desk) -> None:
    version = desk.recorder.review("incident-1", action="retract", author="kim", reason="thunder", at_ns=1)
    assert desk.store.latest_of("incident-1") == version
    assert desk.told == [("incident-1", 2)]


def test_what_another_person_said_since_is_a_conflict_and_what_fusion_wrote_is_not(desk: Desk) -> None:
    first = desk.store.latest_of("incident-1")
    assert first is not None
    desk.store.append_version(next_version(first, p_gunshot=0.5))
    desk.recorder.review(
        "incident-1", action="confirm", author="kim", reason="heard it", expected_version=1, at_ns=1
    )
    with pytest.raises(VersionConflict, match="kim has judged it since"):
        desk.recorder.review(
            "incident-1", action="retract", author="ada", reason="thunder", expected_version=2, at_ns=2
        )


def test_an_exercise_is_stored_and_told_and_fusion_never_hears_of_it(desk: Desk) -> None:
    exercise = incident_version(2, exercise=True)
    sealed = desk.recorder.practise(exercise)
    assert desk.store.latest_of("incident-2") == sealed
    assert desk.told == [("incident-2", 2)]
    assert desk.incidents.last("incident-2") is None
    desk.store.verify_ledger()


def test_what_is_not_marked_as_an_exercise_is_none(desk: Desk) -> None:
    with pytest.raises(ReviewError, match="incident-3 is not marked as an exercise"):
        desk.recorder.practise(incident_version(3))
    assert desk.store.latest_of("incident-3") is None


def test_an_incident_that_is_not_there_cannot_be_judged(desk: Desk) -> None:
    with pytest.raises(ReviewError, match="there is no incident nowhere"):
        desk.recorder.review("nowhere", action="retract", author="kim", reason="thunder", at_ns=1)
