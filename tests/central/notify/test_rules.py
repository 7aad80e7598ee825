"""Who is told of what, and why not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.central.notify.rules import Silence, silence
from sensor.central.notify.settings import CircleSettings, RuleSettings
from sensor.central.types import Ellipse, IncidentVersion, Place, Tag
from sensor.errors import ConfigError
from sensor.geodesy import llh_from_enu
from tests.support.incident_examples import ELLIPSE, FIRED_NS, PLACE, heard_only, later, located, retracted

NOW_NS = FIRED_NS + 10 * 10**9
AROUND = CircleSettings(lat_deg=PLACE.lat_deg, lon_deg=PLACE.lon_deg, radius_m=100.0)


def _first(version: IncidentVersion, **rule: Any) -> Silence | None:
    return silence(version, None, RuleSettings(**rule), now_ns=NOW_NS)


def _moved(east_m: float, north_m: float, **changes: Any) -> IncidentVersion:
    lat, lon, _ = llh_from_enu((east_m, north_m, 0.0), (PLACE.lat_deg, PLACE.lon_deg, PLACE.height_m))
    return later(located(), place=Place(lat_deg=lat, lon_deg=lon, height_m=PLACE.height_m), **changes)


@pytest.mark.parametrize(
    ("version", "rule", "told"),
    [
        (located(), {}, None),
        (located(exercise=True), {}, Silence.EXERCISE),
        (located(exercise=True), {"exercise": "also"}, None),
        (located(), {"exercise": "only"}, Silence.EXERCISE),
        (located(exercise=True), {"exercise": "only"}, None),
        (located(), {"sites": ("elsewhere",)}, Silence.SITE),
        (located(incident_class="fireworks"), {}, Silence.CLASS),
        (located(incident_class="fireworks"), {"classes": ("fireworks",)}, None),
        (located(p_gunshot=0.49), {}, Silence.PROBABILITY),
        (located(p_gunshot=0.5), {}, None),
        (located(confidence="medium"), {"confidence_min": "high"}, Silence.CONFIDENCE),
        (located(confidence="medium"), {"confidence_min": "medium"}, None),
        (heard_only(incident_class="gunshot", p_gunshot=0.9), {}, Silence.NOT_LOCATED),
        (heard_only(incident_class="gunshot", p_gunshot=0.9), {"not_located": True}, None),
        (
            heard_only(incident_class="gunshot", p_gunshot=0.9),
            {"not_located": True, "circles": (AROUND,)},
            Silence.AREA,
        ),
        (located(), {"circles": (AROUND,)}, None),
        (retracted(located()), {}, Silence.NEVER_TOLD),
        (located(utc_ns=NOW_NS - 21_601 * 10**9), {}, Silence.TOO_OLD),
        (located(utc_ns=NOW_NS - 21_599 * 10**9), {}, None),
    ],
)
def test_a_receiver_that_knows_nothing(
    version: IncidentVersion, rule: dict[str, Any], told: Silence | None
) -> None:
    assert _first(version, **rule) == told


@pytest.mark.parametrize(
    ("after", "all_", "important", "first"),
    [
        (later(located()), True, False, False),
        (later(located(), incident_class="fireworks"), True, True, True),
        (retracted(located()), True, True, True),
        (later(located(), author="ann", state="reviewed"), True, True, False),
        (later(located(), confidence="medium"), True, True, False),
        (later(located(), rounds_hi=4), True, True, False),
        (later(located(), tags=(Tag(name="full_auto", evidence={}),)), True, True, False),
        (later(located(), p_gunshot=0.7), True, True, False),
        (later(located(), p_gunshot=0.8), True, False, False),
        (later(located(), place=None, ellipse_95=None), True, True, False),
        (_moved(9.0, 0.0), True, False, False),
        (_moved(14.0, 0.0), True, False, False),
        (_moved(16.0, 0.0), True, True, False),
        (
            _moved(11.0, 0.0, ellipse_95=Ellipse(semi_major_m=5.0, semi_minor_m=5.0, azimuth_deg=0.0)),
            True,
            True,
            False,
        ),
        (later(located(), related_to=("x",)), True, True, False),
    ],
)
def test_a_receiver_that_was_told_hears_what_it_wants_to_hear(
    after: IncidentVersion,
    all_: bool,  # noqa: FBT001  a column
    important: bool,  # noqa: FBT001  a column
    first: bool,  # noqa: FBT001  a column
) -> None:
    for updates, wanted in (("all", all_), ("important", important), ("first", first)):
        rule = RuleSettings(updates=updates, p_min=1.0)  # type: ignore[arg-type]  # a literal
        told = silence(after, located(), rule, now_ns=NOW_NS + 10**15)
        assert told == (None if wanted else Silence.NO_NEWS)


@given(east=st.floats(-400, 400), north=st.floats(-400, 400))
def test_the_area_counts_the_ellipse_as_touching(east: float, north: float) -> None:
    version = _moved(east, north)
    distance = (east**2 + north**2) ** 0.5
    edge = 100.0 + ELLIPSE.semi_major_m
    if abs(distance - edge) > 0.1:
        assert (_first(version, circles=(AROUND,)) is None) == (distance < edge)


@given(east=st.floats(-400, 400), north=st.floats(-400, 400))
def test_a_polygon_is_its_inside_and_the_ellipse_beyond_its_edge(east: float, north: float) -> None:
    # A corner of 300 m cut out of a square: not convex.
    outline = [(-200, -200), (200, -200), (200, 200), (100, 200), (100, -100), (-200, -100)]
    polygon = tuple(
        llh_from_enu((float(e), float(n), 0.0), (PLACE.lat_deg, PLACE.lon_deg, PLACE.height_m))[:2]
        for e, n in outline
    )
    inside = (-200 <= east <= 200 and -200 <= north <= -100) or (100 <= east <= 200 and -200 <= north <= 200)
    dx = max(-200 - east, 0, east - 200)
    dy = max(-200 - north, 0, north + 100)
    ex = max(100 - east, 0, east - 200)
    ey = max(-200 - north, 0, north - 200)
    distance = 0.0 if inside else min((dx**2 + dy**2) ** 0.5, (ex**2 + ey**2) ** 0.5)
    if abs(distance - ELLIPSE.semi_major_m) > 0.1:
        wanted = distance < ELLIPSE.semi_major_m
        assert (_first(_moved(east, north), polygons=(polygon,)) is None) == wanted


def test_a_polygon_needs_three_corners() -> None:
    with pytest.raises(ConfigError, match="polygon 1 has 2 corners"):
        RuleSettings(polygons=(((0.0, 0.0), (1.0, 1.0)),))
