"""One path: when, how loud and with which echoes a sound arrives."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sensor.sim.air import Air
from sensor.sim.blasts import friedlander
from sensor.sim.propagate import (
    Path,
    diffraction_response,
    directivity_db,
    ground_response,
    oversampling,
    weak_shock_gain,
)
from sensor.sim.reverberation import Surroundings
from sensor.sim.spectra import Pressure, rfft_grid_hz

DRY = Surroundings(near_echo_db=-60.0, reverberation_db=-60.0, echoes_per_s=0.0, ground_reflection=0.0)


def carried(
    distance_m: float,
    arrival: float = 5000.0,
    rate_hz: int = 48_000,
    surroundings: Surroundings = DRY,
    seed: int = 1,
) -> tuple[Path, Pressure]:
    """A 1 Pa blast at ``distance_m``, in a buffer of the node's samples from 0 on."""
    path = Path(
        np.random.default_rng(seed),
        rate_hz,
        np.array([0.0, distance_m, 2.0]),
        np.array([0.0, 0.0, 2.0]),
        Air(),
        surroundings,
        0.02,
    )
    sound = path.carry(friedlander(rate_hz * oversampling(rate_hz), 1.0, 0.4e-3), arrival)
    buffer = np.zeros(sound.first + sound.pressure_pa.size)
    buffer[sound.first :] = sound.pressure_pa
    return path, buffer


def arrival_of(buffer: Pressure, rate_hz: int, distance_m: float) -> float:
    """Sample at which the blast arrived: the delay that turns its closed-form spectrum into the buffer's.

    ``i w / (1/T + i w)²`` times the air; 300 to 2500 Hz, weighted by energy.
    """
    frequency_hz = rfft_grid_hz(buffer.size, rate_hz)
    inside = (frequency_hz > 300.0) & (frequency_hz < 2500.0)
    omega = 2j * np.pi * frequency_hz[inside]
    exact = (
        omega
        / (1.0 / 0.4e-3 + omega) ** 2
        * np.exp(-distance_m * Air().propagation_np_m(frequency_hz[inside]))
    )
    coarse = float(np.argmax(buffer))
    turn = np.fft.rfft(buffer)[inside] / exact * np.exp(omega * coarse / rate_hz)
    late_s = -np.angle(turn) / omega.imag
    weights = np.abs(exact) ** 2
    return coarse + rate_hz * float(np.sum(late_s * weights) / np.sum(weights))


def test_peak_falls_as_one_over_r_and_by_absorption_alone() -> None:
    near, far = (np.max(carried(distance_m)[1]) for distance_m in (50.0, 100.0))
    assert 6.0 < 20.0 * math.log10(near / far) < 7.5


@pytest.mark.parametrize("rate_hz", [8000, 12_000, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("fraction", [0.0, 0.37])
def test_the_front_arrives_within_a_microsecond_at_every_rate(rate_hz: int, fraction: float) -> None:
    arrival = 0.1 * rate_hz + fraction
    found = arrival_of(carried(100.0, arrival, rate_hz)[1], rate_hz, 100.0)
    assert (found - arrival) / rate_hz == pytest.approx(0.0, abs=1e-6)


def test_nothing_precedes_the_first_arrival_but_the_converters_ringing() -> None:
    _, buffer = carried(200.0, 5000.0, surroundings=Surroundings(detour_m=2.0, reverberation_db=-10.0))
    assert np.max(np.abs(buffer[:4900])) < 1e-3 * np.max(np.abs(buffer))


def test_what_blocks_the_view_damps_after_maekawa_and_delays_by_the_detour() -> None:
    frequency_hz = np.linspace(0.0, 24_000.0, 4097)
    response = diffraction_response(frequency_hz, 2.0, 340.0)
    at_1k = np.argmin(np.abs(frequency_hz - 1000.0))
    fresnel = 2.0 * frequency_hz[at_1k] * 2.0 / 340.0
    assert -20.0 * math.log10(abs(response[at_1k])) == pytest.approx(
        10.0 * math.log10(3.0 + 20.0 * fresnel), abs=0.1
    )
    clear, _ = carried(100.0)
    blocked, _ = carried(100.0, surroundings=Surroundings(detour_m=2.0))
    assert blocked.travel_s - clear.travel_s == pytest.approx(2.0 / Air().sound_speed_m_s)


def test_the_ground_doubles_low_notes_and_cancels_where_half_a_wave_fits() -> None:
    """1.5 m and 6 m high, 200 m apart: 2 h h / (r c) = 0.26 ms, so the first dip is near 1.9 kHz."""
    frequency_hz = np.linspace(0.0, 4000.0, 801)
    source, sensor = np.array([0.0, 200.0, 1.5]), np.array([0.0, 0.0, 6.0])
    level = np.abs(ground_response(frequency_hz, source, sensor, 1.0, 340.0))
    assert level[0] == pytest.approx(2.0, abs=0.01)
    assert frequency_hz[np.argmin(level)] == pytest.approx(1900.0, rel=0.05)


def test_reverberation_has_the_energy_it_was_given_and_dies_as_told() -> None:
    """Without walls' losses at low notes: total -10 dB of the free-field arrival, slope 60 dB a second."""
    surroundings = Surroundings(
        near_echo_db=-60.0, reverberation_db=-10.0, reverberation_time_s=1.0, ground_reflection=0.0
    )
    levels, slopes = [], []
    for seed in range(8):
        buffer = carried(30.0, 5000.0, surroundings=surroundings, seed=seed)[1]
        direct = float(np.sum(buffer[4900:5200] ** 2))
        tail = buffer[5300:]
        levels.append(10.0 * math.log10(float(np.sum(tail**2)) / direct))
        early, late = (float(np.sum(buffer[a : a + 9600] ** 2)) for a in (9800, 29_000))
        slopes.append(10.0 * math.log10(early / late) / 0.4)
    assert np.median(levels) == pytest.approx(-12.0, abs=3.0)  # the walls take the highs
    assert np.median(slopes) == pytest.approx(
        65.0, abs=12.0
    )  # a little more than the walls' 60: the way in air


def test_the_same_place_has_the_same_echoes() -> None:
    one = carried(80.0, surroundings=Surroundings(), seed=3)[1]
    assert np.array_equal(one, carried(80.0, surroundings=Surroundings(), seed=3)[1])
    assert not np.allclose(one, carried(80.0, surroundings=Surroundings(), seed=4)[1])


def test_a_shock_front_loses_a_little_more_than_one_over_r() -> None:
    """Fansler: between 1 m and 400 m 1.6 dB beyond spherical spreading."""
    assert 20.0 * math.log10(weak_shock_gain(400.0)) == pytest.approx(-1.6, abs=0.2)
    assert weak_shock_gain(1.0) == 1.0


def test_pistols_are_loudest_ahead() -> None:
    ahead, side, behind = (directivity_db(8.0, -8.0, math.radians(angle)) for angle in (0.0, 90.0, 180.0))
    assert (ahead, side, behind) == pytest.approx((8.0, 0.0, -8.0), abs=1e-9)
