"""Simulated incidents for `evaluate_location`: nodes, sources, paths, clocks and weather with known truth.

Everything follows from a seed. Nothing here knows the solver.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sensor.central.types import Air
from sensor.physics import speed_of_sound_m_s

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

TEMPERATURE_C = 10.0
NODE_HEIGHT_M, NODE_HEIGHT_SIGMA_M = 10.0, 4.0
SOURCE_HEIGHT_M = 1.5
SURVEY_SIGMA_M = 1.0
"""One sigma per axis of where the network believes its nodes are."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What stands between the source and the time a node reports."""

    name: str
    clock_s: tuple[float, ...] = (50e-6,)
    """Each node draws its clock's sigma among these, and states it."""
    path_s: float = 0.0
    """Normal scatter of paths."""
    corner_share: float = 0.0
    """Share of paths that come round a corner, exponentially late by 15 ms."""
    echo_share: float = 0.0
    """Share of nodes that miss the first arrival and report an echo, exponentially late by 100 ms."""
    temperature_sigma_c: float = 0.5
    wind_sigma_m_s: float = 0.5
    """Per component: the network is told still air."""
    told_wind_sigma_m_s: float = 1.5


SCENARIOS = (
    Scenario(name="line of sight, GPS clocks"),
    Scenario(name="line of sight, NTP clocks 5 ms", clock_s=(5e-3,)),
    Scenario(
        name="line of sight, 2 °C and 3 m/s unknown",
        temperature_sigma_c=2.0,
        wind_sigma_m_s=2.1,
        told_wind_sigma_m_s=2.1,
    ),
    Scenario(name="street 6.5 ms, GPS clocks", path_s=6.5e-3),
    Scenario(name="street 6.5 ms, clocks 50 µs to 10 ms", path_s=6.5e-3, clock_s=(50e-6, 1e-3, 5e-3, 10e-3)),
    Scenario(name="corners 30 %", path_s=3e-3, corner_share=0.3),
    Scenario(name="corners 30 %, echoes 15 %", path_s=3e-3, corner_share=0.3, echo_share=0.15),
    Scenario(
        name="corners 30 %, echoes 15 %, NTP 5 ms",
        path_s=3e-3,
        corner_share=0.3,
        echo_share=0.15,
        clock_s=(5e-3,),
    ),
    Scenario(name="corners 50 %, echoes 25 %", path_s=3e-3, corner_share=0.5, echo_share=0.25),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Incident:
    """One discharge as a network of known nodes heard it."""

    times_s: Floats
    positions_m: Floats
    """(n, 3) where the network believes its nodes are."""
    sigmas_s: Floats
    truth_m: Floats
    """(3,)."""
    air: Air
    """What the network is told of the weather."""

    @property
    def inside(self) -> bool:
        """Whether the nodes that heard it surround the source: no gap of half a turn between them."""
        apart = self.positions_m[:, :2] - self.truth_m[:2]
        turn = np.sort(np.arctan2(apart[:, 0], apart[:, 1]))
        gaps = np.diff(np.append(turn, turn[0] + 2.0 * np.pi))
        return bool(gaps.max() < np.pi)


def town(
    rng: np.random.Generator, *, rows: int = 7, spacing_m: float = 350.0, jitter_m: float = 60.0
) -> Floats:
    """A jittered triangular grid of nodes (n, 3), about 9.4 per square kilometre at 350 m."""
    grid = np.array(
        [
            [(column + 0.5 * (row % 2)) * spacing_m, row * spacing_m * np.sqrt(0.75)]
            for row in range(rows)
            for column in range(rows)
        ]
    )
    nodes = grid + rng.normal(0.0, jitter_m, grid.shape)
    heights = rng.normal(NODE_HEIGHT_M, NODE_HEIGHT_SIGMA_M, len(nodes))
    return np.column_stack([nodes - nodes.mean(axis=0), heights])


def incidents(scenario: Scenario, heard_by: int, count: int, seed: int) -> Iterator[Incident]:
    """``count`` incidents of a scenario, each heard by the nearest ``heard_by`` nodes; 20 % are dead."""
    rng = np.random.default_rng([seed, heard_by, *scenario.name.encode()])
    for _ in range(count):
        nodes = town(rng)
        half = np.abs(nodes[:, :2]).max(axis=0) - 150.0
        truth = np.append(rng.uniform(-half, half), SOURCE_HEIGHT_M)
        alive = nodes[rng.random(len(nodes)) > 0.2]
        near = alive[np.argsort(np.linalg.norm(alive - truth, axis=1))[:heard_by]]
        yield hear(rng, scenario, near, truth)


def hear(rng: np.random.Generator, scenario: Scenario, nodes_m: Floats, truth_m: Floats) -> Incident:
    """What these nodes report of one discharge at ``truth_m``, fired at time 0."""
    count = len(nodes_m)
    speed = speed_of_sound_m_s(TEMPERATURE_C + rng.normal(0.0, scenario.temperature_sigma_c))
    wind = rng.normal(0.0, scenario.wind_sigma_m_s, 2)
    apart = nodes_m - truth_m
    way = np.linalg.norm(apart, axis=1)
    late = rng.normal(0.0, scenario.path_s, count)
    late += np.where(rng.random(count) < scenario.corner_share, rng.exponential(0.015, count), 0.0)
    late += np.where(rng.random(count) < scenario.echo_share, rng.exponential(0.1, count), 0.0)
    clock = rng.choice(scenario.clock_s, count)
    times = way / (speed + apart[:, :2] @ wind / way) + late + rng.normal(0.0, clock)
    told = nodes_m + rng.normal(0.0, SURVEY_SIGMA_M, nodes_m.shape)
    # The air's sigmas are what a weather service would claim: never better than 0.5 °C and 0.5 m/s.
    air = Air(
        temperature_c=TEMPERATURE_C,
        sigma_speed_m_s=0.6 * max(scenario.temperature_sigma_c, 1.0),
        sigma_wind_m_s=scenario.told_wind_sigma_m_s,
    )
    return Incident(times_s=times, positions_m=told, sigmas_s=clock, truth_m=truth_m, air=air)
