"""Pascal to samples: level, rail, noise and steps."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.sim.microphone import Microphone, MicrophoneChannel, noise_rms_pa
from sensor.sim.spectra import a_weighting_db, rfft_grid_hz

RATE_HZ = 48_000
PLAIN = Microphone(noise_dba=-20.0, low_hz=0.0, high_hz=100_000.0, bits=24)


def record(microphone: Microphone, pressure: np.ndarray) -> np.ndarray:
    return MicrophoneChannel(microphone, RATE_HZ, np.random.default_rng(1)).record(pressure)


def tone(level_db_spl: float) -> np.ndarray:
    """A second of 1 kHz; the level is that of its RMS."""
    peak_pa = math.sqrt(2.0) * 20e-6 * 10.0 ** (level_db_spl / 20.0)
    return peak_pa * np.sin(2.0 * np.pi * 1000.0 * np.arange(RATE_HZ) / RATE_HZ)


def test_a_94_db_tone_reads_26_db_below_a_full_scale_of_120_db() -> None:
    level_dbfs = 20.0 * math.log10(float(np.std(record(PLAIN, tone(94.0)))))
    assert level_dbfs == pytest.approx(-26.0, abs=0.01)


def test_what_exceeds_the_rail_is_cut_there() -> None:
    samples = record(PLAIN, tone(130.0))
    assert samples.max() == pytest.approx(1.0, abs=1e-6)
    assert samples.min() == -1.0
    assert np.mean(np.abs(samples) > 0.999) > 0.5


def test_gain_moves_the_rail() -> None:
    louder = Microphone(noise_dba=-20.0, low_hz=0.0, gain_db=20.0)
    assert np.std(record(louder, tone(60.0))) == pytest.approx(
        10.0 * np.std(record(Microphone(noise_dba=-20.0, low_hz=0.0), tone(60.0))), rel=0.01
    )


def test_self_noise_measures_as_its_data_sheet_says() -> None:
    samples = record(
        Microphone(full_scale_db_spl=90.0, noise_dba=30.0, low_hz=0.0, bits=24), np.zeros(4 * RATE_HZ)
    )
    power = 2.0 * np.abs(np.fft.rfft(samples)) ** 2 / samples.size**2
    weights = 10.0 ** (a_weighting_db(rfft_grid_hz(samples.size, RATE_HZ)) / 10.0)
    assert 90.0 + 10.0 * math.log10(float(np.sum(power * weights))) == pytest.approx(30.0, abs=0.6)


@pytest.mark.parametrize(("low_hz", "high_hz"), [(300.0, 5000.0), (0.0, 1e6)])
def test_the_noise_told_for_a_band_is_what_is_recorded_there(low_hz: float, high_hz: float) -> None:
    microphone = Microphone(full_scale_db_spl=90.0, noise_dba=30.0, low_hz=0.0, bits=24)
    samples = record(microphone, np.zeros(4 * RATE_HZ))
    frequency_hz = rfft_grid_hz(samples.size, RATE_HZ)
    inside = (frequency_hz >= low_hz) & (frequency_hz <= high_hz)
    power = 2.0 * np.abs(np.fft.rfft(samples)[inside]) ** 2 / samples.size**2
    measured_pa = microphone.rail_pa * math.sqrt(float(np.sum(power)))
    assert noise_rms_pa(microphone, RATE_HZ, low_hz, high_hz) == pytest.approx(measured_pa, rel=0.02)


def test_samples_sit_on_the_converters_steps() -> None:
    samples = record(Microphone(bits=8, low_hz=0.0), tone(110.0))
    assert np.array_equal(samples * 128.0, np.rint(samples * 128.0))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 5000), max_size=6))
def test_stretches_of_any_length_give_the_same_samples(cuts: list[int]) -> None:
    pressure = 0.1 * np.random.default_rng(3).standard_normal(6000)
    edges = [0, *sorted(min(cut, 6000) for cut in cuts), 6000]
    channel = MicrophoneChannel(Microphone(), RATE_HZ, np.random.default_rng(1))
    pieces = [channel.record(pressure[a:b]) for a, b in pairwise(edges)]
    assert np.array_equal(np.concatenate(pieces), record(Microphone(), pressure))
