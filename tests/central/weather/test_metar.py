"""Reports as stations write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sensor.central.weather.metar import MetarError, read_metar, read_metars

NOW_NS = int(datetime(2026, 11, 27, 19, 10, tzinfo=UTC).timestamp()) * 10**9
KNOT = 1852.0 / 3600.0


def ns(month: int, day: int, hour: int, minute: int) -> int:
    return int(datetime(2026, month, day, hour, minute, tzinfo=UTC).timestamp()) * 10**9


@pytest.mark.parametrize(
    ("text", "temperature_c", "east_north"),
    [
        ("KAGC 271853Z 27010KT 10SM FEW045 18/07 A2992 RMK AO2 SLP128 T01780072", 17.8, (10 * KNOT, 0.0)),
        ("METAR KRDU 271851Z AUTO 00000KT 1/2SM FG VV002 04/04 A3012", 4.0, (0.0, 0.0)),
        ("SPECI EDDB 271850Z 18006G18MPS 9999 R24R/P1500N M05/M11 Q1031 NOSIG=", -5.0, (0.0, 6.0)),
        ("METAR COR LFPG 271830Z VRB02KT CAVOK 00/M02 Q1022", 0.0, (0.0, 0.0)),
        ("UUEE 271830Z 36018KMH 9999 OVC010 M12/M14 Q1025 TEMPO 27010MPS 05/05", -12.0, (0.0, -5.0)),
        ("KPIT 271851Z /////KT 10SM CLR 21// A3001 RMK AO2 T0211", 21.1, None),
        ("KBOS 271854Z 090P99KT 1SM 12/ A2890 RMK T11171122", -11.7, (-99 * KNOT, 0.0)),
        ("KMDW 271853Z 31015G25KT M1/4SM +SN BLSN VV005 M01/M02 A2975", -1.0, None),
    ],
)
def test_temperature_and_wind_are_read(
    text: str, temperature_c: float, east_north: tuple[float, float] | None
) -> None:
    report = read_metar(text, NOW_NS)
    assert report.temperature_c == temperature_c
    if "31015" in text:
        assert report.wind_east_m_s == pytest.approx(15 * KNOT * 0.766, rel=1e-3)
        assert report.wind_north_m_s == pytest.approx(-15 * KNOT * 0.643, rel=1e-3)
    elif east_north is None:
        assert report.wind_east_m_s is report.wind_north_m_s is None
    else:
        assert (report.wind_east_m_s, report.wind_north_m_s) == pytest.approx(east_north, abs=1e-9)


def test_the_station_is_named_and_the_day_is_the_nearest() -> None:
    assert read_metar("KAGC 271853Z 27010KT 18/07", NOW_NS).source == "metar KAGC"
    assert read_metar("KAGC 271853Z 27010KT 18/07", NOW_NS).utc_ns == ns(11, 27, 18, 53)
    assert read_metar("KAGC 280005Z 27010KT 18/07", NOW_NS).utc_ns == ns(11, 28, 0, 5)
    assert read_metar("KAGC 302350Z 27010KT 18/07", NOW_NS).utc_ns == ns(10, 30, 23, 50)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no station"),
        ("2026/11/27 18:53", "no station"),
        ("KAGC yesterday 18/07", "no time"),
        ("KAGC 272563Z 27010KT 18/07", "no time of day"),
        ("KAGC 451853Z 27010KT 18/07", "none of the last month"),
        ("KAGC 271853Z NIL", "NIL"),
        ("KAGC 271853Z 27010KT 10SM A2992", "no temperature"),
        ("KAGC 271853Z 27010KT 10SM A2992 TEMPO 18/07", "no temperature"),
    ],
)
def test_what_is_none_is_told(text: str, told: str) -> None:
    with pytest.raises(MetarError, match=told):
        read_metar(text, NOW_NS)


def test_a_stations_file_with_its_date_above_gives_its_report() -> None:
    (report,) = read_metars("2026/11/27 18:53\nKAGC 271853Z 27010KT 10SM 18/07 A2992\n", NOW_NS)
    assert report.temperature_c == 18.0
