"""The centre's two connections, at a real broker and at servers that answer what a test wants."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sensor.broker.connection import ConnectionLost
from sensor.broker.settings import TlsSettings
from sensor.central import mqtt
from sensor.central.mqtt import Incoming, Outgoing, try_broker
from sensor.central.settings import BrokerSettings
from sensor.errors import UplinkError
from tests.support.mosquitto import Broker, Subscriber, make_certificates, tcp_server, wait_until
from tests.support.patience import PATIENCE_S

pytestmark = pytest.mark.broker
TOPIC = "gunshot/v1/durham/incident/1"
FILTERS = ["gunshot/v1/+/+/candidate"]


def settings(port: int, *, keepalive_s: int = 60, tls: TlsSettings | None = None) -> BrokerSettings:
    return BrokerSettings(
        port=port, client_id="centre", keepalive_s=keepalive_s, connect_timeout_s=PATIENCE_S, tls=tls
    )


@contextmanager
def outgoing_to(broker: Broker, *, keepalive_s: int = 60) -> Iterator[Outgoing]:
    outgoing = Outgoing(settings(broker.port, keepalive_s=keepalive_s))
    yield outgoing
    outgoing.close()


def connections(broker: Broker) -> int:
    return broker.log.read_text().count(" as centre-out ")


def test_what_is_published_has_arrived_and_one_connection_serves_all() -> None:
    with Broker() as broker, outgoing_to(broker) as outgoing:
        for number in range(20):
            outgoing.publish(TOPIC, b"%d" % number, retain=True)
        with Subscriber(broker) as subscriber:
            wait_until(lambda: subscriber.got)
        assert [(got.topic, got.body, got.retained) for got in subscriber.got] == [(TOPIC, b"19", True)]
        assert connections(broker) == 1


def test_a_connection_that_rests_is_kept_alive() -> None:
    with Broker() as broker, outgoing_to(broker, keepalive_s=8) as outgoing:
        outgoing.publish(TOPIC, b"1")
        wait_until(lambda: "Received PINGREQ from centre-out" in broker.log.read_text())
        outgoing.publish(TOPIC, b"2")
        assert connections(broker) == 1


def test_a_broker_that_was_away_is_connected_anew() -> None:
    with Broker() as broker, outgoing_to(broker) as outgoing:
        outgoing.publish(TOPIC, b"1")
        broker.kill()
        with pytest.raises(ConnectionLost, match=f"127.0.0.1:{broker.port}: connection refused"):
            outgoing.publish(TOPIC, b"2")
        broker.start()
        outgoing.publish(TOPIC, b"3")


def test_a_broker_that_does_not_acknowledge_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Broker() as broker, outgoing_to(broker) as outgoing:
        outgoing.publish(TOPIC, b"1")
        broker.freeze()
        with monkeypatch.context() as impatient:
            impatient.setattr(mqtt, "_PUBLISH_S", 0.2)
            with pytest.raises(ConnectionLost, match="did not acknowledge"):
                outgoing.publish(TOPIC, b"2")
        broker.thaw()
        outgoing.publish(TOPIC, b"3")


def test_a_topic_that_is_refused_is_said_and_the_connection_stays() -> None:
    with Broker(acl="topic write gunshot/#\n") as broker, outgoing_to(broker) as outgoing:
        with pytest.raises(UplinkError, match="elsewhere: the broker refuses: Not authorized"):
            outgoing.publish("elsewhere", b"1")
        outgoing.publish(TOPIC, b"2")
        assert connections(broker) == 1


def test_many_may_publish_at_once_and_the_end_leaves_no_thread() -> None:
    with Broker() as broker, Subscriber(broker) as subscriber:
        outgoing = Outgoing(settings(broker.port))
        threads = [
            threading.Thread(target=outgoing.publish, args=(TOPIC, b"%d" % number)) for number in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
        wait_until(lambda: len(subscriber.got) == 8)
        outgoing.close()
        wait_until(lambda: not [thread for thread in threading.enumerate() if thread.name == "outgoing"])


def test_check_connects_and_subscribes() -> None:
    with Broker() as broker:
        try_broker(settings(broker.port), FILTERS)
        assert " as centre-check " in broker.log.read_text()


def test_what_is_wrong_with_the_connection_is_said_with_the_way_to_mend_it(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path)
    refused = pytest.raises(ConnectionLost, match="gives no user name, is not authorized")
    with Broker(passwords={"centre": "secret"}) as closed, refused:
        try_broker(settings(closed.port), FILTERS)
    with Broker(certificates=certificates) as encrypted:
        tls = TlsSettings(ca_file=certificates / "other_ca.crt")
        with pytest.raises(ConnectionLost, match=r"not trusted .*: check ca_file"):
            try_broker(settings(encrypted.port, tls=tls), FILTERS)
        tls = TlsSettings(ca_file=certificates / "none.crt")
        with pytest.raises(ConnectionLost, match=r"none\.crt: No such file"):
            try_broker(settings(encrypted.port, tls=tls), FILTERS)


def answers(*packets: bytes) -> Callable[[socket.socket], None]:
    """A server that answers CONNECT with the first and SUBSCRIBE with the second packet."""

    def handle(connection: socket.socket) -> None:
        for packet in packets:
            connection.recv(4096)
            connection.sendall(packet)

    return handle


GREETED = bytes([0x20, 3, 1, 0, 0])
"""CONNACK: the session was kept."""
MISSED = bytes([0x32, 7, 0, 1, ord("t"), 0, 7, 0, ord("x")])
"""PUBLISH at QoS 1 of "x" on topic "t"."""


def test_what_was_missed_may_come_before_the_answer_to_subscribe() -> None:
    granted = bytes([0x90, 4, 0, 1, 0, 1])
    with contextmanager(tcp_server)(answers(GREETED, MISSED + granted)) as port:
        link = Incoming(settings(port), FILTERS)
        assert link.open(threading.Event())
        (message,) = link.wait(0.0)
        assert (message.topic, message.payload, message.qos) == ("t", b"x", 1)
        link.close()


def test_a_topic_that_may_not_be_read_is_named() -> None:
    refused = bytes([0x90, 4, 0, 1, 0, 0x87])
    with contextmanager(tcp_server)(answers(GREETED, refused)) as port:
        link = Incoming(settings(port), FILTERS)
        with pytest.raises(
            ConnectionLost, match=r"subscribe to gunshot/v1/\+/\+/candidate \(Not authorized\)"
        ):
            link.open(threading.Event())
        link.close()
