"""What a count of so many can mean: intervals at 95 %, and no quantile that too few values cannot bear."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sensor.intervals import wilson

TAIL_MIN = {0.9: 10, 0.95: 20}
"""Fewest values of which one can be expected to lie beyond the quantile: with fewer it is the maximum."""
MEDIAN_MIN = 6
"""Fewest values whose extremes enclose the median with 95 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share of ``trials`` with its 95 % interval."""

    hits: int
    trials: int
    low: float
    high: float

    @property
    def value(self) -> float | None:
        """The share itself; None where nothing was tried."""
        return self.hits / self.trials if self.trials else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Quantiles of ``count`` values; None where there are too few to tell."""

    count: int
    p50: float | None = None
    p50_low: float | None = None
    p50_high: float | None = None
    """The median's 95 % interval; None below MEDIAN_MIN values."""
    p90: float | None = None
    p95: float | None = None
    most: float | None = None


def share(hits: int, trials: int) -> Share:
    """Wilson's interval; 0 to 1 where nothing was tried."""
    low, high = wilson(hits, trials)
    return Share(hits=hits, trials=trials, low=low, high=high)


def spread(values: Sequence[float]) -> Spread:
    """Quantiles by linear interpolation; the median's interval from order statistics (binomial, exact)."""
    if not values:
        return Spread(count=0)
    ordered = sorted(values)
    count = len(ordered)
    rank = _median_rank(count)

    def tail(part: float) -> float | None:
        return float(np.quantile(np.asarray(ordered), part)) if count >= TAIL_MIN[part] else None

    return Spread(
        count=count,
        p50=float(np.median(np.asarray(ordered))),
        p50_low=None if rank is None else ordered[rank],
        p50_high=None if rank is None else ordered[count - 1 - rank],
        p90=tail(0.9),
        p95=tail(0.95),
        most=ordered[-1],
    )


def _median_rank(count: int) -> int | None:
    """How many values may be left out at either end for 95 % to be enclosed; None: there are too few."""
    if count < MEDIAN_MIN:
        return None
    # P(at most k of count values lie below the median), summed until both tails together exceed 5 %.
    below, rank = 0.0, 0
    for left_out in range(count // 2):
        log_p = math.lgamma(count + 1) - math.lgamma(left_out + 1) - math.lgamma(count - left_out + 1)
        below += math.exp(log_p - count * math.log(2.0))
        if below > 0.025:
            break
        rank = left_out
    return rank
