"""The drawn ellipse: its area, its sense of rotation, closed, and sound where maps are torn."""

from __future__ import annotations

import itertools
import json
import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.central.cad.geojson import features, feed
from sensor.central.cad.shape import Ring, ellipse_rings
from sensor.central.cad.words import description, headline, utc_iso, where_words
from sensor.central.types import Ellipse, Place
from sensor.geodesy import enu_from_llh
from tests.support.incident_examples import SECOND_PLACE, heard_only, later, located, retracted


def _area(points: list[tuple[float, float]]) -> float:
    """Signed area, positive counter-clockwise (shoelace formula)."""
    return 0.5 * sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in itertools.pairwise(points))


def _on_the_ground(ring: Ring, place: Place) -> list[tuple[float, float]]:
    origin = (place.lat_deg, place.lon_deg, 0.0)
    return [enu_from_llh((lat, lon, 0.0), origin)[:2] for lon, lat in ring]


def _assert_legal(ring: Ring) -> None:
    assert ring[0] == ring[-1]
    assert len(ring) >= 4
    assert all(-180.0 <= lon <= 180.0 and -90.0 <= lat <= 90.0 for lon, lat in ring)
    assert all(a != b for a, b in itertools.pairwise(ring))


places = st.builds(Place, lat_deg=st.floats(-89.9, 89.9), lon_deg=st.floats(-180, 180), height_m=st.just(0.0))
ellipses = st.builds(
    lambda major, ratio, azimuth: Ellipse(
        semi_major_m=major, semi_minor_m=major * ratio, azimuth_deg=azimuth
    ),
    st.floats(5, 2000),
    st.floats(0.05, 1),
    st.floats(0, 180),
)


@given(places, ellipses)
def test_the_polygon_has_the_ellipses_area_turns_left_and_is_closed(place: Place, ellipse: Ellipse) -> None:
    rings = ellipse_rings(place, ellipse)
    assert len(rings) in {1, 2}
    total_m2 = 0.0
    for ring in rings:
        _assert_legal(ring)
        assert _area(ring) > 0.0
        total_m2 += _area(_on_the_ground(ring, place))
    expected_m2 = math.pi * ellipse.semi_major_m * ellipse.semi_minor_m
    # A corner is told to 1 cm; that times the circumference is what rounding may cost.
    rounding_m2 = 0.012 * math.tau * ellipse.semi_major_m
    assert total_m2 == pytest.approx(expected_m2, rel=2e-3, abs=rounding_m2)


@given(ellipses)
def test_the_long_axis_points_where_the_azimuth_says(ellipse: Ellipse) -> None:
    place = Place(lat_deg=36.0, lon_deg=-79.0, height_m=0.0)
    (ring,) = ellipse_rings(place, ellipse)
    azimuth = math.radians(ellipse.azimuth_deg)
    along = [e * math.sin(azimuth) + n * math.cos(azimuth) for e, n in _on_the_ground(ring, place)]
    across = [e * math.cos(azimuth) - n * math.sin(azimuth) for e, n in _on_the_ground(ring, place)]
    assert max(along) == pytest.approx(ellipse.semi_major_m, rel=3e-3, abs=0.02)
    assert max(across) == pytest.approx(ellipse.semi_minor_m, rel=3e-3, abs=0.02)


@pytest.mark.parametrize("lon_deg", [179.9999, -179.9999, 180.0, -180.0])
def test_across_the_antimeridian_it_is_two_rings_that_meet_there(lon_deg: float) -> None:
    place = Place(lat_deg=-17.0, lon_deg=lon_deg, height_m=0.0)
    rings = ellipse_rings(place, Ellipse(semi_major_m=500.0, semi_minor_m=200.0, azimuth_deg=90.0))
    assert len(rings) == 2
    for ring in rings:
        _assert_legal(ring)
        assert _area(ring) > 0.0
        lons = [lon for lon, _ in ring]
        assert max(lons) - min(lons) < 0.02
        assert {abs(lon) for lon in lons} >= {180.0}
    assert {math.copysign(1.0, ring[0][0]) for ring in rings} == {1.0, -1.0}


@pytest.mark.parametrize("lat_deg", [90.0, -90.0, 89.9999, -89.9999])
@pytest.mark.parametrize("lon_deg", [0.0, 100.0, -180.0])
def test_round_a_pole_it_is_a_cap_that_reaches_the_pole(lat_deg: float, lon_deg: float) -> None:
    place = Place(lat_deg=lat_deg, lon_deg=lon_deg, height_m=0.0)
    (ring,) = ellipse_rings(place, Ellipse(semi_major_m=300.0, semi_minor_m=200.0, azimuth_deg=20.0))
    _assert_legal(ring)
    assert _area(ring) > 0.0
    assert {lat for _, lat in ring} >= {math.copysign(90.0, lat_deg)}
    assert {lon for lon, _ in ring} >= {-180.0, 180.0}


def _geometry(kind: str) -> Any:
    return next(item["geometry"] for item in features(located()) if item["properties"]["shape"] == kind)


def test_the_feed_is_geojson_with_longitude_first_and_point_and_area_of_each() -> None:
    body = json.loads(json.dumps(feed([located(), heard_only()])))
    assert body["type"] == "FeatureCollection"
    assert len({item["id"] for item in body["features"]}) == len(body["features"]) == 3
    point, area = _geometry("point"), _geometry("ellipse_95")
    assert point == {"type": "Point", "coordinates": [-78.90123456, 35.98765432, 110.0]}
    assert area["type"] == "Polygon"
    _assert_legal(area["coordinates"][0])
    for item in body["features"]:
        assert set(item) == {"type", "id", "geometry", "properties"}
        assert "crs" not in item


def test_what_was_not_located_has_null_geometry_and_what_was_retracted_says_so() -> None:
    (heard,) = features(heard_only())
    assert heard["geometry"] is None
    assert heard["properties"]["semi_major_m"] is None
    assert {item["properties"]["state"] for item in features(retracted(located()))} == {"retracted"}


def test_an_area_across_the_antimeridian_is_a_multipolygon() -> None:
    version = located(
        place=Place(lat_deg=1.0, lon_deg=180.0, height_m=0.0),
        ellipse_95=Ellipse(semi_major_m=50.0, semi_minor_m=50.0, azimuth_deg=0.0),
    )
    area = features(version)[1]["geometry"]
    assert area["type"] == "MultiPolygon"
    assert len(area["coordinates"]) == 2


def test_words_say_what_is_known_and_what_is_not() -> None:
    assert headline(located()) == "Gunshot, 2 to 3 rounds, confidence high"
    assert headline(heard_only()) == "Impulse of unknown kind, 1 round, heard but not located"
    assert headline(retracted(located(exercise=True))).startswith("EXERCISE: RETRACTED: Gunshot")
    assert where_words(located()) == "At 35.98765 N, 78.90123 W, within 15 m at 95 %."
    assert "A second place fits the same arrivals (odds 0.20)" in where_words(
        located(alternatives=(SECOND_PLACE,))
    )
    assert "not confirmed by a person" in description(located())
    assert "Reviewed by ann: casings found" in description(
        later(located(), author="ann", reason="casings found")
    )


@pytest.mark.parametrize(("digits", "told"), [(0, "33Z"), (3, "33.123Z"), (9, "33.123456789Z")])
def test_times_are_cut_to_the_digits_asked_for(digits: int, told: str) -> None:
    assert utc_iso(located().utc_ns, digits=digits).endswith(f":{told}")
    assert re.fullmatch(r"[0-9T:.Z-]+", utc_iso(located().utc_ns, digits=digits))


@given(st.integers(0, 7_258_118_400 * 10**9))
def test_times_never_run_ahead_of_themselves(utc_ns: int) -> None:
    assert utc_iso(utc_ns, digits=9) <= utc_iso(utc_ns + 1, digits=9)
