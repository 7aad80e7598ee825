"""What a residual costs, as a function of the residual in sigmas.

Sound takes detours but no short cuts: real arrivals are late more often and further than early. ``mixture``
says so outright: most arrivals scatter normally about the straight path, some come round a corner
(exponential, about two sigmas), some nodes miss the first arrival and report an echo (about fifteen), a few
are something else. ``cauchy`` doubts a residual for its size alone, ``squares`` doubts none.

All are tabulated once per settings as the slope of the cost, linear between the knots; the cost is its exact
integral, so that a downhill step is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import erfcx

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sensor.central.locate.settings import LocateSettings

    Floats = NDArray[np.float64]

_FIRST, _LAST, _STEP = -40.0, 120.0, 0.02
_STRAY_WIDTH = 150.0
"""Sigmas over which an arrival that is something else may fall: about a second."""
_ROOT_2, _ROOT_2PI = np.sqrt(2.0), np.sqrt(2.0 * np.pi)


@dataclass(frozen=True, eq=False)
class Loss:
    """A tabulated cost."""

    cost: Floats
    slope: Floats
    bend: Floats
    """Change of the slope to the next knot, over the step."""
    mode: float
    """The likeliest residual, sigmas; a little late for ``mixture``."""
    stiff: float
    """Curvature there."""

    def __call__(self, scaled: Floats) -> tuple[Floats, Floats, Floats]:
        """Cost, weight (0 to 1), and residual from the likeliest one, all in sigmas."""
        inside = np.clip(scaled, _FIRST, _LAST - _STEP)
        knot = ((inside - _FIRST) * (1.0 / _STEP)).astype(np.intp)
        past = inside - (_FIRST + knot * _STEP)
        bend, slope = self.bend[knot], self.slope[knot]
        cost = self.cost[knot] + past * (slope + 0.5 * past * bend)
        pulled = scaled - self.mode
        near = np.abs(pulled) < 2.0 * _STEP
        weight = np.where(near, self.stiff, (slope + past * bend) / np.where(near, 1.0, pulled))
        return cost, np.clip(weight, 1e-6, 1.0), pulled

    def at_knots(self, scaled: Floats) -> Floats:
        """Cost to the nearest knot: three times as fast, and good to a hundredth of a sigma."""
        inside = np.clip(scaled, _FIRST, _LAST)
        return self.cost.take(((inside - (_FIRST - 0.5 * _STEP)) * (1.0 / _STEP)).astype(np.int32))


@lru_cache(maxsize=64)
def loss_of(settings: LocateSettings) -> Loss:
    """The table for these settings."""
    knots = np.arange(_FIRST, _LAST + 0.5 * _STEP, _STEP)
    if settings.loss == "mixture":
        slope = _mixture_slope(knots, settings)
    elif settings.loss == "cauchy":
        scale = np.where(knots < 0.0, settings.cauchy_early, settings.cauchy_late)
        slope = knots / (1.0 + (knots / scale) ** 2)
    else:
        slope = knots
    steps = 0.5 * _STEP * (slope[1:] + slope[:-1])
    cost = np.concatenate([[0.0], np.cumsum(steps)])
    rising = int(np.argmax((slope[1:] > 0.0) & (knots[1:] > -3.0)))
    bend = np.append(np.diff(slope) / _STEP, 0.0)
    mode = float(knots[rising] - slope[rising] / bend[rising])
    return Loss(
        cost=cost - cost[rising], slope=slope, bend=bend, mode=mode, stiff=float(min(1.0, bend[rising]))
    )


def _late(scaled: Floats, normal: Floats, tau: float) -> tuple[Floats, Floats]:
    """Density of normal plus exponential of mean ``tau`` sigmas, and its slope."""
    x = (1.0 / tau - scaled) / _ROOT_2
    # erfcx overflows below -26: there the density is the plain exponential's.
    far = x < -25.0
    close = _ROOT_2PI * normal * erfcx(np.where(far, 0.0, x)) / (2.0 * tau)
    tail = np.exp(np.where(far, 0.5 / tau**2 - scaled / tau, -700.0)) / tau
    density = np.where(far, tail, close)
    return density, (normal - density) / tau


def _mixture_slope(scaled: Floats, settings: LocateSettings) -> Floats:
    """Slope of minus the logarithm of the mixture's density."""
    normal = np.exp(-0.5 * scaled**2) / _ROOT_2PI
    straight = 1.0 - settings.corner_share - settings.echo_share - settings.stray_share
    density = straight * normal + settings.stray_share / _STRAY_WIDTH
    slope = -straight * normal * scaled
    for share, tau_s in (
        (settings.corner_share, settings.corner_s),
        (settings.echo_share, settings.echo_s),
    ):
        part, part_slope = _late(scaled, normal, tau_s / settings.path_sigma_s)
        density = density + share * part
        slope = slope + share * part_slope
    return -slope / density
