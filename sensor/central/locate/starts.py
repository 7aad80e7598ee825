"""Where to begin: places that three or more arrivals agree on, ranked by what all of them say."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from sensor.central.locate.closed_form import from_triples, mlg

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sensor.central.locate.heard import Heard

    Floats = NDArray[np.float64]

_EARLIEST = 8
"""Triples are drawn among so many of the first arrivals: the nearest nodes see best."""
_SCORED = 20
"""Arrivals that take part in ranking, first ones first."""
_EARLY_CAP, _LATE_CAP = 12.0, 5.0
"""What one arrival can cost at most: nothing explains an early one, an echo explains a late one."""
_DISTINCT_M = 25.0
_TRIPLE = np.array(list(combinations(range(_EARLIEST), 3)))


def one_volley(heard: Heard) -> tuple[Floats, Floats]:
    """All rounds laid over each other: a time (M,) and a place (M, 3) per node, in order of time.

    A round is shifted by the median difference to the best heard one over the nodes that heard both.
    Nodes that heard only rounds which share nothing with the best heard one are left out.
    """
    if heard.rounds == 1 and heard.nodes == len(heard.times_s):
        order = np.argsort(heard.times_s, kind="stable")
        return heard.times_s[order], heard.positions_m[order]
    grid = np.full((heard.rounds, heard.nodes), np.nan)
    grid[heard.round_of, heard.node_of] = heard.times_s
    places = np.zeros((heard.nodes, 3))
    places[heard.node_of] = heard.positions_m
    best = grid[np.isfinite(grid).sum(axis=1).argmax()]
    late = grid - best
    shared = np.isfinite(late).any(axis=1)
    aligned = grid[shared] - np.nanmedian(late[shared], axis=1, keepdims=True)
    known = np.isfinite(aligned).any(axis=0)
    times = np.nanmedian(aligned[:, known], axis=0)
    order = np.argsort(times, kind="stable")
    return times[order], places[known][order]


def candidates(times_s: Floats, places_m: Floats, speed_m_s: float) -> tuple[Floats, list[str]]:
    """Places (S, 2) to begin at, and which formula each comes from."""
    found: list[Floats] = []
    names: list[str] = []
    triple = _TRIPLE[_TRIPLE[:, 2] < len(times_s)]
    if len(triple):
        roots = from_triples(times_s[triple], places_m[triple, :2], speed_m_s)
        found.append(roots)
        names += ["triple"] * len(roots)
    linear = mlg(times_s, places_m, speed_m_s)
    if linear is not None:
        found.append(linear[None])
        names.append("mlg")
    # Where every formula fails, the ground round the first node that heard it is still a start.
    spread = max(50.0, 0.5 * float(np.ptp(places_m[:, :2], axis=0).max()))
    found.append(places_m[0, :2] + spread * np.array([[0.1, 0], [1, 0], [-1, 0], [0, 1], [0, -1]]))
    names += ["first node"] * 5
    return np.concatenate(found), names


def cost_of_places(
    xy_m: Floats, times_s: Floats, places_m: Floats, speed_m_s: float, sigma_s: float
) -> Floats:
    """What the arrivals charge each place (S,) at its best moment of firing; less is better."""
    times_s, places_m = times_s[:_SCORED], places_m[:_SCORED]
    way = np.hypot(xy_m[:, None, 0] - places_m[:, 0], xy_m[:, None, 1] - places_m[:, 1])
    fired = times_s - way / speed_m_s
    scaled = (fired[:, None, :] - fired[:, :, None]) / sigma_s
    charge = np.log1p(scaled**2)
    charge = np.where(scaled < 0.0, np.minimum(charge, _EARLY_CAP), np.minimum(charge, _LATE_CAP))
    return charge.sum(axis=2).min(axis=1)


def choose(xy_m: Floats, cost: Floats, count: int) -> list[int]:
    """Indices of the cheapest places, at most ``count``, each its own neighbourhood."""
    chosen: list[int] = []
    for index in np.argsort(cost, kind="stable"):
        apart = xy_m[chosen] - xy_m[index] if chosen else np.empty((0, 2))
        if (np.hypot(apart[:, 0], apart[:, 1]) > _DISTINCT_M).all():
            chosen.append(int(index))
        if len(chosen) == count:
            break
    return chosen
