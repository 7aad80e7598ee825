"""From arrivals to a fix: mirror images told, bearings used, late paths doubted, whatever the order."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.central.frame import Frame
from sensor.central.locate import LocateSettings, Unlocatable, Why, locate, solve
from sensor.central.locate.loss import loss_of
from sensor.central.types import Arrival, Association, Fix, Place
from tests.support.heard import AIR, Street

HERE = (60.0, -120.0)


def fix_of(*rounds: list[Arrival]) -> Fix:
    frame = Frame.around(arrival.position for volley in rounds for arrival in volley)
    return locate(
        Association(rounds=tuple(tuple(volley) for volley in rounds)),
        frame=frame,
        air=AIR,
        settings=LocateSettings(),
    )


@pytest.fixture
def street() -> Street:
    return Street()


def test_three_nodes_allow_two_places_and_both_are_told() -> None:
    """Outside a triangle of nodes two places may explain three arrivals; neither is more likely."""
    nodes = np.array([[0.0, 0.0], [400.0, 0.0], [200.0, 300.0]])
    street = Street(nodes)
    told = 0
    for east, north in product(range(-200, 700, 150), range(-200, 600, 150)):
        at = (float(east), float(north))
        try:
            fix = fix_of(street.hear(at, [1.0]))
        except Unlocatable:  # on the line of two nodes: too uncertain to be told
            continue
        if not fix.alternatives:
            continue
        told += 1
        both = [fix.place, *(other.place for other in fix.alternatives)]
        assert min(street.off_m(place, at) for place in both) < max(40.0, fix.ellipse_95.semi_major_m)
        assert fix.confidence == "low"
        assert all(0.0 < other.odds <= 0.5 for other in fix.alternatives)
    assert told > 1


def test_a_bearing_tells_mirror_images_apart() -> None:
    nodes = np.array([[0.0, 0.0], [400.0, 0.0], [200.0, 300.0]])
    street = Street(nodes)
    at = (700.0, -200.0)
    plain = street.hear(at, [1.0])
    towards = math.degrees(math.atan2(at[0], at[1])) % 360.0
    seen = [
        replace(one, bearing_deg=towards, bearing_sigma_deg=3.0) if one.node == "n0" else one for one in plain
    ]
    without, with_bearing = fix_of(plain), fix_of(seen)
    assert street.off_m(with_bearing.place, at) < 60.0
    assert with_bearing.ellipse_95.semi_major_m < without.ellipse_95.semi_major_m


def test_one_late_path_is_doubted_and_the_place_stays(street: Street) -> None:
    arrivals = street.hear(HERE, [1.0], nodes=range(7)) + street.hear(HERE, [1.0], nodes=(7,), late_s=0.12)
    fix = fix_of(arrivals)
    assert street.off_m(fix.place, HERE) < 4.0
    by_node = {item.node: item for item in fix.residuals}
    assert by_node["n7"].weight < 0.1
    assert by_node["n7"].residual_s == pytest.approx(0.12, abs=0.01)
    assert fix.n_effective < 7.5


def test_rounds_share_a_place_and_each_has_its_moment(street: Street) -> None:
    fix = fix_of(street.hear(HERE, [1.0], nodes=range(8)), street.hear(HERE, [1.6], nodes=(0, 1, 4)))
    gap_s = (fix.rounds[1].utc_ns - fix.rounds[0].utc_ns) * 1e-9
    assert gap_s == pytest.approx(0.6, abs=1e-3)
    assert fix.rounds[1].sigma_ns > 0


def test_a_worse_clock_makes_a_larger_ellipse(street: Street) -> None:
    good = street.hear(HERE, [1.0])
    poor = [replace(one, sigma_ns=20_000_000) for one in good]
    assert fix_of(poor).ellipse_95.semi_major_m > 1.5 * fix_of(good).ellipse_95.semi_major_m


@pytest.mark.parametrize(
    ("nodes_m", "why"),
    [
        ([[0.0, 0.0], [300.0, 0.0]], Why.TOO_FEW),
        ([[0.0, 0.0], [3.0, 1.0], [1.0, 4.0], [2.0, 2.0]], Why.ONE_PLACE),
        ([[0.0, 0.0], [300.0, 1.0], [600.0, 0.0], [900.0, 1.0]], Why.ONE_LINE),
    ],
)
def test_geometry_that_allows_no_place_is_named(nodes_m: list[list[float]], why: Why) -> None:
    street = Street(np.array(nodes_m))
    with pytest.raises(Unlocatable) as told:
        fix_of(street.hear((100.0, 200.0), [1.0]))
    assert told.value.why is why


def test_a_place_too_uncertain_to_go_to_is_not_told() -> None:
    """Three nodes close together, a source far off their side: a direction, hardly a distance."""
    street = Street(np.array([[0.0, 0.0], [60.0, 5.0], [25.0, 40.0]]))
    with pytest.raises(Unlocatable, match="known to") as told:
        fix_of(street.hear((2500.0, 900.0), [1.0]))
    assert told.value.why is Why.TOO_UNCERTAIN


def test_a_place_beyond_hearing_is_not_told(street: Street) -> None:
    beliefs = LocateSettings(neighbourhood_m=100_000.0, path_sigma_s=0.0005, semi_major_max_m=10_000.0)
    times = np.array([street.travel_s(node, (9000.0, 200.0)) for node in range(10)])
    places = np.column_stack([street.nodes_m, np.full(10, 8.0)])
    with pytest.raises(Unlocatable, match="nearest node") as told:
        solve([times], [places], [np.full(10, 1e-4)], AIR, settings=beliefs)
    assert told.value.why is Why.TOO_FAR


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_figures_that_are_none_are_refused(value: float) -> None:
    times = np.array([0.0, 0.5, value, 0.3])
    places = np.array([[0.0, 0.0, 8.0], [300.0, 0.0, 8.0], [0.0, 300.0, 8.0], [300.0, 300.0, 8.0]])
    with pytest.raises(Unlocatable, match="not a finite number") as told:
        solve([times], [places], [np.full(4, 1e-3)], AIR)
    assert told.value.why is Why.BAD_INPUT


@settings(max_examples=15, deadline=None)
@given(
    east=st.floats(-500.0, 500.0),
    north=st.floats(-500.0, 500.0),
    lat_deg=st.floats(-75.0, 75.0),
    lon_deg=st.floats(-180.0, 179.0),
    order=st.permutations(range(8)),
)
def test_neither_the_place_on_earth_nor_the_order_matters(
    east: float, north: float, lat_deg: float, lon_deg: float, order: list[int]
) -> None:
    here = Street(place=Place(lat_deg=lat_deg, lon_deg=lon_deg, height_m=50.0))
    arrivals = here.hear((east, north), [1.0], nodes=range(8))
    fix = fix_of([arrivals[index] for index in order])
    assert here.off_m(fix.place, (east, north)) < 6.0
    again = fix_of(arrivals)
    assert again.place.lat_deg == pytest.approx(fix.place.lat_deg, abs=1e-6)


@pytest.mark.parametrize("loss", ["mixture", "cauchy", "squares"])
def test_the_cost_is_the_integral_of_what_pulls(loss: str) -> None:
    """A weight that is not the cost's own slope sends the descent astray."""
    table = loss_of(LocateSettings(loss=loss))  # type: ignore[arg-type]  # a parameter is a plain str
    scaled = np.linspace(-20.0, 60.0, 4001)
    cost, weight, pulled = table(scaled)
    slope = np.gradient(cost, scaled)
    inside = weight * pulled
    steep = (weight > 1e-5) & (weight < 1.0)
    assert np.abs(slope - inside)[steep][1:-1].max() < 0.02
    assert cost.min() == pytest.approx(0.0, abs=1e-3)
    assert table.at_knots(scaled) == pytest.approx(cost, abs=0.6)


def test_late_costs_less_than_early() -> None:
    table = loss_of(LocateSettings())
    (early, late), _, _ = table(np.array([-6.0, 6.0]))
    assert late < 0.5 * early
