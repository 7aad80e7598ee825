"""What sounds heard by many nodes say about the nodes: whose clock is off, whose position is wrong.

Each arrival is t = t0 + |source - node| / c + b + noise. Sources and moments are unknown too, so all are
solved for together: Gauss-Newton with Student-t weights against late paths, each event's own unknowns
projected out (one small QR), and Cauchy priors on the nodes' faults, which let one node be far off without
dragging the others along. Only differences can be seen: an offset common to all nodes is harmless and
stays unknown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FEWEST_NODES = 4
"""An event heard by fewer says nothing about them: its three unknowns take all it knows."""
FEWEST_EVENTS = 5
"""A node heard in fewer such events is not judged."""
FLAG_SIGMAS = 4.0
_STUDENT = 4.0
_ROUNDS = 25
_SETTLED_M = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node as it states itself, on a local plane."""

    east_m: float
    north_m: float
    position_sigma_m: float
    clock_sigma_s: float


@dataclass(frozen=True, slots=True)
class Arrival:
    """One node's arrival of one event."""

    event: int
    node: int
    time_s: float
    """Relative to any origin common to the event's arrivals."""
    sigma_s: float
    """Of the pick and the path; a city street adds 7 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeEstimate:
    """What the sounds say about one node."""

    clock_s: float
    """How late its stamps are."""
    clock_sigma_s: float
    east_m: float
    """How far it stands east of where it says."""
    north_m: float
    position_sigma_m: float
    """One sigma of the larger of the two."""
    events: int
    clock_off: bool
    """The offset is beyond both its own sigma and what the node admits."""
    position_off: bool


def estimate(nodes: Sequence[Node], arrivals: Sequence[Arrival], sound_m_s: float) -> list[NodeEstimate]:
    """Clock and position offsets of every node from shared sounds.

    Args:
        nodes: as they state themselves; index = ``Arrival.node``.
        arrivals: of all events; those heard by fewer than four nodes are left out.
        sound_m_s: speed of sound.

    Raises:
        ValueError: no event was heard by four nodes, or a value is not finite.
    """
    if not all(math.isfinite(item.time_s) and item.sigma_s > 0.0 for item in arrivals):
        raise ValueError("an arrival has no finite time or no positive sigma")
    events = _grouped(arrivals)
    if not events:
        raise ValueError(f"no event was heard by {FEWEST_NODES} nodes: nothing can be compared")
    places = np.array([(node.east_m, node.north_m) for node in nodes])
    prior = np.array([(node.position_sigma_m,) * 2 + (node.clock_sigma_s * sound_m_s,) for node in nodes])
    sources = [_first_guess(places, event, sound_m_s) for event in events]
    faults = _blatant(places, events, sources, prior, sound_m_s)
    covariance = np.diag(prior.ravel() ** 2)
    for _ in range(_ROUNDS):
        normal = np.diag((_cauchy(faults, prior) / prior**2).ravel())
        right = -(_cauchy(faults, prior) / prior**2 * faults).ravel()
        for number, event in enumerate(events):
            source, matrix, residual = _linearised(places, faults, event, sources[number], sound_m_s)
            sources[number] = source
            normal += matrix.T @ matrix
            right += matrix.T @ residual
        covariance = np.linalg.inv(normal)
        step = (covariance @ right).reshape(faults.shape)
        faults = faults + step
        if float(np.abs(step).max()) < _SETTLED_M:
            break
    heard = np.bincount([item.node for event in events for item in event], minlength=len(nodes))
    spread = np.sqrt(np.diag(covariance)).reshape(faults.shape)
    return [
        _judged(node, faults[number], spread[number], int(heard[number]), sound_m_s)
        for number, node in enumerate(nodes)
    ]


def _grouped(arrivals: Sequence[Arrival]) -> list[list[Arrival]]:
    """Arrivals by event, the earliest of each node only, events of too few nodes left out."""
    events: dict[int, dict[int, Arrival]] = {}
    for item in sorted(arrivals, key=lambda item: item.time_s):
        events.setdefault(item.event, {}).setdefault(item.node, item)
    return [list(heard.values()) for heard in events.values() if len(heard) >= FEWEST_NODES]


def _cauchy(faults: Floats, prior: Floats) -> Floats:
    weights: Floats = 1.0 / (1.0 + (faults / prior) ** 2 / _STUDENT)
    return weights


def _first_guess(places: Floats, event: Sequence[Arrival], sound_m_s: float) -> Floats:
    """Source (east, north) and moment as a distance: the best of a coarse grid round the nodes."""
    here = places[[item.node for item in event]]
    reached_m = np.array([item.time_s for item in event]) * sound_m_s
    span_m = float(np.ptp(here, axis=0).max()) + 200.0
    steps = np.linspace(-span_m, span_m, 41)
    grid = here.mean(axis=0) + np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    ranges = np.linalg.norm(grid[:, None, :] - here[None, :, :], axis=2)
    moments = np.median(reached_m[None, :] - ranges, axis=1)
    misfit = np.abs(reached_m[None, :] - ranges - moments[:, None]).sum(axis=1)
    best = int(np.argmin(misfit))
    return np.array([*grid[best], moments[best]])


def _blatant(
    places: Floats,
    events: Sequence[Sequence[Arrival]],
    sources: list[Floats],
    prior: Floats,
    sound_m_s: float,
) -> Floats:
    """Faults to begin with (east, north, clock; m): clocks that no event can be reconciled with.

    Far-off arrivals weigh next to nothing in a robust fit; what they are off by, event after event, is
    the fault itself. Brings ``sources`` up to date on the way.
    """
    faults = np.zeros_like(prior)
    left: list[list[float]] = [[] for _ in places]
    for number, event in enumerate(events):
        sources[number] = _linearised(places, faults, event, sources[number], sound_m_s)[0]
        who = np.array([item.node for item in event])
        reached_m = np.array([item.time_s for item in event]) * sound_m_s
        for node, residual in zip(
            who, _equations(places, faults, who, reached_m, sources[number])[2], strict=True
        ):
            left[node].append(float(residual))
    medians = np.array([float(np.median(values)) if values else 0.0 for values in left])
    blatant = np.abs(medians) > 10.0 * prior[:, 2]
    faults[blatant, 2] = medians[blatant]
    return faults


def _linearised(
    places: Floats, faults: Floats, event: Sequence[Arrival], source: Floats, sound_m_s: float
) -> tuple[Floats, Floats, Floats]:
    """The event's source brought up to date, and its whitened equations with the source projected out."""
    who = np.array([item.node for item in event])
    reached_m = np.array([item.time_s for item in event]) * sound_m_s
    sigma_m = np.array([item.sigma_s for item in event]) * sound_m_s
    for _ in range(8):
        own, unit, residual = _equations(places, faults, who, reached_m, source)
        weight = np.sqrt((_STUDENT + 1.0) / (_STUDENT + (residual / sigma_m) ** 2)) / sigma_m
        step = np.linalg.lstsq(own * weight[:, None], residual * weight, rcond=None)[0]
        source = source + np.clip(step, -500.0, 500.0)
        if float(np.abs(step).max()) < _SETTLED_M:
            break
    own, unit, residual = _equations(places, faults, who, reached_m, source)
    weight = np.sqrt((_STUDENT + 1.0) / (_STUDENT + (residual / sigma_m) ** 2)) / sigma_m
    matrix = np.zeros((len(who), faults.size))
    for line, node in enumerate(who):
        matrix[line, 3 * node : 3 * node + 3] = (-unit[line, 0], -unit[line, 1], 1.0)
    basis, _ = np.linalg.qr(own * weight[:, None])
    matrix *= weight[:, None]
    residual = residual * weight
    return source, matrix - basis @ (basis.T @ matrix), residual - basis @ (basis.T @ residual)


def _equations(
    places: Floats, faults: Floats, who: NDArray[np.intp], reached_m: Floats, source: Floats
) -> tuple[Floats, Floats, Floats]:
    """Derivatives by the source, unit vectors from node to source, and what is left unexplained, m."""
    away = source[None, :2] - (places[who] + faults[who, :2])
    range_m = np.maximum(np.linalg.norm(away, axis=1), 1.0)
    unit = away / range_m[:, None]
    residual = reached_m - (range_m + source[2] + faults[who, 2])
    return np.column_stack([unit, np.ones(len(who))]), unit, residual


def _judged(node: Node, fault: Floats, spread: Floats, events: int, sound_m_s: float) -> NodeEstimate:
    east_m, north_m, late_m = (float(value) for value in fault)
    position_sigma_m, clock_sigma_s = float(spread[:2].max()), float(spread[2]) / sound_m_s
    clock_s = late_m / sound_m_s
    enough = events >= FEWEST_EVENTS
    away_m = math.hypot(east_m, north_m)
    return NodeEstimate(
        clock_s=clock_s,
        clock_sigma_s=clock_sigma_s,
        east_m=east_m,
        north_m=north_m,
        position_sigma_m=position_sigma_m,
        events=events,
        clock_off=enough and abs(clock_s) > FLAG_SIGMAS * max(clock_sigma_s, node.clock_sigma_s),
        position_off=enough and away_m > FLAG_SIGMAS * max(position_sigma_m, node.position_sigma_m),
    )
