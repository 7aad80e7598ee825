"""With few nodes, how much of the posterior lies outside the ellipse round its peak.

One echo among four arrivals leaves three, and any three agree on a place: the peak's own curvature cannot
know that. So the posterior is sampled: round the refined places and round every place that three arrivals
agree on, the samples weighted by what all arrivals say of them (importance sampling, moments of firing at
their best).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sensor.central.locate.loss import loss_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sensor.central.locate.loss import Loss
    from sensor.central.locate.settings import LocateSettings

    Floats = NDArray[np.float64]

_SAMPLES = 600
_TAIL = 4.0
"""Degrees of freedom of the proposal: wide enough to find what lies outside."""


def _normal_points(count: int) -> Floats:
    """Points (count, 2) of a Student t with `_TAIL` degrees of freedom, the same every time.

    Places by a low-discrepancy sequence (R2), radius by the distribution's own inverse: repeatable, no seed.
    """
    index = np.arange(1, count + 1)
    first = (0.5 + index * 0.7548776662466927) % 1.0
    second = (0.5 + index * 0.5698402909980532) % 1.0
    radius = np.sqrt(_TAIL * ((1.0 - first) ** (-2.0 / _TAIL) - 1.0))
    return np.column_stack([radius * np.cos(2 * np.pi * second), radius * np.sin(2 * np.pi * second)])


def radius2_of_mass(  # noqa: PLR0913  one posterior: its data, its beliefs, its peak
    times_s: Floats,
    places_m: Floats,
    sigmas_s: Floats,
    *,
    speed_m_s: float,
    settings: LocateSettings,
    peak_m: Floats,
    covariance_m2: Floats,
    seeds_m: Floats,
    prior: tuple[Floats, float],
    level: float = 0.95,
) -> float:
    """Squared Mahalanobis radius round ``peak_m`` that holds ``level`` of the sampled posterior."""
    root = np.linalg.cholesky(covariance_m2)
    centres = np.vstack([peak_m[None], peak_m[None], seeds_m])
    each = max(20, _SAMPLES // len(centres))
    points = _normal_points(each)
    samples = (centres[:, None] + (points @ root.T)[None]).reshape(-1, 2)
    inverse = np.linalg.inv(covariance_m2)
    apart = samples[:, None] - centres[None]
    square = np.einsum("jci,ik,jck->jc", apart, inverse, apart)
    proposal = (1.0 + square / _TAIL) ** (-(_TAIL + 2.0) / 2.0)
    cost = _cost(samples, times_s, places_m, sigmas_s, speed_m_s, loss_of(settings))
    cost = cost + 0.5 * ((samples - prior[0]) ** 2).sum(axis=1) * prior[1]
    weight = np.exp(np.minimum(0.0, cost.min() - cost)) / proposal.mean(axis=1)
    order = np.argsort(square[:, 0])
    mass = np.cumsum(weight[order])
    return float(square[order, 0][np.searchsorted(mass, level * mass[-1])])


def _cost(
    samples_m: Floats, times_s: Floats, places_m: Floats, sigmas_s: Floats, speed_m_s: float, loss: Loss
) -> Floats:
    """What the arrivals charge each place (J,), at its best moment of firing."""
    way = np.hypot(samples_m[:, None, 0] - places_m[:, 0], samples_m[:, None, 1] - places_m[:, 1])
    fired = times_s - way / speed_m_s - loss.mode * sigmas_s
    total = loss.at_knots((fired[:, None, :] - fired[:, :, None]) / sigmas_s + loss.mode).sum(axis=2)
    rows, best = np.arange(len(samples_m)), total.argmin(axis=1)
    _, weight, _ = loss((fired - fired[rows, best, None]) / sigmas_s + loss.mode)
    vote = weight / sigmas_s**2
    moment = (vote * fired).sum(axis=1) / vote.sum(axis=1)
    polished = loss((fired - moment[:, None]) / sigmas_s + loss.mode)[0].sum(axis=1)
    return np.minimum(polished, total[rows, best])
