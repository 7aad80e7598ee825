"""Noise survey: weighting and bands against published figures, block size without influence, faults named."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.calibrate.findings import Verdict
from sensor.calibrate.noise import NoiseFigures, NoiseSurveyor, find_hum, reach_m, trigger_peak_dbfs
from sensor.calibrate.sine import quantisation_step
from sensor.calibrate.site_checks import check_site
from sensor.calibrate.spectrum import a_weighting_db, power_spectra, third_octaves
from tests.support.calibration_signals import Floats, coloured_noise, quantised, street

A_WEIGHTING = {
    "25": -44.7, "31.5": -39.4, "40": -34.6, "50": -30.2, "63": -26.2, "80": -22.5, "100": -19.1,
    "125": -16.1, "160": -13.4, "200": -10.9, "250": -8.6, "315": -6.6, "400": -4.8, "500": -3.2,
    "630": -1.9, "800": -0.8, "1000": 0.0, "1250": 0.6, "1600": 1.0, "2000": 1.2, "2500": 1.3,
    "3150": 1.2, "4000": 1.0, "5000": 0.5, "6300": -0.1, "8000": -1.1, "10000": -2.5, "12500": -4.3,
    "16000": -6.6, "20000": -9.3,
}  # fmt: skip
"""IEC 61672-1, table of frequency weightings, rounded there to 0.1 dB."""


def survey(mono: Floats, rate_hz: float = 16_000) -> NoiseFigures:
    surveyor = NoiseSurveyor(rate_hz)
    surveyor.observe(mono.astype(np.float32))
    return surveyor.figures()


def codes(figures: NoiseFigures, full_scale_db_spl: float | None = None) -> dict[str, Verdict]:
    findings = check_site(figures, threshold_db=11.0, full_scale_db_spl=full_scale_db_spl)
    return {finding.code: finding.verdict for finding in findings}


def sine(frequency_hz: float, rms_fs: float, seconds: float = 4.0, rate_hz: float = 16_000) -> Floats:
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    return rms_fs * math.sqrt(2.0) * np.sin(2.0 * math.pi * frequency_hz * time_s)


def test_a_weighting_is_the_published_one_at_every_third_octave() -> None:
    for band in third_octaves(192_000):
        if band.nominal_hz in A_WEIGHTING:
            weight_db = float(a_weighting_db(np.array([band.middle_hz]))[0])
            assert weight_db == pytest.approx(A_WEIGHTING[band.nominal_hz], abs=0.06), band.nominal_hz


def test_third_octaves_bear_their_nominal_names_and_tile_the_axis() -> None:
    bands = third_octaves(48_000)
    assert [band.nominal_hz for band in bands] == list(A_WEIGHTING)
    for lower, upper in pairwise(bands):
        assert lower.high_hz == pytest.approx(upper.low_hz)
    assert third_octaves(8_000)[-1].high_hz <= 4_000


@settings(max_examples=20, deadline=None)
@given(frequency_hz=st.floats(30.0, 6_900.0), level_dbfs=st.floats(-80.0, -3.1))
def test_a_tone_shows_in_its_band_and_a_weighted(frequency_hz: float, level_dbfs: float) -> None:
    figures = survey(sine(frequency_hz, 10.0 ** (level_dbfs / 20.0)))
    total = 10.0 * math.log10(float(np.sum(10.0 ** (figures.band_dbfs / 10.0))))
    assert total == pytest.approx(level_dbfs, abs=0.1)
    loudest = figures.bands[int(np.argmax(figures.band_dbfs))]
    assert loudest.low_hz * 0.99 <= frequency_hz <= loudest.high_hz * 1.01
    weight_db = float(a_weighting_db(np.array([frequency_hz]))[0])
    # Eighths of a second resolve 8 Hz: where the weighting is steep, that costs a little.
    tolerance_db = 0.15 if frequency_hz > 200.0 else 1.5
    assert figures.laeq_dbfs == pytest.approx(level_dbfs + weight_db, abs=tolerance_db)


def test_a_full_scale_square_wave_is_0_dbfs() -> None:
    time_s = np.arange(4 * 48_000) / 48_000
    square = np.sign(np.sin(2.0 * math.pi * 1000.0 * time_s + 0.1))
    power = power_spectra(square.reshape(4, 48_000)).sum(axis=1)
    assert 10.0 * np.log10(power) == pytest.approx(np.zeros(4), abs=1e-3)


@settings(max_examples=15, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9_000), min_size=1, max_size=12), rate_hz=st.sampled_from((8_000, 11_025))
)
def test_block_size_has_no_influence(sizes: list[int], rate_hz: int) -> None:
    mono = street(4.5, rate_hz)
    mono[rate_hz - 700 : rate_hz + 900] = 0.0  # a run of zeros across a second
    whole = survey(mono, rate_hz)
    parts = NoiseSurveyor(rate_hz)
    position = 0
    while position < mono.size:
        size = sizes[position % len(sizes)]
        parts.observe(mono[position : position + size].astype(np.float32))
        position += size
    cut = parts.figures()
    for name in (
        "level_dbfs",
        "band_dbfs",
        "laeq_dbfs",
        "floor_dbfs",
        "zero_fraction",
        "longest_zero_s",
        "bits",
    ):
        assert np.array_equal(getattr(whole, name), getattr(cut, name)), name
    assert whole.longest_zero_s == pytest.approx(1600 / rate_hz, abs=2 / rate_hz)


def test_percentiles_are_levels_exceeded() -> None:
    loud, quiet = sine(1000.0, 0.1, 1.0), sine(1000.0, 0.001, 4.0)
    figures = survey(np.concatenate([loud, quiet]))
    assert figures.percentile_dbfs(10) == pytest.approx(-20.0, abs=0.1)
    assert figures.percentile_dbfs(50) == pytest.approx(-60.0, abs=0.1)
    assert figures.laeq_dbfs == pytest.approx(-20.0 - 10.0 * math.log10(5.0), abs=0.1)


def test_an_ordinary_street_passes() -> None:
    figures = survey(quantised(street(20.0, 16_000)))
    assert codes(figures) == {}
    assert codes(figures, full_scale_db_spl=115.0) == {}


@pytest.mark.parametrize("mains_hz", [50.0, 60.0])
@pytest.mark.parametrize("off", [-0.003, 0.0, 0.003])
def test_hum_is_found_and_its_family_told(mains_hz: float, off: float) -> None:
    hum = sum(sine(order * mains_hz * (1.0 + off), 0.004 / order, 10.0) for order in (1, 2, 3, 5))
    figures = survey(street(10.0, 16_000) + hum)
    assert figures.hum.mains_hz == mains_hz
    assert len(figures.hum.lines_hz) >= 3
    expected = 10.0 * math.log10(sum((0.004 / order) ** 2 for order in (1, 2, 3, 5)))
    assert figures.hum.level_dbfs == pytest.approx(expected, abs=0.5)
    assert "hum" in codes(figures)


def test_noise_alone_has_no_hum() -> None:
    for seed in range(5):
        assert survey(coloured_noise(10.0, 8_000, seed=seed), 8_000).hum.lines_hz == ()
    assert find_hum(np.zeros(1000), 1.0).lines_hz == ()


@pytest.mark.parametrize(
    ("mono", "code", "verdict"),
    [
        (np.zeros(160_000), "silence", Verdict.FAIL),
        (np.full(160_000, 0.1), "gain_low", Verdict.FAIL),
        (quantised(street(10.0, 16_000, rms_fs=2e-5)), "gain_low", Verdict.FAIL),
        (quantised(street(10.0, 16_000, rms_fs=5e-5)), "gain_low", Verdict.WARN),
        (np.clip(street(10.0, 16_000, rms_fs=0.5), -1.0, 1.0), "clipping", Verdict.FAIL),
        (street(10.0, 16_000) + 0.1, "dc", Verdict.WARN),
        (coloured_noise(20.0, 16_000, slope_db_octave=0.0), "lifeless", Verdict.WARN),
        (coloured_noise(10.0, 16_000, slope_db_octave=-18.0, rms_fs=0.05), "muffled", Verdict.WARN),
    ],
)
def test_a_sick_microphone_is_named(mono: Floats, code: str, verdict: Verdict) -> None:
    assert codes(survey(mono)).get(code) is verdict


def test_holes_in_the_stream_are_named() -> None:
    mono = street(10.0, 16_000)
    mono[40_000:42_000] = 0.0
    assert codes(survey(mono)) == {"dropouts": Verdict.FAIL}


def test_values_that_are_no_numbers_are_counted_not_spread() -> None:
    mono = street(10.0, 16_000)
    mono[1000:1003] = np.nan
    mono[2000] = np.inf
    figures = survey(mono)
    assert figures.not_finite == 4
    assert math.isfinite(figures.laeq_dbfs)
    assert codes(figures)["not_finite"] is Verdict.FAIL


def test_wind_is_named() -> None:
    gusts = coloured_noise(20.0, 16_000, slope_db_octave=-18.0, rms_fs=0.1)
    gusts *= 0.05 + np.abs(np.sin(np.arange(gusts.size) / 16_000 * 0.9))
    assert codes(survey(gusts + street(20.0, 16_000, rms_fs=0.001))).get("wind") is Verdict.WARN


def test_a_roof_too_quiet_is_a_deaf_microphone_and_one_too_loud_is_refused() -> None:
    figures = survey(street(10.0, 16_000))
    assert codes(figures, full_scale_db_spl=80.0)["deaf"] is Verdict.FAIL
    assert codes(figures, full_scale_db_spl=137.0)["loud_site"] is Verdict.WARN
    assert codes(figures, full_scale_db_spl=150.0)["loud_site"] is Verdict.FAIL


def test_the_reach_follows_the_published_levels() -> None:
    assert reach_m(116.0, loss_db=0.0) == pytest.approx(100.0)
    assert reach_m(101.0, loss_db=0.0) == pytest.approx(400.0)
    reaches = [reach_m(float(level)) for level in range(60, 140)]
    assert reaches == sorted(reaches, reverse=True)
    assert reach_m(0.0) == 3000.0
    assert reach_m(200.0) == 10.0
    # 60 dB of noise and a threshold of 12 dB ask for 80.5 dB peak (simulation the constant is from).
    assert trigger_peak_dbfs(60.0, 12.0) == pytest.approx(80.5)


@pytest.mark.parametrize("bits", [8, 12, 16, 20, 24])
def test_the_converters_step_is_recognised(bits: int) -> None:
    mono = quantised(street(1.0, 16_000, rms_fs=0.05), bits)
    assert quantisation_step(mono) == 2.0 ** -(bits - 1)


def test_less_than_a_second_is_no_survey() -> None:
    surveyor = NoiseSurveyor(48_000)
    surveyor.observe(np.zeros(47_999, dtype=np.float32))
    with pytest.raises(ValueError, match="one second"):
        surveyor.figures()


@settings(max_examples=25, deadline=None)
@given(
    data=st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=1, max_size=40),
    rate_hz=st.sampled_from((8_000, 44_100)),
)
def test_whatever_is_heard_nothing_raises(data: list[float], rate_hz: int) -> None:
    figures = survey(np.resize(np.array(data), 2 * rate_hz), rate_hz)
    assert math.isfinite(figures.laeq_dbfs)
    assert all(finding.what for finding in check_site(figures, threshold_db=11.0, full_scale_db_spl=120.0))
