"""Channels keep the time of the first arrival, tell nothing of the class, and follow their physics."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sensor.classify.training.channels import Channel

RATE_HZ = 24_000.0
PLAIN = replace(
    Channel.draw(np.random.default_rng(0), RATE_HZ),
    distance_m=0.0,
    low_pass_hz=np.inf,
    reverb_s=0.0,
    high_pass_hz=0.0,
    resonance_db=0.0,
    tilt_db_per_octave=0.0,
    peak_to_noise_db=np.inf,
    over_db=-6.0,
    rate_hz=RATE_HZ,
    vorbis_quality=-1.0,
    gain_db=0.0,
)


def click(at_s: float = 0.5, seconds: float = 1.0) -> np.ndarray:
    wave = np.zeros(round(seconds * RATE_HZ))
    wave[round(at_s * RATE_HZ)] = 1.0
    return wave


def test_the_same_channel_gives_the_same_samples() -> None:
    channel = Channel.draw(np.random.default_rng(4), RATE_HZ)
    noise = np.random.default_rng(5).standard_normal(5000)
    assert np.array_equal(channel.apply(click(), RATE_HZ, noise), channel.apply(click(), RATE_HZ, noise))


@pytest.mark.parametrize("rate_hz", [8000.0, 12_000.0, 22_050.0, 24_000.0])
def test_the_first_arrival_keeps_its_time(rate_hz: float) -> None:
    far = replace(
        PLAIN, distance_m=600.0, low_pass_hz=800.0, high_pass_hz=100.0, resonance_db=8.0, rate_hz=rate_hz
    )
    out = np.abs(far.apply(click(), RATE_HZ, None))
    first = int(np.flatnonzero(out > 0.3 * out.max())[0])
    assert first / rate_hz == pytest.approx(0.5, abs=0.0006)


def test_reverberation_comes_after_and_decays() -> None:
    out = replace(PLAIN, reverb_s=0.5, direct_to_reverb_db=-3.0).apply(click(0.2, 1.2), RATE_HZ, None)
    energy = np.add.reduceat(out**2, np.arange(0, out.size, 2400))
    assert energy[:2].sum() < 1e-6 * energy.sum()
    assert energy[3] > 10.0 * energy[8] > 0.0


def test_the_rail_holds_and_is_reached() -> None:
    wave = np.sin(np.arange(24_000) / 9.0)
    out = replace(PLAIN, over_db=12.0, clip_after_resampling=True).apply(wave, RATE_HZ, None)
    assert np.abs(out).max() == 1.0
    assert (np.abs(out) == 1.0).mean() > 0.5


def test_noise_stands_where_the_channel_says() -> None:
    noise = np.random.default_rng(1).standard_normal(9000)
    out = replace(PLAIN, peak_to_noise_db=20.0).apply(click(), RATE_HZ, noise)
    peak_db = 20.0 * np.log10(np.abs(out).max() / out[:9000].std())
    assert peak_db == pytest.approx(20.0, abs=1.0)


def test_lossy_coding_keeps_length_and_sound() -> None:
    wave = 0.5 * np.sin(np.arange(48_000) * (2.0 * np.pi * 700.0 / RATE_HZ))
    out = replace(PLAIN, vorbis_quality=0.5).apply(wave, RATE_HZ, None)
    assert out.size == wave.size
    assert np.corrcoef(out[4000:-4000], wave[4000:-4000])[0, 1] > 0.99
