"""Problems are told in words, and only when there are any."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensor.health import Recent, host_facts, problems

WELL: dict[str, dict[str, object]] = {
    "audio": {"stalled": False, "zero_s": 0.0, "clip_fraction": 0.0},
    "clock": {"source": "ntp"},
    "outbox": {"dropped": 0, "problem": None},
    "host": {"disk_free_mb": 5000.0, "temperature_c": 50.0, "throttled": "0"},
}


def of(
    parts: dict[str, dict[str, object]],
    *,
    rate_limited: int = 0,
    dropped: int = 0,
    uplink_problem: str | None = None,
) -> tuple[str, ...]:
    return problems(
        audio=parts["audio"],
        clock=parts["clock"],
        outbox=parts["outbox"],
        host=parts["host"],
        rate_limited=rate_limited,
        dropped=dropped,
        uplink_problem=uplink_problem,
    )


def told(part: str, **facts: object) -> tuple[str, ...]:
    return of({**WELL, part: {**WELL[part], **facts}})


def test_nothing_is_told_of_a_node_that_is_well() -> None:
    assert of(WELL) == ()


@pytest.mark.parametrize(
    ("part", "facts", "words"),
    [
        ("audio", {"stalled": True}, "no samples"),
        ("audio", {"stalled": True, "problem": "unplugged?"}, "unplugged?"),
        ("audio", {"zero_s": 60.0}, "only zeros"),
        ("audio", {"clip_fraction": 0.2}, "gain"),
        ("clock", {"source": "none"}, "chrony"),
        ("clock", {"problems": ("GPS contradicts NTP",)}, "clock: GPS contradicts NTP"),
        ("outbox", {"problem": "database or disk is full"}, "disk is full"),
        ("host", {"disk_free_mb": 20.0}, "200 MB"),
        ("host", {"disk_free_mb": 0.0}, "200 MB"),
        ("host", {"temperature_c": 85.0}, "80 °C"),
        ("host", {"throttled": "50005"}, "50005"),
    ],
)
def test_each_problem_is_told(part: str, facts: dict[str, object], words: str) -> None:
    (problem,) = told(part, **facts)
    assert words in problem


def test_unknown_disk_is_no_problem() -> None:
    assert told("host", disk_free_mb=None) == ()


def test_lost_connection_is_told() -> None:
    assert "no route" in of(WELL, uplink_problem="no route to host")[0]


def test_host_facts_are_of_this_process(tmp_path: Path) -> None:
    facts = host_facts(tmp_path)
    assert 10 < float(facts["rss_mb"] or 0) < 10_000
    assert float(facts["disk_free_mb"] or 0) > 0
    assert host_facts(tmp_path / "absent")["disk_free_mb"] is None


def test_flood_is_told_with_its_size() -> None:
    (problem,) = of(WELL, rate_limited=7)
    assert problem.startswith("flooded: 7 candidates")


def test_loss_is_told_while_it_is_recent() -> None:
    """A count that runs on is no problem for ever."""
    recent = Recent()
    assert recent(0, 0.0) == 0
    assert recent(5, 100.0) == 5
    assert recent(7, 2000.0) == 7
    assert recent(7, 3600.0 + 150.0) == 2
    assert recent(7, 3600.0 + 2100.0) == 0
    assert "dropped" in of(WELL, dropped=2)[0]
