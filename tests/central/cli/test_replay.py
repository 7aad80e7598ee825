"""``gunshot-central replay`` as a user calls it: lines of candidates in, incidents out."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sensor.central.cli.replay import replay
from sensor.central.types import Arrival, Place
from tests.support.heard import BEGIN_NS, Street

HERE, THERE = (60.0, -120.0), (-210.0, 150.0)
FAR = Place(lat_deg=-33.0, lon_deg=151.0, height_m=40.0)
KEYS = {
    "incident_id",
    "version",
    "utc_ns",
    "position",
    "ellipse_95",
    "rounds",
    "rounds_lo",
    "rounds_hi",
    "p_gunshot",
    "nodes",
    "residuals_ms",
    "class",
    "related_to",
}


def line(arrival: Arrival, **more: object) -> str:
    """A candidate with nothing but what is required."""
    where = arrival.position
    return json.dumps(
        {
            "event_id": arrival.event_id,
            "node": arrival.node,
            "utc_ns": arrival.utc_ns,
            "sigma_ns": arrival.sigma_ns,
            "position": {"lat_deg": where.lat_deg, "lon_deg": where.lon_deg, "height_m": where.height_m},
            **more,
        }
    )


def run(lines: Iterable[str], *options: str) -> Result:
    text = "".join(f"{one}\n" for one in lines)
    return CliRunner().invoke(replay, ["-", "--jsonl", *options], input=text, standalone_mode=False)


def incidents(result: Result) -> list[dict[str, Any]]:
    return [json.loads(one) for one in result.stdout.splitlines()]


@pytest.fixture
def street() -> Street:
    return Street()


def test_two_towns_in_one_file_through_the_real_command(tmp_path: Path, street: Street) -> None:
    far = Street(place=FAR, tag="far")
    arrivals = street.hear(HERE, [1.0, 1.5]) + far.hear(THERE, [1.2, 1.8, 2.6])
    file = tmp_path / "night.jsonl"
    file.write_text("".join(line(one) + "\n" for one in arrivals), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "sensor.central",
        "replay",
        "--jsonl",
        "--temperature-c",
        "10",
        str(file),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = [json.loads(one) for one in done.stdout.splitlines()]
    assert len(found) == 2, "nothing else on standard output"
    for town, at, rounds in ((street, HERE, [1.0, 1.5]), (far, THERE, [1.2, 1.8, 2.6])):
        (one,) = [item for item in found if item["nodes"][0].startswith(town.tag)]
        assert one.keys() >= KEYS
        assert town.off_m(Place(**one["position"]), at) < 3.0
        assert one["utc_ns"] == one["rounds"][0]["utc_ns"]
        told = [(item["utc_ns"] - BEGIN_NS) / 1e9 for item in one["rounds"]]
        assert told == pytest.approx(rounds, abs=0.01)
        assert all(item["sigma_ns"] > 0 for item in one["rounds"])
        assert one["ellipse_95"].keys() == {"semi_major_m", "semi_minor_m", "azimuth_deg"}
        assert one["ellipse_95"]["semi_minor_m"] <= one["ellipse_95"]["semi_major_m"]
        assert one["rounds_lo"] <= len(rounds) <= one["rounds_hi"]
        assert one["residuals_ms"].keys() == set(one["nodes"])
        assert one["class"] == "unknown", "no node said what it heard"
        assert one["related_to"] == []


def test_the_order_of_lines_does_not_matter(street: Street) -> None:
    lines = [line(one) for one in street.hear(HERE, [1.0, 1.5])]
    expected = run(lines).stdout
    random.Random(3).shuffle(lines)  # noqa: S311  an order, not a secret
    assert run(lines).stdout == expected


def test_heard_but_not_located_has_neither_place_nor_ellipse(street: Street) -> None:
    (one,) = incidents(run(line(a, p_gunshot=0.9) for a in street.hear(HERE, [1.0, 1.5], nodes=(1, 4))))
    assert one["position"] is None
    assert one["ellipse_95"] is None
    assert len(one["rounds"]) == 2
    assert "heard by 2 nodes" in one["card"]["words"][0]


def test_every_arrival_is_explained_on_the_card(street: Street) -> None:
    late = street.hear(HERE, [1.0], nodes=(4,), late_s=0.08)
    (one,) = incidents(
        run(line(a, p_gunshot=0.9) for a in [*street.hear(HERE, [1.0], nodes=(0, 1, 2, 3, 5, 6, 7)), *late])
    )
    told = {item["node"]: item for item in one["card"]["arrivals"]}
    assert told.keys() == set(one["nodes"])
    assert told["n0"]["weight"] > 0.5
    assert abs(told["n0"]["residual_ms"]) < 20.0
    assert told["n0"]["distance_m"] == pytest.approx(518.0, abs=10.0)
    assert told["n4"]["weight"] < 0.5
    assert "late by" in told["n4"]["why"]


def test_wind_and_temperature_move_the_place(street: Street) -> None:
    lines = [line(one) for one in street.hear(HERE, [1.0])]
    (still,), (storm,) = (
        incidents(run(lines, "--temperature-c", "10", *more)) for more in ((), ("--wind-ms", "15,0"))
    )
    assert street.off_m(Place(**still["position"]), HERE) < 3.0
    east_m = street.frame.enu(Place(**storm["position"]))[0] - street.frame.enu(Place(**still["position"]))[0]
    assert east_m < -5.0, "the sound drifted east, so it came from further west"


@pytest.mark.parametrize("wind", ["3", "a,b", "1,2,3", "100,0"])
def test_a_wind_that_is_none_is_a_usage_error(wind: str) -> None:
    result = CliRunner().invoke(replay, ["-", "--wind-ms", wind], input="")
    assert result.exit_code == 2
    assert "--wind-ms" in result.stderr


def test_bad_lines_are_told_with_their_number_and_the_rest_is_used(street: Street) -> None:
    good = [line(one) for one in street.hear(HERE, [1.0])]
    bad = ["{", "[]", '{"event_id": "x"}', good[0].replace('"sigma_ns": 100000', '"sigma_ns": NaN')]
    result = run([*bad, *good])
    assert result.return_value == 1
    assert len(incidents(result)) == 1
    for number, what in ((1, "not JSON"), (2, "object"), (3, "node is missing"), (4, "sigma_ns")):
        assert any(told.startswith(f"-:{number}:") and what in told for told in result.stderr.splitlines())


def test_a_file_that_is_not_there_is_told_and_the_rest_is_used(tmp_path: Path, street: Street) -> None:
    file = tmp_path / "night.jsonl"
    file.write_text("".join(line(one) + "\n" for one in street.hear(HERE, [1.0])), encoding="utf-8")
    result = CliRunner().invoke(
        replay, [str(tmp_path / "none.jsonl"), str(file), "--jsonl"], standalone_mode=False
    )
    assert result.return_value == 1
    assert "none.jsonl" in result.stderr
    assert len(incidents(result)) == 1


def test_the_table_is_for_people(street: Street) -> None:
    text = "".join(line(one) + "\n" for one in street.hear(HERE, [1.0]))
    result = CliRunner().invoke(replay, ["-"], input=text, standalone_mode=False)
    heading, row = result.stdout.splitlines()
    assert "position" in heading
    assert "2025-10-09T08:53:21" in row


def test_nothing_in_nothing_out() -> None:
    result = run([])
    assert result.return_value == 0
    assert result.stdout == ""
