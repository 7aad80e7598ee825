"""What no honest network says: floods, copies, places in the sea, clocks from another century."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sensor.central.arrivals import read_arrival
from sensor.central.fusion import Fusion, FusionSettings, Refusal
from sensor.central.types import Place, Source
from sensor.errors import WireError
from tests.support.heard import AIR, BEGIN_NS, Street

HERE = (60.0, -120.0)
SECOND_NS = 1_000_000_000


def located(fusion: Fusion) -> list[Source]:
    return [source for window in fusion.flush() for source in window.sources if source.fix is not None]


@pytest.fixture
def street() -> Street:
    return Street()


def test_a_flood_from_one_node_is_bounded_counted_and_harms_nobody(street: Street) -> None:
    fusion = Fusion(FusionSettings(node_per_minute_max=300), air=AIR)
    template = street.arrival(8, 0.0, p=0.9)
    minute_ns = BEGIN_NS // (60 * SECOND_NS) * 60 * SECOND_NS
    minute_s, kept = (minute_ns - BEGIN_NS) * 1e-9, 0
    for number in range(20_000):
        flood = replace(template, event_id=f"flood-{number}", utc_ns=minute_ns + number * 3_000_000)
        kept += fusion.push(flood) is None
    assert kept == 300
    assert len(fusion) == 300
    assert fusion.refused[Refusal.FLOOD] == 20_000 - 300
    for arrival in street.hear(HERE, [minute_s + 0.3], nodes=range(8)):
        assert fusion.push(arrival) is None
    (source,) = [one for one in located(fusion) if len(one.association.rounds[0]) >= 6]
    assert source.fix is not None
    assert street.off_m(source.fix.place, HERE) < 10.0


def test_two_nodes_under_one_name_count_as_one_and_do_not_break_the_rest(street: Street) -> None:
    arrivals = street.hear(HERE, [1.0], nodes=(0, 1, 2, 3, 5, 6, 7))
    impostor = [replace(street.arrival(8, 1.0 + street.travel_s(8, HERE)), node="n0")]
    fusion = Fusion(air=AIR)
    for arrival in arrivals + impostor:
        fusion.push(arrival)
    (source,) = located(fusion)
    assert source.fix is not None
    assert street.off_m(source.fix.place, HERE) < 10.0
    keys = [arrival.key for arrival in source.association.rounds[0]]
    assert len(keys) == len(set(keys))


def test_two_nodes_at_one_place_are_heard_as_two_and_give_no_place_by_themselves(street: Street) -> None:
    twins = [
        replace(street.arrival(4, 1.0 + street.travel_s(4, HERE)), node=f"twin-{number}")
        for number in range(5)
    ]
    fusion = Fusion(air=AIR)
    for arrival in twins:
        fusion.push(arrival)
    windows = fusion.flush()
    assert [source.fix for window in windows for source in window.sources] == [None]


def test_a_node_in_the_sea_is_a_town_of_its_own(street: Street) -> None:
    sea = Street(place=Place(lat_deg=0.0, lon_deg=0.0, height_m=0.0), tag="sea")
    fusion = Fusion(air=AIR)
    for arrival in [*street.hear(HERE, [1.0]), sea.arrival(0, 1.1), sea.arrival(1, 1.2)]:
        fusion.push(arrival)
    (source,) = located(fusion)
    assert all(arrival.node.startswith("n") for arrival in source.association.rounds[0])


@pytest.mark.parametrize("height_m", [-400.0, 8800.0])
def test_a_node_far_above_or_below_the_others_does_not_move_the_place(
    street: Street, height_m: float
) -> None:
    arrivals = street.hear(HERE, [1.0])
    high = [
        replace(one, position=replace(one.position, height_m=height_m)) if one.node == "n4" else one
        for one in arrivals
    ]
    fusion = Fusion(air=AIR)
    for arrival in high:
        fusion.push(arrival)
    (source,) = located(fusion)
    assert source.fix is not None
    assert street.off_m(source.fix.place, HERE) < 25.0


def test_future_and_ancient_candidates_are_refused_by_name(street: Street) -> None:
    fusion = Fusion(air=AIR)
    fusion.advance(BEGIN_NS)
    day_ns = 86_400 * SECOND_NS
    assert fusion.push(replace(street.arrival(0, 0.0), utc_ns=BEGIN_NS + day_ns)) is Refusal.FUTURE
    assert fusion.push(replace(street.arrival(0, 0.0), utc_ns=0)) is Refusal.TOO_LATE
    assert len(fusion) == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("utc_ns", float("nan")),
        ("utc_ns", 10**30),
        ("utc_ns", -1),
        ("sigma_ns", 0),
        ("sigma_ns", float("inf")),
        ("p_gunshot", float("nan")),
        ("position", {"lat_deg": 91.0, "lon_deg": 0.0, "height_m": 0.0}),
        ("position", {"lat_deg": float("nan"), "lon_deg": 0.0, "height_m": 0.0}),
        ("node", ""),
        ("event_id", "x" * 300),
    ],
)
def test_what_cannot_be_is_refused_with_the_field_s_name(field: str, value: object) -> None:
    body = {
        "event_id": "e",
        "node": "n",
        "utc_ns": BEGIN_NS,
        "sigma_ns": 1000,
        "position": {"lat_deg": 1.0, "lon_deg": 2.0, "height_m": 3.0},
    }
    with pytest.raises(WireError, match=field):
        read_arrival(body | {field: value})
