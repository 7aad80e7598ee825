"""Whatever happens to broker, network and node: what was committed arrives."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from sensor.uplink.mqtt import Uplink
from sensor.uplink.outbox import Outbox
from tests.support.messages import candidate
from tests.support.mosquitto import Broker, Subscriber, wait_until
from tests.support.patience import PATIENCE_S
from tests.support.wiretap import Wiretap

pytestmark = pytest.mark.broker

UplinkTo = Callable[..., Uplink]
ROOT = Path(__file__).parents[2]
PATIENT = ("max_inflight_messages 0", "max_queued_messages 0")
"""The broker hands everything on at once, so that killing it loses nothing that it acknowledged."""


def event_ids(subscriber: Subscriber) -> list[str]:
    return [json.loads(body)["event_id"] for body in subscriber.bodies("candidate")]


def came_back(tap: Wiretap, before: int) -> bool:
    """Whether a connection was made since there were ``before``."""
    return tap.connections > before


def test_cut_connections_lose_nothing_and_never_exceed_the_window(
    outbox: Outbox, uplink_to: UplinkTo
) -> None:
    with Broker(options=PATIENT) as broker, Wiretap(broker.port) as tap, Subscriber(broker) as subscriber:
        uplink = uplink_to(tap.port, window=8)
        stored = []
        for n in range(250):
            stored.append(str(outbox.append(candidate(n)).event_id))
            uplink.notify()
            if n % 25 == 12:
                before = tap.connections
                tap.cut()
                wait_until(partial(came_back, tap, before), what="the uplink connects again")
        wait_until(lambda: outbox.stats().depth == 0)
        wait_until(lambda: set(event_ids(subscriber)) == set(stored))
        assert tap.connections >= 10
        assert 1 <= tap.max_unacknowledged <= 8
        assert outbox.stats().quarantined == 0
        repeated = len(event_ids(subscriber)) - len(stored)
        assert repeated <= 8 * tap.connections


class Producer:
    """Appends a candidate every 10 ms, except while it is paused."""

    def __init__(self, outbox: Outbox, uplink: Uplink) -> None:
        self.stored: list[str] = []
        self._outbox = outbox
        self._uplink = uplink
        self._gate = threading.Lock()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._ending.wait(0.01):
            with self._gate:
                self.stored.append(str(self._outbox.append(candidate(len(self.stored))).event_id))
            self._uplink.notify()

    def pause(self) -> None:
        self._gate.acquire()

    def resume(self) -> None:
        self._gate.release()

    def wait_for_more(self) -> None:
        before = len(self.stored)
        wait_until(lambda: len(self.stored) > before + 20)

    def stop(self) -> None:
        self._ending.set()
        self._thread.join()


def test_a_broker_killed_stopped_and_frozen_at_random_loses_nothing(
    outbox: Outbox, uplink_to: UplinkTo
) -> None:
    faults = ["kill", "freeze", "stop", "kill", "stop"]
    random.Random(11).shuffle(faults)  # noqa: S311  repeatable, not secret
    with (
        Broker(options=PATIENT, persistent=True) as broker,
        Wiretap(broker.port) as tap,
        Subscriber(broker) as subscriber,
    ):
        uplink = uplink_to(tap.port, window=8, keepalive_s=3)
        producer = Producer(outbox, uplink)
        for fault in faults:
            producer.wait_for_more()
            before = subscriber.subscriptions
            if fault == "freeze":
                broker.freeze()
                wait_until(lambda: not uplink.stats().connected, what="a frozen broker is noticed")
                broker.thaw()
                wait_until(lambda: uplink.stats().connected)
                continue
            if fault == "kill":
                # Mosquitto does not write each message to its disk, so what it has acknowledged must have
                # been handed on before it may be killed.
                producer.pause()
                wait_until(lambda: set(producer.stored) == set(event_ids(subscriber)))
                broker.kill()
                producer.resume()
            else:
                broker.stop()
            producer.wait_for_more()
            broker.start()
            wait_until(lambda seen=before: subscriber.subscriptions > seen)  # type: ignore[misc]  # mypy cannot type a bound default
        producer.stop()
        wait_until(lambda: outbox.stats().depth == 0)
        wait_until(lambda: set(producer.stored) == set(event_ids(subscriber)))
        assert len(producer.stored) >= 200
        assert tap.max_unacknowledged <= 8
        assert outbox.stats().quarantined == 0


def test_a_node_killed_again_and_again_loses_nothing_it_committed(tmp_path: Path) -> None:
    chance = random.Random(13)  # noqa: S311  as above
    committed: list[str] = []

    def run(count: int, broker: Broker) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.support.appender"]
        arguments = [str(tmp_path / "outbox.db"), str(broker.port), str(count)]
        return subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True, cwd=ROOT)

    with Broker(options=PATIENT) as broker, Subscriber(broker) as subscriber:
        for _ in range(6):
            with run(10_000, broker) as node:
                assert node.stdout is not None
                assert node.stdout.readline() == "ready\n"
                committed += [node.stdout.readline().strip() for _ in range(chance.randrange(1, 80))]
                node.kill()
                rest = node.stdout.read().splitlines(keepends=True)
                committed += [line.strip() for line in rest if line.endswith("\n")]
        lost = [json.loads(body) for body in subscriber.bodies("status")]
        with run(0, broker) as node:
            assert node.wait(PATIENCE_S) == 0
        wait_until(lambda: set(committed) <= set(event_ids(subscriber)), what="all committed arrive")
        numbers = {json.loads(body)["seq"] for body in subscriber.bodies("candidate")}
        chains = {json.loads(body)["chain_id"] for body in subscriber.bodies("candidate")}
        assert numbers == set(range(1, max(numbers) + 1))
        assert len(chains) == 1
        assert len(set(event_ids(subscriber))) == max(numbers) >= len(committed)
        assert ("offline", "lost") in {(body["state"], body["reason"]) for body in lost}
        last = json.loads(subscriber.bodies("status")[-1])
        assert (last["state"], last["reason"]) == ("offline", "stopped")


def test_days_without_a_broker_are_caught_up_with(outbox: Outbox, uplink_to: UplinkTo) -> None:
    # The subscriber is known to the broker before it goes away: nobody keeps what is sent to no one.
    with Broker(options=PATIENT, persistent=True) as broker, Subscriber(broker) as subscriber:
        broker.stop()
        uplink = uplink_to(broker.port)
        stored = [str(outbox.append(candidate(n)).event_id) for n in range(500)]
        wait_until(lambda: uplink.stats().last_error)
        broker.start()
        wait_until(lambda: len(subscriber.bodies("candidate")) == 500)
        assert sorted(event_ids(subscriber)) == sorted(stored)


def test_stopping_without_a_broker_is_quick_and_keeps_everything(outbox: Outbox, uplink_to: UplinkTo) -> None:
    uplink = uplink_to(1)
    outbox.append(candidate())
    wait_until(lambda: uplink.stats().last_error)
    began_s = time.monotonic()
    uplink.stop(PATIENCE_S)
    assert time.monotonic() - began_s < PATIENCE_S / 2
    assert outbox.stats().depth == 1


def test_stopping_while_the_broker_is_frozen_keeps_its_time(outbox: Outbox, uplink_to: UplinkTo) -> None:
    with Broker() as broker:
        uplink = uplink_to(broker.port, keepalive_s=60)
        wait_until(lambda: uplink.stats().connected)
        broker.freeze()
        outbox.append(candidate())
        uplink.notify()
        uplink.stop(1.0)
        wait_until(lambda: not uplink._thread.is_alive(), what="the thread ends")
        assert outbox.stats().depth == 1


def test_a_broker_that_never_acknowledges_is_left_after_two_keep_alives(
    outbox: Outbox, uplink_to: UplinkTo
) -> None:
    with Broker() as broker, Wiretap(broker.port) as tap:
        tap.swallow_acknowledgements()
        outbox.append(candidate())
        uplink = uplink_to(tap.port, keepalive_s=2)
        wait_until(lambda: "no acknowledgement" in str(uplink.stats().last_error))
        assert outbox.stats().depth == 1


def test_a_candidate_that_breaks_every_connection_is_held_back_and_the_others_arrive(
    outbox: Outbox, uplink_to: UplinkTo
) -> None:
    with Broker() as broker, Wiretap(broker.port) as tap, Subscriber(broker) as subscriber:
        tap.poison = b"poisonous"
        poison, *good = [
            str(outbox.append(candidate(n, clock={"source": "good" if n else "poisonous"})).event_id)
            for n in range(6)
        ]
        uplink = uplink_to(tap.port)
        wait_until(lambda: outbox.stats().depth == 0)
        assert set(event_ids(subscriber)) == set(good)
        assert uplink.stats().quarantined == 1
        tap.poison = None
        assert outbox.requeue("connection lost") == 1
        uplink.notify()
        wait_until(lambda: set(event_ids(subscriber)) == {poison, *good})


def test_a_large_window_is_used_whole(outbox: Outbox, uplink_to: UplinkTo) -> None:
    with Broker(options=PATIENT) as broker, Wiretap(broker.port) as tap:
        tap.swallow_acknowledgements()
        for n in range(60):
            outbox.append(candidate(n))
        uplink_to(tap.port, window=50, keepalive_s=60)
        wait_until(lambda: tap.max_unacknowledged == 50)
