"""Each way in which a shooting can be missed is told as what it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.central.frame import Frame
from sensor.central.record.explain_miss import (
    Account,
    Explanation,
    Gate,
    Question,
    chance_of_enough,
    explain_miss,
)
from sensor.central.record.miss_words import conclusion, text
from sensor.central.store import NodeSample, NodeState
from sensor.central.store.sqlite import SqliteStore
from sensor.central.types import Place
from sensor.events import Position
from sensor.physics import speed_of_sound_m_s
from tests.support.incident_examples import later, located
from tests.support.incidents import arrival_row
from tests.support.record import append, record

AT_NS = 1_790_000_000_000_000_000
S = 10**9
HERE = Place(lat_deg=36.0, lon_deg=-78.9, height_m=0.0)
FRAME = Frame(HERE)
QUESTION = Question(utc_ns=AT_NS, within_s=10.0, lat_deg=36.0, lon_deg=-78.9)
DISTANCES_M = {"roof-1": 200.0, "roof-2": 250.0, "roof-3": 300.0, "roof-4": 350.0, "far": 1900.0}


def _state(node: str, distance_m: float) -> NodeState:
    place = FRAME.place(distance_m, 0.0)
    position = Position(lat_deg=place.lat_deg, lon_deg=place.lon_deg, height_m=90.0, sigma_m=1.0)
    return NodeState(site="town", node=node, state="alive", utc_ns=AT_NS, position=position)


def _health(node: str, after_s: float, *, rejects: dict[str, int] | None = None, **values: Any) -> NodeSample:
    told = {
        "noise_db_spl": 50.0,
        "clock_source": "pps",
        "clock_sigma_ns": 2_000,
        "problems": [],
        "uptime_s": 10_000.0 + after_s,
        "rejects": rejects or {},
        **values,
    }
    return NodeSample(site="town", node=node, utc_ns=AT_NS + round(after_s * S), kind="health", values=told)


def _status(node: str, after_s: float, **values: Any) -> NodeSample:
    return NodeSample(site="town", node=node, utc_ns=AT_NS + round(after_s * S), kind="status", values=values)


def _all_well() -> list[NodeSample]:
    return [_health(node, after_s) for node in DISTANCES_M for after_s in (-30.0, 30.0)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with record(tmp_path) as opened:
        for node, distance_m in DISTANCES_M.items():
            opened.put_node(_state(node, distance_m))
        yield opened


def _account(explanation: Explanation, node: str) -> Account:
    return next(item for item in explanation.accounts if item.node == node)


def _words(explanation: Explanation) -> str:
    return " ".join(conclusion(explanation))


def _send(store: SqliteStore, nodes: Sequence[str], *, late_s: float = 0.02, p: float = 0.3) -> list[str]:
    """What these nodes would send of a shot there and then."""
    rows = []
    for number, node in enumerate(nodes, 1):
        travel_s = DISTANCES_M[node] / speed_of_sound_m_s(15.0)
        utc_ns = AT_NS + round((travel_s + late_s) * S)
        rows.append(arrival_row(number, node=node, utc_ns=utc_ns, p_gunshot=p, event_id=f"event-{node}"))
    store.append_arrivals(rows, received_ns=AT_NS)
    return [row.arrival.event_id for row in rows]


def test_enough_nodes_that_should_have_heard_and_had_nothing(store: SqliteStore) -> None:
    store.add_node_samples(_all_well())
    found = explain_miss(store, QUESTION)
    assert [item.node for item in found.accounts] == list(DISTANCES_M)
    assert [item.gate for item in found.accounts] == [Gate.QUIET] * 4 + [Gate.FAR]
    assert found.chance_of_enough > 0.9
    near = _account(found, "roof-1")
    assert near.expected_db_spl == pytest.approx(91.0)
    assert near.margin_db == pytest.approx(91.0 - 50.0 - 17.8)
    assert near.then.clock_sigma_ms == pytest.approx(0.002)
    assert "It was not reported. Enough sensors were at work" in _words(found)


def test_nodes_that_were_down_each_in_its_way(store: SqliteStore) -> None:
    store.add_node_samples(
        [
            *[item for item in _all_well() if item.node in ("roof-4", "far")],
            _health("roof-1", -300.0),
            _health("roof-2", -30.0),
            _status("roof-2", -20.0, online=False, reason="lost"),
            _health("roof-3", -30.0),
            _status("roof-3", -25.0, online=False, reason="stopped"),
        ]
    )
    found = explain_miss(store, QUESTION)
    whys = {item.node: item.then.why for item in found.accounts if item.gate is Gate.DOWN}
    assert whys["roof-1"].startswith("had said nothing for 5 min")
    assert whys["roof-2"].startswith("had lost its connection 2")
    assert whys["roof-3"].startswith("had been stopped on purpose 2")
    assert found.chance_of_enough < 0.5 < found.chance_with_all
    assert "Too many sensors were out of action" in _words(found)
    assert "Of 5 sensors within 2 km, 2 were at work, 3 were not." in _words(found)


def test_a_node_that_came_afterwards_and_one_that_never_spoke(store: SqliteStore) -> None:
    store.add_node_samples([_health("roof-1", 100.0)])
    found = explain_miss(store, QUESTION)
    assert "heard again only afterwards" in _account(found, "roof-1").then.why
    assert _account(found, "roof-2").then.why == "said nothing for a day before"


def test_a_birth_after_a_death_means_that_it_worked(store: SqliteStore) -> None:
    store.add_node_samples(
        [_status("roof-1", -60.0, online=False, reason="lost"), _status("roof-1", -10.0, online=True)]
    )
    assert _account(explain_miss(store, QUESTION), "roof-1").then.working is True


def test_impulses_that_were_refused_are_told_with_their_reasons(store: SqliteStore) -> None:
    store.add_node_samples([item for item in _all_well() if item.node != "roof-1"])
    store.add_node_samples(
        [
            _health("roof-1", -30.0, rejects={"below_p_min": 5, "refractory": 1}),
            _health("roof-1", 30.0, rejects={"below_p_min": 7, "refractory": 1}),
        ]
    )
    found = explain_miss(store, QUESTION)
    account = _account(found, "roof-1")
    assert (account.gate, dict(account.then.refused or {})) == (Gate.REFUSED, {"below_p_min": 2})
    assert "of the impulses in the 60 s around, 2 did not sound like a shot" in "\n".join(text(found))


def test_counters_of_another_run_or_of_nonsense_say_nothing(store: SqliteStore) -> None:
    store.add_node_samples(
        [
            _health("roof-1", -30.0, rejects={"glitch": 5}),
            _health("roof-1", 30.0, rejects={"glitch": 6}, uptime_s=3.0),
            _health("roof-2", -30.0, uptime_s=None),
            _health("roof-2", 30.0),
            _health("roof-3", -30.0, noise_db_spl="loud", clock_sigma_ns=True, problems="bad"),
        ]
    )
    found = explain_miss(store, QUESTION)
    assert [_account(found, f"roof-{n}").then.refused for n in (1, 2, 3)] == [None, None, None]
    assert _account(found, "roof-1").gate is Gate.SILENT
    assert _account(found, "roof-3").noise_assumed


def test_sounds_that_too_few_sent_are_told_one_by_one(store: SqliteStore) -> None:
    store.add_node_samples(_all_well())
    _send(store, ["roof-1", "roof-2"])
    found = explain_miss(store, QUESTION)
    account = _account(found, "roof-1")
    assert account.gate is Gate.SENT
    (heard,) = account.heard
    assert heard.offset_s == pytest.approx(0.02, abs=1e-6)
    assert "2 sensors sent a sound of that time; 4 that agree on one place are needed." in _words(found)
    assert "p(gunshot) 0.30, part of no incident" in "\n".join(text(found))


def test_a_sound_outside_the_time_given_is_not_taken_for_this_one(store: SqliteStore) -> None:
    store.add_node_samples(_all_well())
    _send(store, ["roof-1"], late_s=11.0)
    assert _account(explain_miss(store, QUESTION), "roof-1").heard == ()
    wider = explain_miss(store, replace(QUESTION, within_s=12.0))
    assert len(_account(wider, "roof-1").heard) == 1


def test_what_was_heard_and_called_something_else_is_said(store: SqliteStore) -> None:
    store.add_node_samples(_all_well())
    events = _send(store, ["roof-1", "roof-2", "roof-3", "roof-4"])
    place = FRAME.place(12.0, 0.0)
    append(
        store,
        located(site="town", incident_class="fireworks", place=place, utc_ns=AT_NS, event_ids=tuple(events)),
    )
    found = explain_miss(store, QUESTION)
    assert _account(found, "roof-1").gate is Gate.USED
    assert "heard and located, and not called gunfire" in _words(found)
    assert "12 m from the place given" in _words(found)


def test_what_was_reported_after_all_is_said_even_if_taken_back(store: SqliteStore) -> None:
    first = append(store, located(place=FRAME.place(30.0, 0.0), utc_ns=AT_NS + S))
    append(store, later(first, state="retracted", author="kim", reason="a car"))
    assert "It was reported: incident" in _words(explain_miss(store, QUESTION))


def test_an_incident_that_could_not_be_located_is_said(store: SqliteStore) -> None:
    append(
        store,
        located(
            place=None,
            ellipse_95=None,
            state="open",
            incident_class="unknown",
            utc_ns=AT_NS,
            reason="heard by 2 nodes, 4 are needed",
        ),
    )
    words = _words(explain_miss(store, QUESTION))
    assert "heard, not located" in words
    assert "heard by 2 nodes, 4 are needed" in words


def test_an_exercise_and_an_incident_elsewhere_are_not_it(store: SqliteStore) -> None:
    store.add_node_samples(_all_well())
    append(store, located(incident_id="drill", place=HERE, utc_ns=AT_NS, exercise=True))
    append(store, located(incident_id="elsewhere", place=FRAME.place(900.0, 0.0), utc_ns=AT_NS))
    found = explain_miss(store, QUESTION)
    assert [item.incident_id for item in found.incidents] == ["elsewhere"]
    assert "It was not reported." in _words(found)


def test_history_that_is_gone_is_not_taken_for_silence(store: SqliteStore) -> None:
    found = explain_miss(store, replace(QUESTION, history_from_ns=AT_NS + 10 * S))
    assert {item.gate for item in found.accounts} == {Gate.UNKNOWN}
    assert "does not reach back" in _words(found)


def test_a_place_that_no_sensor_is_near_is_not_covered(store: SqliteStore) -> None:
    found = explain_miss(store, replace(QUESTION, lat_deg=37.0))
    assert (found.accounts, found.nodes_elsewhere) == ((), 5)
    assert "No sensor stands within 2 km of the place: it is not covered." in _words(found)


def test_a_place_at_the_edge_is_poorly_covered(store: SqliteStore) -> None:
    store.add_node_samples(_all_well())
    place = FRAME.place(-1200.0, 0.0)
    found = explain_miss(store, replace(QUESTION, lat_deg=place.lat_deg, lon_deg=place.lon_deg))
    assert "The place is poorly covered" in _words(found)


def test_the_chance_of_enough_is_the_binomial_where_all_are_alike() -> None:
    assert chance_of_enough([0.5] * 4, 4) == pytest.approx(1 / 16)
    assert chance_of_enough([0.5] * 4, 2) == pytest.approx(11 / 16)
    assert chance_of_enough([], 1) == 0.0
    assert chance_of_enough([1.0, 1.0], 2) == 1.0


@given(st.lists(st.floats(0.0, 1.0), max_size=12), st.integers(1, 6))
def test_one_more_node_never_lowers_the_chance(chances: list[float], enough: int) -> None:
    fewer = chance_of_enough(chances[:-1], enough)
    assert 0.0 <= fewer <= chance_of_enough(chances, enough) + 1e-12 <= 1.0 + 1e-11
