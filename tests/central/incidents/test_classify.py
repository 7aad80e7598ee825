"""Many opinions, one answer; and every factor told."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from sensor.central.incidents.classify import judge
from sensor.central.incidents.combine import combine, normalised, shares_of
from sensor.central.incidents.factors import CAP, Setting, factors, source_level_db
from sensor.central.incidents.rounds import (
    cadence_of,
    cadence_tags,
    count_rounds,
    fast_run,
    intervals_s,
    round_times,
)
from sensor.central.incidents.settings import IncidentSettings
from sensor.central.types import Arrival, RoundTime, Source
from tests.support.incidents import T0_NS
from tests.support.windows import arrivals, source, with_echoes

SETTINGS = IncidentSettings()


def rounds_at(*seconds: float, sigma_ns: int = 500_000) -> tuple[RoundTime, ...]:
    return tuple(RoundTime(utc_ns=T0_NS + round(1e9 * at), sigma_ns=sigma_ns) for at in seconds)


def heard_as(nodes: int, p_gunshot: float | None, **classes: float) -> list[Arrival]:
    return [replace(a, p_gunshot=p_gunshot, classes=classes) for a in arrivals(source(nodes=nodes))]


def p_of(nodes: list[Arrival], setting: Setting | None = None, **changes: Any) -> float:
    return judge(rounds_at(0.0), nodes, None, setting or Setting(), replace(SETTINGS, **changes)).p_gunshot


def test_nodes_at_their_prior_say_nothing() -> None:
    assert p_of(heard_as(5, 0.25)) == pytest.approx(SETTINGS.prior, abs=1e-4)


def test_one_node_gives_its_evidence_at_the_prior_of_the_centre() -> None:
    """0.6 at a prior of 0.25 is 0.6/0.4 * 0.75/0.25 = 4.5 to 1 at even odds."""
    assert p_of(heard_as(1, 0.6)) == pytest.approx(4.5 / 5.5, abs=1e-4)
    assert p_of(heard_as(1, 0.6), prior=0.25) == pytest.approx(0.6, abs=1e-4)


def test_agreement_strengthens_but_ten_correlated_nodes_are_not_ten_witnesses() -> None:
    one, two, ten = (p_of(heard_as(n, 0.6)) for n in (1, 2, 7))
    assert one < two < ten
    independent = p_of(heard_as(7, 0.6), node_correlation=0.0)
    assert ten < independent
    odds = {n: p / (1.0 - p) for n, p in ((1, one), (7, ten))}
    assert odds[7] == pytest.approx(odds[1] ** (7.0 / 4.0), rel=1e-2)
    assert p_of(heard_as(7, 0.6), node_correlation=1.0) == pytest.approx(one, abs=1e-4)


def test_one_deaf_node_does_not_outvote_six() -> None:
    nodes = heard_as(7, 0.9)
    assert p_of([replace(nodes[0], p_gunshot=0.05), *nodes[1:]]) > 0.9


def test_many_rounds_of_one_node_are_one_opinion() -> None:
    five = list(arrivals(source((0.0, 0.5, 1.0, 1.5, 2.0), nodes=1)))
    assert p_of(five) == pytest.approx(p_of(five[:1]), abs=1e-4)


def test_an_echos_share_is_left_out_and_unknown_words_count_as_other() -> None:
    (arrival,) = heard_as(1, 0.3, gunshot=0.3, firework=0.1, thunder=0.1, echo=0.5)
    assert shares_of(arrival) == pytest.approx({"gunshot": 0.6, "fireworks": 0.2, "other": 0.2})
    assert shares_of(replace(arrival, classes={}, p_gunshot=None)) == {}
    assert (
        combine([replace(arrival, classes={}, p_gunshot=None)], node_prior=0.25, correlation=0.5).nodes == 0
    )


@pytest.mark.parametrize(
    ("classes", "name"),
    [
        ({"gunshot": 0.9, "firework": 0.1}, "gunshot"),
        ({"gunshot": 0.3, "firework": 0.3, "other_impulse": 0.4}, "probable_gunshot"),
        ({"gunshot": 0.05, "firework": 0.85, "other_impulse": 0.1}, "fireworks"),
        ({"gunshot": 0.02, "firework": 0.03, "other_impulse": 0.95}, "other"),
        ({"gunshot": 0.02, "construction": 0.9, "other_impulse": 0.08}, "construction"),
        ({"gunshot": 0.02, "backfire": 0.9, "other_impulse": 0.08}, "backfire"),
    ],
)
def test_what_the_nodes_call_it_names_the_incident(classes: dict[str, float], name: str) -> None:
    found = judge(rounds_at(0.0), heard_as(3, classes["gunshot"], **classes), None, Setting(), SETTINGS)
    assert found.incident_class == name
    assert sum(found.card["classes"].values()) == pytest.approx(1.0, abs=1e-3)


def test_a_node_that_is_dead_sure_is_not_believed_beyond_its_calibration() -> None:
    assert 0.5 < p_of(heard_as(1, 1.0)) < 1.0
    assert 0.0 < p_of(heard_as(7, 0.0)) < 0.01


def test_every_factor_is_told_and_none_decides_alone() -> None:
    setting = Setting(
        calendar="evening of 07-04",
        calendar_log_odds=9.0,
        fireworks_mode=True,
        mode_log_odds=1.0,
        history={"construction": 50},
    )
    loud = source(tuple(0.09 * n for n in range(6)), peak_db_spl=120.0)
    found = factors(round_times(loud), arrivals(loud), loud.fix, setting)
    assert [item.name for item in found] == [
        "cadence",
        "history",
        "calendar",
        "fireworks_mode",
        "source_level",
        "spread",
    ]
    for item in found:
        assert item.words
        assert all(abs(weight) <= CAP for weight in item.weights.values()), item
    card = judge(round_times(loud), list(arrivals(loud)), loud.fix, setting, SETTINGS).card
    assert [item["name"] for item in card["class_factors"]] == ["nodes", *(item.name for item in found)]


def test_fireworks_are_likelier_on_their_days_but_shots_stay_shots() -> None:
    doubtful, sure = heard_as(4, 0.35, gunshot=0.35, firework=0.4, other_impulse=0.25), heard_as(4, 0.97)
    festive = Setting(
        calendar="evening of 07-04", calendar_log_odds=1.0, fireworks_mode=True, mode_log_odds=1.0
    )
    assert p_of(doubtful, festive) < p_of(doubtful) - 0.1
    assert p_of(sure, festive) > 0.9


def test_the_source_level_is_calculated_back_from_calibrated_unclipped_nodes() -> None:
    found = source(nodes=5, peak_db_spl=100.0)
    heard = list(arrivals(found))
    assert found.fix is not None
    distance = {item.event_id: item.distance_m for item in found.fix.residuals}
    expected = sorted(
        100.0 + 20.0 * math.log10(distance[a.event_id]) + 0.01 * distance[a.event_id] for a in heard
    )
    level = source_level_db(heard, found.fix)
    assert level is not None
    assert level[0] == pytest.approx(expected[2])
    assert level[1] == 5
    clipped = [*(replace(a, clip_fraction=0.2) for a in heard[:4]), heard[4]]
    last_m = distance[heard[4].event_id]
    rest = source_level_db(clipped, found.fix)
    assert rest is not None
    assert rest[0] == pytest.approx(100.0 + 20.0 * math.log10(last_m) + 0.01 * last_m)
    assert rest[1] == 1
    assert source_level_db([replace(a, peak_db_spl=None) for a in heard], found.fix) is None


# ---- rounds


def test_rounds_are_counted_with_their_doubt() -> None:
    whole = source((0.0, 0.5, 1.0), nodes=6)
    volleys = list(whole.association.rounds)
    volleys[1] = volleys[1][:2]
    doubtful = replace(whole.association, rounds=tuple(volleys))
    assert (count_rounds(doubtful).lo, count_rounds(doubtful).best, count_rounds(doubtful).hi) == (2, 3, 3)
    extra = source((1.5, 2.0), nodes=1, name="extra")
    hidden = with_echoes(whole, arrivals(extra))
    assert count_rounds(hidden.association).hi == 5
    quiet = with_echoes(whole, tuple(replace(a, p_gunshot=0.1) for a in arrivals(extra)))
    assert count_rounds(quiet.association).hi == 3


@pytest.mark.parametrize(
    ("gaps_ms", "tag"),
    [
        ([100.0] * 5, "full_auto"),
        ([50.0, 51.0, 49.0, 50.0], "full_auto"),
        ([90.0, 120.0, 75.0, 110.0], "rapid_fire"),
        ([20.0, 140.0, 40.0, 130.0, 15.0], "crackle"),
        ([400.0] * 5, None),
        ([100.0, 100.0], None),
        ([100.0, 100.0, 500.0, 100.0, 100.0], None),
    ],
)
def test_the_cadence_names_itself_with_its_evidence(gaps_ms: list[float], tag: str | None) -> None:
    times = [sum(gaps_ms[:n]) / 1e3 for n in range(len(gaps_ms) + 1)]
    found = [item for item in cadence_tags(rounds_at(*times)) if item.name != "several_shooters"]
    assert [item.name for item in found] == ([tag] if tag else [])
    for item in found:
        assert item.evidence["shots"] == len(times)
        assert item.evidence["per_minute"] == pytest.approx(60e3 * len(gaps_ms) / sum(gaps_ms), abs=1)


def test_two_rounds_closer_than_any_weapon_fires_are_two_weapons() -> None:
    assert [tag.name for tag in cadence_tags(rounds_at(0.0, 0.020, 1.0))] == ["several_shooters"]
    assert cadence_tags(rounds_at(0.0, 0.020, 1.0, sigma_ns=6_000_000)) == []
    assert cadence_tags(rounds_at(0.0, 0.040, 1.0)) == []


def test_intervals_are_in_order_of_time() -> None:
    assert intervals_s(rounds_at(1.0, 0.0, 0.25)) == [0.25, 0.75]
    assert cadence_of([0.5]) is None
    assert fast_run(rounds_at(0.0)) is None
    assert normalised({"a": 0.0, "b": math.log(3.0)}) == pytest.approx({"a": 0.25, "b": 0.75})


def test_an_unlocated_sources_rounds_are_when_they_were_first_heard() -> None:
    found: Source = source((0.0, 0.5), nodes=3, located=False)
    first = [min(a.utc_ns for a in volley) for volley in found.association.rounds]
    assert [item.utc_ns for item in round_times(found)] == first
