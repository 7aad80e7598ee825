"""The schemas are sound, say what the code sends, and explain every field."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sensor.events import Candidate, Health, Position, Status, Versions
from sensor.schemas import KINDS, load
from sensor.uplink.commands import VERBS, Commands, Reply
from sensor.uplink.numbering import Numbering
from sensor.uplink.outbox import Outbox
from sensor.uplink.settings import OutboxSettings
from tests.support.messages import NODE, SITE, candidate, health, status

CHAIN = "6a9f3f0e-6f0c-4f0e-9a53-0a5a2c1f5d11"
UNITS = {
    "_ns": "nanosecond",
    "_s": "second",
    "_ms": "millisecond",
    "_m": "metre",
    "_deg": "degree",
    "_db": "dB",
    "_dbfs": "dB re full scale",
    "_db_spl": "20 µPa",
    "_hz": "hertz",
    "_mb": "MB",
    "_c": "°C",
    "ppm": "parts per million",
}


def check(kind: str, body: bytes | dict[str, Any]) -> None:
    schema = load(kind)
    jsonschema.Draft202012Validator(schema).validate(json.loads(body) if isinstance(body, bytes) else body)


def stored() -> Candidate:
    return Numbering(SITE, NODE, CHAIN).stamp(candidate())


def properties_of(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, inner in schema.get("properties", {}).items():
        yield f"{path}{name}", inner
        yield from properties_of(inner, f"{path}{name}.")
    for part in (*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else [])):
        yield from properties_of(part, path)


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_a_valid_schema_of_its_kind(kind: str) -> None:
    schema = load(kind)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$id"].endswith(f"/{kind}.schema.json")
    assert schema["properties"]["schema"] == {
        "const": f"gunshot.{kind}.v1",
        "description": "Which contract this message follows.",
    }


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(KeyError, match="clip"):
        load("clip")


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_described_with_its_unit(kind: str) -> None:
    for path, schema in properties_of(load(kind)):
        assert len(schema.get("description", "")) > 10, path
        name = path.rsplit(".", 1)[-1]
        for suffix in sorted(UNITS, key=len, reverse=True):
            if name.endswith(suffix):
                assert UNITS[suffix].lower() in schema["description"].lower(), path
                break


@pytest.mark.parametrize("kind", KINDS)
def test_readers_may_meet_fields_they_do_not_know(kind: str) -> None:
    def objects(schema: Any) -> Iterator[dict[str, Any]]:
        if isinstance(schema, dict):
            if "properties" in schema and isinstance(schema.get("type"), str):
                yield schema
            for inner in schema.values():
                yield from objects(inner)
        elif isinstance(schema, list):
            for inner in schema:
                yield from objects(inner)

    for part in objects(load(kind)):
        assert part["additionalProperties"] is not False


@pytest.mark.parametrize(
    ("kind", "dataclass"),
    [("candidate", Candidate), ("health", Health), ("status", Status), ("reply", Reply)],
)
def test_required_fields_are_those_of_the_code(kind: str, dataclass: type) -> None:
    schema = load(kind)
    names = {item.name for item in fields(dataclass)}
    assert set(schema["required"]) == set(schema["properties"]) == names | {"schema"}


def test_parts_are_those_of_the_code() -> None:
    schema = load("candidate")
    position = schema["properties"]["position"]["anyOf"][1]
    assert set(position["required"]) == {item.name for item in fields(Position)}
    assert set(schema["properties"]["versions"]["required"]) == {item.name for item in fields(Versions)}
    assert set(load("command")["properties"]["verb"]["enum"]) == set(VERBS)


def test_the_outbox_of_health_is_what_the_outbox_says(tmp_path: Path) -> None:
    with Outbox(OutboxSettings(path=tmp_path / "outbox.db"), SITE, NODE) as outbox:
        outbox.append(candidate())
        facts = asdict(outbox.stats())
    assert set(facts) == set(load("health")["properties"]["outbox"]["properties"])
    check("health", replace(health(), outbox=facts).to_json())


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"position": None, "peak_db_spl": 121.5, "later_arrivals": ()},
        {"bearing_deg": 12.5, "bearing_sigma_deg": 3.0, "clip_fraction": 1.0},
        {"clock": {"source": "none", "state": "acquiring", "parts_ns": {}, "ppm": None}},
    ],
)
def test_real_candidates_are_valid(changes: dict[str, Any]) -> None:
    check("candidate", replace(stored(), **changes).to_json())


def test_real_health_status_and_replies_are_valid() -> None:
    check("health", health().to_json())
    check("status", status().to_json())
    check("status", status("offline", "lost").to_json())
    commands = Commands(SITE, NODE, {})
    for payload in (b'{"command_id":"1","verb":"ping"}', b"rubbish"):
        reply = commands.answer(payload, retained=False)
        assert reply is not None
        check("reply", reply.to_json())
    check("command", {"command_id": "1", "verb": "ping"})


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("candidate", {"seq": 0}),
        ("candidate", {"seq": None}),
        ("candidate", {"sigma_ns": 0}),
        ("candidate", {"sigma_ns": None}),
        ("candidate", {"utc_ns": 1.5}),
        ("candidate", {"p_gunshot": 1.2}),
        ("candidate", {"classes": {"other": 1.0}}),
        ("candidate", {"site": "Durham"}),
        ("candidate", {"event_id": "1"}),
        ("candidate", {"schema": "gunshot.candidate.v2"}),
        ("candidate", {"later_arrivals": [{"dt_ms": 1.0, "rel_db": -1.0}] * 4}),
        ("candidate", {"position": {"lat_deg": 91.0, "lon_deg": 0.0, "height_m": 0.0, "sigma_m": 1.0}}),
        ("health", {"outbox": {}}),
        ("health", {"problems": None}),
        ("health", {"counts": {"triggers": -1}}),
        ("status", {"state": "gone"}),
        ("status", {"boot_id": None}),
        ("command", {"verb": "record"}),
        ("command", {"command_id": ""}),
    ],
)
def test_what_is_wrong_is_refused(kind: str, fault: dict[str, Any]) -> None:
    good: dict[str, bytes] = {
        "candidate": stored().to_json(),
        "health": health().to_json(),
        "status": status().to_json(),
        "command": b'{"command_id":"1","verb":"ping"}',
    }
    check(kind, good[kind])
    with pytest.raises(jsonschema.ValidationError):
        check(kind, {**json.loads(good[kind]), **fault})
