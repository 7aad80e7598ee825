"""Maximum-posterior refinement: place, speed of sound and wind, robust against late paths.

Levenberg-Marquardt on reweighted residuals (SCIENCE: state x, y, speed, wind; one moment of firing per
round, eliminated exactly), for several starts at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sensor.central.locate.loss import loss_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sensor.central.locate.heard import Heard
    from sensor.central.locate.settings import LocateSettings
    from sensor.central.types import Air

    Floats = NDArray[np.float64]

_ITERATIONS = 25
_STEP_END_M = 5e-3
_PATIENCE, _HOPELESS = 6, 8.0
"""A start that after so many steps is so much less likely (in logarithms) is not waited for."""
_LONGEST_STEP_M = 500.0
_HILLS_M = 150.0
_NEAREST_M = 0.1
"""Closer than this to a node direction means nothing."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """The fixed part of a problem: what was heard, what is believed."""

    heard: Heard
    settings: LocateSettings
    speed_m_s: float
    prior: Floats
    """(6,) middle of the nodes; speed correction and wind, as the weather says; height above ground."""
    precision: Floats
    """(6,) one over the variance of each."""
    member: Floats
    """(K, N) one where the arrival belongs to the round."""
    ground_m: Floats
    """(N,) what each node's height says of the ground: one that is far from the others' middle says no more
    than `_HILLS_M`, since it is rather a slip than a mountain."""
    bearings: Bearings | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Bearings:
    """Directions that nodes with several microphones saw the sound come from."""

    positions_m: Floats
    """(B, 2)."""
    angles_rad: Floats
    """(B,) clockwise from north, from the node to the source."""
    sigmas_rad: Floats
    """(B,)."""


@dataclass(frozen=True, eq=False)
class Point:
    """States of S starts, with everything that follows from them."""

    state: Floats
    """(S, 6)."""
    fired_s: Floats
    """(S, K)."""
    residuals_s: Floats
    """(S, N) observed minus computed."""
    pulled_s: Floats
    """(S, N) residuals from the likeliest one: what the weights pull on."""
    sigmas_s: Floats
    """(S, N)."""
    weights: Floats
    """(S, N) 0 to 1."""
    cost: Floats
    """(S,) minus the logarithm of the posterior, up to a constant."""
    way_m: Floats
    """(S, N)."""
    jacobian: Floats
    """(S, N, 6) of the travel times."""

    def where(self, better: NDArray[np.bool_], there: Point) -> Point:
        """Take ``there`` where it is better."""
        return Point(
            *(
                np.where(better.reshape((-1,) + (1,) * (old.ndim - 1)), new, old)
                for new, old in zip(vars(there).values(), vars(self).values(), strict=True)
            )
        )

    def only(self, index: int) -> Point:
        """One of the starts, still with its axis."""
        return Point(*(part[index : index + 1] for part in vars(self).values()))


def model_of(
    heard: Heard, air: Air, settings: LocateSettings, speed_m_s: float, bearings: Bearings | None = None
) -> Model:
    """Join the beliefs; without ``estimate_air`` the weather is taken as exact."""
    middle = np.array([np.mean(np.unique(heard.positions_m[:, axis])) for axis in (0, 1)])
    prior = np.array([*middle, 0.0, air.wind_east_m_s, air.wind_north_m_s, 0.0])
    sigma = np.array([air.sigma_speed_m_s, air.sigma_wind_m_s, air.sigma_wind_m_s])
    if not settings.estimate_air:
        sigma = np.full(3, 1e-3)
    level = float(np.median(heard.positions_m[:, 2]))
    near = np.full(2, 1.0 / settings.neighbourhood_m**2)
    precision = np.concatenate([near, 1.0 / np.maximum(sigma, 1e-3) ** 2, [1.0 / settings.height_sigma_m**2]])
    return Model(
        heard=heard,
        settings=settings,
        speed_m_s=speed_m_s,
        prior=prior,
        precision=precision,
        member=heard.member,
        ground_m=np.clip(heard.positions_m[:, 2], level - _HILLS_M, level + _HILLS_M),
        bearings=bearings,
    )


def ground(model: Model, xy_m: Floats) -> tuple[Floats, Floats]:
    """Height (S,) of the ground at the places (S, 2) and its slope (S, 2), from the nodes' own heights.

    Weighted by one over distance squared: near a node its height counts, far from all their mean.
    """
    nodes, settings = model.heard.positions_m, model.settings
    apart = xy_m[:, None] - nodes[:, :2]
    weight = 1.0 / ((apart**2).sum(axis=2) + settings.ground_scale_m**2)
    total = weight.sum(axis=1)
    height = (weight @ model.ground_m) / total
    above = (model.ground_m - height[:, None]) * weight**2
    slope = -2.0 * (apart * above[..., None]).sum(axis=1) / total[:, None]
    return height - settings.height_above_ground_m, slope


def travel(model: Model, state: Floats) -> tuple[Floats, Floats, Floats]:
    """Travel time (S, N), way (S, N) and its Jacobian (S, N, 6) at the states (S, 6)."""
    height, slope = ground(model, state[:, :2])
    across = model.heard.positions_m[None, :, :2] - state[:, None, :2]
    up = model.heard.positions_m[:, 2] - (height + state[:, 5])[:, None]
    way = np.maximum(np.sqrt((across**2).sum(axis=2) + up**2), _NEAREST_M)
    unit, rise = across / way[..., None], up / way
    speed = model.speed_m_s + state[:, 2, None] + (unit * state[:, None, 3:5]).sum(axis=2)
    slow = -way / speed**2
    place = -(unit + rise[..., None] * slope[:, None, :]) / speed[..., None]
    jacobian = np.concatenate(
        [place, slow[..., None], slow[..., None] * unit, -(rise / speed)[..., None]], axis=2
    )
    return way / speed, way, jacobian


def sigmas_of(model: Model, way: Floats) -> Floats:
    """Sigma (S, N) of each arrival at its distance.

    What the rounds of a node share (its path, its surveyed place) counts as often as it was heard, so that
    ten rounds do not make a street ten times better known than one.
    """
    heard, settings = model.heard, model.settings
    path = settings.path_sigma_s**2 + (settings.path_sigma_s_per_km * way / 1000.0) ** 2
    return np.sqrt(heard.sigmas_s**2 + heard.heard_by_node * (path + heard.shared_s**2))


def evaluate(model: Model, state: Floats, fired_s: Floats) -> Point:
    """Residuals, weights and cost at given states and moments of firing."""
    takes, way, jacobian = travel(model, state)
    sigma = sigmas_of(model, way)
    residual = model.heard.times_s - takes - fired_s[:, model.heard.round_of]
    each, weight, pulled = loss_of(model.settings)(residual / sigma)
    cost = (each + np.log(sigma)).sum(axis=1)
    cost = cost + 0.5 * (model.precision * (state - model.prior) ** 2).sum(axis=1)
    if model.bearings is not None:
        cost = cost + _bearing_terms(model.bearings, state)[0]
    return Point(state, fired_s, residual, pulled * sigma, sigma, weight, cost, way, jacobian)


def begin(model: Model, xy_m: Floats) -> Point:
    """States at the places (S, 2), each fired at the weighted median moment its arrivals ask for."""
    state = np.tile(model.prior, (len(xy_m), 1))
    state[:, :2] = xy_m
    takes, _, _ = travel(model, state)
    asked = model.heard.times_s - takes
    fired = np.stack(
        [np.median(asked[:, model.heard.round_of == k], axis=1) for k in range(model.heard.rounds)], axis=1
    )
    return evaluate(model, state, fired)


def information(model: Model, point: Point) -> tuple[Floats, Floats, Floats]:
    """Normal matrix (S, 6, 6), right side (S, 6), firing moments eliminated; shares (S, K, N) in a round."""
    weight = point.weights / point.sigmas_s**2
    member = model.member
    share = weight[:, None, :] * member
    share = share / share.sum(axis=2, keepdims=True)
    of_round = model.heard.round_of
    rows = point.jacobian - (share @ point.jacobian)[:, of_round]
    left = point.pulled_s - (share @ point.pulled_s[..., None])[:, of_round, 0]
    heavy = (rows * weight[..., None]).transpose(0, 2, 1)
    normal = heavy @ rows + np.diag(model.precision)
    right = (heavy @ left[..., None])[..., 0] - model.precision * (point.state - model.prior)
    if model.bearings is not None:
        _, gradient, curvature = _bearing_terms(model.bearings, point.state)
        normal[:, :2, :2] += curvature
        right[:, :2] -= gradient
    return normal, right, share


def refine(model: Model, xy_m: Floats, iterations: int = _ITERATIONS) -> tuple[Point, int]:
    """Go downhill from every place (S, 2) until steps are below five millimetres; also how many it took."""
    here = begin(model, xy_m)
    damping = np.full(len(xy_m), 1e-3)
    resting = np.zeros(len(xy_m), dtype=bool)
    for done in range(1, iterations + 1):
        normal, right, share = information(model, here)
        diagonal = np.diagonal(normal, axis1=1, axis2=2)
        damped = normal + np.eye(6) * (damping[:, None] * diagonal)[:, None, :]
        step = np.linalg.solve(damped, right[..., None])[..., 0]
        long = np.hypot(step[:, 0], step[:, 1])
        step *= np.minimum(1.0, _LONGEST_STEP_M / np.maximum(long, _STEP_END_M))[:, None]
        left = here.pulled_s - (here.jacobian @ step[..., None])[..., 0]
        fired = here.fired_s + (share @ left[..., None])[..., 0]
        there = evaluate(model, here.state + step, fired)
        better = there.cost <= here.cost
        damping = np.where(better, np.maximum(damping * 0.1, 1e-9), damping * 10.0)
        here = here.where(better, there)
        resting |= (long < _STEP_END_M) | (damping > 1e6)
        hopeless = (done >= _PATIENCE) & (here.cost > here.cost.min() + _HOPELESS)
        if (resting | hopeless).all():
            break
    return here, done


def _bearing_terms(bearings: Bearings, state: Floats) -> tuple[Floats, Floats, Floats]:
    """Cost (S,), gradient (S, 2) and curvature (S, 2, 2) that the directions add; Cauchy, scale 2."""
    apart = state[:, None, :2] - bearings.positions_m
    square = np.maximum((apart**2).sum(axis=2), 1.0)
    angle = np.arctan2(apart[..., 0], apart[..., 1])
    off = (angle - bearings.angles_rad + np.pi) % (2.0 * np.pi) - np.pi
    scaled = off / bearings.sigmas_rad
    weight = 1.0 / (1.0 + (scaled / 2.0) ** 2)
    slope = np.stack([apart[..., 1], -apart[..., 0]], axis=2) / square[..., None]
    heavy = slope * (weight / bearings.sigmas_rad**2)[..., None]
    cost = (2.0 * np.log1p((scaled / 2.0) ** 2)).sum(axis=1)
    return cost, (heavy * off[..., None]).sum(axis=1), slope.transpose(0, 2, 1) @ heavy
