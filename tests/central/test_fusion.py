"""Arrivals in, windows of sources out: whole, in any order, cut anyhow."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from scripts.simulated_towns import BEGIN_NS, Shooter, Town, TownSettings, volley
from sensor.central.fusion import Fusion, FusionSettings, Refusal, Window
from sensor.central.types import Arrival, Source

SECOND_NS = 1_000_000_000


@pytest.fixture(scope="module")
def town() -> Town:
    return Town(settings=TownSettings(side_m=1600.0, facades=2, echoes=0.5), seed=3)


@pytest.fixture(scope="module")
def heard(town: Town) -> list[Arrival]:
    """Three rounds at one place, and clutter."""
    shooter = Shooter(east_m=120.0, north_m=-80.0, rounds_s=volley(5.0, [0.4, 0.55]))
    return town.hear(shooter) + town.clutter(12.0)


def fused(town: Town, arrivals: list[Arrival], settings: FusionSettings | None = None) -> list[Window]:
    fusion = Fusion(settings, air=town.air)
    for arrival in arrivals:
        fusion.push(arrival)
    return fusion.flush()


def located(windows: list[Window]) -> list[Source]:
    return [source for window in windows for source in window.sources if source.fix is not None]


def off_m(town: Town, source: Source, east_m: float, north_m: float) -> float:
    assert source.fix is not None
    east, north, _ = town.frame.enu(source.fix.place)
    return float(np.hypot(east - east_m, north - north_m))


def test_rounds_of_one_place_become_one_source(town: Town, heard: list[Arrival]) -> None:
    windows = fused(town, heard)
    (source,) = located(windows)
    assert off_m(town, source, 120.0, -80.0) < 15.0
    assert source.fix is not None
    assert len(source.fix.rounds) == 3
    gaps = np.diff([one.utc_ns for one in source.fix.rounds]) / 1e9
    assert gaps == pytest.approx([0.4, 0.55], abs=0.003)
    assert all(window.final for window in windows)


def test_order_does_not_matter(town: Town, heard: list[Arrival]) -> None:
    expected = [window.sources for window in fused(town, heard)]
    shuffled = heard.copy()
    random.Random(1).shuffle(shuffled)  # noqa: S311  an order, not a secret
    assert [window.sources for window in fused(town, shuffled)] == expected


def test_slicing_does_not_matter_and_answers_come_at_once(town: Town, heard: list[Arrival]) -> None:
    expected = [window.sources for window in fused(town, heard)]
    fusion = Fusion(air=town.air)
    ordered = sorted(heard, key=lambda arrival: arrival.utc_ns)
    last: dict[str, Window] = {}
    for start in range(0, len(ordered), 11):
        for arrival in ordered[start : start + 11]:
            fusion.push(arrival)
        for window in fusion.advance(ordered[min(start + 10, len(ordered) - 1)].utc_ns):
            last[window.window_id] = window
    assert located(list(last.values())), "an answer does not wait for the end"
    assert not any(window.final for window in last.values())
    for window in fusion.advance(ordered[-1].utc_ns + 60 * SECOND_NS):
        last[window.window_id] = window
    assert [last[key].sources for key in last if last[key].sources] == [s for s in expected if s]
    assert all(window.final for window in last.values())
    assert fusion.flush() == []


def test_a_late_arrival_reopens_its_window(town: Town, heard: list[Arrival]) -> None:
    fusion = Fusion(air=town.air)
    (source,) = located(fused(town, heard))
    late = source.association.rounds[0][0]
    for arrival in heard:
        if arrival.event_id != late.event_id:
            fusion.push(arrival)
    end_ns = BEGIN_NS + 60 * SECOND_NS
    (first,) = [window for window in fusion.advance(end_ns) if window.sources]
    fusion.push(late)
    (again,) = [window for window in fusion.advance(end_ns + SECOND_NS) if window.sources and window.final]
    assert again.window_id == first.window_id
    assert late.event_id in again.sources[0].event_ids
    assert late.event_id not in first.sources[0].event_ids


def test_nothing_new_says_nothing(town: Town, heard: list[Arrival]) -> None:
    fusion = Fusion(air=town.air)
    for arrival in heard:
        fusion.push(arrival)
    assert fusion.advance(BEGIN_NS + 12 * SECOND_NS)
    assert fusion.advance(BEGIN_NS + 12 * SECOND_NS) == []


def test_the_same_event_counts_once(heard: list[Arrival]) -> None:
    fusion = Fusion()
    assert fusion.push(heard[0]) is None
    assert fusion.push(heard[0]) is Refusal.DUPLICATE
    assert fusion.refused[Refusal.DUPLICATE] == 1
    assert len(fusion) == 1


def test_a_flood_from_one_node_is_refused_and_counted(heard: list[Arrival]) -> None:
    fusion = Fusion(FusionSettings(node_per_minute_max=100))
    one = replace(heard[0], utc_ns=BEGIN_NS // (60 * SECOND_NS) * 60 * SECOND_NS)
    for number in range(250):
        fusion.push(replace(one, event_id=f"flood-{number}", utc_ns=one.utc_ns + number * 1000))
    assert fusion.refused[Refusal.FLOOD] == 150
    assert len(fusion) == 100


def test_times_that_cannot_be_are_refused(heard: list[Arrival]) -> None:
    fusion = Fusion()
    fusion.advance(BEGIN_NS)
    hour = 3600 * SECOND_NS
    assert fusion.push(replace(heard[0], utc_ns=BEGIN_NS - hour)) is Refusal.TOO_LATE
    assert fusion.push(replace(heard[0], utc_ns=BEGIN_NS + hour)) is Refusal.FUTURE
    assert fusion.push(replace(heard[0], utc_ns=BEGIN_NS + SECOND_NS)) is None


def test_old_arrivals_are_let_go(heard: list[Arrival]) -> None:
    fusion = Fusion(FusionSettings(keep_s=30.0))
    for arrival in heard[:20]:
        fusion.push(arrival)
    fusion.advance(BEGIN_NS + 10 * SECOND_NS)
    fusion.advance(BEGIN_NS + 3600 * SECOND_NS)
    assert len(fusion) == 0
