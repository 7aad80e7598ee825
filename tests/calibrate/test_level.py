"""The level of full scale: right to a few hundredths of a dB, or refused in words."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from sensor.calibrate.findings import Verdict
from sensor.calibrate.level import Calibrator, LevelMeasurement, check_linearity, measure_level
from sensor.physics import db_from_ratio, spl_db_from_dbfs
from tests.support.calibration_signals import Floats, calibrator_tone, gain_controlled, quantised

PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""Without shrinking: an example takes a second."""
RATES_HZ = (8_000, 11_025, 16_000, 44_100, 48_000, 192_000)


def measure(mono: Floats, rate_hz: float = 16_000, **claims: Any) -> LevelMeasurement:
    return measure_level(mono[None, :].astype(np.float32), rate_hz, Calibrator(**claims))


def codes(measured: LevelMeasurement, verdict: Verdict = Verdict.FAIL) -> set[str]:
    return {finding.code for finding in measured.findings if finding.verdict is verdict}


def sine_dbfs(amplitude_fs: float) -> float:
    return db_from_ratio(amplitude_fs / math.sqrt(2.0))


def test_0_dbfs_is_an_rms_of_one_a_full_scale_square_wave() -> None:
    """A full-scale sine at 94 dB: full scale is 3.01 dB above it; its square wave would be 97.01 dB."""
    measured = measure(calibrator_tone(amplitude_fs=0.999))
    assert measured.tone_dbfs == pytest.approx(-3.01, abs=0.02)
    assert measured.full_scale_db_spl is not None
    assert measured.full_scale_db_spl == pytest.approx(94.0 + 3.01, abs=0.02)
    square = np.sign(np.sin(np.linspace(0.1, 600.0, 48_000)))
    square_dbfs = db_from_ratio(float(np.sqrt(np.mean(square**2))))
    assert square_dbfs == 0.0
    assert spl_db_from_dbfs(square_dbfs, measured.full_scale_db_spl) == pytest.approx(97.01, abs=0.02)


@settings(max_examples=12, deadline=None, phases=PHASES)
@given(
    rate_hz=st.sampled_from(RATES_HZ),
    tone_dbfs=st.floats(-60.0, -3.2),
    off=st.floats(-0.009, 0.009),
    snr_db=st.floats(36.0, 90.0),
    level=st.sampled_from((94.0, 104.0, 114.0)),
    bits=st.sampled_from((16, 24)),
)
def test_any_clean_tone_is_measured_to_three_hundredths(
    rate_hz: int, tone_dbfs: float, off: float, snr_db: float, level: float, bits: int
) -> None:
    amplitude_fs = math.sqrt(2.0) * 10.0 ** (tone_dbfs / 20.0)
    frequency_hz = 1000.0 * (1.0 + off)
    mono = calibrator_tone(
        rate_hz=rate_hz,
        frequency_hz=frequency_hz,
        amplitude_fs=amplitude_fs,
        noise_fs=10.0 ** ((tone_dbfs - snr_db) / 20.0),
    )
    measured = measure(quantised(mono, bits), rate_hz, level_db_spl=level)
    assert codes(measured) == set(), measured.findings
    assert measured.full_scale_db_spl == pytest.approx(level - tone_dbfs, abs=0.03)
    assert measured.frequency_hz == pytest.approx(frequency_hz, abs=0.01)
    assert measured.sigma_db is not None
    assert measured.sigma_db >= math.hypot(0.4 / math.sqrt(3.0), 0.5), "no better than calibrator and coupler"


def test_a_recording_of_the_tone_alone_gives_the_figure_with_a_reservation() -> None:
    measured = measure(calibrator_tone(quiet_s=0.0, tail_s=0.0))
    assert measured.verdict is Verdict.WARN
    assert codes(measured, Verdict.WARN) == {"gain_control_unseen"}
    assert measured.full_scale_db_spl == pytest.approx(94.0 - sine_dbfs(0.1), abs=0.01)


@pytest.mark.parametrize("frequency_hz", [250.0, 440.0, 950.0, 985.0, 1012.0, 1100.0, 3150.0])
def test_a_wrong_frequency_is_refused_and_named(frequency_hz: float) -> None:
    measured = measure(calibrator_tone(frequency_hz=frequency_hz))
    assert codes(measured) == {"wrong_frequency"}
    assert f"{frequency_hz:.1f} Hz" in measured.findings[0].what


def test_the_wider_tolerance_of_class_2_and_other_frequencies_are_taken_at_their_word() -> None:
    assert measure(calibrator_tone(frequency_hz=1015.0), grade=2).verdict is Verdict.PASS
    pistonphone = measure(calibrator_tone(frequency_hz=250.3), frequency_hz=250.0, level_db_spl=124.0)
    assert pistonphone.verdict is Verdict.PASS
    assert pistonphone.full_scale_db_spl == pytest.approx(124.0 - sine_dbfs(0.1), abs=0.02)


@pytest.mark.parametrize(("rate_hz", "over"), [(8_000, 1.02), (48_000, 1.02), (48_000, 20.0), (192_000, 1.5)])
def test_clipping_at_full_scale_is_refused(rate_hz: int, over: float) -> None:
    tone = calibrator_tone(rate_hz=rate_hz, frequency_hz=1003.0, amplitude_fs=over, tone_s=6.0)
    assert "clipping" in codes(measure(quantised(tone), rate_hz))


@pytest.mark.parametrize("rail_fs", [0.05, 0.5, 0.9])
def test_clipping_before_the_converter_is_refused(rail_fs: float) -> None:
    tone = np.clip(calibrator_tone(amplitude_fs=1.3 * rail_fs, noise_fs=1e-5), -rail_fs, rail_fs)
    assert "clipping" in codes(measure(quantised(tone)))


def test_a_hard_overload_hidden_under_noise_shows_as_distortion() -> None:
    tone = np.clip(calibrator_tone(amplitude_fs=0.8, noise_fs=1e-5), -0.4, 0.4)
    noisy = tone + 0.002 * np.random.default_rng(2).standard_normal(tone.size)
    assert codes(measure(quantised(noisy))) & {"distortion", "clipping"}


@pytest.mark.parametrize("attack_s", [0.02, 0.1, 0.5, 2.0, 5.0])
@pytest.mark.parametrize("excess_db", [3.0, 12.0])
def test_gain_control_is_refused(attack_s: float, excess_db: float) -> None:
    tone = calibrator_tone(amplitude_fs=0.2, tone_s=10.0, tail_s=4.0, ramp_s=0.05)
    target_fs = 10.0 ** ((sine_dbfs(0.2) - excess_db) / 20.0)
    heard = gain_controlled(tone, 16_000, target_fs=target_fs, attack_s=attack_s, release_s=1.0)
    assert "gain_control" in codes(measure(quantised(heard)))


@settings(max_examples=10, deadline=None, phases=PHASES)
@given(ramp_s=st.floats(0.0, 0.9), quiet_s=st.floats(0.3, 3.0), seed=st.integers(0, 99))
def test_a_calibrator_that_ramps_up_is_not_taken_for_gain_control(
    ramp_s: float, quiet_s: float, seed: int
) -> None:
    tone = calibrator_tone(ramp_s=max(ramp_s, 1e-3), quiet_s=quiet_s, noise_fs=1e-3, seed=seed)
    assert measure(quantised(tone)).verdict is Verdict.PASS


def test_two_levels_prove_that_there_is_no_gain_control() -> None:
    low = measure(calibrator_tone(amplitude_fs=0.05), level_db_spl=94.0)
    high = measure(calibrator_tone(amplitude_fs=0.5), level_db_spl=114.0)
    assert check_linearity(low, high) == []


@pytest.mark.parametrize(
    ("high_fs", "verdict"), [(0.5 * 0.94, Verdict.WARN), (0.5 * 0.8, Verdict.FAIL), (0.06, Verdict.FAIL)]
)
def test_two_levels_uncover_compression_that_one_cannot_show(high_fs: float, verdict: Verdict) -> None:
    low = measure(calibrator_tone(amplitude_fs=0.05), level_db_spl=94.0)
    high = measure(calibrator_tone(amplitude_fs=high_fs), level_db_spl=114.0)
    assert low.verdict is high.verdict is Verdict.PASS, "each alone looks sound"
    assert [finding.verdict for finding in check_linearity(low, high)] == [verdict]


@pytest.mark.parametrize(("amplitude_fs", "verdict"), [(0.003, Verdict.WARN), (0.02, Verdict.FAIL)])
@pytest.mark.parametrize("mains_hz", [50.0, 60.0])
def test_hum_is_named(amplitude_fs: float, verdict: Verdict, mains_hz: float) -> None:
    tone = calibrator_tone(noise_fs=1e-5)
    tone += amplitude_fs * np.sin(2.0 * math.pi * mains_hz * np.arange(tone.size) / 16_000)
    measured = measure(tone)
    assert "hum" in codes(measured, verdict)
    assert measured.purity is not None
    assert measured.purity.mains_hz == mains_hz
    assert measured.full_scale_db_spl == pytest.approx(94.0 - sine_dbfs(0.1), abs=0.05), (
        "yet it is fitted out"
    )


@pytest.mark.parametrize(
    ("snr_db", "verdict", "code"),
    [(24.0, Verdict.WARN, "noisy"), (10.0, Verdict.FAIL, "noisy"), (-10.0, Verdict.FAIL, "no_tone")],
)
def test_noise_is_named(snr_db: float, verdict: Verdict, code: str) -> None:
    noise_fs = 10.0 ** ((sine_dbfs(0.02) - snr_db) / 20.0)
    assert code in codes(measure(calibrator_tone(amplitude_fs=0.02, noise_fs=noise_fs)), verdict)


def test_no_tone_at_all_is_refused() -> None:
    assert codes(measure(calibrator_tone(amplitude_fs=0.0))) == {"no_tone"}


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.9, 1.0, 3.0])
def test_too_short_a_tone_is_refused(seconds: float) -> None:
    tone = calibrator_tone(quiet_s=0.0, tail_s=0.0, tone_s=seconds)
    assert "too_short" in codes(measure(tone))
    later = calibrator_tone(tone_s=max(seconds, 0.7))
    assert "too_short" in codes(measure(later))


def test_a_loose_seat_is_refused_and_a_small_one_is_mentioned() -> None:
    for factor, verdict in ((0.9, Verdict.FAIL), (0.96, Verdict.WARN)):
        tone = calibrator_tone()
        tone[6 * 16_000 : 7 * 16_000] *= factor
        assert "unstable" in codes(measure(tone), verdict)


@pytest.mark.parametrize("drift_db", [-1.0, 1.0])
def test_a_steady_drift_is_refused(drift_db: float) -> None:
    tone = calibrator_tone(tone_s=10.0)
    tone *= 10.0 ** (drift_db / 20.0 * np.linspace(0.0, 1.0, tone.size))
    assert "gain_control" in codes(measure(tone))


def test_the_wrong_channel_is_named() -> None:
    both = np.stack([calibrator_tone(amplitude_fs=0.001), calibrator_tone()])
    deaf = np.stack([calibrator_tone(amplitude_fs=0.0), calibrator_tone()])
    for samples in (both, deaf):
        measured = measure_level(samples, 16_000, Calibrator(), channel=0)
        assert "wrong_channel" in codes(measured)
        assert any("--channel 1" in finding.remedy for finding in measured.findings)
        assert measure_level(samples, 16_000, Calibrator(), channel=1).verdict is Verdict.PASS


def test_lost_samples_are_noticed() -> None:
    tone = calibrator_tone(noise_fs=1e-5)
    cut = np.delete(tone, slice(100_000, 100_011))
    assert codes(measure(cut), Verdict.WARN) >= {"lost_samples"}


@pytest.mark.parametrize(
    ("mono", "code"),
    [
        (np.zeros(160_000), "silence"),
        (np.full(160_000, np.nan), "not_finite"),
        (np.full(160_000, 0.3), "no_tone"),
    ],
)
def test_rubbish_is_refused(mono: Floats, code: str) -> None:
    assert codes(measure(mono)) == {code}


def test_a_constant_part_costs_nothing_but_a_remark() -> None:
    measured = measure(calibrator_tone() + 0.1)
    assert codes(measured, Verdict.WARN) == {"dc"}
    assert measured.full_scale_db_spl == pytest.approx(94.0 - sine_dbfs(0.1), abs=0.01)


def test_an_implausible_figure_is_questioned() -> None:
    assert "implausible" in codes(measure(calibrator_tone(amplitude_fs=2e-4, noise_fs=1e-7)), Verdict.WARN)
    assert "implausible" in codes(measure(calibrator_tone(), level_db_spl=40.0), Verdict.WARN)


@settings(max_examples=30, deadline=None, phases=PHASES)
@given(
    data=st.lists(st.floats(-1.0, 1.0, width=32), min_size=1, max_size=50),
    repeat=st.integers(1, 2000),
    rate_hz=st.sampled_from(RATES_HZ),
)
def test_whatever_is_recorded_nothing_raises(data: list[float], repeat: int, rate_hz: int) -> None:
    measured = measure(np.tile(np.array(data), repeat), rate_hz)
    assert measured.verdict in set(Verdict)
    assert all(finding.what and finding.remedy for finding in measured.findings)
