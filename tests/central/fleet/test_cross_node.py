"""Towns whose nodes are off by known amounts, and what shared sounds say of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sensor.central.fleet.cross_node import Arrival, Node, NodeEstimate, estimate

SOUND_M_S = 343.0
PATH_SIGMA_S = 0.003


class Town:
    """Twelve nodes 300 m apart and sounds all round; every stated figure may be a lie of the test's."""

    def __init__(self, seed: int, events: int = 60) -> None:
        self._rng = np.random.default_rng(seed)
        grid = np.stack(np.meshgrid(np.arange(4), np.arange(3)), axis=-1).reshape(-1, 2) * 300.0
        self.stated = grid + self._rng.uniform(-60.0, 60.0, grid.shape)
        self.nodes = [
            Node(east_m=e, north_m=n, position_sigma_m=2.0, clock_sigma_s=0.001) for e, n in self.stated
        ]
        self.clock_s = self._rng.normal(0.0, 0.001, len(grid))
        self.moved = self._rng.normal(0.0, 2.0, grid.shape)
        self.events = events

    def arrivals(self, late_fraction: float = 0.0) -> list[Arrival]:
        found = []
        for event in range(self.events):
            source = self._rng.uniform((-200.0, -200.0), (1100.0, 800.0))
            ranges = np.linalg.norm(self.stated + self.moved - source, axis=1)
            for node in np.argsort(ranges)[: self._rng.integers(4, 10)]:
                time_s = ranges[node] / SOUND_M_S + self.clock_s[node] + self._rng.normal(0.0, PATH_SIGMA_S)
                if self._rng.random() < late_fraction:
                    time_s += self._rng.exponential(0.1)
                found.append(Arrival(event, int(node), float(time_s + 7.0 * event), PATH_SIGMA_S))
        return found


def relative(estimates: list[NodeEstimate], town: Town) -> np.ndarray:
    """Error of each clock estimate over its sigma, the common offset taken out."""
    errors = np.array([item.clock_s for item in estimates]) - town.clock_s
    return (errors - np.median(errors)) / np.array([item.clock_sigma_s for item in estimates])


def test_an_honest_town_is_not_accused_and_sigmas_are_true() -> None:
    z = []
    for seed in range(4):
        town = Town(seed)
        estimates = estimate(town.nodes, town.arrivals(), SOUND_M_S)
        assert not any(item.clock_off or item.position_off for item in estimates)
        z.extend(np.abs(relative(estimates, town)))
    assert np.mean(np.array(z) < 1.0) > 0.60
    assert np.mean(np.array(z) < 2.0) > 0.90


@pytest.mark.parametrize("off_s", [0.02, -0.05, 0.5])
@pytest.mark.parametrize("late_fraction", [0.0, 0.1])
def test_one_wrong_clock_is_found_and_measured(off_s: float, late_fraction: float) -> None:
    town = Town(1)
    town.clock_s[5] = off_s
    estimates = estimate(town.nodes, town.arrivals(late_fraction), SOUND_M_S)
    assert [number for number, item in enumerate(estimates) if item.clock_off] == [5]
    assert estimates[5].clock_s == pytest.approx(off_s, abs=0.006)


def test_one_misplaced_node_is_found_and_measured() -> None:
    town = Town(2, events=90)
    town.moved[4] = (25.0, -18.0)
    estimates = estimate(town.nodes, town.arrivals(), SOUND_M_S)
    assert [number for number, item in enumerate(estimates) if item.position_off] == [4]
    assert estimates[4].east_m == pytest.approx(25.0, abs=5.0)
    assert estimates[4].north_m == pytest.approx(-18.0, abs=5.0)


def test_a_node_that_admits_a_large_sigma_is_not_accused_of_it() -> None:
    town = Town(3)
    town.clock_s[2] = 0.03
    town.nodes[2] = replace(town.nodes[2], clock_sigma_s=0.05)
    estimates = estimate(town.nodes, town.arrivals(), SOUND_M_S)
    assert not estimates[2].clock_off
    assert estimates[2].clock_s == pytest.approx(0.03, abs=0.006)


def test_a_node_that_heard_too_little_is_not_judged() -> None:
    town = Town(4)
    town.clock_s[0] = 0.2
    arrivals = [item for item in town.arrivals() if item.node != 0 or item.event < 6]
    estimates = estimate(town.nodes, arrivals, SOUND_M_S)
    heard = estimates[0].events
    assert estimates[0].clock_off == (heard >= 5)


def test_sounds_that_too_few_heard_cannot_be_compared() -> None:
    nodes = Town(1).nodes
    with pytest.raises(ValueError, match="nothing can be compared"):
        estimate(nodes, [Arrival(0, node, 1.0, 0.001) for node in range(3)], SOUND_M_S)


def test_rubbish_times_are_refused() -> None:
    nodes = Town(1).nodes
    with pytest.raises(ValueError, match="finite"):
        estimate(nodes, [Arrival(0, node, float("nan"), 0.001) for node in range(5)], SOUND_M_S)
