"""Incidents over time: identity, versions, withdrawal, closing, and what people say in between."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensor.central.incidents.chain import verify_chain
from sensor.central.incidents.machine import Incidents
from sensor.central.incidents.review import ReviewError, review
from sensor.central.incidents.settings import IncidentSettings
from sensor.central.incidents.states import IllegalTransition, check_transition, following
from sensor.central.types import IncidentVersion, Source
from tests.support.incidents import T0_NS
from tests.support.windows import FakeWindow, arrivals, moved, source, with_echoes

NOW_NS = T0_NS + 10**9


@pytest.fixture
def incidents() -> Incidents:
    return Incidents(IncidentSettings())


def window(*sources: Source, final: bool = False, **more: Any) -> FakeWindow:
    return FakeWindow(sources=sources, final=final, **more)


def only(versions: list[IncidentVersion]) -> IncidentVersion:
    (version,) = versions
    return version


def test_a_located_shot_becomes_an_incident_with_everything_known_of_it(incidents: Incidents) -> None:
    version = only(incidents.update(window(source((0.0, 0.5))), NOW_NS))
    assert (version.version, version.state, version.incident_class) == (1, "classified", "gunshot")
    assert (version.rounds_lo, len(version.rounds), version.rounds_hi) == (2, 2, 2)
    assert version.nodes == tuple(f"roof-{n}" for n in range(7))
    assert version.p_gunshot > 0.95
    assert version.created_ns == NOW_NS
    assert version.card["words"] == ["made by hand"]
    assert len(version.card["arrivals"]) == 14
    assert version.residuals_ms["roof-0"] == 0.0
    assert version.place is not None
    verify_chain([version])


def test_the_id_depends_on_the_first_arrival_alone(incidents: Incidents) -> None:
    whole = only(incidents.update(window(source((0.0, 0.5))), NOW_NS))
    fewer = only(Incidents(IncidentSettings()).update(window(source((0.0,), nodes=4)), NOW_NS + 5))
    assert fewer.incident_id == whole.incident_id
    other = only(Incidents(IncidentSettings()).update(window(source((0.0,), name="another")), NOW_NS))
    assert other.incident_id != whole.incident_id


def test_the_same_answer_again_writes_nothing(incidents: Incidents) -> None:
    first = only(incidents.update(window(source()), NOW_NS))
    assert incidents.update(window(source()), NOW_NS + 1) == []
    assert incidents.update(window(moved(source(), 90.2)), NOW_NS + 1) == []
    assert incidents.last(first.incident_id) == first


def test_more_nodes_and_another_place_are_news(incidents: Incidents) -> None:
    first = only(incidents.update(window(source(nodes=4)), NOW_NS))
    second = only(incidents.update(window(source(nodes=6)), NOW_NS + 1))
    third = only(incidents.update(window(moved(source(nodes=6), 95.0)), NOW_NS + 2))
    assert [item.version for item in (first, second, third)] == [1, 2, 3]
    assert second.reason == "heard by 6 nodes, was 4"
    assert third.reason == "moved 5.0 m"
    verify_chain([first, second, third])


def test_heard_but_not_located_then_located_then_lost_again(incidents: Incidents) -> None:
    opened = only(incidents.update(window(source(nodes=3, located=False)), NOW_NS))
    assert (opened.state, opened.place, opened.ellipse_95) == ("open", None, None)
    assert opened.utc_ns == opened.rounds[0].utc_ns == min(a.utc_ns for a in arrivals(source(nodes=3)))
    assert opened.card["near"]["radius_m"] > 100
    assert opened.card["words"] == ["heard by 3 nodes, 4 are needed"]
    found = only(incidents.update(window(source(nodes=5)), NOW_NS + 1))
    assert (found.state, found.incident_id) == ("classified", opened.incident_id)
    assert found.reason.startswith("located")
    lost = only(incidents.update(window(source(nodes=5, located=False)), NOW_NS + 2))
    assert (lost.state, lost.place) == ("open", None)
    verify_chain([opened, found, lost])


def test_one_node_alone_makes_no_incident(incidents: Incidents) -> None:
    assert incidents.update(window(source(nodes=1, located=False)), NOW_NS) == []


def test_what_no_node_names_is_located_and_unknown(incidents: Incidents) -> None:
    silent = source(nodes=5)
    volleys = tuple(
        tuple(replace(a, p_gunshot=None, classes={}) for a in volley) for volley in silent.association.rounds
    )
    silent = replace(silent, association=replace(silent.association, rounds=volleys))
    version = only(incidents.update(window(silent), NOW_NS))
    assert (version.state, version.incident_class) == ("located", "unknown")
    assert 0.0 < version.p_gunshot < 1.0


def test_a_burst_that_is_over_closes_its_incidents_once(incidents: Incidents) -> None:
    first, closed = incidents.update(window(source(), final=True), NOW_NS)
    assert (first.state, closed.state) == ("classified", "closed")
    assert (
        replace(closed, version=1, state=first.state, reason=first.reason, prev_hash=None, hash=first.hash)
        == first
    )
    assert incidents.update(window(source(), final=True), NOW_NS + 1) == []
    assert incidents.update(window(source()), NOW_NS + 1) == []
    verify_chain([first, closed])


def test_a_late_arrival_opens_its_incident_again(incidents: Incidents) -> None:
    written = incidents.update(window(source(nodes=5), final=True), NOW_NS)
    again = only(incidents.update(window(source(nodes=6)), NOW_NS + 1))
    assert (again.state, again.version) == ("classified", 3)
    assert again.reason.startswith("opened again by a late arrival")
    closed = only(incidents.update(window(source(nodes=6), final=True), NOW_NS + 2))
    verify_chain([*written, again, closed])


def test_an_incident_that_turns_out_an_echo_is_withdrawn_and_says_why(incidents: Incidents) -> None:
    real = source(nodes=5)
    ghost = source(nodes=4, east_m=-200.0, name="ghost", start_ns=T0_NS + 3 * 10**8)
    two = incidents.update(window(real, ghost), NOW_NS)
    assert len(two) == 2
    assert {item.related_to for item in two} == {(two[1].incident_id,), (two[0].incident_id,)}
    explained = with_echoes(real, arrivals(ghost))
    versions = {item.incident_id: item for item in incidents.update(window(explained), NOW_NS + 1)}
    ids = {item.event_ids[0].split("-")[0]: item.incident_id for item in two}
    gone = versions[ids["ghost"]]
    assert (gone.state, gone.version, gone.related_to) == ("retracted", 2, ())
    assert gone.reason == f"its arrivals are echoes of incident {ids['shot']}"
    assert versions[ids["shot"]].related_to == ()
    assert incidents.update(window(explained), NOW_NS + 2) == []


def test_what_was_withdrawn_and_is_found_again_is_the_same_incident(incidents: Incidents) -> None:
    first = only(incidents.update(window(source()), NOW_NS))
    gone = only(incidents.update(window(single=arrivals(source())), NOW_NS + 1))
    assert (gone.state, gone.reason) == ("retracted", "its arrivals do not agree on a place any more")
    back = only(incidents.update(window(source()), NOW_NS + 2))
    assert (back.incident_id, back.version, back.state) == (first.incident_id, 3, "classified")
    assert back.reason.startswith("found again")
    verify_chain([first, gone, back])


def test_a_split_keeps_the_name_with_the_larger_part(incidents: Incidents) -> None:
    whole = source((0.0, 0.4, 0.8, 1.2))
    first = only(incidents.update(window(whole), NOW_NS))
    volleys = whole.association.rounds
    early = replace(whole, association=replace(whole.association, rounds=volleys[:1]))
    late = replace(moved(whole, 200.0), association=replace(whole.association, rounds=volleys[1:]))
    written = incidents.update(window(early, late), NOW_NS + 1)
    by_id = {item.incident_id: item for item in written}
    assert len(by_id[first.incident_id].event_ids) == 21
    (new,) = [item for item in written if item.incident_id != first.incident_id]
    assert (new.version, len(new.event_ids)) == (1, 7)


def test_a_second_shooter_is_related_and_tagged(incidents: Incidents) -> None:
    one = source((0.0, 0.6, 1.2))
    other = source((0.3, 0.9), east_m=-150.0, name="other")
    written = incidents.update(window(one, other), NOW_NS)
    for version in written:
        (tag,) = [tag for tag in version.tags if tag.name == "several_shooters"]
        assert tag.evidence["apart_m"] == pytest.approx(240.0, abs=1.0)
        assert version.related_to == (tag.evidence["other"],)


def test_incidents_a_minute_apart_are_not_related(incidents: Incidents) -> None:
    later = source(east_m=-150.0, name="later", start_ns=T0_NS + 60 * 10**9)
    assert [item.related_to for item in incidents.update(window(source(), later), NOW_NS)] == [(), ()]


# ---- people


def judged(incidents: Incidents, last: IncidentVersion, **said: Any) -> IncidentVersion:
    given: dict[str, Any] = {"author": "ann", "reason": "heard it myself", "at_ns": NOW_NS + 5}
    version = review(last, **(given | said))
    incidents.adopt(version)
    return version


def test_fusion_does_not_overrule_a_person(incidents: Incidents) -> None:
    first = only(incidents.update(window(source(nodes=4)), NOW_NS))
    said = judged(incidents, first, action="reclassify", incident_class="fireworks")
    more = only(incidents.update(window(source(nodes=6)), NOW_NS + 9))
    assert (more.state, more.incident_class, more.author) == ("reviewed", "fireworks", "fusion")
    (tag,) = [tag for tag in more.tags if tag.name == "reviewed"]
    assert (tag.evidence["by"], tag.evidence["fusion_class"]) == ("ann", "gunshot")
    closed = only(incidents.update(window(source(nodes=6), final=True), NOW_NS + 10))
    assert (closed.state, closed.incident_class) == ("closed", "fireworks")
    undone = judged(incidents, closed, action="restore", reason="my mistake")
    assert (undone.state, undone.incident_class) == ("closed", "gunshot")
    assert all(tag.name != "reviewed" for tag in undone.tags)
    verify_chain([first, said, more, closed, undone])


def test_a_persons_withdrawal_stands_and_can_be_undone(incidents: Incidents) -> None:
    first = only(incidents.update(window(source(nodes=4)), NOW_NS))
    gone = judged(incidents, first, action="retract", reason="my own door")
    assert gone.state == "retracted"
    assert incidents.update(window(source(nodes=6), final=True), NOW_NS + 9) == []
    back = judged(incidents, gone, action="restore", reason="it was not")
    assert (back.state, back.incident_class) == ("classified", "gunshot")
    assert only(incidents.update(window(source(nodes=6)), NOW_NS + 10)).state == "classified"


def test_what_a_person_confirmed_is_kept_and_marked_when_fusion_loses_it(incidents: Incidents) -> None:
    first = only(incidents.update(window(source()), NOW_NS))
    judged(incidents, first, action="confirm")
    lost = window(single=arrivals(source()))
    kept = only(incidents.update(lost, NOW_NS + 9))
    assert (kept.state, kept.incident_class) == ("reviewed", "gunshot")
    assert [tag.name for tag in kept.tags] == ["reviewed", "unsupported"]
    assert incidents.update(lost, NOW_NS + 10) == []


def test_an_acknowledgement_judges_nothing_and_stays(incidents: Incidents) -> None:
    first = only(incidents.update(window(source(nodes=4)), NOW_NS))
    seen = judged(incidents, first, action="acknowledge", reason="")
    assert (seen.state, seen.incident_class, seen.reason) == ("classified", "gunshot", "acknowledge")
    more = only(incidents.update(window(source(nodes=5)), NOW_NS + 9))
    assert [tag.name for tag in more.tags] == ["acknowledged"]


def test_resuming_from_the_record_neither_loses_nor_repeats(incidents: Incidents) -> None:
    written = incidents.update(window(source(nodes=5)), NOW_NS)
    fresh = Incidents(IncidentSettings())
    fresh.resume(written)
    assert fresh.update(window(source(nodes=5)), NOW_NS + 1) == []
    more = only(fresh.update(window(source(nodes=6)), NOW_NS + 1))
    assert (more.incident_id, more.version) == (written[0].incident_id, 2)
    verify_chain([*written, more])


def test_nothing_is_remembered_of_what_was_not_written(incidents: Incidents) -> None:
    proposed = only(incidents.propose(window(source()), NOW_NS))
    assert incidents.last(proposed.incident_id) is None
    assert only(incidents.propose(window(source()), NOW_NS)) == proposed


def test_the_old_are_let_go_of(incidents: Incidents) -> None:
    first, _ = incidents.update(window(source(), final=True), NOW_NS)
    incidents.forget(NOW_NS + 3599 * 10**9)
    assert incidents.last(first.incident_id) is not None
    incidents.forget(NOW_NS + 7300 * 10**9)
    assert incidents.last(first.incident_id) is None


# ---- states


def test_an_illegal_step_is_refused_with_what_is_possible() -> None:
    with pytest.raises(IllegalTransition, match=r"it is closed and can become: .*retracted"):
        check_transition("x", "closed", "open", "ann")
    with pytest.raises(IllegalTransition, match="it is new"):
        check_transition("x", None, "closed", "fusion")
    assert following(None, "ann") == frozenset()
    with pytest.raises(IllegalTransition):
        check_transition("x", "reviewed", "retracted", "fusion")


ANSWERS = st.sampled_from(
    [
        window(source(nodes=2, located=False)),
        window(source(nodes=4)),
        window(source(nodes=6)),
        window(source((0.0, 0.5), nodes=6)),
        window(source(nodes=6), final=True),
        window(source((0.0, 0.5), nodes=6), final=True),
        window(single=arrivals(source(nodes=6))),
        window(source(nodes=5), source(nodes=4, east_m=-200.0, name="ghost")),
        window(with_echoes(source(nodes=5), arrivals(source(nodes=4, east_m=-200.0, name="ghost")))),
        window(source(nodes=4, east_m=-200.0, name="ghost"), final=True),
    ]
)
JUDGEMENTS = st.tuples(
    st.sampled_from(["acknowledge", "confirm", "reclassify", "retract", "restore", "close"]),
    st.integers(0, 3),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(st.one_of(ANSWERS, JUDGEMENTS), max_size=14))
def test_whatever_happens_every_chain_is_whole_and_gapless(steps: list[Any]) -> None:
    incidents = Incidents(IncidentSettings())
    chains: dict[str, list[IncidentVersion]] = {}
    for number, step in enumerate(steps):
        if isinstance(step, FakeWindow):
            written = incidents.update(step, NOW_NS + number)
        elif chains:
            action, which = step
            last = chains[sorted(chains)[which % len(chains)]][-1]
            try:
                written = [judged(incidents, last, action=action, incident_class="fireworks")]
            except (ReviewError, IllegalTransition):
                continue
        else:
            continue
        for version in written:
            chains.setdefault(version.incident_id, []).append(version)
    for chain in chains.values():
        verify_chain(chain)
        assert chain[0].state in ("open", "located", "classified")
        people = [item for item in chain if item.author == "ann"]
        if people and chain[-1].state == "retracted" and chain[-1].author == "fusion":
            assert all(tag.name != "reviewed" for tag in chain[-1].tags)
