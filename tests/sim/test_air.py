"""Absorption, speed and travel times against published values and first principles."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.sim.air import Air
from sensor.sim.blasts import friedlander
from sensor.sim.spectra import rfft_grid_hz

FREQUENCY_HZ = np.array([250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0])

# ISO 9613-1:1993 tables, dB per 100 m, by temperature (°C) and relative humidity (%).
TABLE = {
    (0.0, 50.0): (0.08, 0.21, 0.68, 2.39, 7.15, 14.8),
    (20.0, 50.0): (0.13, 0.27, 0.47, 0.99, 2.97, 10.5),
    (20.0, 20.0): (0.14, 0.26, 0.65, 2.16, 7.47, 21.7),
}


@pytest.mark.parametrize(("weather", "expected"), TABLE.items())
def test_absorption_equals_the_tables_of_iso_9613(
    weather: tuple[float, float], expected: tuple[float, ...]
) -> None:
    air = Air(temperature_c=weather[0], humidity_percent=weather[1])
    assert 100.0 * air.absorption_db_m(FREQUENCY_HZ) == pytest.approx(expected, abs=0.05)


@given(st.floats(-20.0, 45.0), st.floats(5.0, 100.0), st.floats(1.0, 2000.0))
def test_air_only_ever_takes_energy(temperature_c: float, humidity: float, distance_m: float) -> None:
    air = Air(temperature_c=temperature_c, humidity_percent=humidity)
    response = np.exp(-distance_m * air.propagation_np_m(np.linspace(0.0, 24_000.0, 200)))
    assert np.all(np.abs(response) <= 1.0)


def test_phase_velocity_at_2_khz_is_the_speed_of_sound() -> None:
    """The dispersion that goes with the absorption is referred to the band where shots have their energy."""
    air = Air(temperature_c=20.0, humidity_percent=50.0)
    late_s = air.propagation_np_m(np.array([2000.0])).imag[0] / (2.0 * math.pi * 2000.0)
    assert abs(late_s) * 1000.0 < 20e-6  # over a kilometre less than the pick of the best sensor


def test_a_blast_loses_peak_and_gains_rise_with_distance() -> None:
    """An independent minimum-phase computation gave -2.7, -5.2, -7.4 dB at 100, 400, 800 m for T+ 0.5 ms."""
    rate_hz, count = 192_000.0, 1 << 14
    air = Air(temperature_c=20.0, humidity_percent=50.0)
    blast = np.fft.rfft(friedlander(rate_hz, 1.0, 0.5e-3), count)
    per_metre = air.propagation_np_m(rfft_grid_hz(count, rate_hz))
    losses_db = [
        -20.0 * math.log10(np.max(np.fft.irfft(blast * np.exp(-distance_m * per_metre))))
        for distance_m in (100.0, 400.0, 800.0)
    ]
    assert losses_db == sorted(losses_db)
    assert losses_db == pytest.approx([2.7, 5.2, 7.4], abs=1.2)


def test_wind_along_the_path_is_added_to_the_speed_of_sound() -> None:
    air = Air(temperature_c=0.0, wind_east_ms=10.0)
    origin, east, north = np.zeros(3), np.array([331.3, 0.0, 0.0]), np.array([0.0, 331.3, 0.0])
    assert air.travel_time_s(origin, east) == pytest.approx(331.3 / 341.3)
    assert air.travel_time_s(east, origin) == pytest.approx(331.3 / 321.3)
    assert air.travel_time_s(origin, north) == pytest.approx(1.0)
    assert air.travel_time_s(origin, origin) == 0.0
