"""The queue: nothing lost over a restart, order kept, the newest wins, one bad receiver harms no other."""

from __future__ import annotations

from typing import Any

import pytest

from sensor.central.notify.dispatcher import MARK, Dispatcher
from sensor.central.notify.failure import LaterError, RefusedError
from sensor.central.notify.settings import RetrySettings
from sensor.central.store.sqlite import SqliteStore
from sensor.errors import NotifyError
from tests.support.incident_examples import later, located, retracted
from tests.support.listener import (
    SECOND_NS,
    Clock,
    Listener,
    Ticking,
    channel,
    dispatching,
    id_of,
    worker_of,
)
from tests.support.mosquitto import wait_until
from tests.support.record import append


def test_what_the_record_holds_is_told_once_with_what_was_told_before(store: SqliteStore) -> None:
    listener = Listener()
    dispatcher = dispatching(store, channel(listener))
    dispatcher.start()
    first = append(store, located())
    dispatcher.publish(first)
    wait_until(lambda: len(listener.got) == 1, what="version 1 is delivered")
    append(store, later(first, rounds_hi=5))
    dispatcher.publish()
    wait_until(lambda: len(listener.got) == 2, what="version 2 is delivered")
    wait_until(lambda: not store.deliveries(state="waiting"), what="the queue is settled")
    assert dispatcher.stop(120.0)
    assert listener.got == [(f"{id_of(first)}/1", ()), (f"{id_of(first)}/2", (1,))]
    assert {item.state for item in store.deliveries()} == {"delivered"}
    assert {item.reason for item in store.deliveries()} == {"heard"}
    assert dispatcher.status()["here"]["delivered"] == 2


def test_what_was_stored_while_nobody_ran_is_told_at_the_next_start(store: SqliteStore) -> None:
    append(store, located())
    other = append(store, located(incident_id="other"))
    listener = Listener()
    dispatcher = dispatching(store, channel(listener))
    dispatcher.start()
    wait_until(lambda: len(listener.got) == 2, what="both are delivered")
    assert dispatcher.stop(120.0)
    again = Listener()
    dispatcher = dispatching(store, channel(again))
    assert dispatcher.take_in() is False
    assert store.mark(MARK) == 2
    assert worker_of(dispatcher).step() > 0.0
    assert again.got == []
    assert other.incident_id == "other"


def test_a_crash_between_entry_and_mark_tells_nothing_twice(store: SqliteStore) -> None:
    append(store, located())
    listener = Listener()
    dispatcher = dispatching(store, channel(listener))
    assert dispatcher.take_in()
    store.put_mark(MARK, 0)
    assert dispatcher.take_in()
    assert len(store.deliveries()) == 1


def test_an_attempt_that_a_crash_cut_off_is_made_again(store: SqliteStore) -> None:
    append(store, located())

    class Crash(BaseException):
        pass

    crash: Any = Crash()  # nothing catches it, as nothing catches a power cut
    dispatcher = dispatching(store, channel(Listener([crash])))
    dispatcher.take_in()
    with pytest.raises(Crash):
        worker_of(dispatcher).step()
    (cut_off,) = store.deliveries()
    assert (cut_off.state, cut_off.attempts) == ("waiting", 1)
    listener = Listener()
    worker_of(dispatching(store, channel(listener))).step()
    assert listener.got == [(f"{id_of(located())}/1", ())]


def test_a_later_version_takes_the_place_of_one_that_could_not_be_delivered(store: SqliteStore) -> None:
    clock = Clock()
    listener = Listener([NotifyError("down")])
    dispatcher = dispatching(store, channel(listener), clock=clock)
    worker = worker_of(dispatcher)
    first = append(store, located())
    dispatcher.take_in()
    worker.step()
    append(store, later(first, rounds_hi=5))
    dispatcher.take_in()
    clock.now_ns += SECOND_NS
    while store.deliveries(state="waiting"):
        worker.step()
    assert listener.got == [(f"{id_of(first)}/2", ())]
    assert [item.state for item in store.deliveries()] == ["delivered", "superseded"]


def test_a_version_that_is_overtaken_while_being_delivered_is_followed_by_the_newer(
    store: SqliteStore,
) -> None:
    listener = Listener()
    listener.gate.clear()
    dispatcher = dispatching(store, channel(listener))
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
    assert listener.got == [(f"{id_of(first)}/1", ()), (f"{id_of(first)}/2", (1,))]


def test_after_so_many_attempts_it_is_set_aside_with_the_reason_and_in_the_audit(store: SqliteStore) -> None:
    clock = Clock()
    listener = Listener([NotifyError(f"down {n}") for n in range(4)])
    dispatcher = dispatching(store, channel(listener), clock=clock)
    append(store, located())
    dispatcher.take_in()
    while store.deliveries(state="waiting"):
        clock.now_ns += SECOND_NS
        worker_of(dispatcher).step()
    (dead,) = store.deliveries()
    assert (dead.state, dead.attempts) == ("dead", 4)
    assert dead.reason == "after 4 attempts: down 3"
    (entry,) = store.audit_log(action="undeliverable")
    assert entry.subject == f"{id_of(located())}/1"
    assert entry.detail["channel"] == "here"
    assert dispatcher.status()["here"]["last_error"] == "down 3"


def test_what_is_refused_for_good_is_not_tried_again_and_blocks_nothing(store: SqliteStore) -> None:
    listener = Listener([RefusedError("answered 400: no such field")])
    dispatcher = dispatching(store, channel(listener))
    append(store, located())
    append(store, located(incident_id="other"))
    dispatcher.take_in()
    while store.deliveries(state="waiting"):
        worker_of(dispatcher).step()
    assert listener.got == [("other/1", ())]
    assert {item.incident_id: item.state for item in store.deliveries()} == {
        id_of(located()): "dead",
        "other": "delivered",
    }


def test_a_fault_of_our_own_is_counted_as_a_failure_and_the_thread_lives_on(store: SqliteStore) -> None:
    listener = Listener([ZeroDivisionError("ours")])
    dispatcher = dispatching(store, channel(listener), clock=Ticking())
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
    dispatcher = dispatching(store, channel(listener, retry=retry), clock=clock)
    append(store, located())
    dispatcher.take_in()
    waits_s = []
    for _ in range(9):
        worker_of(dispatcher).step()
        (item,) = store.deliveries()
        waits_s.append((item.due_ns - clock.now_ns) / SECOND_NS)
        assert worker_of(dispatcher).step() > 0.0
        clock.now_ns = item.due_ns
    for wait_s, most_s in zip(waits_s, [1, 2, 4, 8, 16, 32, 60, 60], strict=False):
        assert most_s / 2 <= wait_s <= most_s
    assert len({wait_s / most_s for wait_s, most_s in zip(waits_s, [1, 2, 4, 8, 16, 32], strict=False)}) == 6
    assert waits_s[8] == 500.0


def failed_once(store: SqliteStore, clock: Clock) -> tuple[Listener, Dispatcher]:
    """A receiver that was down for one incident's first attempt and is well again."""
    listener = Listener([NotifyError("down")])
    dispatcher = dispatching(store, channel(listener), clock=clock)
    append(store, located())
    dispatcher.take_in()
    worker_of(dispatcher).step()
    return listener, dispatcher


def test_a_clock_that_is_set_back_holds_nothing_up(store: SqliteStore) -> None:
    clock = Clock()
    listener, dispatcher = failed_once(store, clock)
    clock.now_ns -= 86_400 * SECOND_NS
    worker_of(dispatcher).step()
    assert len(listener.got) == 1


def test_new_incidents_go_before_old_ones_that_keep_failing(store: SqliteStore) -> None:
    clock = Clock()
    listener, dispatcher = failed_once(store, clock)
    clock.now_ns += SECOND_NS
    append(store, located(incident_id="newer"))
    dispatcher.take_in()
    worker_of(dispatcher).step()
    worker_of(dispatcher).step()
    assert [key for key, _ in listener.got] == ["newer/1", f"{id_of(located())}/1"]


def test_a_hanging_receiver_harms_no_other_and_no_stop(store: SqliteStore) -> None:
    hanging, well = Listener(), Listener()
    hanging.gate.clear()
    dispatcher = dispatching(store, channel(hanging, "hanging"), channel(well, "well"))
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
    dispatcher = dispatching(
        store,
        channel(told, "told"),
        channel(picky, "picky", p_min=0.99),
        channel(down, "down"),
        clock=clock,
    )
    first = append(store, located())
    dispatcher.take_in()
    worker_of(dispatcher, "told").step()
    worker_of(dispatcher, "down").step()
    append(store, retracted(first))
    dispatcher.take_in()
    clock.now_ns += SECOND_NS
    for name in ("told", "picky", "down"):
        while store.deliveries(channel=name, state="waiting"):
            worker_of(dispatcher, name).step()
    assert [key for key, _ in told.got] == [f"{id_of(first)}/1", f"{id_of(first)}/2"]
    assert picky.got == []
    # It failed, but the message may have arrived all the same: it hears of the retraction.
    assert down.got == [(f"{id_of(first)}/2", (1,))]
    silences = dispatcher.status()["picky"]["silences"]
    assert silences == {"probability": 1, "never_told": 1}


def test_what_was_retracted_before_anybody_was_told_is_not_told(store: SqliteStore) -> None:
    listener = Listener()
    dispatcher = dispatching(store, channel(listener))
    first = append(store, located())
    dispatcher.take_in()
    append(store, retracted(first))
    dispatcher.take_in()
    while store.deliveries(state="waiting"):
        worker_of(dispatcher).step()
    assert listener.attempts == []
    assert {item.state for item in store.deliveries()} == {"superseded"}
    assert store.deliveries()[0].reason == "nothing to tell any more: never_told"


def test_an_incident_that_turned_into_fireworks_while_waiting_is_not_told_as_news(store: SqliteStore) -> None:
    listener = Listener()
    dispatcher = dispatching(store, channel(listener))
    first = append(store, located())
    dispatcher.take_in()
    append(store, later(first, incident_class="fireworks"))
    dispatcher.take_in()
    while store.deliveries(state="waiting"):
        worker_of(dispatcher).step()
    assert listener.attempts == []
