"""The queue: nothing lost over a restart, order kept, the newest wins, one bad receiver harms no other."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from sensor.central.notify import dispatcher as dispatcher_module
from sensor.central.notify import worker as worker_module
from sensor.central.notify.channel import Channel, key_of
from sensor.central.notify.dispatcher import MARK, Dispatcher
from sensor.central.notify.failure import LaterError, RefusedError
from sensor.central.notify.settings import RetrySettings, RuleSettings
from sensor.central.notify.worker import Worker
from sensor.central.store.sqlite import SqliteStore
from sensor.central.types import IncidentVersion
from sensor.errors import NotifyError, StoreError
from tests.support.incident_examples import FIRED_NS, later, located, retracted
from tests.support.mosquitto import wait_until
from tests.support.record import append, record

SECOND_NS = 10**9
FAST = RetrySettings(attempts_max=4, backoff_min_s=0.01, backoff_max_s=0.05)


class Listener:
    """A receiver in this process that remembers what it was told, and fails on demand."""

    def __init__(self, failures: Sequence[Exception] = ()) -> None:
        self.got: list[tuple[str, tuple[int, ...]]] = []
        self.attempts: list[str] = []
        self.failures = list(failures)
        self.gate = threading.Event()
        self.gate.set()

    def deliver(self, version: IncidentVersion, *, former: Sequence[IncidentVersion] = ()) -> str:
        self.attempts.append(key_of(version))
        self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        self.got.append((key_of(version), tuple(item.version for item in former)))
        return "heard"


class Clock:
    """UTC as the test says."""

    def __init__(self) -> None:
        self.now_ns = FIRED_NS + 8 * SECOND_NS

    def __call__(self) -> int:
        return self.now_ns


class Ticking(Clock):
    """The same, going on by itself."""

    def __init__(self) -> None:
        super().__init__()
        self._start_ns = time.monotonic_ns()

    def __call__(self) -> int:
        return self.now_ns + time.monotonic_ns() - self._start_ns


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with record(tmp_path) as opened:
        yield opened


def _channel(listener: Listener, name: str = "here", *, retry: RetrySettings = FAST, **rule: Any) -> Channel:
    return Channel(name=name, notifier=listener, rule=RuleSettings(**rule), retry=retry)


def _dispatcher(store: SqliteStore, *channels: Channel, clock: Clock | None = None) -> Dispatcher:
    return Dispatcher(channels, store, clock_ns=clock or Clock(), chance=random.Random(1))  # noqa: S311  spreads attempts


def _worker(dispatcher: Dispatcher, name: str = "here") -> Worker:
    return dispatcher._workers[name]


def _id(version: IncidentVersion) -> str:
    return version.incident_id


def test_what_the_record_holds_is_told_once_with_what_was_told_before(store: SqliteStore) -> None:
    listener = Listener()
    dispatcher = _dispatcher(store, _channel(listener))
    dispatcher.start()
    first = append(store, located())
    dispatcher.publish(first)
    wait_until(lambda: len(listener.got) == 1, what="version 1 is delivered")
    append(store, later(first, rounds_hi=5))
    dispatcher.publish()
    wait_until(lambda: len(listener.got) == 2, what="version 2 is delivered")
    wait_until(lambda: not store.deliveries(state="waiting"), what="the queue is settled")
    assert dispatcher.stop(120.0)
    assert listener.got == [(f"{_id(first)}/1", ()), (f"{_id(first)}/2", (1,))]
    assert {item.state for item in store.deliveries()} == {"delivered"}
    assert {item.reason for item in store.deliveries()} == {"heard"}
    assert dispatcher.status()["here"]["delivered"] == 2


def test_what_was_stored_while_nobody_ran_is_told_at_the_next_start(store: SqliteStore) -> None:
    append(store, located())
    other = append(store, located(incident_id="other"))
    listener = Listener()
    dispatcher = _dispatcher(store, _channel(listener))
    dispatcher.start()
    wait_until(lambda: len(listener.got) == 2, what="both are delivered")
    assert dispatcher.stop(120.0)
    again = Listener()
    dispatcher = _dispatcher(store, _channel(again))
    assert dispatcher.take_in() is False
    assert store.mark(MARK) == 2
    assert _worker(dispatcher).step() > 0.0
    assert again.got == []
    assert other.incident_id == "other"


def test_a_crash_between_entry_and_mark_tells_nothing_twice(store: SqliteStore) -> None:
    append(store, located())
    listener = Listener()
    dispatcher = _dispatcher(store, _channel(listener))
    assert dispatcher.take_in()
    store.put_mark(MARK, 0)
    assert dispatcher.take_in()
    assert len(store.deliveries()) == 1


def test_an_attempt_that_a_crash_cut_off_is_made_again(store: SqliteStore) -> None:
    append(store, located())

    class Crash(BaseException):
        pass

    crash: Any = Crash()  # nothing catches it, as nothing catches a power cut
    dispatcher = _dispatcher(store, _channel(Listener([crash])))
    dispatcher.take_in()
    with pytest.raises(Crash):
        _worker(dispatcher).step()
    (cut_off,) = store.deliveries()
    assert (cut_off.state, cut_off.attempts) == ("waiting", 1)
    listener = Listener()
    _worker(_dispatcher(store, _channel(listener))).step()
    assert listener.got == [(f"{_id(located())}/1", ())]


def test_a_later_version_takes_the_place_of_one_that_could_not_be_delivered(store: SqliteStore) -> None:
    clock = Clock()
    listener = Listener([NotifyError("down")])
    dispatcher = _dispatcher(store, _channel(listener), clock=clock)
    worker = _worker(dispatcher)
    first = append(store, located())
    dispatcher.take_in()
    worker.step()
    append(store, later(first, rounds_hi=5))
    dispatcher.take_in()
    clock.now_ns += SECOND_NS
    while store.deliveries(state="waiting"):
        worker.step()
    assert listener.got == [(f"{_id(first)}/2", ())]
    assert [item.state for item in store.deliveries()] == ["delivered", "superseded"]


def test_a_version_that_is_overtaken_while_being_delivered_is_followed_by_the_newer(
    store: SqliteStore,
) -> None:
    listener = Listener()
    listener.gate.clear()
    dispatcher = _dispatcher(store, _channel(listener))
    dispatcher.start()
    first = append(store, located())
    dispatcher.publish()
    wait_until(lambda: len(listener.attempts) == 1, what="version 1 is being delivered")
    append(store, later(first, rounds_hi=5))
    dispatcher.publish()
    wait_until(lambda: len(store.deliveries()) == 2, what="version 2 is owed")
    listener.gate.set()
    wait_until(lambda: len(listener.got) == 2, what="both were delivered")
    assert dispatcher.stop(120.0)
    assert listener.got == [(f"{_id(first)}/1", ()), (f"{_id(first)}/2", (1,))]


def test_after_so_many_attempts_it_is_set_aside_with_the_reason_and_in_the_audit(store: SqliteStore) -> None:
    clock = Clock()
    listener = Listener([NotifyError(f"down {n}") for n in range(4)])
    dispatcher = _dispatcher(store, _channel(listener), clock=clock)
    append(store, located())
    dispatcher.take_in()
    while store.deliveries(state="waiting"):
        clock.now_ns += SECOND_NS
        _worker(dispatcher).step()
    (dead,) = store.deliveries()
    assert (dead.state, dead.attempts) == ("dead", 4)
    assert dead.reason == "after 4 attempts: down 3"
    (entry,) = store.audit_log(action="undeliverable")
    assert entry.subject == f"{_id(located())}/1"
    assert entry.detail["channel"] == "here"
    assert dispatcher.status()["here"]["last_error"] == "down 3"


def test_what_is_refused_for_good_is_not_tried_again_and_blocks_nothing(store: SqliteStore) -> None:
    listener = Listener([RefusedError("answered 400: no such field")])
    dispatcher = _dispatcher(store, _channel(listener))
    append(store, located())
    append(store, located(incident_id="other"))
    dispatcher.take_in()
    while store.deliveries(state="waiting"):
        _worker(dispatcher).step()
    assert listener.got == [("other/1", ())]
    assert {item.incident_id: item.state for item in store.deliveries()} == {
        _id(located()): "dead",
        "other": "delivered",
    }


def test_a_fault_of_our_own_is_counted_as_a_failure_and_the_thread_lives_on(store: SqliteStore) -> None:
    listener = Listener([ZeroDivisionError("ours")])
    dispatcher = _dispatcher(store, _channel(listener), clock=Ticking())
    dispatcher.start()
    append(store, located())
    dispatcher.publish()
    wait_until(lambda: [item.state for item in store.deliveries()] == ["delivered"], what="it is delivered")
    assert dispatcher.stop(120.0)
    assert len(listener.attempts) == 2
    assert len(listener.got) == 1


def test_the_waits_double_up_to_the_limit_vary_and_heed_the_receiver(store: SqliteStore) -> None:
    clock = Clock()
    retry = RetrySettings(attempts_max=20, backoff_min_s=1.0, backoff_max_s=60.0)
    listener = Listener([NotifyError("down")] * 8 + [LaterError("busy", after_s=500.0), NotifyError("down")])
    dispatcher = _dispatcher(store, _channel(listener, retry=retry), clock=clock)
    append(store, located())
    dispatcher.take_in()
    waits_s = []
    for _ in range(9):
        _worker(dispatcher).step()
        (item,) = store.deliveries()
        waits_s.append((item.due_ns - clock.now_ns) / SECOND_NS)
        assert _worker(dispatcher).step() > 0.0
        clock.now_ns = item.due_ns
    for wait_s, most_s in zip(waits_s, [1, 2, 4, 8, 16, 32, 60, 60], strict=False):
        assert most_s / 2 <= wait_s <= most_s
    assert len({wait_s / most_s for wait_s, most_s in zip(waits_s, [1, 2, 4, 8, 16, 32], strict=False)}) == 6
    assert waits_s[8] == 500.0


def test_a_clock_that_is_set_back_holds_nothing_up(store: SqliteStore) -> None:
    clock = Clock()
    listener = Listener([NotifyError("down")])
    dispatcher = _dispatcher(store, _channel(listener), clock=clock)
    append(store, located())
    dispatcher.take_in()
    _worker(dispatcher).step()
    clock.now_ns -= 86_400 * SECOND_NS
    _worker(dispatcher).step()
    assert len(listener.got) == 1


def test_new_incidents_go_before_old_ones_that_keep_failing(store: SqliteStore) -> None:
    clock = Clock()
    listener = Listener([NotifyError("down")])
    dispatcher = _dispatcher(store, _channel(listener), clock=clock)
    append(store, located())
    dispatcher.take_in()
    _worker(dispatcher).step()
    clock.now_ns += SECOND_NS
    append(store, located(incident_id="newer"))
    dispatcher.take_in()
    _worker(dispatcher).step()
    _worker(dispatcher).step()
    assert [key for key, _ in listener.got] == ["newer/1", f"{_id(located())}/1"]


def test_a_hanging_receiver_harms_no_other_and_no_stop(store: SqliteStore) -> None:
    hanging, well = Listener(), Listener()
    hanging.gate.clear()
    dispatcher = _dispatcher(store, _channel(hanging, "hanging"), _channel(well, "well"))
    dispatcher.start()
    for number in range(5):
        append(store, located(incident_id=f"incident-{number}"))
        dispatcher.publish()
    wait_until(lambda: len(well.got) == 5, what="the well one has all")
    wait_until(lambda: len(hanging.attempts) == 1, what="the other one hangs at the first")
    assert dispatcher.status()["hanging"]["waiting"] == 5
    assert dispatcher.status()["hanging"]["busy_s"] > 0.0
    assert dispatcher.stop(0.2) is False
    hanging.gate.set()


def test_a_retraction_reaches_who_was_told_and_nobody_else(store: SqliteStore) -> None:
    told, picky, down = Listener(), Listener(), Listener([NotifyError("down")])
    clock = Clock()
    dispatcher = _dispatcher(
        store,
        _channel(told, "told"),
        _channel(picky, "picky", p_min=0.99),
        _channel(down, "down"),
        clock=clock,
    )
    first = append(store, located())
    dispatcher.take_in()
    _worker(dispatcher, "told").step()
    _worker(dispatcher, "down").step()
    append(store, retracted(first))
    dispatcher.take_in()
    clock.now_ns += SECOND_NS
    for name in ("told", "picky", "down"):
        while store.deliveries(channel=name, state="waiting"):
            _worker(dispatcher, name).step()
    assert [key for key, _ in told.got] == [f"{_id(first)}/1", f"{_id(first)}/2"]
    assert picky.got == []
    # It failed, but the message may have arrived all the same: it hears of the retraction.
    assert down.got == [(f"{_id(first)}/2", (1,))]
    silences = dispatcher.status()["picky"]["silences"]
    assert silences == {"probability": 1, "never_told": 1}


def test_what_was_retracted_before_anybody_was_told_is_not_told(store: SqliteStore) -> None:
    listener = Listener()
    dispatcher = _dispatcher(store, _channel(listener))
    first = append(store, located())
    dispatcher.take_in()
    append(store, retracted(first))
    dispatcher.take_in()
    while store.deliveries(state="waiting"):
        _worker(dispatcher).step()
    assert listener.attempts == []
    assert {item.state for item in store.deliveries()} == {"superseded"}
    assert store.deliveries()[0].reason == "nothing to tell any more: never_told"


def test_an_incident_that_turned_into_fireworks_while_waiting_is_not_told_as_news(store: SqliteStore) -> None:
    listener = Listener()
    dispatcher = _dispatcher(store, _channel(listener))
    first = append(store, located())
    dispatcher.take_in()
    append(store, later(first, incident_class="fireworks"))
    dispatcher.take_in()
    while store.deliveries(state="waiting"):
        _worker(dispatcher).step()
    assert listener.attempts == []


def test_of_two_workers_on_one_record_one_tells_and_the_other_takes_over(store: SqliteStore) -> None:
    clock, heard_by_a, heard_by_b = Clock(), Listener(), Listener()
    a, b = (
        Dispatcher([_channel(listener)], store, holder=name, clock_ns=clock)
        for name, listener in (("a", heard_by_a), ("b", heard_by_b))
    )
    first = append(store, located())
    assert (a.take_in(), b.take_in()) == (True, False)
    _worker(a).step()
    append(store, later(first, rounds_hi=5))
    b.take_in()
    assert _worker(b).step() > 0.0
    assert heard_by_b.attempts == []
    clock.now_ns += 200 * SECOND_NS  # a is silent for longer than any attempt of this receiver takes
    while store.deliveries(state="waiting"):
        _worker(b).step()
    assert heard_by_a.got == [(f"{_id(first)}/1", ())]
    assert heard_by_b.got == [(f"{_id(first)}/2", (1,))]
    append(store, located(incident_id="other"))
    a.take_in()
    assert _worker(a).step() > 0.0
    b.start()
    wait_until(lambda: len(heard_by_b.got) == 2, what="b, which has charge now, tells it")
    assert b.stop(120.0)
    append(store, located(incident_id="third"))
    a.take_in()
    while store.deliveries(state="waiting"):  # b left charge when it stopped
        _worker(a).step()
    assert [key for key, _ in heard_by_a.got] == [f"{_id(first)}/1", "third/1"]


def test_a_damaged_place_of_the_record_silences_nothing_but_itself(
    store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    listener = Listener()
    dispatcher = _dispatcher(store, _channel(listener))
    for name in ("first", "damaged", "owed and damaged", "last"):
        append(store, located(incident_id=name))
    _damage(store, 2)
    dispatcher.take_in()
    _damage(store, 3)
    while dispatcher.take_in():
        pass
    while store.deliveries(state="waiting"):
        _worker(dispatcher).step()
    assert [key for key, _ in listener.got] == ["first/1", "last/1"]
    assert "place 2 of the record is damaged, nobody is told of it" in caplog.text


def test_an_owed_version_that_is_damaged_meanwhile_is_set_aside(store: SqliteStore) -> None:
    listener = Listener()
    dispatcher = _dispatcher(store, _channel(listener))
    for name in ("damaged", "last"):
        append(store, located(incident_id=name))
    dispatcher.take_in()
    _damage(store, 1)
    while store.deliveries(state="waiting"):
        _worker(dispatcher).step()
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
    dispatcher = _dispatcher(store, _channel(listener), clock=clock)
    append(store, located())
    dispatcher.take_in()
    for state in ("waiting", "dead"):
        _worker(dispatcher).step()
        (item,) = store.deliveries()
        assert item.state == state
        assert item.reason.startswith("answered 500:  [2J")
        assert item.reason.isprintable()
        assert len(item.reason) <= 500
        clock.now_ns += SECOND_NS
    assert store.audit_log(action="undeliverable")[0].detail["reason"].isprintable()


def test_exercises_reach_practice_channels_only(store: SqliteStore) -> None:
    real, practice = Listener(), Listener()
    dispatcher = _dispatcher(store, _channel(real, "real"), _channel(practice, "practice", exercise="only"))
    append(store, located(exercise=True))
    append(store, located(incident_id="real one"))
    dispatcher.take_in()
    for name in ("real", "practice"):
        while store.deliveries(channel=name, state="waiting"):
            _worker(dispatcher, name).step()
    assert [key for key, _ in real.got] == ["real one/1"]
    assert [key for key, _ in practice.got] == [f"{_id(located())}/1"]


def test_a_record_that_cannot_be_read_for_a_while_stops_nothing_for_good(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher_module, "_PAUSE_S", 0.02)
    monkeypatch.setattr(worker_module, "_PAUSE_S", 0.02)
    listener = Listener()
    dispatcher = _dispatcher(store, _channel(listener))
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
