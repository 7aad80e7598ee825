"""Maximum-posterior refinement: place, speed of sound and wind, robust against late paths.

Levenberg-Marquardt on reweighted residuals (SCIENCE: state x, y, speed, wind; one moment of firing per
round, eliminated exactly), for several starts at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sensor.central.locate.heard import Heard
    from sensor.central.locate.settings import LocateSettings
    from sensor.central.types import Air

    Floats = NDArray[np.float64]

_ITERATIONS = 25
_STEP_END_M = 1e-4
_NEAREST_M = 0.1
"""Closer than this to a node direction means nothing."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """The fixed part of a problem: what was heard, what is believed."""

    heard: Heard
    settings: LocateSettings
    speed_m_s: float
    prior: Floats
    """(5,) place is free: 0, 0; then speed correction and wind, as the weather says."""
    precision: Floats
    """(5,) one over the variance of each; 0 where free."""
    height_m: float
    """Height of the source, up in the frame."""
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


@dataclass(frozen=True, kw_only=True, eq=False)
class Point:
    """States of S starts after a step, with everything that follows from them."""

    state: Floats
    """(S, 5)."""
    fired_s: Floats
    """(S, K)."""
    residuals_s: Floats
    """(S, N)."""
    sigmas_s: Floats
    """(S, N)."""
    weights: Floats
    """(S, N) 0 to 1."""
    cost: Floats
    """(S,)."""
    iterations: int = 0


def model_of(
    heard: Heard, air: Air, settings: LocateSettings, speed_m_s: float, bearings: Bearings | None = None
) -> Model:
    """Join the beliefs; without ``estimate_air`` the weather is taken as exact."""
    prior = np.array([0.0, 0.0, 0.0, air.wind_east_m_s, air.wind_north_m_s])
    sigma = np.array([air.sigma_speed_m_s, air.sigma_wind_m_s, air.sigma_wind_m_s])
    if not settings.estimate_air:
        sigma = np.full(3, 1e-3)
    precision = np.concatenate([[0.0, 0.0], 1.0 / np.maximum(sigma, 1e-3) ** 2])
    height_m = float(np.median(heard.positions_m[:, 2])) - settings.height_above_ground_m
    return Model(
        heard=heard,
        settings=settings,
        speed_m_s=speed_m_s,
        prior=prior,
        precision=precision,
        height_m=height_m,
        bearings=bearings,
    )


def travel(model: Model, state: Floats) -> tuple[Floats, Floats, Floats]:
    """Travel time (S, N), way (S, N) and its Jacobian (S, N, 5) at the states (S, 5)."""
    apart = model.heard.positions_m - np.array([0.0, 0.0, model.height_m])
    across = apart[None, :, :2] - state[:, None, :2]
    way = np.sqrt((across**2).sum(axis=2) + apart[None, :, 2] ** 2)
    way = np.maximum(way, _NEAREST_M)
    unit = across / way[..., None]
    speed = model.speed_m_s + state[:, 2, None] + (unit * state[:, None, 3:5]).sum(axis=2)
    slow = -way / speed**2
    jacobian = np.concatenate([-unit / speed[..., None], slow[..., None], slow[..., None] * unit], axis=2)
    return way / speed, way, jacobian


def sigmas_of(model: Model, way: Floats) -> Floats:
    """Sigma (S, N) of each arrival at its distance.

    What the rounds of a node share (its path, its surveyed place) counts as often as it was heard, so that
    ten rounds do not make a street ten times better known than one.
    """
    heard, settings = model.heard, model.settings
    path = settings.path_sigma_s**2 + (settings.path_sigma_s_per_km * way / 1000.0) ** 2
    return np.sqrt(heard.sigmas_s**2 + heard.heard_by_node * (path + heard.shared_s**2))


def loss(scaled: Floats, settings: LocateSettings) -> tuple[Floats, Floats]:
    """Cauchy loss and weight of residuals in sigmas, one scale for early and one for late ones."""
    scale = np.where(scaled < 0.0, settings.loss_early, settings.loss_late)
    part = (scaled / scale) ** 2
    return 0.5 * scale**2 * np.log1p(part), 1.0 / (1.0 + part)


def evaluate(model: Model, state: Floats, fired_s: Floats) -> Point:
    """Residuals, weights and cost at given states and moments of firing."""
    takes, way, _ = travel(model, state)
    sigma = sigmas_of(model, way)
    residual = model.heard.times_s - takes - fired_s[:, model.heard.round_of]
    each, weight = loss(residual / sigma, model.settings)
    cost = each.sum(axis=1) + np.log(sigma).sum(axis=1)
    cost = cost + 0.5 * (model.precision * (state - model.prior) ** 2).sum(axis=1)
    if model.bearings is not None:
        cost = cost + _bearing_terms(model.bearings, state)[0]
    return Point(
        state=state, fired_s=fired_s, residuals_s=residual, sigmas_s=sigma, weights=weight, cost=cost
    )


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


def information(model: Model, point: Point) -> tuple[Floats, Floats, Floats, Floats]:
    """Normal matrix (S, 5, 5), right side (S, 5), firing moments eliminated; Jacobian, shares in a round."""
    _, _, jacobian = travel(model, point.state)
    weight = point.weights / point.sigmas_s**2
    member = model.heard.member
    share = (weight[:, None, :] * member) / np.maximum(weight @ member.T, 1e-30)[:, :, None]
    mean_row = (share @ jacobian)[:, model.heard.round_of]
    mean_left = (share @ point.residuals_s[..., None])[:, model.heard.round_of, 0]
    rows, left = jacobian - mean_row, point.residuals_s - mean_left
    heavy = rows * weight[..., None]
    normal = rows.transpose(0, 2, 1) @ heavy + np.diag(model.precision)
    right = (heavy * left[..., None]).sum(axis=1) - model.precision * (point.state - model.prior)
    if model.bearings is not None:
        _, gradient, curvature = _bearing_terms(model.bearings, point.state)
        normal[:, :2, :2] += curvature
        right[:, :2] -= gradient
    return normal, right, jacobian, share


def refine(model: Model, xy_m: Floats, iterations: int = _ITERATIONS) -> Point:
    """Go downhill from every place (S, 2) until the steps are below a tenth of a millimetre."""
    here = begin(model, xy_m)
    damping = np.full(len(xy_m), 1e-3)
    done = 0
    for _ in range(iterations):
        done += 1
        normal, right, jacobian, share = information(model, here)
        diagonal = np.einsum("sii->si", normal)
        damped = normal + np.eye(5) * (damping[:, None] * diagonal + 1e-12)[:, None, :]
        step = np.linalg.solve(damped, right[..., None])[..., 0]
        long = np.hypot(step[:, 0], step[:, 1])
        step = step * np.minimum(1.0, 500.0 / np.maximum(long, 1e-9))[:, None]
        left = here.residuals_s - (jacobian @ step[..., None])[..., 0]
        fired = here.fired_s + (share @ left[..., None])[..., 0]
        there = evaluate(model, here.state + step, fired)
        better = there.cost <= here.cost + 1e-12
        damping = np.clip(np.where(better, damping * 0.2, damping * 8.0), 1e-9, 1e6)
        here = _take(better, there, here)
        if (~better | (long < _STEP_END_M)).all() and (damping[~better] > 1.0).all():
            break
    return Point(
        state=here.state,
        fired_s=here.fired_s,
        residuals_s=here.residuals_s,
        sigmas_s=here.sigmas_s,
        weights=here.weights,
        cost=here.cost,
        iterations=done,
    )


def _take(better: NDArray[np.bool_], there: Point, here: Point) -> Point:
    def pick(new: Floats, old: Floats) -> Floats:
        return np.where(better.reshape((-1,) + (1,) * (new.ndim - 1)), new, old)

    return Point(
        state=pick(there.state, here.state),
        fired_s=pick(there.fired_s, here.fired_s),
        residuals_s=pick(there.residuals_s, here.residuals_s),
        sigmas_s=pick(there.sigmas_s, here.sigmas_s),
        weights=pick(there.weights, here.weights),
        cost=pick(there.cost, here.cost),
    )


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
