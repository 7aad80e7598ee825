"""The line under a cloud of points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.timing.envelope import (
    _LAGUERRE_U,
    _LAGUERRE_W,
    SlopePrior,
    fit,
    hulls,
    median,
    without_early,
)

FLAT = SlopePrior(0.0, 1e5)
clouds = st.lists(st.floats(-1e9, 1e9), min_size=8, max_size=60)


def below(hull: list[tuple[float, float]], x: float) -> float:
    """Height of a hull (newest vertex first) at ``x``."""
    xs, ys = zip(*reversed(hull), strict=True)
    return float(np.interp(x, xs, ys))


def test_the_nodes_and_weights_are_those_of_gauss_and_laguerre() -> None:
    nodes, weights = np.polynomial.laguerre.laggauss(6)
    np.testing.assert_allclose(_LAGUERRE_U, nodes, rtol=1e-12)
    np.testing.assert_allclose(_LAGUERRE_W, weights, rtol=1e-12)


@given(clouds)
def test_every_suffix_hull_lies_under_its_points_and_touches_them(late_ns: list[float]) -> None:
    x_s = [float(number - len(late_ns) + 1) for number in range(len(late_ns))]
    counts = sorted({len(late_ns), len(late_ns) // 2, 4})
    for count, hull in zip(counts, hulls(x_s, late_ns, counts), strict=True):
        points = list(zip(x_s[-count:], late_ns[-count:], strict=True))
        assert set(hull) <= set(points)
        scale = max(map(abs, late_ns)) + 1.0
        assert all(y >= below(hull, x) - 1e-9 * scale for x, y in points)


@settings(max_examples=50)
@given(st.floats(-2e5, 2e5), st.floats(-1e9, 1e9), st.floats(1e2, 1e6), st.integers(0, 2**32))
def test_shifting_and_tilting_the_cloud_shifts_and_tilts_the_line(
    slope: float, offset_ns: float, spread_ns: float, seed: int
) -> None:
    x_s = np.arange(-60.0, 1.0)
    late_ns = np.random.default_rng(seed).exponential(spread_ns, len(x_s))
    plain = fit(x_s, late_ns, hulls(x_s.tolist(), late_ns.tolist(), [len(x_s)])[0], FLAT)
    moved_ns = late_ns + offset_ns + slope * x_s
    prior = SlopePrior(slope, FLAT.sigma)
    moved = fit(x_s, moved_ns, hulls(x_s.tolist(), moved_ns.tolist(), [len(x_s)])[0], prior)
    assert moved.value_ns - offset_ns == pytest.approx(plain.value_ns, abs=1.0 + 0.01 * plain.sigma_ns)
    assert moved.slope - slope == pytest.approx(plain.slope, abs=0.1 + 0.01 * plain.slope_sigma)
    assert moved.sigma_ns == pytest.approx(plain.sigma_ns, rel=0.02, abs=1.0)


def test_the_mean_line_has_no_bias_where_the_lowest_one_has() -> None:
    rng = np.random.default_rng(1)
    x_s = np.arange(-100.0, 1.0)
    values, lowest = [], []
    for _ in range(300):
        late_ns = rng.exponential(1000.0, len(x_s))
        values.append(fit(x_s, late_ns, hulls(x_s.tolist(), late_ns.tolist(), [101])[0], FLAT).value_ns)
        lowest.append(float(late_ns.min()))
    error_of_mean = np.std(values) / np.sqrt(len(values))
    assert abs(np.mean(values)) < 4 * error_of_mean
    assert np.std(values) < 60.0, "a least-squares line would scatter by 200 ns"


def test_a_slope_outside_the_prior_is_not_taken() -> None:
    x_s = np.arange(-20.0, 1.0)
    late_ns = 500.0 * x_s
    line = fit(x_s, late_ns, hulls(x_s.tolist(), late_ns.tolist(), [21])[0], SlopePrior(0.0, 10.0))
    assert abs(line.slope) <= 20.0


@pytest.mark.parametrize("count", [1, 2, 3])
def test_very_few_points_still_give_a_line(count: int) -> None:
    x_s = np.arange(-count + 1.0, 1.0)
    late_ns = np.full(count, 7.0)
    line = fit(x_s, late_ns, hulls(x_s.tolist(), late_ns.tolist(), [count])[0], FLAT)
    assert line.value_ns == pytest.approx(7.0, abs=100.0)
    assert np.isfinite([line.sigma_ns, line.slope, line.slope_sigma]).all()


def test_a_lone_early_point_is_left_out_and_a_pair_is_kept() -> None:
    x_s = np.arange(-60.0, 1.0)
    late_ns = np.random.default_rng(2).exponential(1e4, len(x_s))
    late_ns[20] = -1e6
    assert np.flatnonzero(~without_early(x_s, late_ns, 2e4)).tolist() == [20]
    late_ns[21] = -1e6
    assert without_early(x_s, late_ns, 2e4).all()


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=50))
def test_the_median_is_the_upper_one(values: list[float]) -> None:
    assert median(np.array(values)) == sorted(values)[len(values) // 2]
