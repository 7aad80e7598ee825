"""What a node answers to commands."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.uplink.commands import COMMAND_BYTES_MAX, VERBS, Commands
from tests.support.messages import NODE, SITE


@pytest.fixture
def ran() -> list[str]:
    return []


@pytest.fixture
def commands(ran: list[str]) -> Commands:
    return Commands(SITE, NODE, {"report": lambda: ran.append("report")})


def ask(commands: Commands, body: Any, *, retained: bool = False) -> dict[str, Any]:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = commands.answer(payload, retained=retained)
    assert reply is not None
    answer: dict[str, Any] = json.loads(reply.to_json())
    return answer


def test_ping_is_answered_with_the_commands_id(commands: Commands) -> None:
    answer = ask(commands, {"command_id": "17", "verb": "ping"})
    assert (answer["command_id"], answer["verb"], answer["ok"], answer["error"]) == ("17", "ping", True, None)
    assert commands.done == 1


def test_report_runs(commands: Commands, ran: list[str]) -> None:
    assert ask(commands, {"command_id": "1", "verb": "report"})["ok"]
    assert ran == ["report"]


def test_no_verb_records_streams_or_listens() -> None:
    assert set(VERBS) == {"ping", "report"}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"command_id": "1", "verb": "record"}, "unknown verb"),
        ({"command_id": "1", "verb": "stream"}, "unknown verb"),
        ({"command_id": "1", "verb": ["ping"]}, "verb must be a string"),
        ({"verb": "ping"}, "command_id"),
        ({"command_id": "", "verb": "ping"}, "command_id"),
        ({"command_id": "x" * 65, "verb": "ping"}, "command_id"),
        ({"command_id": 5, "verb": "ping"}, "command_id"),
        (["ping"], "JSON object"),
        (b"\xff\xfe", "not JSON"),
        (b"", "not JSON"),
        (b"[" * 900, "not JSON"),
        (b" " * (COMMAND_BYTES_MAX + 1), "at most"),
    ],
)
def test_anything_else_is_refused_with_the_reason(
    commands: Commands, ran: list[str], body: Any, says: str
) -> None:
    answer = ask(commands, body)
    assert not answer["ok"]
    assert says in answer["error"]
    assert commands.refused == 1
    assert ran == []


def test_a_retained_command_is_refused_for_it_would_run_at_every_connection(
    commands: Commands, ran: list[str]
) -> None:
    assert "retained" in ask(commands, {"command_id": "1", "verb": "report"}, retained=True)["error"]
    assert ran == []


def test_a_flood_is_not_answered_but_counted(commands: Commands) -> None:
    replies = [commands.answer(b'{"command_id":"1","verb":"ping"}', retained=False) for _ in range(500)]
    answered = sum(reply is not None for reply in replies)
    assert 10 <= answered < 50
    assert commands.done + commands.refused == 500


@given(st.binary(max_size=200))
def test_no_payload_makes_it_fail(payload: bytes) -> None:
    reply = Commands(SITE, NODE, {}).answer(payload, retained=False)
    assert reply is not None
    json.loads(reply.to_json())
