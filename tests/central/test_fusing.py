"""From what is stored to what is written: live, late, after a restart, and while the record refuses."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sensor.central.arrivals import read_arrival
from sensor.central.fusing import Fusing
from sensor.central.fusion import FusionSettings, Window
from sensor.central.incidents.chain import verify_chain
from sensor.central.incidents.machine import Incidents
from sensor.central.incidents.recorder import Recorder
from sensor.central.incidents.settings import IncidentSettings
from sensor.central.incidents.signing import CentreKey, CentreKeys
from sensor.central.store import ArrivalRow, Store
from sensor.central.store.sqlite import SqliteStore
from sensor.central.types import Air, Arrival, IncidentVersion, Listener
from sensor.errors import StoreError
from sensor.events import Position
from tests.support.mosquitto import wait_until
from tests.support.rooftops import Rooftops

HOUR_NS = 3600 * 10**9
KEY = CentreKey.new()
SETTINGS = FusionSettings(close_s=1.0)


def put(store: Store, bodies: Sequence[dict[str, Any]]) -> None:
    rows = [
        ArrivalRow(read_arrival(body), json.dumps(body), body["seq"], body["chain_id"]) for body in bodies
    ]
    store.append_arrivals(rows, received_ns=time.time_ns())


def newest(store: Store) -> list[IncidentVersion]:
    return store.latest(filters={"include_retracted": False})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    record = SqliteStore(tmp_path / "record.db")
    yield record
    record.close()


class Told:
    """What fusion said beside the record."""

    def __init__(self) -> None:
        self.windows: list[Window] = []
        self.heard: list[Arrival] = []


@contextmanager
def fusing(store: Store, told: Told | None = None, **changes: Any) -> Iterator[Fusing]:
    told = told or Told()
    incidents = Incidents(IncidentSettings(), signer=KEY)
    recorder = Recorder(store, incidents, signer=KEY, on_version=lambda _version, _number: None)
    values: dict[str, Any] = {"air": Air(), "listeners": list, **changes}
    part = Fusing(
        store,
        recorder,
        incidents,
        SETTINGS,
        on_window=told.windows.append,
        on_heard=told.heard.extend,
        **values,
    )
    part.start()
    try:
        yield part
    finally:
        assert part.stop(30.0)


def test_a_shot_is_located_at_once_better_with_each_arrival_and_closed(store: SqliteStore) -> None:
    town, told = Rooftops(), Told()
    shot = town.shot(420.0, 250.0)
    with fusing(store, told) as part:
        for count in (4, 8):
            put(store, shot[count - 4 : count])
            part.notify()
            wait_until(
                lambda count=count: [len(item.nodes) for item in newest(store)] == [count],  # type: ignore[misc]  # bound now
                what="the nodes are counted",
            )
        wait_until(lambda: newest(store)[0].state == "closed", what="it is closed")
    (incident,) = newest(store)
    verify_chain(store.versions(incident.incident_id), CentreKeys([KEY.public]))
    assert incident.place is not None
    assert len(told.heard) == 8
    assert any(window.final and window.sources for window in told.windows)


def test_what_comes_an_hour_late_reopens_its_incident(store: SqliteStore) -> None:
    town = Rooftops()
    fired_ns = time.time_ns() - HOUR_NS
    early = town.shot(420.0, 250.0, fired_ns, nodes=9)
    now = town.shot(100.0, 500.0)
    with fusing(store) as part:
        put(store, now)  # so that it knows what time it is
        part.notify()
        wait_until(lambda: len(newest(store)) == 1, what="the shot of now is there")
        put(store, [early[number] for number in (5, 2, 0, 4, 1)])
        part.notify()
        wait_until(lambda: len(newest(store)) == 2, what="the late shot is there, out of order as it came")
        first = newest(store)[-1]
        assert first.utc_ns == pytest.approx(fired_ns, abs=20_000_000)
        put(store, [early[number] for number in (8, 3, 7, 6)])
        part.notify()
        wait_until(lambda: len(newest(store)[-1].nodes) == 9, what="the rest joins it")
    again = newest(store)[-1]
    assert again.incident_id == first.incident_id
    assert again.version > first.version
    assert again.state == "closed"
    verify_chain(store.versions(again.incident_id), CentreKeys([KEY.public]))


def test_a_restart_in_the_middle_goes_on_with_the_same_incident(store: SqliteStore) -> None:
    town = Rooftops()
    shot = town.shot(420.0, 250.0)
    put(store, shot[:5])
    with fusing(store):
        wait_until(lambda: newest(store), what="the incident is there")
    written = store.versions(newest(store)[0].incident_id)
    put(store, shot[5:])
    with fusing(store):
        wait_until(lambda: [len(item.nodes) for item in newest(store)] == [8], what="it has gone on")
        wait_until(lambda: newest(store)[0].state == "closed", what="it is closed")
    assert store.versions(newest(store)[0].incident_id)[: len(written)] == written
    with fusing(store) as part:
        wait_until(lambda: part.progress > 2, what="it looked twice")
    assert len(newest(store)) == 1


class Refusing:
    """A record whose incidents cannot be written for a while."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.broken = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def append_version(self, version: IncidentVersion) -> int:
        if self.broken:
            raise StoreError("record: the disk is full: free some space")
        return self.store.append_version(version)


def test_while_the_record_refuses_it_waits_and_then_writes_all(store: SqliteStore) -> None:
    town, record = Rooftops(), Refusing(store)
    with fusing(record) as part:
        put(store, town.shot(420.0, 250.0))
        part.notify()
        wait_until(lambda: "disk is full" in part.problem, what="the reason is told")
        put(store, town.shot(100.0, 600.0))
        part.notify()
        record.broken = False
        wait_until(lambda: len(newest(store)) == 2, what="both are written")
        wait_until(lambda: part.problem == "", what="the problem is over")


def test_an_answer_that_cannot_be_written_does_not_hold_up_the_next(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    town, update = Rooftops(), Recorder.update
    failed: list[Window] = []

    def fail_once(self: Recorder, window: Window, now_ns: int) -> list[IncidentVersion]:
        if not failed:
            failed.append(window)
            raise ZeroDivisionError
        return update(self, window, now_ns)

    monkeypatch.setattr(Recorder, "update", fail_once)
    with fusing(store) as part:
        put(store, town.shot(420.0, 250.0))
        part.notify()
        wait_until(lambda: part.unwritten == 1, what="it is counted")
        put(store, town.shot(100.0, 600.0))
        part.notify()
        wait_until(lambda: newest(store), what="the next one is written")


def test_a_quarantined_node_takes_no_part(store: SqliteStore) -> None:
    town = Rooftops()
    places = {node: Position(**town.position(node)) for node in town.roofs}

    def listeners() -> list[Listener]:
        return [
            Listener(site="town", node=node, position=place, quarantined=node == "roof-11")
            for node, place in places.items()
        ]

    with fusing(store, listeners=listeners) as part:
        put(store, town.shot(420.0, 250.0))
        part.notify()
        wait_until(lambda: newest(store), what="the incident is there")
        wait_until(lambda: newest(store)[0].state == "closed", what="it is closed")
    assert "roof-11" not in newest(store)[0].nodes


def test_each_worker_fuses_its_own_sites_and_keeps_its_own_place(store: SqliteStore) -> None:
    put(store, Rooftops().shot(420.0, 250.0) + Rooftops(site="village").shot(420.0, 250.0))
    with fusing(store, sites=("town",), worker="one"):
        wait_until(lambda: store.mark("fusion/one"), what="the first has read all")
    assert {item.site for item in newest(store)} == {"town"}
    with fusing(store, sites=("village",), worker="two"):
        wait_until(lambda: store.mark("fusion/two"), what="the second has read all")
    assert {item.site for item in newest(store)} == {"town", "village"}
