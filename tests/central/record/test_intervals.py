"""Intervals hold what they promise, and too few values promise nothing."""

from __future__ import annotations

import numpy as np
import pytest

from sensor.central.record.intervals import share, spread


def test_known_intervals_of_wilson() -> None:
    assert (share(0, 10).low, round(share(0, 10).high, 3)) == (0.0, 0.278)
    assert (round(share(5, 10).low, 3), round(share(5, 10).high, 3)) == (0.237, 0.763)
    assert (share(0, 0).value, share(0, 0).low, share(0, 0).high) == (None, 0.0, 1.0)


@pytest.mark.parametrize(("count", "rank"), [(6, 0), (8, 0), (9, 1), (20, 5), (30, 9)])
def test_the_medians_interval_is_that_of_the_published_tables(count: int, rank: int) -> None:
    found = spread([float(value) for value in range(count)])
    assert (found.p50_low, found.p50_high) == (float(rank), float(count - 1 - rank))


def test_it_encloses_the_true_median_as_often_as_it_says() -> None:
    random = np.random.default_rng(1)
    hits = 0
    for _ in range(400):
        found = spread(random.exponential(1.0, 15).tolist())
        assert found.p50_low is not None
        assert found.p50_high is not None
        hits += found.p50_low <= np.log(2.0) <= found.p50_high
    assert hits / 400 >= 0.95


def test_few_values_have_neither_interval_nor_tail() -> None:
    five = spread([1.0, 2.0, 3.0, 4.0, 5.0])
    assert (five.p50, five.p50_low, five.p90, five.most) == (3.0, None, None, 5.0)
    assert spread([float(value) for value in range(10)]).p90 == pytest.approx(8.1)
    assert spread([float(value) for value in range(19)]).p95 is None
    assert spread([]).p50 is None
