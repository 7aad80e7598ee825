"""Confidence intervals of counts; 95 % unless told otherwise."""

from __future__ import annotations

import math

_Z95 = 1.959964


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """Interval of a proportion (Wilson 1927); ``(0, 1)`` when nothing was tried."""
    if trials == 0:
        return 0.0, 1.0
    share, square = hits / trials, _Z95 * _Z95
    middle = share + square / (2 * trials)
    half = _Z95 * math.sqrt(share * (1.0 - share) / trials + square / (4 * trials * trials))
    scale = 1.0 + square / trials
    low = 0.0 if hits == 0 else (middle - half) / scale
    high = 1.0 if hits == trials else (middle + half) / scale
    return low, high


def poisson_rate(count: int, exposure: float) -> tuple[float, float]:
    """Exact interval (Garwood 1936) of a rate: ``count`` events in ``exposure``; no exposure, no bound."""
    from scipy.stats import chi2  # noqa: PLC0415  slow to load

    if exposure <= 0.0:
        return 0.0, math.inf
    low = 0.0 if count == 0 else float(chi2.ppf(0.025, 2 * count)) / 2.0
    # Nothing seen: all of the 5 % lies above, which is the familiar "3 / N".
    quantile = 0.95 if count == 0 else 0.975
    high = float(chi2.ppf(quantile, 2 * count + 2)) / 2.0
    return low / exposure, high / exposure
