"""Where a shot would be heard now: from each node's present noise and state, not from a drawing of the plan.

The expected level of a 9 mm pistol beside its line of fire is the free-field curve below less what
buildings take; a node hears it with the probability that this level, scattered by 8 dB, exceeds its noise by
what the detector needs. Sources: peak levels after Dater (2014) at 1 m carried outwards with weak-shock decay
and absorption after ISO 9613-1; 15 to 20 dB of median excess and 8 dB of scatter from measured rooftop levels
in a city. Nodes are taken as independent, which a wall that shadows two of them belies: the edge of the area
is the soft part.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from sensor.central.fleet.settings import FleetSettings
from sensor.central.store.values import NodeState
from sensor.geodesy import enu_from_llh, llh_from_enu

Floats = NDArray[np.float64]

_RANGE_M = np.array([1.0, 50.0, 100.0, 200.0, 400.0, 800.0, 1000.0, 2000.0])
_PEAK_DB = np.array([160.0, 123.0, 116.0, 108.0, 101.0, 92.0, 89.0, 80.0])
"""9 mm, free field, 90 degrees off the line of fire, peak dB SPL; the last one extrapolated."""
_SCATTER_DB = 8.0
NEEDED_DB = 17.8
"""Peak over the noise floor at which the detector finds every second shot (77.8 dB at 60 dBA)."""
ASSUMED_DB = 55.0
"""Noise of a node that is not calibrated: a busy street by day."""
QUIET_DB = 45.0
"""Noise that the network is measured against: the same streets at night."""
FARTHEST_M = 2000.0
_CELLS = 96


def expected_db_spl(distance_m: Floats, excess_db: float) -> Floats:
    """Median peak level of a 9 mm pistol at these distances, with ``excess_db`` taken by buildings."""
    level = np.interp(np.log10(np.maximum(distance_m, 1.0)), np.log10(_RANGE_M), _PEAK_DB)
    return np.asarray(level - excess_db)


def hears(distance_m: Floats, noise_db_spl: float, excess_db: float) -> Floats:
    """Probability that a node with this noise hears a shot at these distances."""
    level = expected_db_spl(distance_m, excess_db)
    heard = ndtr((level - noise_db_spl - NEEDED_DB) / _SCATTER_DB)
    return np.where(distance_m <= FARTHEST_M, heard, 0.0)


def radius_m(noise_db_spl: float, excess_db: float) -> float:
    """Distance at which such a node hears every second shot, metres; 0 when it hears none."""
    distances = np.geomspace(1.0, FARTHEST_M, 400)
    heard = hears(distances, noise_db_spl, excess_db) >= 0.5
    return float(distances[heard][-1]) if heard.any() else 0.0


def coverage(nodes: Sequence[NodeState], settings: FleetSettings) -> dict[str, Any]:
    """Effective coverage of each site: a coarse grid of P(enough nodes hear a shot), and its sum."""
    placed = [node for node in nodes if node.position is not None]
    sites = sorted({node.site for node in placed})
    return {
        "nodes_min": settings.coverage_nodes_min,
        "assumed": sum(node.noise_db_spl is None for node in placed if _takes_part(node)),
        "assumed_db_spl": ASSUMED_DB,
        "quiet_db_spl": QUIET_DB,
        "nodes": len(placed),
        "listening": sum(_takes_part(node) for node in placed),
        "sites": [_site([node for node in placed if node.site == site], site, settings) for site in sites],
    }


def radii(nodes: Iterable[NodeState], settings: FleetSettings) -> dict[str, float]:
    """``site/node`` -> how far it hears now, metres; 0 for one that takes no part."""
    return {
        node.key: radius_m(_noise(node), settings.coverage_excess_db) if _takes_part(node) else 0.0
        for node in nodes
    }


def _takes_part(node: NodeState) -> bool:
    return node.state == "alive"


def _noise(node: NodeState) -> float:
    return ASSUMED_DB if node.noise_db_spl is None else node.noise_db_spl


def _site(nodes: Sequence[NodeState], site: str, settings: FleetSettings) -> dict[str, Any]:
    """One site's grid, as bytes of percent, row by row from the south-west corner."""
    origin = _centre(nodes)
    here = np.array([enu_from_llh(_llh(node), origin)[:2] for node in nodes])
    margin_m = 1200.0
    low, high = here.min(axis=0) - margin_m, here.max(axis=0) + margin_m
    step_m = max(50.0, float(max(high - low)) / _CELLS)
    east = np.arange(low[0] + step_m / 2, high[0], step_m)
    north = np.arange(low[1] + step_m / 2, high[1], step_m)
    enough = settings.coverage_nodes_min
    now = [(place, _noise(node)) for place, node in zip(here, nodes, strict=True) if _takes_part(node)]
    ideal = [(place, QUIET_DB) for place in here]
    excess_db = settings.coverage_excess_db
    live = _at_least(enough, now, east, north, excess_db)
    best = _at_least(enough, ideal, east, north, excess_db)
    cell_km2 = step_m**2 / 1e6
    best_km2 = float((best >= 0.5).sum()) * cell_km2
    covered_km2 = float((live >= 0.5).sum()) * cell_km2
    south_west = llh_from_enu((east[0] - step_m / 2, north[0] - step_m / 2, 0.0), origin)
    north_east = llh_from_enu((east[-1] + step_m / 2, north[-1] + step_m / 2, 0.0), origin)
    return {
        "site": site,
        "covered_km2": round(covered_km2, 3),
        "best_km2": round(best_km2, 3),
        "share": round(covered_km2 / best_km2, 3) if best_km2 else None,
        "south_west": [round(south_west[0], 7), round(south_west[1], 7)],
        "north_east": [round(north_east[0], 7), round(north_east[1], 7)],
        "columns": len(east),
        "rows": len(north),
        "percent": np.rint(live * 100).astype(int).ravel().tolist(),
    }


def _llh(node: NodeState) -> tuple[float, float, float]:
    position = node.position
    assert position is not None  # noqa: S101  `coverage` left the others out
    return position.lat_deg, position.lon_deg, position.height_m


def _centre(nodes: Sequence[NodeState]) -> tuple[float, float, float]:
    places = [_llh(node) for node in nodes]
    return (
        math.fsum(place[0] for place in places) / len(places),
        math.fsum(place[1] for place in places) / len(places),
        0.0,
    )


def _at_least(
    enough: int, nodes: Sequence[tuple[Floats, float]], east: Floats, north: Floats, excess_db: float
) -> Floats:
    """P(at least ``enough`` of ``nodes`` hear) on the grid, shape (north, east).

    ``counts[k]`` is the probability that exactly k have heard so far, the last one that enough have; each
    node changes only the window it can reach.
    """
    counts = np.zeros((enough + 1, len(north), len(east)))
    counts[0] = 1.0
    for place, noise_db in nodes:
        rows, columns = (
            slice(*np.searchsorted(axis, [centre - FARTHEST_M, centre + FARTHEST_M]))
            for axis, centre in ((north, place[1]), (east, place[0]))
        )
        distance = np.hypot(north[rows, None] - place[1], east[None, columns] - place[0])
        heard = hears(distance, noise_db, excess_db)
        window = counts[:, rows, columns]
        moved = window[:-1] * heard
        window[:-1] -= moved
        window[1:] += moved
    return np.asarray(counts[enough])
