from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sensor.timing.holdover import Oscillator
from sensor.timing.settings import TimingSettings


def test_one_ppm_is_a_millisecond_in_seventeen_minutes() -> None:
    assert 0.99e6 < Oscillator(1.0, 0.0).sigma_ns(1000.0) < 1.01e6


@given(st.floats(0.0, 1e6), st.floats(0.0, 1e6))
def test_sigma_never_shrinks(first_s: float, more_s: float) -> None:
    oscillator = Oscillator.of(TimingSettings())
    assert oscillator.sigma_ns(first_s + more_s) >= oscillator.sigma_ns(first_s)


def test_temperature_and_rate_errors_are_covered_at_every_age() -> None:
    """Rates drawn from the model, temperature a daily sinusoid of random phase: never under 68 / 95 %."""
    rng = np.random.default_rng(3)
    oscillator = Oscillator(rate_ppm=0.5, daily_ppm=1.0)
    day_s = 86_400.0
    for age_s in (60.0, 600.0, 3600.0, 6 * 3600.0, day_s, 3 * day_s):
        rate = rng.normal(0.0, 0.5, 4000)
        amplitude = rng.normal(0.0, 1.0, 4000) * np.sqrt(2.0)
        phase = rng.uniform(0.0, 2 * np.pi, 4000)
        turn = 2 * np.pi / day_s
        swing = (np.cos(phase) - np.cos(turn * age_s + phase)) / turn - np.sin(phase) * age_s
        error_ns = 1e3 * (rate * age_s + amplitude * swing)
        z = np.abs(error_ns) / oscillator.sigma_ns(age_s)
        assert np.mean(z < 1.0) > 0.65
        assert np.mean(z < 2.0) > 0.93
