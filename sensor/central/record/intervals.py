"""What a count of so many can mean: intervals at 95 %, and quantiles that say how many they rest on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_Z95 = 1.959964


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
    """Quantiles of ``count`` values; None where there is none."""

    count: int
    p50: float | None
    p90: float | None
    p95: float | None
    most: float | None


def share(hits: int, trials: int) -> Share:
    """Wilson's interval (1927); 0 to 1 where nothing was tried."""
    if trials == 0:
        return Share(hits=0, trials=0, low=0.0, high=1.0)
    part, square = hits / trials, _Z95 * _Z95
    middle = part + square / (2 * trials)
    half = _Z95 * math.sqrt(part * (1.0 - part) / trials + square / (4 * trials * trials))
    scale = 1.0 + square / trials
    low = 0.0 if hits == 0 else (middle - half) / scale
    high = 1.0 if hits == trials else (middle + half) / scale
    return Share(hits=hits, trials=trials, low=low, high=high)


def spread(values: Sequence[float]) -> Spread:
    """Quantiles by linear interpolation."""
    if not values:
        return Spread(count=0, p50=None, p90=None, p95=None, most=None)
    p50, p90, p95 = (float(q) for q in np.quantile(np.asarray(values, dtype=np.float64), [0.5, 0.9, 0.95]))
    return Spread(count=len(values), p50=p50, p90=p90, p95=p95, most=max(values))
