"""The queue's bad days: several workers, a damaged or absent record, a receiver's rubbish."""

from __future__ import annotations

import sqlite3
import threading
from typing import Any

import pytest

from sensor.central.notify import dispatcher as dispatcher_module
from sensor.central.notify import worker as worker_module
from sensor.central.notify.dispatcher import Dispatcher
from sensor.central.notify.failure import RefusedError
from sensor.central.store.sqlite import SqliteStore
from sensor.errors import NotifyError, StoreError
from tests.support.incident_examples import later, located
from tests.support.listener import (
    SECOND_NS,
    Clock,
    Listener,
    channel,
    dispatching,
    id_of,
    worker_of,
)
from tests.support.mosquitto import wait_until
from tests.support.record import append


def test_of_two_workers_on_one_record_one_tells_and_the_other_takes_over(store: SqliteStore) -> None:
    clock, heard_by_a, heard_by_b = Clock(), Listener(), Listener()
    a, b = (
        Dispatcher([channel(listener)], store, holder=name, clock_ns=clock)
        for name, listener in (("a", heard_by_a), ("b", heard_by_b))
    )
    first = append(store, located())
    assert (a.take_in(), b.take_in()) == (True, False)
    worker_of(a).step()
    append(store, later(first, rounds_hi=5))
    b.take_in()
    assert worker_of(b).step() > 0.0
    assert heard_by_b.attempts == []
    clock.now_ns += 200 * SECOND_NS  # a is silent for longer than any attempt of this receiver takes
    while store.deliveries(state="waiting"):
        worker_of(b).step()
    assert heard_by_a.got == [(f"{id_of(first)}/1", ())]
    assert heard_by_b.got == [(f"{id_of(first)}/2", (1,))]
    append(store, located(incident_id="other"))
    a.take_in()
    assert worker_of(a).step() > 0.0
    b.start()
    wait_until(lambda: len(heard_by_b.got) == 2, what="b, which has charge now, tells it")
    assert b.stop(120.0)
    append(store, located(incident_id="third"))
    a.take_in()
    while store.deliveries(state="waiting"):  # b left charge when it stopped
        worker_of(a).step()
    assert [key for key, _ in heard_by_a.got] == [f"{id_of(first)}/1", "third/1"]


def test_a_damaged_place_of_the_record_silences_nothing_but_itself(
    store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    listener = Listener()
    dispatcher = dispatching(store, channel(listener))
    for name in ("first", "damaged", "owed and damaged", "last"):
        append(store, located(incident_id=name))
    _damage(store, 2)
    dispatcher.take_in()
    _damage(store, 3)
    while dispatcher.take_in():
        pass
    while store.deliveries(state="waiting"):
        worker_of(dispatcher).step()
    assert [key for key, _ in listener.got] == ["first/1", "last/1"]
    assert "place 2 of the record is damaged, nobody is told of it" in caplog.text


def test_an_owed_version_that_is_damaged_meanwhile_is_set_aside(store: SqliteStore) -> None:
    listener = Listener()
    dispatcher = dispatching(store, channel(listener))
    for name in ("damaged", "last"):
        append(store, located(incident_id=name))
    dispatcher.take_in()
    _damage(store, 1)
    while store.deliveries(state="waiting"):
        worker_of(dispatcher).step()
    assert [key for key, _ in listener.got] == ["last/1"]
    (dead,) = store.deliveries(state="dead")
    assert dead.reason.startswith("the record of this incident is damaged")


def _damage(store: SqliteStore, place: int) -> None:
    """Let the disk forget part of a stored version."""
    with sqlite3.connect(store.path) as connection:
        connection.execute("DROP TRIGGER IF EXISTS version_refuses_update")
        connection.execute("UPDATE version SET body = substr(body, 50) WHERE number = ?", (place,))
    connection.close()


def test_a_receivers_rubbish_is_kept_short_and_printable(store: SqliteStore) -> None:
    rubbish = "answered 500: \x1b[2J\x00\r\n\ud800" + "x" * 10_000
    listener = Listener([NotifyError(rubbish), RefusedError(rubbish)])
    clock = Clock()
    dispatcher = dispatching(store, channel(listener), clock=clock)
    append(store, located())
    dispatcher.take_in()
    for state in ("waiting", "dead"):
        worker_of(dispatcher).step()
        (item,) = store.deliveries()
        assert item.state == state
        assert item.reason.startswith("answered 500:  [2J")
        assert item.reason.isprintable()
        assert len(item.reason) <= 500
        clock.now_ns += SECOND_NS
    assert store.audit_log(action="undeliverable")[0].detail["reason"].isprintable()


def test_exercises_reach_practice_channels_only(store: SqliteStore) -> None:
    real, practice = Listener(), Listener()
    dispatcher = dispatching(store, channel(real, "real"), channel(practice, "practice", exercise="only"))
    append(store, located(exercise=True))
    append(store, located(incident_id="real one"))
    dispatcher.take_in()
    for name in ("real", "practice"):
        while store.deliveries(channel=name, state="waiting"):
            worker_of(dispatcher, name).step()
    assert [key for key, _ in real.got] == ["real one/1"]
    assert [key for key, _ in practice.got] == [f"{id_of(located())}/1"]


def test_a_record_that_cannot_be_read_for_a_while_stops_nothing_for_good(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher_module, "_PAUSE_S", 0.02)
    monkeypatch.setattr(worker_module, "_PAUSE_S", 0.02)
    listener = Listener()
    dispatcher = dispatching(store, channel(listener))
    failing = threading.Event()
    failing.set()
    failures: list[str] = []
    real = store.versions_after

    def versions_after(row: int, limit: int = 1000) -> Any:
        if failing.is_set():
            failures.append("once")
            raise StoreError("disk is full")
        return real(row, limit)

    monkeypatch.setattr(store, "versions_after", versions_after)
    append(store, located())
    dispatcher.start()
    wait_until(lambda: len(failures) > 2, what="it has tried")
    failing.clear()
    wait_until(lambda: len(listener.got) == 1, what="it is delivered after all")
    assert dispatcher.stop(120.0)
