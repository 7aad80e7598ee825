"""Against a real Mosquitto that works, and against what it may refuse."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sensor.events import Candidate
from sensor.uplink.mqtt import Uplink
from sensor.uplink.outbox import Outbox
from tests.support.messages import NODE, SITE, candidate, health
from tests.support.mosquitto import Broker, Subscriber, wait_until
from tests.support.patience import PATIENCE_S

pytestmark = pytest.mark.broker

SECRET = "secret"  # noqa: S105  of a broker that lives for a second
ROOT = f"gunshot/v1/{SITE}/{NODE}"
UplinkTo = Callable[..., Uplink]


@pytest.fixture
def broker() -> Iterator[Broker]:
    with Broker() as running:
        yield running


def last(subscriber: Subscriber, kind: str) -> dict[str, Any]:
    bodies = subscriber.bodies(kind)
    body: dict[str, Any] = json.loads(bodies[-1]) if bodies else {}
    return body


def test_candidates_arrive_as_they_were_stored_and_leave_the_outbox(
    broker: Broker, outbox: Outbox, uplink_to: UplinkTo
) -> None:
    stored = [outbox.append(candidate(n)) for n in range(30)]
    with Subscriber(broker) as subscriber:
        uplink = uplink_to(broker.port)
        stored.append(outbox.append(candidate(30)))
        uplink.notify()
        wait_until(lambda: outbox.stats().depth == 0)
        wait_until(lambda: len(subscriber.bodies("candidate")) == 31)
        arrived = [Candidate.from_json(body) for body in subscriber.bodies("candidate")]
        assert sorted(arrived, key=lambda item: item.seq or 0) == stored
        assert uplink.stats().published == 31
        assert uplink.stats().problem is None


def test_messages_say_that_they_are_json_and_when_they_expire(
    broker: Broker, outbox: Outbox, uplink_to: UplinkTo
) -> None:
    with Subscriber(broker, f"{ROOT}/candidate") as subscriber:
        outbox.append(candidate())
        uplink_to(broker.port, candidate_expiry_s=3600)
        wait_until(lambda: subscriber.got)
        properties = subscriber.got[0].properties
        assert properties is not None
        assert getattr(properties, "ContentType") == "application/json"  # noqa: B009  paho leaves it untyped
        assert 3600 - PATIENCE_S <= getattr(properties, "MessageExpiryInterval") <= 3600  # noqa: B009  as above


def test_status_and_health_are_retained_for_who_comes_later(broker: Broker, uplink_to: UplinkTo) -> None:
    uplink = uplink_to(broker.port)
    uplink.publish_health(health(1.0))
    uplink.publish_health(health(2.0))
    with Subscriber(broker) as early:
        wait_until(lambda: last(early, "health").get("uptime_s") == 2.0)
    with Subscriber(broker, client_id="late") as late:
        wait_until(lambda: late.bodies("health") and late.bodies("status"))
        assert all(got.retained for got in late.got)
        assert last(late, "status")["state"] == "online"
        assert last(late, "health")["uptime_s"] == 2.0


def test_a_stop_on_purpose_is_told_from_a_loss(broker: Broker, uplink_to: UplinkTo) -> None:
    uplink = uplink_to(broker.port)
    with Subscriber(broker) as subscriber:
        wait_until(lambda: last(subscriber, "status").get("state") == "online")
        uplink.stop()
        wait_until(lambda: last(subscriber, "status").get("state") == "offline")
        assert last(subscriber, "status")["reason"] == "stopped"
        assert last(subscriber, "status")["boot_id"] == "boot-1"


def test_what_is_stored_just_before_the_stop_still_goes_out(
    broker: Broker, outbox: Outbox, uplink_to: UplinkTo
) -> None:
    uplink = uplink_to(broker.port)
    wait_until(lambda: uplink.stats().connected)
    for n in range(50):
        outbox.append(candidate(n))
    uplink.stop(PATIENCE_S)
    assert outbox.stats().depth == 0


def test_health_given_before_the_broker_is_there_is_sent_on_connect(uplink_to: UplinkTo) -> None:
    broker = Broker()
    uplink = uplink_to(broker.port)
    uplink.publish_health(health(7.0))
    wait_until(lambda: uplink.stats().last_error)
    assert "connection refused" in str(uplink.stats().problem)
    with broker, Subscriber(broker) as subscriber:
        wait_until(lambda: last(subscriber, "health").get("uptime_s") == 7.0)


def test_commands_are_answered_and_report_sends_health_now(broker: Broker, uplink_to: UplinkTo) -> None:
    asked = iter(range(1000))
    uplink = uplink_to(broker.port, report=lambda: health(float(next(asked))))
    with Subscriber(broker) as subscriber:
        wait_until(lambda: last(subscriber, "health").get("uptime_s") == 0.0)
        subscriber.publish(f"{ROOT}/command", '{"command_id":"a","verb":"report"}')
        wait_until(lambda: last(subscriber, "health").get("uptime_s") == 1.0)
        subscriber.publish(f"{ROOT}/command", '{"command_id":"b","verb":"record"}')
        wait_until(lambda: len(subscriber.bodies("reply")) == 2)
        first, second = (json.loads(body) for body in subscriber.bodies("reply"))
        assert (first["command_id"], first["ok"]) == ("a", True)
        assert (second["command_id"], second["ok"]) == ("b", False)
        assert (uplink.stats().commands, uplink.stats().commands_refused) == (1, 1)


def test_a_broker_that_takes_few_at_a_time_is_not_given_more(outbox: Outbox, uplink_to: UplinkTo) -> None:
    with Broker(options=("max_inflight_messages 3",)) as broker:
        for n in range(200):
            outbox.append(candidate(n))
        uplink = uplink_to(broker.port, window=20)
        wait_until(lambda: outbox.stats().depth == 0)
        assert uplink.stats().window == 3
        assert uplink.stats().connects == 1, "Mosquitto disconnects who exceeds its limit"


def test_the_brokers_keep_alive_is_honoured(uplink_to: UplinkTo) -> None:
    with Broker(options=("max_keepalive 10",)) as broker:
        uplink = uplink_to(broker.port, keepalive_s=3600)
        wait_until(lambda: uplink.stats().connected)
        assert uplink.stats().keepalive_s == 10


def test_a_candidate_too_large_for_the_broker_is_held_back_and_the_others_arrive(
    outbox: Outbox, uplink_to: UplinkTo
) -> None:
    with Broker(options=("max_packet_size 1500",)) as broker, Subscriber(broker) as subscriber:
        outbox.append(candidate(0, clock={"source": "x" * 5000}))
        good = [str(outbox.append(candidate(n)).event_id) for n in range(1, 6)]
        uplink = uplink_to(broker.port)
        wait_until(lambda: len(subscriber.bodies("candidate")) == 5)
        assert [json.loads(body)["event_id"] for body in subscriber.bodies("candidate")] == good
        wait_until(lambda: uplink.stats().quarantined == 1)
        assert uplink.stats().connects == 1
        assert "too large" in str(uplink.stats().last_error)


def test_a_refused_topic_is_asked_again_until_the_operator_has_mended_the_access_list(
    outbox: Outbox, uplink_to: UplinkTo
) -> None:
    closed = f"topic readwrite #\n\nuser {NODE}\ntopic write {ROOT}/status\n"
    passwords = {NODE: "secret", "centre": "secret"}
    acl = f"user centre\ntopic readwrite #\n\n{closed.split(chr(10), 2)[2]}"
    with Broker(passwords=passwords, acl=acl) as broker:
        stored = [str(outbox.append(candidate(n)).event_id) for n in range(5)]
        password_file = broker.folder / "node.password"
        password_file.write_text("secret\n")
        password_file.chmod(0o600)
        uplink = uplink_to(broker.port, username=NODE, password_file=password_file)
        with Subscriber(broker, username="centre", password=SECRET) as subscriber:
            wait_until(lambda: uplink.stats().refused >= 3)
            assert "Not authorized" in str(uplink.stats().problem)
            assert outbox.stats().depth == 5
            assert outbox.stats().quarantined == 0
            broker.write_acl(acl + f"topic write {ROOT}/candidate\n")
            broker.reload()
            wait_until(lambda: len(subscriber.bodies("candidate")) == 5)
            arrived = [json.loads(body)["event_id"] for body in subscriber.bodies("candidate")]
            assert sorted(arrived) == sorted(stored)
            wait_until(lambda: uplink.stats().problem is None)


def test_a_wrong_password_is_said_and_a_new_one_needs_no_restart(
    outbox: Outbox, uplink_to: UplinkTo, caplog: pytest.LogCaptureFixture
) -> None:
    with Broker(passwords={NODE: "secret-right"}) as broker:
        password_file = broker.folder / "node.password"
        password_file.write_text("secret-wrong\n")
        password_file.chmod(0o644)
        outbox.append(candidate())
        uplink = uplink_to(broker.port, username=NODE, password_file=password_file)
        wait_until(lambda: uplink.stats().last_error)
        assert f"user '{NODE}'" in str(uplink.stats().last_error)
        assert "password_file" in str(uplink.stats().last_error)
        password_file.write_text("secret-right\n")
        wait_until(lambda: outbox.stats().depth == 0)
    assert "others may read it" in caplog.text
    assert "secret-" not in caplog.text


@pytest.mark.parametrize("fault", ["missing", "empty", "binary"])
def test_a_password_file_that_is_none_is_said_and_waited_for(
    outbox: Outbox, uplink_to: UplinkTo, fault: str
) -> None:
    with Broker(passwords={NODE: "secret"}) as broker:
        password_file = broker.folder / "node.password"
        if fault != "missing":
            password_file.write_bytes({"empty": b"\n", "binary": b"\xff\xfe\x00"}[fault])
            password_file.chmod(0o600)
        outbox.append(candidate())
        uplink = uplink_to(broker.port, username=NODE, password_file=password_file)
        wait_until(lambda: uplink.stats().last_error)
        assert str(password_file) in str(uplink.stats().last_error)
        password_file.write_text("secret")
        wait_until(lambda: outbox.stats().depth == 0)


def test_two_sensors_of_one_name_are_told_and_do_not_fight_at_full_speed(
    broker: Broker, uplink_to: UplinkTo
) -> None:
    here = uplink_to(broker.port, backoff_max_s=5.0, boot_id="boot-1")
    wait_until(lambda: here.stats().connected)
    there = uplink_to(broker.port, backoff_max_s=5.0, boot_id="boot-2")
    wait_until(lambda: here.stats().takeovers + there.stats().takeovers == 1)
    wait_until(lambda: all("another sensor" in str(end.stats().last_error) for end in (here, there)))
    both = here.stats(), there.stats()
    assert [stats.connected for stats in both].count(True) == 1
    assert sum(stats.connects for stats in both) <= 4


def test_two_sensors_of_one_name_with_different_client_ids_are_told_too(
    broker: Broker, uplink_to: UplinkTo
) -> None:
    here = uplink_to(broker.port, client_id="a", boot_id="boot-1")
    wait_until(lambda: here.stats().connected)
    there = uplink_to(broker.port, client_id="b", boot_id="boot-2")
    wait_until(lambda: "another sensor" in str(here.stats().problem))
    assert there.stats().connects == here.stats().connects == 1


def test_a_restart_and_a_reconnection_are_not_taken_for_a_namesake(
    broker: Broker, uplink_to: UplinkTo
) -> None:
    uplink_to(broker.port, boot_id="boot-1").stop()
    again = uplink_to(broker.port, boot_id="boot-2")
    wait_until(lambda: again.stats().connects == 1)
    broker.stop()
    broker.start()
    wait_until(lambda: again.stats().connects == 2)
    with Subscriber(broker) as subscriber:
        subscriber.publish(f"{ROOT}/command", '{"command_id":"a","verb":"ping"}')
        wait_until(lambda: subscriber.bodies("reply"))
    assert again.stats().problem is None
    assert again.stats().takeovers == 0
