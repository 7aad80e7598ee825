"""What any store does, on each kind of database there is."""

from __future__ import annotations

import json
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from sensor.central.store import NodeSample, NodeState, Store, User, VersionConflict
from sensor.central.store.sqlite import SqliteStore
from sensor.errors import StoreError
from sensor.events import Position
from tests.support.incidents import T0_NS, arrival_row, candidate, incident_version, next_version

SECOND_NS = 1_000_000_000
HASH = "scrypt$..."


def test_an_arrival_is_kept_once_and_comes_back_as_it_was(store: Store) -> None:
    rows = [arrival_row(1), arrival_row(2), arrival_row(1)]
    assert store.append_arrivals(rows, received_ns=5) == {"event-1", "event-2"}
    assert store.append_arrivals([*rows, arrival_row(3)], received_ns=6) == {"event-3"}
    found = store.arrivals()
    assert [item.arrival for item in found] == [arrival_row(n).arrival for n in (1, 2, 3)]
    assert [item.row for item in found] == [1, 2, 3]
    assert json.loads(store.arrival_bodies(["event-2", "unheard"])["event-2"]) == candidate(2)
    assert store.append_arrivals([], received_ns=7) == frozenset()


def test_arrivals_are_found_by_time_place_and_order(store: Store) -> None:
    store.append_arrivals(
        [arrival_row(n, site="east" if n % 2 else "west") for n in range(1, 7)], received_ns=0
    )
    start = T0_NS + 2_000_000
    found = store.arrivals(since_ns=start, until_ns=start + 3_000_000)
    assert [item.arrival.event_id for item in found] == ["event-2", "event-3", "event-4"]
    assert [item.row for item in store.arrivals(after_row=4)] == [5, 6]
    assert [item.arrival.event_id for item in store.arrivals(sites=["west"], limit=2)] == [
        "event-2",
        "event-4",
    ]
    assert store.arrivals(sites=[]) == []


def test_forgotten_arrivals_never_give_their_numbers_again(store: Store) -> None:
    store.append_arrivals([arrival_row(1), arrival_row(2)], received_ns=0)
    assert store.forget_arrivals(T0_NS + SECOND_NS) == 2
    store.append_arrivals([arrival_row(3)], received_ns=0)
    assert [item.row for item in store.arrivals()] == [3]


def test_a_nodes_chain_shows_its_gaps(store: Store) -> None:
    rows = [arrival_row(n, node="roof", chain_id="c") for n in (2, 3, 6)]
    store.append_arrivals(rows, received_ns=0)
    assert store.chain_extent("town", "roof", "c") == (2, 6, 3)
    assert store.chain_extent("town", "roof", "other") == (0, 0, 0)
    assert store.event_with("town", "roof", "c", 3) == "event-3"
    assert store.event_with("town", "roof", "c", 4) is None


def test_many_arrivals_at_once(store: Store) -> None:
    rows = [arrival_row(n) for n in range(1, 1300)]
    store.append_arrivals(rows[:700], received_ns=0)
    assert len(store.append_arrivals(rows, received_ns=0)) == 599
    assert len(store.arrival_bodies([row.arrival.event_id for row in rows])) == 1299


def test_versions_are_kept_in_order_and_whole(store: Store) -> None:
    first = incident_version(1)
    second = next_version(first, state="classified", reason="heard by a fourth node")
    other = incident_version(2, place=None, ellipse_95=None, state="open")
    assert [store.append_version(item) for item in (first, other, second)] == [1, 2, 3]
    assert store.versions("incident-1") == [first, second]
    assert store.latest_of("incident-1") == second
    assert store.latest_of("nobody") is None
    assert store.versions("nobody") == []
    assert store.versions_after(1) == [(2, other), (3, second)]
    assert [row for row, _ in store.all_bodies()] == [1, 2, 3]
    assert store.verify_ledger() == 3


@pytest.mark.parametrize("wrong", ["repeated", "skipped", "forked", "not_first"])
def test_only_the_next_version_is_taken(store: Store, wrong: str) -> None:
    first = incident_version(1)
    second = next_version(first)
    store.append_version(first)
    offered = {
        "repeated": first,
        "skipped": next_version(second),
        "forked": next_version(incident_version(1, reason="another story")),
        "not_first": next_version(incident_version(7)),
    }[wrong]
    with pytest.raises(VersionConflict, match="cannot be stored"):
        store.append_version(offered)
    assert store.append_version(second) == 2
    assert store.verify_ledger() == 2


def test_a_version_without_hash_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="seal it"):
        store.append_version(replace(incident_version(1), hash=None))


def test_the_latest_are_found_by_what_one_asks_for(store: Store) -> None:
    for number in range(1, 5):
        store.append_version(incident_version(number))
    store.append_version(
        incident_version(5, incident_class="fireworks", site="other", place=None, ellipse_95=None)
    )
    store.append_version(next_version(incident_version(1), state="retracted", reason="An Echo, 100% sure"))
    store.append_version(incident_version(6, exercise=True))

    def ids(**asked: object) -> list[str]:
        return [item.incident_id.removeprefix("incident-") for item in store.latest(filters=asked)]

    assert ids() == ["6", "5", "4", "3", "2", "1"]
    assert ids(include_retracted=False) == ["6", "5", "4", "3", "2"]
    assert ids(classes=["fireworks"]) == ["5"]
    assert ids(states=["retracted"]) == ["1"]
    assert ids(site="other") == ["5"]
    assert ids(text="an echo, 100%") == ["1"]
    assert ids(text="elevated", site="other") == ["5"]
    assert ids(text="_") == []
    assert ids(bbox=(-79.0, 35.9, -78.8, 36.1), exercise=False) == ["4", "3", "2", "1"]
    assert ids(bbox=(170.0, 35.9, -170.0, 36.1)) == []
    start = T0_NS + 2 * SECOND_NS
    assert [v.utc_ns for v in store.latest(since_ns=start, until_ns=start + SECOND_NS)] == [start]
    assert len(store.latest(limit=2)) == 2
    with pytest.raises(StoreError, match="no filter colour"):
        store.latest(filters={"colour": "red"})


def test_labels_are_added_once(store: Store) -> None:
    def add(**changes: object) -> bool:
        given = {"source": "cad", "label": "confirmed", "reason": "casings", "author": "unit 7", "at_ns": 5}
        return store.add_label("incident-1", **(given | changes))  # type: ignore[arg-type]  # one mapping for all

    assert add()
    assert not add()
    assert add(at_ns=6)
    assert add(key="k")
    assert not add(key="k", label="unfounded")
    assert store.add_label("incident-2", source="cad", label="unfounded", reason="", author="a", at_ns=1)
    assert [(item.label, item.key) for item in store.labels("incident-1")] == [
        ("confirmed", None),
        ("confirmed", None),
        ("confirmed", "k"),
    ]
    assert len(store.labels()) == 4
    assert [item.incident_id for item in store.labels(label="unfounded")] == ["incident-2"]
    assert len(store.labels("incident-1", label="confirmed", reason="casings")) == 3
    assert store.labels(reason="none") == []


def test_the_audit_is_a_chain(store: Store) -> None:
    for number in range(3):
        store.audit(
            actor=f"user-{number % 2}",
            action="view",
            subject="incident-1",
            detail={"n": number},
            at_ns=number,
        )
    assert [entry.detail["n"] for entry in store.audit_log()] == [2, 1, 0]
    assert [entry.detail["n"] for entry in store.audit_log(actor="user-0", limit=1)] == [2]
    assert [entry.at_ns for entry in store.audit_log(since_ns=1, until_ns=2, action="view")] == [1]
    assert store.audit_log(subject="incident-2") == []
    newest, middle, _ = store.audit_log()
    assert newest.prev_hash == middle.hash
    assert store.verify_audit() == 3


def test_users_come_change_and_go(store: Store) -> None:
    ann = User(name="ann", role="admin", password_hash=HASH, created_ns=1)
    store.put_user(ann)
    store.put_user(User(name="bob", role="viewer", password_hash=HASH, created_ns=2))
    store.put_user(User(name="bob", role="officer", password_hash=HASH, disabled=True, created_ns=2))
    assert [(user.name, user.role, user.disabled) for user in store.users()] == [
        ("ann", "admin", False),
        ("bob", "officer", True),
    ]
    assert store.user("ann") == ann
    assert store.user("cid") is None
    assert store.remove_user("bob")
    assert not store.remove_user("bob")


def test_nodes_keep_their_latest_state_and_a_history(store: Store) -> None:
    state = NodeState(
        site="town",
        node="roof",
        state="alive",
        utc_ns=5,
        position=Position(lat_deg=36.0, lon_deg=-78.9, height_m=90.0, sigma_m=2.0),
        problems=("no clock",),
        health={"outbox": {"seq": 7}},
    )
    store.put_node(state)
    assert store.node("town", "roof") == state
    store.put_node(NodeState(site="town", node="roof", state="silent", utc_ns=6))
    store.put_node(NodeState(site="east", node="roof", state="alive", utc_ns=7))
    assert [(item.key, item.state) for item in store.nodes()] == [
        ("east/roof", "alive"),
        ("town/roof", "silent"),
    ]
    assert store.node("town", "barn") is None
    samples = [
        NodeSample(site="town", node="roof", utc_ns=n, kind="health", values={"n": n}) for n in range(5)
    ]
    store.add_node_samples(samples)
    store.add_node_samples([NodeSample(site="town", node="roof", utc_ns=4, kind="health", values={"n": 44})])
    store.add_node_samples([])
    assert [
        s.values["n"] for s in store.node_samples(site="town", node="roof", kind="health", since_ns=2)
    ] == [2, 3, 44]
    assert [s.utc_ns for s in store.node_samples(until_ns=3, limit=2)] == [0, 1]
    assert store.forget_node_samples(3) == 3
    assert len(store.node_samples()) == 2


def test_a_newer_version_takes_the_place_of_one_that_waits(store: Store) -> None:
    first = store.add_delivery("siren", "incident-1", 1, due_ns=10)
    assert store.add_delivery("siren", "incident-1", 1, due_ns=99) == first
    other = store.add_delivery("map", "incident-1", 1, due_ns=10)
    second = store.add_delivery("siren", "incident-1", 2, due_ns=20)
    assert [item.delivery_id for item in store.due_deliveries("siren", 100)] == [second]
    assert [item.state for item in store.deliveries(channel="siren")] == ["waiting", "superseded"]
    assert [item.delivery_id for item in store.due_deliveries("map", 100)] == [other]


def test_deliveries_wait_until_due_and_are_settled(store: Store) -> None:
    tired = store.add_delivery("siren", "incident-1", 1, due_ns=10)
    fresh = store.add_delivery("siren", "incident-2", 1, due_ns=20)
    store.settle_delivery(tired, state="waiting", attempts=1, due_ns=15, reason="timeout", at_ns=12)
    assert [item.delivery_id for item in store.due_deliveries("siren", 30)] == [fresh, tired]
    assert [item.delivery_id for item in store.due_deliveries("siren", 17)] == [tired]
    assert store.next_due_ns("siren") == 15
    store.settle_delivery(tired, state="dead", attempts=9, due_ns=15, reason="gone", at_ns=50)
    store.settle_delivery(fresh, state="delivered", attempts=1, due_ns=20, reason="", at_ns=51)
    assert store.next_due_ns("siren") is None
    (dead,) = store.deliveries(state="dead")
    assert (dead.attempts, dead.reason, dead.settled_ns) == (9, "gone", 50)
    assert [item.state for item in store.deliveries(incident_id="incident-2")] == ["delivered"]
    with pytest.raises(StoreError, match="no delivery 999"):
        store.settle_delivery(999, state="dead", attempts=1, due_ns=0, reason="", at_ns=0)


def test_what_was_superseded_is_not_revived_by_a_failing_attempt(store: Store) -> None:
    first = store.add_delivery("siren", "incident-1", 1, due_ns=10)
    store.add_delivery("siren", "incident-1", 2, due_ns=10)
    store.settle_delivery(first, state="waiting", attempts=1, due_ns=12, reason="timeout", at_ns=11)
    assert [item.state for item in store.deliveries(channel="siren")] == ["waiting", "superseded"]
    store.settle_delivery(first, state="delivered", attempts=1, due_ns=12, reason="", at_ns=12)
    assert store.deliveries(state="delivered")[0].delivery_id == first


def test_one_worker_at_a_time_has_charge(store: Store) -> None:
    assert store.take_charge("siren", "a", now_ns=0, until_ns=50)
    assert not store.take_charge("siren", "b", now_ns=49, until_ns=99)
    assert store.take_charge("map", "b", now_ns=49, until_ns=99)
    assert store.take_charge("siren", "a", now_ns=49, until_ns=80)
    assert store.take_charge("siren", "b", now_ns=80, until_ns=99)
    store.leave_charge("siren", "a")
    assert not store.take_charge("siren", "a", now_ns=90, until_ns=99)
    store.leave_charge("siren", "b")
    assert store.take_charge("siren", "a", now_ns=90, until_ns=2**62)
    assert store.take_charge("siren", "b", now_ns=90, until_ns=99)  # a's clock was wrong


def test_marks_are_numbers_by_name(store: Store) -> None:
    assert store.mark("fusion") is None
    store.put_mark("fusion", 2**60)
    store.put_mark("fusion", 2**60 + 1)
    assert store.mark("fusion") == 2**60 + 1


def test_a_check_says_what_is_there(store: Store) -> None:
    store.append_version(incident_version(1))
    assert "takes writes, holds 1 incidents" in store.check()


def test_threads_read_and_write_at_the_same_time(store: Store) -> None:
    faults: list[BaseException] = []
    over = threading.Event()

    def prove() -> None:
        try:
            while not over.wait(0.01):
                store.verify_ledger()
                store.verify_audit()
                store.verify_labels()
        except BaseException as error:  # noqa: BLE001  a thread's failure is the test's
            faults.append(error)

    def work(worker: int) -> None:
        try:
            for number in range(10):
                last = incident_version(worker * 100 + number)
                store.append_version(last)
                store.append_version(next_version(last))
                store.latest(limit=5)
                store.audit(actor=str(worker), action="a", subject="s", detail={}, at_ns=0)
                store.add_label(
                    last.incident_id, source="s", label="x", reason="ü", author=str(worker), at_ns=0
                )
        except BaseException as error:  # noqa: BLE001  a thread's failure is the test's
            faults.append(error)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    prover = threading.Thread(target=prove)
    for thread in (prover, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    over.set()
    prover.join()
    assert faults == []
    assert (store.verify_ledger(), store.verify_audit(), store.verify_labels()) == (80, 40, 40)


def test_one_of_two_writers_of_the_same_version_is_told(store: Store) -> None:
    first = incident_version(1)
    store.append_version(first)
    outcomes: list[str] = []

    def write(author: str) -> None:
        try:
            store.append_version(next_version(first, author=author))
            outcomes.append("stored")
        except VersionConflict:
            outcomes.append("told")

    threads = [threading.Thread(target=write, args=(name,)) for name in ("ann", "bob", "cid")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["stored", "told", "told"]


def test_what_no_database_can_hold_is_refused_and_harms_nothing(store: Store) -> None:
    with pytest.raises(StoreError, match="cannot be kept"):
        store.put_user(User(name="ann", role="half a pair \ud800", password_hash=HASH))
    with pytest.raises(StoreError):
        store.put_mark("fusion", 2**63)
    assert store.users() == []
    assert store.mark("fusion") is None
    store.put_mark("fusion", -(2**63))


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.latest()


def test_a_backup_is_a_record_of_its_own(store: Store, tmp_path: Path) -> None:
    store.append_version(incident_version(1))
    store.append_arrivals([arrival_row(1)], received_ns=0)
    store.add_label("incident-1", source="cad", label="confirmed", reason="", author="a", at_ns=1)
    store.audit(actor="a", action="b", subject="c", detail={"ü": [1, None]}, at_ns=1)
    store.put_user(User(name="ann", role="admin", password_hash=HASH))
    target = tmp_path / "backup.db"
    store.backup(target)
    with pytest.raises(StoreError, match="exists already"):
        store.backup(target)
    copy = SqliteStore(target)
    assert copy.versions("incident-1") == store.versions("incident-1")
    assert copy.arrivals() == store.arrivals()
    assert copy.labels() == store.labels()
    assert copy.audit_log() == store.audit_log()
    assert (copy.verify_ledger(), copy.verify_audit()) == (1, 1)
    assert copy.append_version(incident_version(2)) == 2
    copy.close()
    with (
        sqlite3.connect(target) as connection,
        pytest.raises(sqlite3.IntegrityError, match="only ever appended"),
    ):
        connection.execute("DELETE FROM version")
    connection.close()
