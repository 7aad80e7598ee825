"""Geodesy against published values and against itself."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.geodesy import ecef_from_llh, enu_from_llh, llh_from_ecef, llh_from_enu


def test_equator_and_pole_lie_at_the_axes_of_the_ellipsoid() -> None:
    assert ecef_from_llh(0.0, 0.0, 0.0) == pytest.approx((6378137.0, 0.0, 0.0))
    # NGA.STND.0036 gives the semi-minor axis as 6 356 752.3142 m.
    assert ecef_from_llh(90.0, 0.0, 0.0)[2] == pytest.approx(6356752.3142, abs=1e-4)


def test_one_minute_of_latitude_at_45_degrees_is_a_nautical_mile() -> None:
    # 1852.2 m on WGS 84 (M = 6 367 382 m at 45 degrees).
    north = enu_from_llh((45.0 + 1 / 120, 7.0, 0.0), (45.0 - 1 / 120, 7.0, 0.0))[1]
    assert north == pytest.approx(1852.2, abs=0.1)


@given(st.floats(-90, 90), st.floats(-179.9, 179.9), st.floats(-500, 9000))
def test_llh_survives_the_way_through_ecef(lat: float, lon: float, height: float) -> None:
    back = llh_from_ecef(*ecef_from_llh(lat, lon, height))
    assert back[0] == pytest.approx(lat, abs=1e-9)
    assert back[2] == pytest.approx(height, abs=1e-6)
    if abs(lat) < 89.9:
        assert back[1] == pytest.approx(lon, abs=1e-9)


@given(*(st.floats(-20_000, 20_000) for _ in range(3)))
def test_enu_survives_the_way_through_llh(east: float, north: float, up: float) -> None:
    origin = (35.994, -78.899, 120.0)
    back = enu_from_llh(llh_from_enu((east, north, up), origin), origin)
    assert math.dist(back, (east, north, up)) < 1e-5
