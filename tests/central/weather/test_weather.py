"""Which air a sound of a certain time travelled through."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.central.settings import AirSettings
from sensor.central.types import Air
from sensor.central.weather import weather as module
from sensor.central.weather.report import WeatherReport, report_of
from sensor.central.weather.weather import Weather
from sensor.errors import WireError

MINUTE_NS = 60 * 10**9
NOW_NS = 1_795_806_600 * 10**9
"""2026-11-27 19:10 UTC."""
METAR = "KAGC 271853Z 27010KT 10SM FEW045 18/07 A2992 RMK AO2 T01780072\n"


def report(minutes: float, temperature_c: float, **wind: float | None) -> WeatherReport:
    values: dict[str, Any] = {"wind_east_m_s": 1.0, "wind_north_m_s": 2.0, **wind}
    return WeatherReport(
        utc_ns=NOW_NS + round(minutes * MINUTE_NS), temperature_c=temperature_c, source="mqtt town", **values
    )


def test_with_nothing_known_it_is_the_default_and_says_so() -> None:
    assert Weather(AirSettings()).air(NOW_NS) == Air()


def test_what_a_person_set_counts_where_no_report_is_near() -> None:
    weather = Weather(AirSettings(temperature_c=-3.0, wind_east_m_s=4.0))
    weather.take(report(-121, 20.0))
    air = weather.air(NOW_NS)
    assert (air.temperature_c, air.wind_east_m_s, air.source) == (-3.0, 4.0, "manual")


def test_the_nearest_report_counts_before_or_after() -> None:
    weather = Weather(AirSettings())
    for minutes, temperature_c in ((-90, 10.0), (-30, 11.0), (40, 12.0)):
        weather.take(report(minutes, temperature_c))
    at = {
        minutes: weather.air(NOW_NS + minutes * MINUTE_NS).temperature_c
        for minutes in (-200, -61, -59, 0, 6, 99)
    }
    assert at == {-200: 10.0, -61: 10.0, -59: 11.0, 0: 11.0, 6: 12.0, 99: 12.0}


def test_a_report_without_wind_leaves_the_wind_that_was_set() -> None:
    weather = Weather(AirSettings(wind_north_m_s=3.0))
    weather.take(report(0, 10.0, wind_east_m_s=None, wind_north_m_s=None))
    air = weather.air(NOW_NS)
    assert (air.temperature_c, air.wind_east_m_s, air.wind_north_m_s) == (10.0, 0.0, 3.0)


def test_each_report_is_told_once_and_old_ones_can_be_put_back() -> None:
    told: list[WeatherReport] = []
    weather = Weather(AirSettings(), on_report=told.append)
    weather.restore([report(-10, 9.0)])
    for _ in range(2):
        weather.take(report(0, 10.0))
    weather.take(report(-10, 9.0))
    assert told == [report(0, 10.0)]
    assert weather.air(NOW_NS - 9 * MINUTE_NS).temperature_c == 9.0


class TestFile:
    """A METAR file that something else writes."""

    @pytest.fixture(autouse=True)
    def always_looked_at(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "LOOK_S", 0.0)

    def test_it_is_read_again_when_it_changes(self, tmp_path: Path) -> None:
        path = tmp_path / "KAGC.TXT"
        weather = Weather(AirSettings(metar_file=path), clock_ns=lambda: NOW_NS)
        path.write_text("2026/11/27 18:53\n" + METAR)
        assert weather.air(NOW_NS).source == "metar KAGC"
        assert weather.air(NOW_NS).temperature_c == 17.8
        path.write_text(METAR.replace("271853Z", "271905Z").replace("T01780072", "T01500072"))
        os.utime(path, ns=(1, 1))
        assert weather.air(NOW_NS).temperature_c == 15.0

    def test_a_stale_one_falls_back_to_what_was_set(self, tmp_path: Path) -> None:
        path = tmp_path / "metar"
        path.write_text(METAR)
        weather = Weather(AirSettings(metar_file=path, temperature_c=5.0), clock_ns=lambda: NOW_NS)
        assert weather.air(NOW_NS).temperature_c == 17.8
        assert weather.air(NOW_NS + 180 * MINUTE_NS).source == "manual"

    @pytest.mark.parametrize(("content", "told"), [(None, "No such file"), (b"\xff\x00rubbish", "no METAR")])
    def test_one_that_is_missing_or_rubbish_is_told_once(
        self, tmp_path: Path, content: bytes | None, told: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = tmp_path / "metar"
        if content is not None:
            path.write_bytes(content)
        weather = Weather(AirSettings(metar_file=path), clock_ns=lambda: NOW_NS)
        for _ in range(3):
            assert weather.air(NOW_NS) == Air()
        assert told in weather.problem
        assert len(caplog.records) == 1
        path.write_text(METAR)
        assert weather.air(NOW_NS).source == "metar KAGC"
        assert weather.problem == ""


def test_a_report_off_the_broker_or_out_of_the_record_reads_back() -> None:
    wanted = report(0, 10.0)
    assert report_of(wanted.values(), source="mqtt x", now_ns=NOW_NS) == wanted
    bare = report_of({"temperature_c": 3}, source="mqtt x", now_ns=NOW_NS)
    assert (bare.utc_ns, bare.wind_east_m_s, bare.source) == (NOW_NS, None, "mqtt x")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"temperature_c": "15"},
        {"temperature_c": 61.0},
        {"temperature_c": True},
        {"temperature_c": 15.0, "wind_east_m_s": 1.0},
        {"temperature_c": 15.0, "utc_ns": NOW_NS + 3601 * 10**9},
        {"temperature_c": 15.0, "utc_ns": 1.5},
    ],
)
def test_a_report_that_cannot_be_is_refused_in_words(body: dict[str, Any]) -> None:
    with pytest.raises(WireError, match="weather: "):
        report_of(body, source="mqtt x", now_ns=NOW_NS)


@given(
    st.dictionaries(st.sampled_from(["temperature_c", "utc_ns", "wind_east_m_s"]), st.none() | st.floats())
)
def test_no_body_brings_anything_but_a_report_or_a_refusal(body: dict[str, Any]) -> None:
    with suppress(WireError):
        assert report_of(body, source="x", now_ns=NOW_NS).utc_ns <= NOW_NS + 3600 * 10**9
