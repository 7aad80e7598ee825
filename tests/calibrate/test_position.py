"""Position: a mean whose sigma covers its error, and surveys that are refused."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.calibrate.findings import Finding, Verdict
from sensor.calibrate.position import (
    Fix,
    PositionMeasurement,
    fixes_from_lines,
    judge_position,
    measure_position,
)
from sensor.geodesy import enu_from_llh, llh_from_enu
from tests.support.calibration_signals import Floats, wander

TRUTH = (35.9940, -78.8986, 87.5)


def fixes_of(errors_m: Floats, step_s: float = 1.0) -> list[Fix]:
    places = [llh_from_enu((float(e), float(n), float(u)), TRUTH) for e, n, u in errors_m]
    return [Fix(row * step_s, *place, 3.0) for row, place in enumerate(places)]


def error_m(measured: PositionMeasurement) -> Floats:
    assert measured.lat_deg is not None
    assert measured.lon_deg is not None
    assert measured.height_m is not None
    return np.array(enu_from_llh((measured.lat_deg, measured.lon_deg, measured.height_m), TRUTH))


def codes(measured: PositionMeasurement) -> dict[str, Verdict]:
    findings: tuple[Finding, ...] = judge_position(measured, own_sigma_m=3.0)
    return {finding.code: finding.verdict for finding in findings}


def test_the_statistical_sigma_covers_correlated_errors() -> None:
    """Of 40 surveys of 3 h, errors correlated over 5 min, the 2-sigma band holds at least 36 per axis.

    Taking the fixes as independent it would hold almost none: that sigma is 25 times smaller.
    """
    inside = np.zeros(2)
    naive = np.zeros(2)
    for seed in range(40):
        errors_m = wander(2160, 2.0, 60.0, seed)  # every 5 s
        measured = measure_position(fixes_of(errors_m, 5.0))
        statistical_m = math.sqrt(measured.sigma_m**2 - 2.0**2)
        inside += np.abs(error_m(measured)[:2]) <= 2.0 * statistical_m
        naive += np.abs(error_m(measured)[:2]) <= 2.0 * 2.0 / math.sqrt(2160)
    assert np.all(inside >= 36), inside
    assert np.all(naive <= 20), naive


def test_independent_fixes_are_counted_as_such_but_the_systematic_part_stays() -> None:
    errors_m = np.random.default_rng(1).standard_normal((7200, 3)) * 2.0
    measured = measure_position(fixes_of(errors_m))
    assert 1500 < measured.independent < 7200
    assert measured.sigma_m == pytest.approx(2.0, abs=0.01), "two hours: 2 m whatever the scatter"
    assert measured.height_sigma_m > measured.sigma_m
    assert codes(measured) == {}


@settings(max_examples=10, deadline=None)
@given(share=st.floats(0.0, 0.15), seed=st.integers(0, 50))
def test_wild_fixes_do_not_move_it(share: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    errors_m = random.standard_normal((600, 3))
    wild = random.random(600) < share
    errors_m[wild] += random.uniform(50.0, 5000.0, (int(wild.sum()), 3))
    measured = measure_position(fixes_of(errors_m))
    assert np.hypot(*error_m(measured)[:2]) < 0.5
    assert measured.found - measured.used >= int(wild.sum())


def test_the_offset_from_antenna_to_microphone_is_added() -> None:
    errors_m = np.zeros((100, 3))
    measured = measure_position(fixes_of(errors_m), (3.0, -4.0, -1.5))
    assert error_m(measured) == pytest.approx(np.array([3.0, -4.0, -1.5]), abs=1e-6)


@pytest.mark.parametrize("when", [1000, 2000, 2900])
def test_a_moved_antenna_is_refused(when: int) -> None:
    errors_m = np.random.default_rng(2).standard_normal((4000, 3))
    errors_m[when:, 0] += 25.0
    assert codes(measure_position(fixes_of(errors_m))).get("moved") is Verdict.FAIL


@pytest.mark.parametrize(("count", "expected"), [(0, "too_few"), (59, "too_few"), (600, "short")])
def test_a_short_survey_is_refused_or_qualified(count: int, expected: str) -> None:
    measured = measure_position(fixes_of(np.zeros((count, 3))))
    assert expected in codes(measured)
    assert (measured.lat_deg is None) == (expected == "too_few")


def test_null_island_is_refused() -> None:
    measured = measure_position([Fix(float(second), 0.0, 0.0, 0.0) for second in range(4000)])
    assert codes(measured)["no_place"] is Verdict.FAIL


def report(second: int, **changes: object) -> str:
    at = datetime.fromtimestamp(1_767_225_600 + second, UTC).isoformat().replace("+00:00", "Z")
    body = {
        "class": "TPV",
        "mode": 3,
        "time": at,
        "lat": 35.994,
        "lon": -78.8986,
        "altHAE": 87.5,
        "epx": 2.0,
        "epy": 3.0,
    }
    return json.dumps({**body, **changes})


def test_gpsd_s_reports_are_read_and_all_else_passed_over() -> None:
    lines = [
        '{"class":"VERSION"}',
        report(0, mode=1),
        report(1, mode=2),
        report(2),
        report(3, altHAE=None, altMSL=120.5, geoidSep=-33.0),
        report(4, altHAE=None),
        report(5, lat="x"),
        report(6, lat=95.0),
        report(7, time="never"),
        report(8)[:40],
        "",
        "\x00\xff",
        "[1, 2]",
        report(9),
    ]
    fixes, without = fixes_from_lines(lines)
    assert [fix.time_s - 1_767_225_600 for fix in fixes] == [2.0, 3.0, 9.0]
    assert [fix.height_m for fix in fixes] == [87.5, 87.5, 87.5]
    assert fixes[0].sigma_m == 3.0
    assert without == 6


@settings(max_examples=50, deadline=None)
@given(lines=st.lists(st.text(max_size=80), max_size=20))
def test_no_line_whatever_raises(lines: list[str]) -> None:
    assert fixes_from_lines(lines) == ([], 0)
