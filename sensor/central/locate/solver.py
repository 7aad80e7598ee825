"""The fast inner solver: plain arrays in, place and covariance out. A few milliseconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sensor.central.locate import starts
from sensor.central.locate.doubt import radius2_of_mass
from sensor.central.locate.ellipse import ellipse_of, quantile, scale_of
from sensor.central.locate.failure import Unlocatable, Why
from sensor.central.locate.heard import Heard, gather
from sensor.central.locate.refine import Bearings, Model, Point, ground, information, model_of, refine
from sensor.central.locate.settings import LocateSettings
from sensor.physics import speed_of_sound_m_s

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sensor.central.types import Air, Ellipse

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_STARTS = 4
_SAME_M = 10.0
"""Two solutions closer than this are one."""
_VOTES_MIN = 1.5
"""Any two nodes agree on a curve of places."""
_LESS_LIKELY = 3.0
"""In logarithms: a second place with less than a twentieth of the odds is not told."""
_SEEDS = 16


@dataclass(frozen=True, kw_only=True, eq=False)
class Solution:
    """One place that explains the arrivals, and how well."""

    xy_m: Floats
    """(2,) east and north."""
    height_m: float
    fired_s: Floats
    """(K,) moment of firing of each round, on the scale of the given times."""
    fired_sigma_s: Floats
    """(K,)."""
    covariance_m2: Floats
    """(2, 2), scaled as the ellipse is."""
    ellipse_95: Ellipse
    squared_radius: float
    """Squared Mahalanobis radius of the ellipse in ``covariance_m2``."""
    residuals_s: tuple[Floats, ...]
    """Per round, observed minus computed: late is positive."""
    sigmas_s: tuple[Floats, ...]
    weights: tuple[Floats, ...]
    distances_m: tuple[Floats, ...]
    speed_m_s: float
    """In still air, as the arrivals corrected it."""
    wind_m_s: tuple[float, float]
    """East and north, as the arrivals corrected it."""
    n_effective: float
    chi2: float
    cost: float
    condition: float
    """Of the place's information: major over minor axis, squared."""
    gdop: float
    """Metres of place (root of the summed variances) per metre of range."""
    iterations: int
    start: str
    alternatives: tuple[tuple[float, Solution], ...] = ()
    """Other places with their odds against this one, likeliest first."""


def solve(  # noqa: PLR0913  data by position, beliefs by name
    times_s: Sequence[Floats],
    positions_m: Sequence[Floats],
    sigmas_s: Sequence[Floats],
    air: Air,
    *,
    settings: LocateSettings | None = None,
    start_m: tuple[float, float] | None = None,
    only_start: bool = False,
    shared_s: Sequence[Floats] | None = None,
    nodes: Sequence[Ints] | None = None,
    bearings: Bearings | None = None,
) -> Solution:
    """Locate what several nodes heard; each list has one entry per round.

    Args:
        times_s: arrival times, (n_k,) seconds on any common scale.
        positions_m: of the microphones, (n_k, 3) metres east, north, up of any origin.
        sigmas_s: one sigma of pick and clock, (n_k,) seconds; path and place of the node are added here.
        air: what the weather says; corrected by the arrivals within its own sigmas.
        settings: beliefs; the defaults where None.
        start_m: a place to begin at beside those found here.
        only_start: begin at ``start_m`` alone: about four times as fast.
        shared_s: what one node's rounds share beside the path, (n_k,) seconds: its place's sigma over speed.
        nodes: (n_k,) numbers that tell nodes apart; without it the places do.
        bearings: directions seen by nodes with several microphones.

    Raises:
        Unlocatable: no place can be told, with the reason in words.
    """
    settings = settings or LocateSettings()
    heard = gather(times_s, positions_m, sigmas_s, shared_s=shared_s, nodes=nodes)
    _check_geometry(heard, settings)
    speed = speed_of_sound_m_s(air.temperature_c)
    model = model_of(heard, air, settings, speed, bearings)
    begin, names, seeds = _begin(model, start_m, only_start=only_start)
    ends, iterations = refine(model, begin)
    kept: list[int] = []
    for index in np.argsort(ends.cost, kind="stable").tolist():
        apart = ends.state[kept, :2] - ends.state[index, :2]
        likely = not kept or ends.cost[index] < ends.cost[kept[0]] + _LESS_LIKELY
        if likely and (np.hypot(apart[:, 0], apart[:, 1]) > _SAME_M).all():
            kept.append(index)
    best, *rest = (_solution(model, ends.only(index), names[index], iterations) for index in kept)
    found = _doubted(model, _with_alternatives(best, rest), seeds)
    _check_answer(found, settings)
    return found


def _begin(
    model: Model, start_m: tuple[float, float] | None, *, only_start: bool
) -> tuple[Floats, list[str], Floats]:
    if start_m is not None and only_start:
        return np.array([start_m]), ["given"], np.empty((0, 2))
    times, places = starts.one_volley(model.heard)
    found, names = starts.candidates(times, places, model.speed_m_s)
    sigma = float(np.hypot(model.settings.path_sigma_s, np.median(model.heard.sigmas_s)))
    cost = starts.cost_of_places(found, times, places, model.speed_m_s, sigma)
    chosen = starts.choose(found, cost, _STARTS)
    begin, called = found[chosen], [names[index] for index in chosen]
    if start_m is not None:
        begin, called = np.vstack([begin, [start_m]]), [*called, "given"]
    return begin, called, found[np.argsort(cost)[:_SEEDS]]


def _check_geometry(heard: Heard, settings: LocateSettings) -> None:
    """Raise Unlocatable where the nodes that heard it stand too few, too close or on one line."""
    if heard.nodes < settings.nodes_min:
        raise Unlocatable(
            f"heard by {heard.nodes} node{'s' * (heard.nodes > 1)}, {settings.nodes_min} are needed",
            Why.TOO_FEW,
        )
    places = np.zeros((heard.nodes, 2))
    places[heard.node_of] = heard.positions_m[:, :2]
    spread = np.linalg.svd(places - places.mean(axis=0), compute_uv=False) / np.sqrt(heard.nodes)
    if spread[0] < 15.0:
        raise Unlocatable(
            f"all {heard.nodes} nodes that heard it stand within {2 * spread[0]:.0f} m of each other: "
            "that gives a direction at best; a node elsewhere is needed",
            Why.ONE_PLACE,
        )
    if spread[1] < max(3.0, 0.01 * spread[0]):
        raise Unlocatable(
            f"all {heard.nodes} nodes that heard it stand on one line: left and right of it sound the same; "
            "a node off the line is needed",
            Why.ONE_LINE,
        )


def _check_answer(found: Solution, settings: LocateSettings) -> None:
    """Refuse a place that nobody should be sent to."""
    if found.n_effective < _VOTES_MIN:
        raise Unlocatable(
            f"no place explains more than {found.n_effective:.1f} nodes' arrivals; the others contradict it",
            Why.CONTRADICTION,
        )
    nearest_m = min(float(distances.min()) for distances in found.distances_m)
    if nearest_m > settings.reach_m:
        raise Unlocatable(
            f"the likeliest place is {nearest_m:.0f} m from the nearest node that heard it, more than "
            f"{settings.reach_m:.0f} m",
            Why.TOO_FAR,
        )
    if found.ellipse_95.semi_major_m > settings.semi_major_max_m:
        raise Unlocatable(
            f"the place is known to {found.ellipse_95.semi_major_m:.0f} m only, more than "
            f"{settings.semi_major_max_m:.0f} m: heard from one side, or by too few",
            Why.TOO_UNCERTAIN,
        )


def _solution(model: Model, here: Point, name: str, iterations: int) -> Solution:
    """What the search ended on, with a covariance widened by what the residuals say of the model."""
    heard, settings = model.heard, model.settings
    normal, _, share = (part[0] for part in information(model, here))
    full = np.linalg.inv(normal)
    way, jacobian = here.way_m[0], here.jacobian[0]
    weight, scaled = here.weights[0], here.pulled_s[0] / here.sigmas_s[0]
    votes = np.bincount(heard.node_of, weight / heard.heard_by_node)
    chi2 = float(np.bincount(heard.node_of, weight * scaled**2).sum())
    factor, dof = scale_of(chi2, float(votes.sum()) - 3.0, settings)
    covariance = full[:2, :2] * factor
    radius2 = quantile(round(10.0 * dof))
    total = (weight / here.sigmas_s[0] ** 2) @ model.member.T
    rows = share @ jacobian
    fired_variance = factor * (1.0 / np.maximum(total, 1e-30) + np.einsum("ki,ij,kj->k", rows, full, rows))
    pieces = np.cumsum(np.bincount(heard.round_of))[:-1]
    ranges = here.sigmas_s[0] * model.speed_m_s
    values = np.linalg.eigvalsh(covariance)
    return Solution(
        xy_m=here.state[0, :2].copy(),
        height_m=float(ground(model, here.state[:, :2])[0][0] + here.state[0, 5]),
        fired_s=here.fired_s[0] + heard.base_s,
        fired_sigma_s=np.sqrt(fired_variance),
        covariance_m2=covariance,
        ellipse_95=ellipse_of(covariance, radius2),
        squared_radius=radius2,
        residuals_s=tuple(np.split(here.residuals_s[0], pieces)),
        sigmas_s=tuple(np.split(here.sigmas_s[0], pieces)),
        weights=tuple(np.split(weight, pieces)),
        distances_m=tuple(np.split(way, pieces)),
        speed_m_s=float(model.speed_m_s + here.state[0, 2]),
        wind_m_s=(float(here.state[0, 3]), float(here.state[0, 4])),
        n_effective=float(votes.sum()),
        chi2=chi2,
        cost=float(here.cost[0]),
        condition=float(values[1] / max(values[0], 1e-12)),
        gdop=float(np.sqrt(np.trace(full[:2, :2])) / np.sqrt(np.mean(ranges**2))),
        iterations=iterations,
        start=name,
    )


def _with_alternatives(best: Solution, rest: list[Solution]) -> Solution:
    odds = [float(np.exp(min(0.0, best.cost - other.cost))) for other in rest]
    return replace(
        best, alternatives=tuple((o / (1.0 + o), other) for o, other in zip(odds, rest, strict=True))
    )


def _doubted(model: Model, best: Solution, seeds_m: Floats) -> Solution:
    """Widen the ellipse where few nodes leave more of the posterior outside than its peak tells."""
    if not len(seeds_m) or best.n_effective > model.settings.sampled_votes_max:
        return best
    times, places = starts.one_volley(model.heard)
    sigma = np.full(len(times), float(np.median(best.sigmas_s[0])))
    radius2 = radius2_of_mass(
        times,
        places,
        sigma,
        speed_m_s=model.speed_m_s,
        settings=model.settings,
        peak_m=best.xy_m,
        covariance_m2=best.covariance_m2,
        seeds_m=seeds_m,
        prior=(model.prior[:2], float(model.precision[0])),
    )
    if radius2 <= best.squared_radius:
        return best
    return replace(best, squared_radius=radius2, ellipse_95=ellipse_of(best.covariance_m2, radius2))
