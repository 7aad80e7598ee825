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


@pytest.mark.parametrize("clip", [np.zeros(0), np.zeros(1), np.ones(1), np.zeros(4000), np.full(100, np.nan)])
def test_rubbish_gives_finite_figures(clip: np.ndarray) -> None:
    for measure in (measures.rise_s, measures.duration_s, measures.clip_fraction):
        value = measure(clip, RATE_HZ, 0.0)
        assert np.isfinite(value)
        assert value >= 0.0
