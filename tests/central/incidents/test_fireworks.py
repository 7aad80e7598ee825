"""Fireworks mode declares itself, with hysteresis, and hides nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sensor.central.incidents.fireworks import Calendar, FireworksMode
from sensor.central.incidents.machine import Incidents
from sensor.central.incidents.settings import FireworksSettings, IncidentSettings
from sensor.errors import ConfigError
from tests.support.incidents import T0_NS
from tests.support.windows import FakeWindow, source

SECOND_NS = 10**9
SETTINGS = FireworksSettings(enter_per_10_min=5, leave_per_10_min=2)


def utc_ns(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND_NS


@pytest.mark.parametrize(
    ("moment", "festive"),
    [
        ("2026-07-05T01:00:00", True),  # 21:00 on the fourth in New York
        ("2026-07-05T07:30:00", True),  # 03:30 on the fifth belongs to the evening of the fourth
        ("2026-07-06T08:30:00", False),  # 04:30 on the sixth
        ("2026-07-04T16:00:00", False),  # noon on the fourth
        ("2027-01-01T05:00:00", True),  # midnight
        ("2026-11-25T02:00:00", False),
    ],
)
def test_the_calendar_knows_evenings_in_their_own_time_zone(moment: str, festive: bool) -> None:  # noqa: FBT001  a column of a table
    assert bool(Calendar(FireworksSettings()).reason(utc_ns(moment))) == festive


def test_a_recording_of_unknown_date_has_no_calendar() -> None:
    assert Calendar(FireworksSettings()).reason(0) == ""


def test_an_unknown_time_zone_is_a_fault_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match="Mars/Base"):
        Calendar(FireworksSettings(timezone="Mars/Base"))


@pytest.mark.parametrize("wrong", [{"days": ("13-01",)}, {"days": ("July 4",)}, {"leave_per_10_min": 12.0}])
def test_settings_that_cannot_work_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"MM-DD|less than"):
        FireworksSettings(**wrong)  # type: ignore[arg-type]  # one mapping for all


def test_the_mode_begins_and_ends_by_rate_with_hysteresis() -> None:
    mode = FireworksMode(SETTINGS, "town")
    changes = [mode.add(f"i{n}", T0_NS + n * 60 * SECOND_NS) for n in range(5)]
    assert changes[:4] == [None] * 4
    assert changes[4] is not None
    assert (changes[4].active, changes[4].per_10_min, changes[4].site) == (True, 5, "town")
    last_ns = T0_NS + 4 * 60 * SECOND_NS
    assert mode.add("i4", last_ns) is None  # counted once
    assert mode.advance(T0_NS + 11 * 60 * SECOND_NS) is None  # fewer than 5, not yet below 2
    ended = mode.advance(last_ns + 601 * SECOND_NS)
    assert ended is not None
    assert not ended.active
    assert "ends below 2" in ended.reason


def test_incidents_in_fireworks_mode_are_tagged_and_all_there() -> None:
    incidents = Incidents(IncidentSettings(fireworks=SETTINGS))
    written = []
    for number in range(8):
        start_ns = T0_NS + number * 30 * SECOND_NS
        window = FakeWindow(sources=(source(name=f"bang{number}", start_ns=start_ns),), final=True)
        written += [item for item in incidents.update(window, start_ns) if item.state == "closed"]
    assert len(written) == 8
    tagged = [any(tag.name == "fireworks_mode" for tag in item.tags) for item in written]
    assert tagged == [False] * 5 + [True] * 3
    (change,) = incidents.take_mode_changes()
    assert change.active
    assert incidents.take_mode_changes() == []
    (end,) = incidents.take_mode_changes(T0_NS + 3600 * SECOND_NS)
    assert not end.active
    factor = [item for item in written[-1].card["class_factors"] if item["name"] == "fireworks_mode"]
    assert factor[0]["weight"] == {"fireworks": 1.0}
