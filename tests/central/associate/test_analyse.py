"""One burst in, sources out: echoes, several shooters, shock waves, silence, and what too few heard."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sensor.central.associate.analyse import Answer, analyse
from sensor.central.associate.settings import AssociateSettings
from sensor.central.locate.settings import LocateSettings
from sensor.central.types import Arrival, Listener, Source
from tests.support.heard import AIR, SOUND_M_S, Street

HERE = (60.0, -120.0)
THERE = (-210.0, 150.0)


def analysed(arrivals: Sequence[Arrival], listeners: Sequence[Listener] = ()) -> Answer:
    return analyse(
        arrivals,
        air=AIR,
        listeners=listeners,
        settings=AssociateSettings(),
        locating=LocateSettings(),
    )


def located(answer: Answer) -> list[Source]:
    return [source for source in answer.sources if source.fix is not None]


def off_m(street: Street, source: Source, at_m: tuple[float, float]) -> float:
    assert source.fix is not None
    return street.off_m(source.fix.place, at_m)


@pytest.fixture
def street() -> Street:
    return Street()


def test_nothing_heard_is_nothing_said() -> None:
    assert analysed([]) == Answer(sources=(), single=())


def test_echoes_are_explained_and_make_no_second_source(street: Street) -> None:
    rounds = street.hear(HERE, [1.0, 1.45])
    echoes = [
        echo
        for node, late_s in ((0, 0.31), (1, 0.07), (2, 0.22), (4, 0.11), (5, 0.16), (7, 0.41))
        for echo in street.hear(HERE, [1.0, 1.45], nodes=(node,), late_s=late_s)
    ]
    answer = analysed(rounds + echoes)
    (source,) = answer.sources
    assert off_m(street, source, HERE) < 3.0
    assert len(source.association.rounds) == 2
    assert {echo.event_id for echo in source.association.echoes} == {echo.event_id for echo in echoes}
    assert answer.single == ()


def test_a_facade_that_mirrors_the_source_makes_no_phantom(street: Street) -> None:
    """Many nodes hear a wall's echo: together they agree on the mirrored place."""
    mirrored = (2.0 * 300.0 - HERE[0], HERE[1])
    rounds = street.hear(HERE, [1.0, 1.6])
    wall = [
        arrival
        for fired in (1.0, 1.6)
        for arrival in street.hear(mirrored, [fired], nodes=(0, 1, 4, 5, 7), p=0.5)
    ]
    answer = analysed(rounds + wall)
    assert len(located(answer)) == 1
    assert off_m(street, located(answer)[0], HERE) < 3.0


def test_two_shooters_in_turns_are_two_sources(street: Street) -> None:
    arrivals = street.hear(HERE, [1.0, 1.52, 2.11]) + street.hear(THERE, [1.27, 1.80, 2.43])
    sources = located(analysed(arrivals))
    assert len(sources) == 2
    for at in (HERE, THERE):
        (source,) = [one for one in sources if off_m(street, one, at) < 5.0]
        assert len(source.association.rounds) == 3


def test_a_shot_and_another_a_minute_later_at_the_same_place_are_two(street: Street) -> None:
    sources = located(analysed(street.hear(HERE, [1.0, 14.0])))
    assert [len(source.association.rounds) for source in sources] == [1, 1]


@pytest.mark.parametrize("count", [2, 3])
def test_few_nodes_that_agree_are_heard_not_located(street: Street, count: int) -> None:
    nodes = (1, 4, 5)[:count]
    (source,) = analysed(street.hear(HERE, [1.0, 1.5], nodes=nodes)).sources
    assert source.fix is None
    assert f"heard by {count} nodes" in source.reason
    assert len(source.association.rounds) == 2


def test_one_node_is_told_when_it_is_sure_and_left_alone_otherwise(street: Street) -> None:
    (sure,) = analysed([street.arrival(4, 1.0, p=0.95)]).sources
    assert sure.fix is None
    assert "heard by 1 node," in sure.reason
    unsure = analysed([street.arrival(4, 1.0, p=0.4)])
    assert unsure.sources == ()
    assert len(unsure.single) == 1


def test_two_nodes_too_far_apart_in_time_do_not_agree(street: Street) -> None:
    arrivals = [street.arrival(1, 1.0, p=None), street.arrival(2, 5.0, p=None)]
    answer = analysed(arrivals)
    assert answer.sources == ()
    assert list(answer.single) == arrivals


def test_who_should_have_heard_and_did_not_is_named(street: Street) -> None:
    heard = (0, 1, 2, 5, 7, 3)
    (source,) = analysed(street.hear(HERE, [1.0], nodes=heard), street.listeners).sources
    assert source.fix is not None
    assert "town/n4" in source.association.silent


def test_a_node_in_quarantine_is_not_missed(street: Street) -> None:
    listeners = [replace(one, quarantined=one.node == "n4") for one in street.listeners]
    (source,) = analysed(street.hear(HERE, [1.0], nodes=(0, 1, 2, 3, 5, 7)), listeners).sources
    assert source.association.silent == ()


def test_shock_waves_ahead_of_the_blast_are_told_as_such(street: Street) -> None:
    """A rifle fired north: nodes ahead of it hear the bullet first, by what Mach's cone says."""
    at, bullet = (20.0, -330.0), 750.0
    blasts = street.hear(at, [1.0, 1.9])
    waves = []
    for node in (4, 6, 7):
        way = street.nodes_m[node] - at
        along, across = way[1], abs(way[0])
        lead = along / bullet + across / SOUND_M_S * np.sqrt(1.0 - (SOUND_M_S / bullet) ** 2)
        waves += [street.arrival(node, fired + lead) for fired in (1.0, 1.9)]
    (source,) = analysed(blasts + waves).sources
    assert off_m(street, source, at) < 5.0
    assert len(source.association.rounds) == 2
    assert {wave.event_id for wave in source.association.shock_waves} == {wave.event_id for wave in waves}


def test_chance_ahead_of_the_blast_is_no_shock_wave(street: Street) -> None:
    early = [street.arrival(node, 1.0 + 0.05 * node, p=0.3) for node in (0, 3)]
    (source, *_) = located(analysed(street.hear(HERE, [2.0]) + early))
    assert source.association.shock_waves == ()


def test_one_node_far_off_neither_moves_the_place_nor_makes_another(street: Street) -> None:
    arrivals = street.hear(HERE, [1.0], nodes=(0, 1, 2, 3, 5, 6, 7)) + street.hear(
        HERE, [1.0], nodes=(4,), late_s=0.18
    )
    answer = analysed(arrivals)
    assert len(located(answer)) == 1
    assert off_m(street, located(answer)[0], HERE) < 4.0


def test_the_order_of_arrivals_does_not_matter(street: Street) -> None:
    arrivals = street.hear(HERE, [1.0, 1.5]) + street.hear(THERE, [1.2], nodes=(0, 3, 4, 6, 8))
    expected = analysed(arrivals)
    random.Random(5).shuffle(arrivals)  # noqa: S311  an order, not a secret
    assert analysed(arrivals) == expected


@settings(max_examples=8, deadline=None)
@example(east=348.0, north=15.0, noise=0)  # heard by a node that is out of reach
@given(
    east=st.floats(-350.0, 350.0),
    north=st.floats(-350.0, 350.0),
    noise=st.integers(0, 10_000),
)
def test_a_shot_between_the_nodes_is_one_source_near_its_place(east: float, north: float, noise: int) -> None:
    street = Street()
    rng = np.random.default_rng(noise)
    arrivals = [
        street.arrival(node, 1.0 + street.travel_s(node, (east, north)) + float(rng.normal(0.0, 0.006)))
        for node in range(10)
        if rng.random() > 0.2
    ]
    if len(arrivals) < 6:
        return
    (source,) = analysed(arrivals).sources
    assert off_m(street, source, (east, north)) < 25.0
