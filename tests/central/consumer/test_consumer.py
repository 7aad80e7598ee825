"""From a real Mosquitto into a real record: nothing lost, nothing twice, nothing harmed by rubbish."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import pytest

from sensor.central.consumer.chain import hash_of, signed_text
from sensor.central.consumer.consumer import Consumer, Gap
from sensor.central.consumer.intake import Intake, Note
from sensor.central.consumer.refusals import Refusal
from sensor.central.incidents.signing import CentreKey, CentreKeys
from sensor.central.settings import BrokerSettings, IntakeSettings
from sensor.central.store import ArrivalRow, Store
from sensor.central.store.sqlite import SqliteStore
from sensor.errors import StoreError
from tests.support.mosquitto import Broker, Subscriber, wait_until
from tests.support.rooftops import Rooftops, publish

pytestmark = pytest.mark.broker
NODE = "roof-00"


class Centre:
    """A consumer at work on a record."""

    def __init__(
        self,
        broker: Broker,
        store: Store,
        *,
        name: str = "centre",
        intake: Intake | None = None,
        **broker_settings: Any,
    ) -> None:
        self.intake = intake or Intake(IntakeSettings())
        self.rows: list[ArrivalRow] = []
        self.notes: list[Note] = []
        self.gaps: list[Gap] = []
        self.doubts: list[str] = []
        self.consumer = Consumer(
            BrokerSettings(
                host=broker.host,
                port=broker.port,
                client_id=name,
                backoff_min_s=0.05,
                backoff_max_s=0.2,
                **broker_settings,
            ),
            store,
            self.intake,
            on_stored=self.rows.extend,
            on_note=self.notes.append,
            on_gap=self.gaps.append,
            on_doubt=lambda key, _why: self.doubts.append(key),
        )

    def start(self) -> None:
        self.consumer.start()
        wait_until(lambda: self.consumer.connected, what="the consumer listens")

    def stop(self) -> None:
        assert self.consumer.stop(20.0)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.consumer.stop(20.0)


@pytest.fixture
def broker() -> Iterator[Broker]:
    with Broker(persistent=True, options=("max_queued_messages 0",)) as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    record = SqliteStore(tmp_path / "record.db")
    yield record
    record.close()


@pytest.fixture
def link(broker: Broker) -> Iterator[Subscriber]:
    with Subscriber(broker, "nothing/at/all") as link:
        yield link


def count(store: Store) -> int:
    return len(store.arrivals())


def test_candidates_are_stored_once_however_often_they_come(
    broker: Broker, store: SqliteStore, link: Subscriber
) -> None:
    shot = Rooftops().shot(100.0, 100.0)
    with Centre(broker, store) as centre:
        publish(link, shot + shot[:3] + list(reversed(shot)))
        wait_until(lambda: centre.consumer.repeated == 11, what="the repeated ones are counted")
        assert count(store) == len(centre.rows) == 8
        assert centre.intake.refused == {}


def test_what_comes_while_the_centre_is_away_is_kept_by_the_broker(
    broker: Broker, store: SqliteStore, link: Subscriber
) -> None:
    town = Rooftops()
    with Centre(broker, store):
        pass
    publish(link, town.shot(100.0, 100.0))
    with Centre(broker, store):
        wait_until(lambda: count(store) == 8, what="what was missed is stored")


def test_a_broker_that_restarts_costs_nothing(broker: Broker, store: SqliteStore, link: Subscriber) -> None:
    town = Rooftops()
    with Centre(broker, store) as centre:
        publish(link, town.shot(100.0, 100.0))
        wait_until(lambda: count(store) == 8, what="the first shot is stored")
        broker.stop()
        wait_until(lambda: centre.consumer.problem, what="the loss is noticed")
        broker.start()
        wait_until(lambda: centre.consumer.connected, what="it listens again")
        seen = link.subscriptions
        wait_until(lambda: link.subscriptions >= max(2, seen), what="the nodes are connected again")
        publish(link, town.shot(200.0, 200.0))
        wait_until(lambda: count(store) == 16, what="the second shot is stored")
        assert centre.consumer.problem == ""


def test_rubbish_is_counted_by_reason_and_the_rest_is_taken(
    broker: Broker, store: SqliteStore, link: Subscriber
) -> None:
    town = Rooftops()
    good = town.shot(100.0, 100.0)
    topic = f"gunshot/v1/town/{NODE}/candidate"
    with Centre(broker, store) as centre:
        for payload in (b"\xff\x00", b"{", b"[]", b'{"utc_ns": NaN}'):
            link.publish(topic, payload)
        link.publish(topic, json.dumps(good[0] | {"utc_ns": 5 * 10**18}))
        publish(link, good)
        wait_until(lambda: count(store) == 8, what="the good ones are stored")
        assert centre.intake.refused == {Refusal.MALFORMED: 4, Refusal.FUTURE: 1}


class Refusing:
    """A record whose writes can be refused; everything else is the real one's."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.broken = False
        self.refused = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def append_arrivals(self, rows: Any, *, received_ns: int) -> frozenset[str]:
        if self.broken:
            self.refused += 1
            raise StoreError("record: it is read-only: check the mount and the owner of the file")
        return self.store.append_arrivals(rows, received_ns=received_ns)


def test_what_the_record_refuses_is_not_acknowledged_and_comes_again(
    broker: Broker, store: SqliteStore, link: Subscriber
) -> None:
    record = Refusing(store)
    record.broken = True
    with Centre(broker, record) as centre:
        publish(link, Rooftops().shot(100.0, 100.0))
        wait_until(lambda: record.refused >= 2, what="it is tried again")
        wait_until(lambda: "read-only" in centre.consumer.problem, what="the reason is told")
        assert count(store) == 0
        record.broken = False
        wait_until(lambda: count(store) == 8, what="all of it is stored")
        wait_until(lambda: centre.consumer.problem == "", what="the problem is over")


def test_numbers_that_never_came_are_told_once_the_node_has_nothing_more_to_send(
    broker: Broker, store: SqliteStore, link: Subscriber
) -> None:
    town = Rooftops()
    sent = [town.candidate(NODE, 1_000_000 * number + 10**18) for number in range(6)]
    now = town.shot(0.0, 0.0, nodes=1)
    sent = [now[0] | {"seq": body["seq"], "event_id": body["event_id"]} for body in sent]
    with Centre(broker, store) as centre:
        publish(link, [sent[number] for number in (0, 1, 4, 5)])
        wait_until(lambda: count(store) == 4, what="four are stored")
        town.seq[NODE] = 6
        busy = town.health(NODE) | {"outbox": {**town.health(NODE)["outbox"], "depth": 3}}
        link.publish(f"gunshot/v1/town/{NODE}/health", json.dumps(busy))
        wait_until(lambda: centre.notes, what="health came")
        assert centre.gaps == []
        link.publish(f"gunshot/v1/town/{NODE}/health", json.dumps(town.health(NODE)))
        wait_until(lambda: [gap.missing for gap in centre.gaps] == [2], what="the gap is told")
        publish(link, [sent[2], sent[3]])
        wait_until(lambda: count(store) == 6, what="the two came late")
        link.publish(f"gunshot/v1/town/{NODE}/health", json.dumps(town.health(NODE)))
        wait_until(lambda: [gap.missing for gap in centre.gaps] == [2, 0], what="the gap is closed")


def test_two_machines_under_one_name_are_told_apart_and_reported(
    broker: Broker, store: SqliteStore, link: Subscriber
) -> None:
    """A card that was copied: the same outbox, the same numbers, other sounds."""
    first, second = Rooftops(), Rooftops()
    mine, theirs = first.shot(0.0, 0.0, nodes=1)[0], second.shot(500.0, 0.0, nodes=12)
    copied = next(body for body in theirs if body["node"] == mine["node"])
    assert copied["event_id"] == mine["event_id"]
    with Centre(broker, store) as centre:
        publish(link, [mine])
        wait_until(lambda: count(store) == 1, what="the first is stored")
        publish(link, [copied, copied | {"event_id": "another"}])
        wait_until(lambda: centre.intake.refused[Refusal.TWO_NODES] == 2, what="both are refused")
        assert set(centre.doubts) == {f"town/{NODE}"}
        assert centre.consumer.repeated == 0
        assert json.loads(store.arrival_bodies([mine["event_id"]])[mine["event_id"]]) == mine


class TestChain:
    """Signed candidates name the one before; a link that does not hold is refused, in whatever order."""

    @pytest.fixture
    def key(self) -> CentreKey:
        return CentreKey.new()

    def signed(self, key: CentreKey, number: int) -> list[dict[str, Any]]:
        town, chain, previous = Rooftops(), [], None
        now = town.shot(0.0, 0.0, nodes=1)[0]
        for _ in range(number):
            body = {**town.candidate(NODE, now["utc_ns"]), "prev_hash": previous}
            previous = hash_of(body)
            chain.append(body | {"signature": key.sign(signed_text(body))})
        return chain

    def centre(self, broker: Broker, store: Store, key: CentreKey) -> Centre:
        keys = CentreKeys([key.public])
        return Centre(broker, store, intake=Intake(IntakeSettings(), verifier_of=lambda *_: keys))

    def test_one_that_holds_is_taken_in_any_order(
        self, broker: Broker, store: SqliteStore, link: Subscriber, key: CentreKey
    ) -> None:
        chain = self.signed(key, 6)
        with self.centre(broker, store, key) as centre:
            publish(link, [chain[number] for number in (3, 0, 5, 1, 2, 4)])
            wait_until(lambda: count(store) == 6, what="all are stored")
            assert centre.intake.refused == {}

    def test_one_that_does_not_follow_is_refused(
        self, broker: Broker, store: SqliteStore, link: Subscriber, key: CentreKey
    ) -> None:
        chain = self.signed(key, 3)
        other = chain[1] | {"p_gunshot": 0.1}
        forged = other | {"signature": key.sign(signed_text(other))}  # by a thief of the key
        with self.centre(broker, store, key) as centre:
            publish(link, [chain[0], chain[2], forged])
            wait_until(lambda: centre.intake.refused[Refusal.BROKEN_CHAIN] == 1, what="it is refused")
            publish(link, [chain[1]])
            wait_until(lambda: count(store) == 3, what="the true one is stored")


def test_several_workers_share_what_comes_in(broker: Broker, tmp_path: Path, link: Subscriber) -> None:
    """Each candidate goes to one of them; what nodes say of themselves goes to all."""
    town = Rooftops()
    with ExitStack() as stack:
        stores = [SqliteStore(tmp_path / f"{number}.db") for number in range(2)]
        for each in stores:
            stack.callback(each.close)
        workers = [
            stack.enter_context(Centre(broker, each, name=f"worker-{number}", share_group="centre"))
            for number, each in enumerate(stores)
        ]
        for _ in range(4):
            publish(link, town.shot(100.0, 100.0))
        wait_until(lambda: sum(map(count, stores)) == 32, what="all are stored")
        assert all(count(each) > 0 for each in stores)
        assert all(worker.consumer.repeated == 0 for worker in workers)
        publish(link, [town.status(NODE)], "status")
        wait_until(lambda: all(worker.notes for worker in workers), what="both know the node")
        workers[0].stop()
        publish(link, town.shot(100.0, 100.0))
        wait_until(lambda: sum(map(count, stores)) == 40, what="the other one takes all")


def test_a_worker_of_one_site_hears_that_site_alone(
    broker: Broker, store: SqliteStore, link: Subscriber
) -> None:
    with Centre(broker, store, sites=("town",)):
        publish(link, Rooftops(site="village").shot(0.0, 0.0) + Rooftops().shot(0.0, 0.0))
        wait_until(lambda: count(store) == 8, what="the town is stored")
        assert {item.arrival.site for item in store.arrivals()} == {"town"}
