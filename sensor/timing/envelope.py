"""The line under a cloud of late time stamps, and how well it is known.

A capture time stamp may be late, by little or by much, but hardly ever early: the truth is a straight
line that touches the cloud from below. Among all such lines the most probable one, were the lateness
exponential, is the edge of the lower convex hull under the mean abscissa (Moon, Skelly and Towsley,
INFOCOM 1999). This module goes one step further and averages over every line that fits beneath the
hull, each weighed by that likelihood: the mean is free of the one-sided bias, and the spread is the
sigma.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Point = tuple[float, float]

_LAGUERRE_U = (
    0.2228466041792607,
    1.1889321016726226,
    2.992736326059314,
    5.77514356910451,
    9.83746741838259,
    15.982873980601703,
)
_LAGUERRE_W = (
    0.45896467394996476,
    0.41700083077212,
    0.11337338207404488,
    0.010399197453149087,
    0.00026101720281493265,
    8.985479064296213e-07,
)
"""Nodes and weights for averages over an exponential distribution: Gauss-Laguerre of order 6, as numpy's
``laggauss`` gives them. Written down, for its module and those it brings are a megabyte in the daemon."""
_FEW, _MANY = 5, 30
"""The density of the cloud's lower edge is taken from so many of its lowest points."""
_PIVOT_EPS_S = 1e-9
_LEAST_SPACING_NS = 10.0
_CALIBRATION = 0.59
"""Of the stated sigma: real lateness is not quite exponential (scripts/evaluate_timing)."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line under the cloud, seen from its newest point (x = 0)."""

    value_ns: float
    """Its value there."""
    slope: float
    """ns per second."""
    sigma_ns: float
    """One sigma of ``value_ns``."""
    slope_sigma: float
    """One sigma of ``slope``."""
    span_s: float
    """How far back the points reach that it rests on."""
    edge_slope: float
    """Slope of the hull's edge under the points' middle, whatever the prior says."""


@dataclass(frozen=True, slots=True)
class SlopePrior:
    """What is known of the slope beforehand, ns per second."""

    mean: float
    sigma: float


def hulls(x_s: Sequence[float], late_ns: Sequence[float], counts: Sequence[int]) -> list[list[Point]]:
    """Lower convex hull of the newest ``counts`` points each (ascending), oldest vertex last.

    Both sequences are in ascending order of ``x_s``; one pass from the newest point backwards serves
    every count.
    """
    chain: list[Point] = []
    found: list[list[Point]] = []
    wanted = iter(counts)
    count = next(wanted)
    for taken in range(1, counts[-1] + 1):
        x, y = x_s[-taken], late_ns[-taken]
        while len(chain) > 1:
            (x1, y1), (x0, y0) = chain[-1], chain[-2]
            if (y1 - y0) * (x - x0) > (y - y0) * (x1 - x0):
                break
            chain.pop()
        chain.append((x, y))
        if taken == count:
            found.append(chain.copy())
            count = next(wanted, 0)
    return found


def fit(
    x_s: Floats, late_ns: Floats, hull: Sequence[Point], prior: SlopePrior, looseness: float = 1.0
) -> Line:
    """The mean line under the cloud and its sigma.

    Args:
        x_s: abscissae, 0 at the newest point, negative before; shape (n,).
        late_ns: ordinates; shape (n,).
        hull: lower hull of these points, newest vertex first.
        prior: of the slope; it holds within two of its sigmas.
        looseness: factor on the sigmas, for a cloud whose lower edge is soft.
    """
    pivot = float(x_s.mean())
    lowest, highest = prior.mean - 2.0 * prior.sigma, prior.mean + 2.0 * prior.sigma
    edge_slope = _edge_slope(hull, pivot, prior.mean)
    slope = min(max(edge_slope, lowest), highest)
    base = min(y - slope * (x - pivot) for x, y in hull)
    above = late_ns - (base + slope * (x_s - pivot))
    drop_scale_ns = _spacing_ns(above)
    # Every vertex bounds the slope of a line that passes the pivot ``drop`` below this one.
    after = [(y - base - slope * (x - pivot), x - pivot) for x, y in hull if x - pivot > _PIVOT_EPS_S]
    before = [(y - base - slope * (x - pivot), pivot - x) for x, y in hull if pivot - x > _PIVOT_EPS_S]
    weights = mean = square = turn = turn_square = 0.0
    for node, node_weight in zip(_LAGUERRE_U, _LAGUERRE_W, strict=True):
        drop = node * drop_scale_ns
        high = min([(gap + drop) / run for gap, run in after], default=math.inf)
        low = max([-(gap + drop) / run for gap, run in before], default=-math.inf)
        high, low = min(high, highest - slope), max(low, lowest - slope)
        width = max(high - low, 0.0)
        centre = 0.5 * (high + low)
        weight = node_weight * width
        at_end = -drop - pivot * centre
        weights += weight
        mean += weight * at_end
        square += weight * (at_end**2 + (pivot * width) ** 2 / 12.0)
        turn += weight * centre
        turn_square += weight * (centre**2 + width**2 / 12.0)
    if weights <= 0.0:
        return Line(base - slope * pivot, slope, drop_scale_ns, prior.sigma, -float(x_s[0]), edge_slope)
    mean, square, turn, turn_square = (v / weights for v in (mean, square, turn, turn_square))
    return Line(
        value_ns=base - slope * pivot + mean,
        slope=slope + turn,
        sigma_ns=looseness * _CALIBRATION * math.sqrt(max(square - mean**2, 0.0)),
        slope_sigma=looseness * math.sqrt(max(turn_square - turn**2, 0.0)),
        span_s=-float(x_s[0]),
        edge_slope=edge_slope,
    )


def _edge_slope(hull: Sequence[Point], pivot: float, otherwise: float) -> float:
    """Slope of the hull's edge over ``pivot``; ``otherwise`` when the hull has none there."""
    for (x1, y1), (x0, y0) in pairwise(hull):
        if x0 <= pivot <= x1 and x1 > x0:
            return (y1 - y0) / (x1 - x0)
    return otherwise


def _spacing_ns(above_ns: Floats) -> float:
    """Mean distance between neighbours among the points next above the line (two lie on it)."""
    few = min(_FEW, len(above_ns) - 1)
    many = max(few, min(_MANY, len(above_ns) // 2))
    if few < 2:
        return _LEAST_SPACING_NS
    ordered = np.partition(above_ns, (few, many))
    return max(_LEAST_SPACING_NS, float(ordered[few]) / (few - 1), float(ordered[many]) / (many - 1))


def softness(x_s: Floats, late_ns: Floats, line: Line) -> float:
    """How much farther apart the lowest points lie than exponential lateness would put them; about 1 or less.

    Below a sharp edge nothing is missing. Where jitter errs to both sides the edge thins out gradually,
    its lowest points stand far apart for their rank, and a line through them is as loose.
    """
    above = late_ns - line.value_ns - line.slope * x_s
    half = len(above) // 2
    ordered = np.partition(above, (_FEW, half))
    lowest_ns = (float(ordered[_FEW]) - float(above.min())) / (_FEW - 1)
    usual_ns = (float(ordered[half]) - float(above.min())) / (math.log(2.0) * len(above))
    return lowest_ns / max(usual_ns, _LEAST_SPACING_NS)


def median(values: Floats) -> float:
    """The (upper) median; a tenth of numpy.median's cost on so few values."""
    middle = len(values) // 2
    return float(np.partition(values, middle)[middle])


def without_early(x_s: Floats, late_ns: Floats, floor_ns: float) -> NDArray[np.bool_]:
    """Which points to keep: all but those that are far too early and alone in it.

    Early by more than ``floor_ns`` and six robust sigmas, measured from a resistant line (medians of
    the outer thirds); neighbours that are early as well vouch for each other.
    """
    third = len(x_s) // 3
    if third < 3:
        return np.ones(len(x_s), dtype=bool)
    x0, y0 = median(x_s[:third]), median(late_ns[:third])
    x1, y1 = median(x_s[-third:]), median(late_ns[-third:])
    above = late_ns - y0 - (y1 - y0) / (x1 - x0) * (x_s - x0)
    above -= median(above)
    early = above < -(floor_ns + 6.0 * 1.4826 * median(np.abs(above)))
    if not early.any():
        return ~early
    alone = early.copy()
    alone[1:] &= ~early[:-1]
    alone[:-1] &= ~early[1:]
    return ~alone
