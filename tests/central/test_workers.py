"""Daemons on one PostgreSQL record: it goes away and comes back, and two of them share the work."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sensor.central.store.postgres import PostgresStore
from tests.support.centre import CentreProcess, incidents
from tests.support.http_receiver import Receiver
from tests.support.mosquitto import Broker, Subscriber, wait_until
from tests.support.postgres import PostgresServer
from tests.support.rooftops import Rooftops, publish

pytestmark = [pytest.mark.broker, pytest.mark.timeout(600)]

APART_NS = 10 * 10**9
"""Between two shots: no arrival of one can be taken for the other's, however fast the machine is."""


@pytest.fixture
def broker() -> Iterator[Broker]:
    with Broker(persistent=True, options=("max_queued_messages 0",)) as running:
        yield running


def test_candidates_wait_at_the_broker_while_the_database_is_away(broker: Broker, tmp_path: Path) -> None:
    town = Rooftops()
    with PostgresServer() as server:
        (tmp_path / "dsn").write_text(server.dsn())
        settings = f"record: {{postgres_dsn_file: {tmp_path / 'dsn'}}}\n"
        with CentreProcess(broker, settings=settings) as centre, Subscriber(broker) as link:
            centre.wait_ready()
            publish(link, town.shot(100.0, 100.0, time.time_ns() - APART_NS))
            wait_until(lambda: len(incidents(link)) == 1, 240, "the first shot is told")
            server.stop("immediate")
            shot = town.shot(420.0, 250.0)
            publish(link, shot)
            wait_until(lambda: "is the server running" in centre.text, 240, "the daemon says what is missing")
            assert not centre.ended
            server.start()
            wait_until(
                lambda: any(
                    len(each["nodes"]) == 8 and town.off_m(each, 420.0, 250.0) < 15.0
                    for each in incidents(link).values()
                    if each["position"] is not None
                ),
                240,
                "the shot of meanwhile is located from all who heard it",
            )
            assert centre.stop() == 0
        with closing(PostgresStore(server.dsn())) as store:
            assert len(store.arrivals()) == 16
            assert store.verify_ledger() >= 2


def test_two_workers_share_candidates_and_tell_each_receiver_once(
    broker: Broker, server: PostgresServer, tmp_path: Path
) -> None:
    town = Rooftops()
    dsn = server.dsn(schema=server.new_schema())
    (tmp_path / "dsn").write_text(dsn)
    (tmp_path / "secret").write_text("the desk's own long secret")
    with Receiver() as desk, Subscriber(broker) as link:

        def worker(name: str, site: str) -> CentreProcess:
            hook = f"{{name: desk, http: {{url: '{desk.url}'}}, secret_file: {tmp_path / 'secret'}}}"
            return CentreProcess(
                broker,
                name=name,
                settings=f"record: {{postgres_dsn_file: {tmp_path / 'dsn'}}}\n"
                f"worker: {{sites: [{site}]}}\n"
                f"notify: {{webhooks: [{hook}]}}\n",
                shared="centre",
            )

        with worker("first", "town") as first, worker("second", "elsewhere") as second:
            first.wait_ready()
            second.wait_ready()
            publish(link, town.shot(100.0, 100.0, time.time_ns() - APART_NS))
            publish(link, town.shot(800.0, 500.0))
            wait_until(
                lambda: sum(len(each["nodes"]) == 8 for each in incidents(link).values()) == 2,
                240,
                "both shots are located from candidates that either worker took",
            )
            with closing(PostgresStore(dsn)) as store:
                wait_until(
                    lambda: not store.deliveries(state="waiting") and store.deliveries(state="delivered"),
                    240,
                    "everything owed is told",
                )
                assert first.stop() == 0
                assert second.stop() == 0
                assert len(store.arrivals()) == 16
                assert store.verify_ledger() >= 2
                told = Counter(request.headers["Gunshot-Key"] for request in desk.requests)
                assert told
                assert set(told.values()) == {1}
