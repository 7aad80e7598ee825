"""Rise, duration and clipping against signals whose figures are known."""

from __future__ import annotations

import numpy as np
import pytest

from sensor.classify import measures

RATE_HZ = 48_000.0


def test_rise_of_a_ramp_is_eight_tenths_of_it() -> None:
    ramp_s = 0.010
    time = np.arange(round(0.3 * RATE_HZ)) / RATE_HZ - 0.1
    clip = np.clip(time / ramp_s, 0.0, 1.0) * np.where(np.arange(time.size) % 2, 1.0, -1.0)
    assert measures.rise_s(clip, RATE_HZ, 0.1 * RATE_HZ) == pytest.approx(0.8 * ramp_s, abs=0.0003)


def test_rise_of_a_step_is_the_envelope_window_at_most() -> None:
    clip = np.zeros(round(0.3 * RATE_HZ))
    clip[4800:] = np.exp(-np.arange(clip.size - 4800) / 500.0)
    assert measures.rise_s(clip, RATE_HZ, 4800.0) < 0.0004


def test_duration_of_a_decay_is_between_its_ten_and_ninety_percent_energy_times() -> None:
    time = np.arange(round(0.24 * RATE_HZ)) / RATE_HZ
    decay_s = 0.02
    clip = np.concatenate([np.zeros(4800), np.exp(-time / decay_s)])
    expected = decay_s / 2.0 * np.log(0.9 / 0.1)
    assert measures.duration_s(clip, RATE_HZ, 4800.0) == pytest.approx(expected, rel=0.06)


def test_clip_fraction_counts_the_rail_whatever_the_gain() -> None:
    time = np.arange(round(0.05 * RATE_HZ)) / RATE_HZ
    sine = np.clip(2.0 * np.sin(2.0 * np.pi * 200.0 * time), -1.0, 1.0)
    clip = np.concatenate([np.zeros(4800), sine, np.zeros(2400)])
    expected = (2.0 / 3.0) * (0.05 / 0.052)
    for gain in (1e-4, 1.0, 1e4):
        assert measures.clip_fraction(gain * clip, RATE_HZ, 4800.0) == pytest.approx(expected, abs=0.03)


def test_a_peak_alone_is_no_clipping() -> None:
    time = np.arange(round(0.3 * RATE_HZ)) / RATE_HZ
    clip = np.sin(2.0 * np.pi * 3000.0 * time) * np.exp(-np.abs(time - 0.1) / 0.003)
    assert measures.clip_fraction(clip, RATE_HZ, 4800.0) == 0.0


def hum_of_a_blast(rate_hz: float, frequency_hz: float) -> np.ndarray:
    """A smooth pressure wave: at high rates many samples lie near its peak."""
    time = np.arange(round(0.3 * rate_hz)) / rate_hz - 0.1
    wave = np.exp(-np.maximum(time, 0.0) / 0.01) * np.sin(2.0 * np.pi * frequency_hz * time)
    return np.where(time >= 0.0, wave, 0.0)


@pytest.mark.parametrize("rate_hz", [12_000.0, 48_000.0, 96_000.0, 192_000.0])
@pytest.mark.parametrize("frequency_hz", [50.0, 150.0, 440.0, 800.0])
def test_a_smooth_peak_is_no_clipping_at_any_rate(rate_hz: float, frequency_hz: float) -> None:
    clip = hum_of_a_blast(rate_hz, frequency_hz)
    assert measures.clip_fraction(clip, rate_hz, 0.1 * rate_hz) == 0.0
    steady = np.sin(2.0 * np.pi * frequency_hz * np.arange(clip.size) / rate_hz)
    assert measures.clip_fraction(steady, rate_hz, 0.1 * rate_hz) == 0.0


@pytest.mark.parametrize("rate_hz", [12_000.0, 48_000.0, 96_000.0])
@pytest.mark.parametrize("over_db", [0.7, 3.0, 20.0])
def test_a_decibel_over_the_rail_is_clipping(rate_hz: float, over_db: float) -> None:
    clip = np.clip(hum_of_a_blast(rate_hz, 150.0), *(np.array([-0.77, 0.77]) / 10.0 ** (over_db / 20.0)))
    assert measures.clip_fraction(clip, rate_hz, 0.1 * rate_hz) > 0.005


@pytest.mark.parametrize("offset", [0.05, -0.3])
def test_an_offset_changes_no_figure(offset: float) -> None:
    rng = np.random.default_rng(5)
    clip = np.clip(2.0 * hum_of_a_blast(RATE_HZ, 700.0) + 0.001 * rng.standard_normal(14_400), -1.0, 0.9)
    for measure in (measures.rise_s, measures.duration_s, measures.clip_fraction):
        want = measure(clip, RATE_HZ, 4800.0)
        assert measure(clip + offset, RATE_HZ, 4800.0) == pytest.approx(want, rel=0.02)
        assert want > 0.0


def test_either_rail_counts() -> None:
    """The input's offset brings one nearer than the other."""
    both = np.clip(hum_of_a_blast(RATE_HZ, 150.0), -0.5, 0.4)
    upper = np.clip(hum_of_a_blast(RATE_HZ, 150.0), -2.0, 0.4)
    fraction = [measures.clip_fraction(clip, RATE_HZ, 4800.0) for clip in (both, upper)]
    assert fraction[0] > fraction[1] > 0.0


@pytest.mark.parametrize("clip", [np.zeros(0), np.zeros(1), np.ones(1), np.zeros(4000), np.full(100, np.nan)])
def test_rubbish_gives_finite_figures(clip: np.ndarray) -> None:
    for measure in (measures.rise_s, measures.duration_s, measures.clip_fraction):
        value = measure(clip, RATE_HZ, 0.0)
        assert np.isfinite(value)
        assert value >= 0.0
