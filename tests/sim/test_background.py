"""The street between events: its level, its spectrum, and that any stretch of it can be had alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.sim.background import Background, Street
from sensor.sim.spectra import a_weighting_db, rfft_grid_hz

STEADY = Street(sway_db=0.0, passes_per_h=0.0, birds_per_h=0.0, hum_db=-20.0, wind_db=-20.0)


def level_dba(pressure: np.ndarray, rate_hz: int) -> float:
    power = 2.0 * np.abs(np.fft.rfft(pressure)) ** 2 / pressure.size**2
    weights = 10.0 ** (a_weighting_db(rfft_grid_hz(pressure.size, rate_hz)) / 10.0)
    return 10.0 * math.log10(float(np.sum(power * weights)) / 20e-6**2)


@pytest.mark.parametrize("rate_hz", [12_000, 48_000])
@pytest.mark.parametrize("wanted_dba", [45.0, 65.0])
def test_steady_traffic_has_the_level_it_was_given(rate_hz: int, wanted_dba: float) -> None:
    street = Street(**{**{name: getattr(STEADY, name) for name in STEADY.__slots__}, "level_dba": wanted_dba})
    pressure = Background(street, rate_hz, 1).pressure_pa(0, 10 * rate_hz)
    assert level_dba(pressure, rate_hz) == pytest.approx(wanted_dba, abs=0.4)


def test_traffic_has_the_normalised_spectrum_of_en_1793_3() -> None:
    """A-weighted third octaves re the total: -16 at 200 Hz, -8 at 1 kHz, -15 at 3150 Hz."""
    pressure = Background(STEADY, 48_000, 2).pressure_pa(0, 20 * 48_000)
    power = np.abs(np.fft.rfft(pressure)) ** 2
    frequency_hz = rfft_grid_hz(pressure.size, 48_000)
    power = power * 10.0 ** (a_weighting_db(frequency_hz) / 10.0)
    for centre_hz, expected_db in ((200.0, -16.0), (1000.0, -8.0), (3150.0, -15.0)):
        inside = np.abs(np.log2(frequency_hz[1:] / centre_hz)) < 1.0 / 6.0
        share_db = 10.0 * math.log10(float(power[1:][inside].sum() / power.sum()))
        assert share_db == pytest.approx(expected_db, abs=1.0)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 40_000), st.integers(1, 30_000))
def test_any_stretch_is_the_same_however_it_is_asked_for(first: int, count: int) -> None:
    street = Street(birds_per_h=3600.0, passes_per_h=600.0)
    whole = Background(street, 8000, 5).pressure_pa(0, 70_000)
    assert np.array_equal(Background(street, 8000, 5).pressure_pa(first, count), whole[first : first + count])


def test_a_passing_car_is_heard_and_goes_by() -> None:
    busy = Street(passes_per_h=60.0, pass_dba=75.0, sway_db=0.0, wind_db=-20.0, birds_per_h=0.0)
    pressure = Background(busy, 8000, 4).pressure_pa(0, 120 * 8000)
    levels = [level_dba(pressure[i : i + 8000], 8000) for i in range(0, pressure.size, 8000)]
    assert max(levels) > 66.0
    assert min(levels) < 60.0


def test_seeds_give_different_streets() -> None:
    one, other = (Background(Street(), 8000, seed).pressure_pa(0, 8000) for seed in (1, 2))
    assert abs(float(np.corrcoef(one, other)[0, 1])) < 0.5
