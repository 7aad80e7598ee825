"""Intervals of counts, as published."""

from __future__ import annotations

import math

import pytest

from sensor.intervals import poisson_rate, wilson


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605)],
)
def test_wilson_as_published(hits: int, trials: int, low: float, high: float) -> None:
    """Newcombe 1998 (Statistics in Medicine 17, 857), table I, method 3."""
    assert wilson(hits, trials) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(
    ("count", "low", "high"), [(1, 0.0253, 5.5716), (10, 4.7954, 18.3904), (30, 20.2409, 42.8269)]
)
def test_poisson_as_published(count: int, low: float, high: float) -> None:
    """Garwood 1936; Ulm 1990 tabulates these."""
    assert poisson_rate(count, 1.0) == pytest.approx((low, high), abs=1e-3)


def test_nothing_in_n_hours_proves_fewer_than_three_over_n() -> None:
    assert poisson_rate(0, 8.0) == pytest.approx((0.0, 2.996 / 8.0), abs=1e-3)
    assert poisson_rate(0, 0.0) == (0.0, math.inf)
    assert wilson(0, 0) == (0.0, 1.0)
