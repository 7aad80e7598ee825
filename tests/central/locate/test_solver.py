"""The inner solver on geometry whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from sensor.central.locate import LocateSettings, Unlocatable, Why, solve
from sensor.central.types import Air
from sensor.physics import speed_of_sound_m_s

TOWN = np.array(
    [
        [0.0, 0.0, 8.0],
        [400.0, 30.0, 12.0],
        [820.0, -20.0, 6.0],
        [180.0, 360.0, 10.0],
        [600.0, 340.0, 9.0],
        [420.0, 700.0, 11.0],
        [10.0, 720.0, 7.0],
    ]
)
AIR = Air(temperature_c=10.0)


def heard_at(place_m: tuple[float, float], nodes_m: np.ndarray, speed_m_s: float) -> np.ndarray:
    height = np.median(nodes_m[:, 2])
    way = np.sqrt(((nodes_m[:, :2] - place_m) ** 2).sum(axis=1) + (nodes_m[:, 2] - height) ** 2)
    return way / speed_m_s


PLACES = [(350.0, 250.0), (700.0, 100.0), (-150.0, 300.0)]
EXACT = LocateSettings(loss="squares", neighbourhood_m=100_000.0)
"""No belief that arrivals are rather late, none about where the source may be."""


@pytest.mark.parametrize("place_m", PLACES)
@pytest.mark.parametrize("count", [4, 5, 7])
def test_without_noise_and_beliefs_the_place_is_exact(place_m: tuple[float, float], count: int) -> None:
    nodes = TOWN[:count]
    times = 12.5 + heard_at(place_m, nodes, speed_of_sound_m_s(10.0))
    found = solve([times], [nodes], [np.full(count, 1e-3)], AIR, settings=EXACT)
    assert np.hypot(*(found.xy_m - place_m)) < 0.05
    assert found.fired_s[0] == pytest.approx(12.5, abs=1e-4)
    assert np.abs(found.residuals_s[0]).max() < 1e-4


@pytest.mark.parametrize("place_m", PLACES)
@pytest.mark.parametrize("count", [4, 5, 7])
def test_beliefs_move_a_clear_place_by_a_metre_or_two(place_m: tuple[float, float], count: int) -> None:
    nodes = TOWN[:count]
    times = 12.5 + heard_at(place_m, nodes, speed_of_sound_m_s(10.0))
    found = solve([times], [nodes], [np.full(count, 1e-3)], AIR)
    assert np.hypot(*(found.xy_m - place_m)) < 2.0
    assert found.fired_s[0] == pytest.approx(12.5, abs=5e-3)


def test_two_nodes_are_too_few() -> None:
    with pytest.raises(Unlocatable, match="heard by 2 nodes") as told:
        solve([np.zeros(2)], [TOWN[:2]], [np.full(2, 1e-3)], AIR)
    assert told.value.why is Why.TOO_FEW
