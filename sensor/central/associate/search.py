"""Where could it have been: votes on a coarse grid, then the likelihood climbed on ever finer ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensor.central.associate.likelihood import HALF_WAY_M, Floats, Ints, bias_density, hearing
from sensor.central.associate.settings import AssociateSettings
from sensor.central.associate.templates import Templates
from sensor.central.types import Air
from sensor.physics import speed_of_sound_m_s

_CELL_M = 40.0
_FINE_CELL_M = 20.0
_FEW_NODES = 10
"""Up to so many nodes each of them counts, and a coarse cell spreads them over more than two bins."""
_CELLS_AT_ONCE = 4096
"""A city's cells times a minute's bins would not fit into memory."""
_BIN_S = 0.05
_SLOWEST_M_S = 250.0
"""Sound against a storm."""
_TYPICAL_HZ = 30.0
"""Density of lateness of a fair arrival, for voting."""
_MIDDLE_M = 650.0
_LEVELS = ((20.0, 3, 0.010, 10), (8.0, 3, 0.005, 6), (3.0, 3, 0.002, 6))
"""Spacing and half width of the grid of places, spacing and half width of the grid of times."""
_CLIMBED_M = 500.0
"""No climb leads further than this."""
_NEAR_S = 0.35
"""Templates further than this from a seed's time cannot matter."""


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A place and the time of the first round of a pattern there."""

    east_m: float
    north_m: float
    fired_s: float
    score: float


@dataclass(frozen=True, kw_only=True)
class Medium:
    """What carries the sound, in the form that the search wants."""

    speed_m_s: float
    wind_m_s: tuple[float, float]

    @classmethod
    def of(cls, air: Air) -> Medium:
        """From the weather."""
        return cls(
            speed_m_s=speed_of_sound_m_s(air.temperature_c),
            wind_m_s=(air.wind_east_m_s, air.wind_north_m_s),
        )

    def travel(self, from_m: Floats, to_m: Floats) -> tuple[Floats, Floats]:
        """Seconds and metres from each of (M, 2) to each of (T, 2): arrays (M, T)."""
        way_east = to_m[None, :, 0] - from_m[:, None, 0]
        way_north = to_m[None, :, 1] - from_m[:, None, 1]
        distance = np.hypot(way_east, way_north)
        if self.wind_m_s == (0.0, 0.0):
            return distance / self.speed_m_s, distance
        along = (way_east * self.wind_m_s[0] + way_north * self.wind_m_s[1]) / np.maximum(distance, 1.0)
        return distance / (self.speed_m_s + along), distance


def cells_around(places_m: Floats, margin_m: float) -> Floats:
    """(M, 2) centres of the grid cells that lie within ``margin_m`` of a node: never the bounding box."""
    few = len(np.unique(places_m, axis=0)) <= _FEW_NODES
    cell_m = _FINE_CELL_M if few else _CELL_M
    steps = int(np.ceil(margin_m / cell_m))
    axis = np.arange(-steps, steps + 1)
    east, north = np.meshgrid(axis, axis, indexing="ij")
    disc = np.column_stack([east.ravel(), north.ravel()])[np.hypot(east, north).ravel() <= steps]
    own = np.unique(np.rint(places_m / cell_m).astype(np.int64), axis=0)
    covered = (own[:, None, :] + disc[None, :, :]).reshape(-1, 2)
    packed = np.unique(covered[:, 0] * (1 << 32) + (covered[:, 1] + (1 << 31)))
    cells = np.column_stack([packed >> 32, (packed & 0xFFFFFFFF) - (1 << 31)])
    return cells * cell_m


@dataclass(frozen=True, kw_only=True, eq=False)
class Ground:
    """Where a source may be, and how long sound takes from there to each node: computed once per burst."""

    cells_m: Floats
    """(M, 2)."""
    heard_in: tuple[Ints, ...]
    """For each node, the cells within its reach."""
    travel_s: tuple[Floats, ...]
    """For each node, from those cells."""

    @classmethod
    def around(cls, nodes_m: Floats, margin_m: float, medium: Medium, settings: AssociateSettings) -> Ground:
        """Cells within ``margin_m`` of any of ``nodes_m`` (N, 2)."""
        cells = cells_around(nodes_m, margin_m)
        heard_in = tuple(np.flatnonzero(np.hypot(*(cells - node).T) < settings.reach_m) for node in nodes_m)
        travel = tuple(
            medium.travel(cells[inside], node[None])[0][:, 0]
            for inside, node in zip(heard_in, nodes_m, strict=True)
        )
        return cls(cells_m=cells, heard_in=heard_in, travel_s=travel)


def votes(templates: Templates, ground: Ground, settings: AssociateSettings, top: int) -> list[Spot]:
    """The ``top`` places and times at which most evidence of different nodes meets, best first."""
    weight = np.log1p(settings.heard_max * _TYPICAL_HZ * np.exp(templates.evidence))
    keep = _thinned(templates, weight)
    if not keep.size or not ground.cells_m.size:
        return []
    times, node = templates.times_s[keep], templates.node[keep]
    begin = float(times.min()) - settings.reach_m / _SLOWEST_M_S
    bins = int((float(times.max()) - begin) / _BIN_S) + 3
    who = np.unique(node).tolist()
    found: list[Spot] = []
    for low in range(0, len(ground.cells_m), _CELLS_AT_ONCE):
        cells = ground.cells_m[low : low + _CELLS_AT_ONCE]
        spans = {
            heard_by: np.searchsorted(ground.heard_in[heard_by], (low, low + len(cells))) for heard_by in who
        }
        if all(first == last for first, last in spans.values()):
            continue
        board = np.zeros((bins, len(cells)), dtype=np.float32)
        for moment, vote, heard_by in zip(times.tolist(), weight[keep].tolist(), node.tolist(), strict=True):
            first, last = spans[heard_by]
            travel = ground.travel_s[heard_by][first:last]
            slot = ((moment - begin - travel) * (1.0 / _BIN_S)).astype(np.int64)
            board[slot, ground.heard_in[heard_by][first:last] - low] += vote
        board[:-1] += board[1:]
        found += _peaks(board[:-1], cells, begin, top)
    return _distinct(found, top)


def _distinct(found: list[Spot], top: int) -> list[Spot]:
    """The best of ``found``, none beside a better one: what two neighbouring blocks both saw counts once."""
    kept: list[Spot] = []
    for spot in sorted(found, key=lambda one: (-one.score, one.east_m, one.north_m, one.fired_s)):
        beside = any(
            np.hypot(spot.east_m - other.east_m, spot.north_m - other.north_m) < 2.5 * _CELL_M
            and abs(spot.fired_s - other.fired_s) < 5.5 * _BIN_S
            for other in kept
        )
        if not beside:
            kept.append(spot)
        if len(kept) == top:
            break
    return kept


def _thinned(templates: Templates, weight: Floats) -> Ints:
    """Templates of which no better one of the same node is within a bin: a node has one vote."""
    keep = np.ones(weight.size, dtype=bool)
    order = np.lexsort((templates.times_s, templates.node))
    for lag in (1, 2):
        a, b = order[:-lag], order[lag:]
        close = (templates.node[a] == templates.node[b]) & (
            templates.times_s[b] - templates.times_s[a] < _BIN_S
        )
        weaker = np.where(weight[a] >= weight[b], b, a)
        keep[weaker[close]] = False
    return np.flatnonzero(keep)


def _peaks(pairs: NDArray[np.float32], cells_m: Floats, begin_s: float, top: int) -> list[Spot]:
    """The highest entries of ``pairs`` (bins, cells), each clearing its surroundings in space and time."""
    best = pairs.max(axis=0)
    spots: list[Spot] = []
    for _ in range(top):
        cell = int(best.argmax())
        if best[cell] <= 0.0:
            break
        slot = int(pairs[:, cell].argmax())
        spots.append(
            Spot(
                east_m=float(cells_m[cell, 0]),
                north_m=float(cells_m[cell, 1]),
                fired_s=begin_s + slot * _BIN_S,
                score=float(best[cell]),
            )
        )
        near = np.flatnonzero(np.hypot(*(cells_m - cells_m[cell]).T) < 2.5 * _CELL_M)
        pairs[max(0, slot - 5) : slot + 6, near] = 0.0
        best[near] = pairs[:, near].max(axis=0)
    return spots


def _heard(distance_m: Floats, half_way_m: float, settings: AssociateSettings) -> Floats:
    """Probability of hearing over each distance; none beyond ``reach_m``."""
    return np.where(distance_m > settings.reach_m, 0.0, hearing(distance_m, half_way_m, settings))


def likelihood(
    templates: Templates,
    places_m: Floats,
    fired_s: Floats,
    medium: Medium,
    nodes_m: Floats,
    settings: AssociateSettings,
    *,
    half_way_m: float = _MIDDLE_M,
) -> Floats:
    """(M, B) log-likelihood ratio of a source against clutter alone.

    For each of ``places_m`` (M, 2) and, there, each time of its first round in ``fired_s`` (M, B); over the
    nodes at ``nodes_m``, whether they heard or not.
    """
    _, distance = medium.travel(places_m, nodes_m)
    silence = np.log1p(-_heard(distance, half_way_m, settings))
    total = np.repeat(silence.sum(axis=1)[:, None], fired_s.shape[1], axis=1)
    if not templates.times_s.size:
        return total
    travel, distance = medium.travel(places_m, templates.places_m)
    late = (templates.times_s[None, :] - travel)[:, None, :] - fired_s[:, :, None]
    density = bias_density(late, templates.rows, settings)
    density *= np.exp(np.minimum(templates.evidence, 600.0))
    starts = templates.starts
    by_node = np.add.reduceat(density, starts, axis=2)
    chance = _heard(distance[:, starts], half_way_m, settings)[:, None, :]
    gain = np.log1p(by_node * chance / (1.0 - chance))
    total += gain.sum(axis=2)
    return total


def climb(
    templates: Templates, spot: Spot, medium: Medium, nodes_m: Floats, settings: AssociateSettings
) -> Spot:
    """The best place near ``spot``, to a metre or so."""
    here, nodes_m = _near(templates, spot, medium), _within(nodes_m, spot, settings)
    for spacing_m, half, tick_s, ticks in _LEVELS:
        axis = np.arange(-half, half + 1) * spacing_m
        east, north = np.meshgrid(axis, axis, indexing="ij")
        offsets = np.column_stack([east.ravel(), north.ravel()])
        for _ in range(6):
            places = offsets + np.array([spot.east_m, spot.north_m])
            fired = spot.fired_s + np.arange(-ticks, ticks + 1) * tick_s
            table = likelihood(here, places, np.tile(fired, (places.shape[0], 1)), medium, nodes_m, settings)
            at, when = np.unravel_index(int(table.argmax()), table.shape)
            moved = Spot(
                east_m=float(places[at, 0]),
                north_m=float(places[at, 1]),
                fired_s=float(fired[when]),
                score=float(table[at, when]),
            )
            edge = max(abs(offsets[at])) >= half * spacing_m or int(when) in (0, 2 * ticks)
            spot = moved
            if not edge:
                break
    return spot


def _near(templates: Templates, spot: Spot, medium: Medium) -> Templates:
    """The templates that a source near ``spot`` could claim."""
    travel, _ = medium.travel(np.array([[spot.east_m, spot.north_m]]), templates.places_m)
    late = templates.times_s - travel[0] - spot.fired_s
    return templates.only(np.abs(late) < _NEAR_S + 0.2)


def _within(nodes_m: Floats, spot: Spot, settings: AssociateSettings) -> Floats:
    """The nodes that a source near ``spot`` can reach: what others did not hear says nothing."""
    far = np.hypot(nodes_m[:, 0] - spot.east_m, nodes_m[:, 1] - spot.north_m)
    return nodes_m[far < settings.reach_m + _CLIMBED_M]


def judged(
    templates: Templates, spot: Spot, medium: Medium, nodes_m: Floats, settings: AssociateSettings
) -> Spot:
    """``spot`` with its likelihood for the loudness that suits it best."""
    here, nodes_m = _near(templates, spot, medium), _within(nodes_m, spot, settings)
    place = np.array([[spot.east_m, spot.north_m]])
    fired = np.array([[spot.fired_s]])
    best = max(
        float(likelihood(here, place, fired, medium, nodes_m, settings, half_way_m=float(half))[0, 0])
        for half in HALF_WAY_M
    )
    return Spot(east_m=spot.east_m, north_m=spot.north_m, fired_s=spot.fired_s, score=best)
