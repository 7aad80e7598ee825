"""The window and the account of failures, without a network."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.uplink.delivery import Delivery, Message
from sensor.uplink.outbox import Outbox
from sensor.uplink.settings import OutboxSettings
from tests.support.messages import NODE, SITE, candidate

SUCCESS = 0x00
UNSPECIFIED = 0x80
NOT_AUTHORIZED = 0x87
HOLD_S = 1.0
TOPIC = f"gunshot/v1/{SITE}/{NODE}/candidate"


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(OutboxSettings(path=tmp_path / "outbox.db"), SITE, NODE) as opened:
        yield opened


def delivery_of(
    outbox: Outbox, window: int = 5, receive_maximum: int = 65535, max_packet_bytes: int | None = None
) -> Delivery:
    delivery = Delivery(outbox, window=window, hold_min_s=HOLD_S, hold_max_s=4.0, expiry_s=60)
    begin(delivery, receive_maximum, max_packet_bytes)
    return delivery


def begin(delivery: Delivery, receive_maximum: int = 65535, max_packet_bytes: int | None = None) -> None:
    delivery.begin(0.0, receive_maximum=receive_maximum, max_packet_bytes=max_packet_bytes)


def fill(outbox: Outbox, count: int) -> list[str]:
    return [str(outbox.append(candidate(n)).event_id) for n in range(count)]


class Wire:
    """Gives out packet identifiers and remembers what is on the way."""

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery
        self.mid = 0
        self.flying: dict[int, Message] = {}

    def send(self, now_s: float = 0.0) -> list[Message]:
        messages = []
        for message in self.delivery.sendable(now_s):
            self.mid += 1
            self.delivery.sent(self.mid, message, now_s)
            self.flying[self.mid] = message
            messages.append(message)
        return messages

    def answer(self, code: int = SUCCESS, now_s: float = 0.0) -> Message:
        """Answer the oldest message on the way."""
        mid = min(self.flying)
        message = self.flying.pop(mid)
        self.delivery.acknowledged(mid, code, f"0x{code:02x}", now_s)
        self.delivery.settle()
        return message

    def lose(self) -> None:
        self.delivery.lost("test")
        self.flying.clear()
        begin(self.delivery)


def test_the_window_is_filled_and_never_exceeded(outbox: Outbox) -> None:
    ids = fill(outbox, 12)
    wire = Wire(delivery_of(outbox, window=5))
    first = [message.event_id for message in wire.send()]
    assert wire.send() == []
    wire.answer()
    [sixth] = wire.send()
    assert len({*first, sixth.event_id}) == 6
    assert {*first, sixth.event_id} < set(ids)


def test_a_few_go_in_their_order(outbox: Outbox) -> None:
    ids = fill(outbox, 4)
    wire = Wire(delivery_of(outbox, window=5))
    assert [message.event_id for message in wire.send()] == ids


def test_the_newest_do_not_wait_behind_a_backlog_nor_the_oldest_for_ever(outbox: Outbox) -> None:
    ids = fill(outbox, 50)
    wire = Wire(delivery_of(outbox, window=4))
    wire.send()
    fresh = str(outbox.append(candidate(50)).event_id)
    wire.answer()
    assert fresh in [message.event_id for message in wire.send()]
    for _ in range(3):
        wire.answer()
    assert ids[0] not in [row.event_id for row in outbox.pending(99)]


def test_the_brokers_limit_narrows_the_window(outbox: Outbox) -> None:
    fill(outbox, 12)
    wire = Wire(delivery_of(outbox, window=5, receive_maximum=3))
    assert len(wire.send()) == 3


def test_acknowledged_candidates_leave_the_outbox_and_no_others(outbox: Outbox) -> None:
    ids = fill(outbox, 4)
    wire = Wire(delivery_of(outbox, window=3))
    wire.send()
    passed = wire.answer().event_id
    assert {row.event_id for row in outbox.pending(9)} == set(ids) - {passed}
    assert wire.delivery.published == 1


def test_status_and_health_go_before_candidates_and_the_latest_wins(outbox: Outbox) -> None:
    fill(outbox, 3)
    wire = Wire(delivery_of(outbox))
    wire.delivery.post(Message("s", b"1"))
    wire.delivery.post(Message("h", b"old"))
    wire.delivery.post(Message("h", b"new"))
    wire.delivery.reply(Message("r", b"a"))
    wire.delivery.reply(Message("r", b"b"))
    assert [message.body for message in wire.send()[:4]] == [b"a", b"b", b"1", b"new"]


def test_after_a_break_messages_go_one_by_one_until_those_in_flight_have_passed(outbox: Outbox) -> None:
    ids = fill(outbox, 8)
    wire = Wire(delivery_of(outbox, window=3))
    wire.send()
    wire.lose()
    passed = []
    for _ in range(3):
        assert len(wire.send()) == 1
        passed.append(wire.answer().event_id)
    assert len(wire.send()) == 3
    assert len({*passed, *(message.event_id for message in wire.flying.values())}) == 6
    assert set(passed) < set(ids)


@pytest.mark.parametrize("count", [1, 2, 10])
def test_a_candidate_that_breaks_every_connection_is_held_back_and_the_others_pass(
    outbox: Outbox, count: int
) -> None:
    poison, *others = fill(outbox, count)
    wire = Wire(delivery_of(outbox, window=4))
    for _ in range(100):
        if not wire.send() and not wire.flying:
            break
        if any(message.event_id == poison for message in wire.flying.values()):
            wire.lose()
            wire.delivery.post(Message("status", b"birth"))
        else:
            wire.answer()
    assert outbox.stats().quarantined == 1
    assert outbox.stats().depth == 0
    assert wire.delivery.published == len(others)


def test_a_network_that_breaks_every_connection_never_holds_anything_back(outbox: Outbox) -> None:
    fill(outbox, 4)
    wire = Wire(delivery_of(outbox, window=2))
    for _ in range(50):
        assert wire.send()
        wire.lose()
    assert outbox.stats().quarantined == 0
    assert outbox.stats().depth == 4


def test_health_that_breaks_every_connection_does_not_stop_candidates(outbox: Outbox) -> None:
    fill(outbox, 6)
    wire = Wire(delivery_of(outbox, window=2))
    for _ in range(60):
        wire.delivery.post(Message("health", b"poison"))
        wire.send()
        if not wire.flying:
            break
        if any(message.topic == "health" for message in wire.flying.values()):
            wire.lose()
        else:
            wire.answer()
    assert outbox.stats().depth == 0


def test_a_refused_topic_waits_longer_and_longer_and_loses_nothing(outbox: Outbox) -> None:
    ids = fill(outbox, 3)
    wire = Wire(delivery_of(outbox, window=1))
    asked_at = []
    for step in range(200):
        now_s = step * 0.1
        if wire.send(now_s):
            asked_at.append(now_s)
            wire.answer(NOT_AUTHORIZED, now_s)
    gaps = [later - earlier for earlier, later in pairwise(asked_at)]
    assert gaps == pytest.approx([1.0, 2.0, 4.0, 4.0, 4.0, 4.0], abs=0.11)
    assert wire.delivery.held
    assert [row.event_id for row in outbox.pending(9)] == ids
    assert wire.send(30.0)
    wire.answer(now_s=30.0)
    assert not wire.delivery.held
    assert wire.delivery.published == 1


def test_a_refused_topic_is_asked_with_one_message_only(outbox: Outbox) -> None:
    fill(outbox, 9)
    wire = Wire(delivery_of(outbox, window=5))
    for _ in range(len(wire.send())):
        wire.answer(NOT_AUTHORIZED)
    assert wire.send(0.5) == []
    assert len(wire.send(100.0)) == 1


@pytest.mark.parametrize("code", [NOT_AUTHORIZED, UNSPECIFIED])
def test_a_refused_topic_neither_stops_another_nor_makes_its_messages_guilty(
    outbox: Outbox, tmp_path: Path, code: int
) -> None:
    fill(outbox, 2)
    outbox.close()
    with Outbox(OutboxSettings(path=tmp_path / "outbox.db"), SITE, "roof-08") as renamed:
        wire = Wire(delivery_of(renamed, window=2))
        for now_s in range(0, 100, 5):
            renamed.append(candidate(node="roof-08"))
            wire.send(now_s)
            while wire.flying:
                denied = wire.flying[min(wire.flying)].topic == TOPIC
                wire.answer(code if denied else SUCCESS, now_s)
        assert wire.delivery.published == 20
        assert wire.delivery.held
        assert renamed.stats().quarantined == 0
        assert renamed.stats().depth == 2


def test_a_message_that_alone_is_refused_is_held_back_with_the_reason(outbox: Outbox) -> None:
    poison, *others = fill(outbox, 8)
    wire = Wire(delivery_of(outbox, window=2))
    for now_s in range(0, 400, 5):
        wire.send(now_s)
        while wire.flying:
            bad = wire.flying[min(wire.flying)].event_id == poison
            wire.answer(UNSPECIFIED if bad else SUCCESS, now_s)
    assert wire.delivery.published == len(others)
    assert outbox.stats().quarantined == 1
    assert outbox._disk is not None
    [row] = outbox._disk.rows()
    assert row.quarantine is not None
    assert "0x80" in row.quarantine


def test_a_broker_that_refuses_every_message_makes_none_guilty(outbox: Outbox) -> None:
    fill(outbox, 5)
    wire = Wire(delivery_of(outbox, window=2))
    for now_s in range(0, 400, 5):
        wire.send(now_s)
        while wire.flying:
            wire.answer(UNSPECIFIED, now_s)
    assert outbox.stats().quarantined == 0
    assert outbox.stats().depth == 5
    for now_s in range(400, 800, 5):
        wire.send(now_s)
        while wire.flying:
            wire.answer(SUCCESS, now_s)
    assert wire.delivery.published == 5


def test_too_large_for_this_broker_is_held_back_at_once_and_waits_for_a_larger_one(outbox: Outbox) -> None:
    big = str(outbox.append(candidate(1, clock={"source": "x" * 2000})).event_id)
    small = str(outbox.append(candidate(2)).event_id)
    wire = Wire(delivery_of(outbox, max_packet_bytes=1500))
    assert [message.event_id for message in wire.send()] == [small]
    wire.answer()
    assert outbox.stats().quarantined == 1
    begin(wire.delivery, max_packet_bytes=1600)
    assert wire.send() == []
    begin(wire.delivery)
    assert [message.event_id for message in wire.send()] == [big]


def test_an_owed_acknowledgement_grows_old(outbox: Outbox) -> None:
    fill(outbox, 1)
    wire = Wire(delivery_of(outbox))
    assert wire.delivery.oldest_s(9.0) == 0.0
    wire.send(10.0)
    assert wire.delivery.oldest_s(12.5) == pytest.approx(2.5)


@settings(max_examples=60, deadline=None)
@given(
    window=st.integers(1, 6),
    steps=st.lists(
        st.sampled_from(["append", "send", "ack", "ack", "refuse", "deny", "lose", "wait"]), max_size=80
    ),
)
def test_whatever_happens_everything_is_acknowledged_in_the_end_within_the_window(
    tmp_path_factory: pytest.TempPathFactory, window: int, steps: list[str]
) -> None:
    path = tmp_path_factory.mktemp("outbox") / "outbox.db"
    with Outbox(OutboxSettings(path=path), SITE, NODE) as outbox:
        wire = Wire(delivery_of(outbox, window=window))
        stored: list[str] = []
        passed: list[str] = []
        now_s = 0.0
        for step in steps:
            if step == "append":
                stored.append(str(outbox.append(candidate(len(stored))).event_id))
            elif step == "send":
                wire.send(now_s)
            elif step == "lose":
                wire.lose()
            elif step == "wait":
                now_s += 3.0
            elif wire.flying:
                code = {"ack": SUCCESS, "refuse": UNSPECIFIED, "deny": NOT_AUTHORIZED}[step]
                message = wire.answer(code, now_s)
                if step == "ack":
                    passed.append(str(message.event_id))
            assert len(wire.flying) == wire.delivery.in_flight <= window
        outbox.requeue()
        for _ in range(3 * len(stored) + 10):
            now_s += 10.0
            wire.send(now_s)
            while wire.flying:
                passed.append(str(wire.answer(SUCCESS, now_s).event_id))
        assert set(passed) == set(stored)
        assert len(passed) == len(stored)
        assert outbox.stats().depth == 0
