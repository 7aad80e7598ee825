"""Local coordinates: exact, reversible, also where latitude and longitude are awkward."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.central.frame import Frame
from sensor.central.types import Place
from sensor.errors import CentralError

DURHAM = Place(lat_deg=35.994, lon_deg=-78.8986, height_m=123.0)


@given(
    st.floats(-89.9, 89.9),
    st.floats(-180.0, 180.0),
    st.tuples(st.floats(-5000, 5000), st.floats(-5000, 5000), st.floats(-100, 300)),
)
def test_there_and_back(lat_deg: float, lon_deg: float, enu: tuple[float, float, float]) -> None:
    frame = Frame(Place(lat_deg=lat_deg, lon_deg=lon_deg, height_m=50.0))
    assert frame.enu(frame.place(*enu)) == pytest.approx(enu, abs=1e-4)


def test_many_are_as_one() -> None:
    frame = Frame(DURHAM)
    places = [frame.place(100.0 * i, -50.0 * i, 3.0 * i) for i in range(5)]
    assert frame.enu_many(places) == pytest.approx(np.array([frame.enu(p) for p in places]), abs=1e-6)
    assert frame.enu_many([]).shape == (0, 3)


def test_axes_point_east_north_and_up() -> None:
    frame = Frame(DURHAM)
    east, north = frame.place(1000.0, 0.0), frame.place(0.0, 1000.0)
    assert east.lon_deg > DURHAM.lon_deg
    assert abs(east.lat_deg - DURHAM.lat_deg) < 1e-5
    assert north.lat_deg > DURHAM.lat_deg
    assert frame.place(0.0, 0.0, 10.0).height_m == pytest.approx(133.0)


def test_around_lies_in_the_middle_also_across_the_date_line() -> None:
    west = Place(lat_deg=0.0, lon_deg=179.99, height_m=0.0)
    east = Place(lat_deg=0.0, lon_deg=-179.99, height_m=0.0)
    frame = Frame.around([west, east])
    assert abs(frame.origin.lon_deg) == pytest.approx(180.0)
    assert frame.enu(west)[0] == pytest.approx(-frame.enu(east)[0])


def test_around_nothing_is_refused() -> None:
    with pytest.raises(CentralError, match="at least one position"):
        Frame.around([])
