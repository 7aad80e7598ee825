"""Any rate comes out as the same wave, with the onset on the same sample."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from sensor.classify.common_rate import (
    BEFORE_S,
    COMMON_RATE_HZ,
    HIGH_BANDS_HZ,
    LENGTH,
    ONSET_INDEX,
    to_common_rate,
)

RATES_HZ = (8000.0, 12_000.0, 16_000.0, 22_050.0, 44_100.0, 48_000.0, 96_000.0, 192_000.0)


def tone_burst(rate_hz: float, onset_s: float, frequency_hz: float = 900.0) -> NDArray[np.float64]:
    """A tone that begins smoothly at ``onset_s`` and dies away; the same analogue sound at every rate."""
    time = np.arange(round(0.34 * rate_hz)) / rate_hz - onset_s
    envelope = np.where(time > 0.0, (time / 0.004) ** 3 * np.exp(-time / 0.012), 0.0)
    return envelope * np.sin(2.0 * np.pi * frequency_hz * time)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_the_same_sound_is_the_same_wave_at_every_rate(rate_hz: float) -> None:
    onset_s = 0.1003
    reference = to_common_rate(tone_burst(24_000.0, onset_s), 24_000.0, onset_s * 24_000.0).wave
    wave = to_common_rate(tone_burst(rate_hz, onset_s), rate_hz, onset_s * rate_hz).wave
    assert np.abs(wave - reference).max() < 0.01 * np.abs(reference).max()


@pytest.mark.parametrize("fraction", [0.0, 0.25, 0.5, 0.9])
def test_a_fractional_onset_lands_on_the_onset_sample(fraction: float) -> None:
    onset_s = BEFORE_S + fraction / 12_000.0
    wave = to_common_rate(tone_burst(12_000.0, onset_s), 12_000.0, onset_s * 12_000.0).wave
    expected = to_common_rate(tone_burst(12_000.0, BEFORE_S), 12_000.0, BEFORE_S * 12_000.0).wave
    assert wave == pytest.approx(expected, abs=0.01 * float(np.abs(expected).max()))


def test_what_lies_outside_a_short_clip_is_silence() -> None:
    clip = tone_burst(12_000.0, 0.02)[:1200]
    wave = to_common_rate(clip, 12_000.0, 0.02 * 12_000.0).wave
    assert wave.shape == (LENGTH,)
    before = wave[: ONSET_INDEX - round(0.025 * COMMON_RATE_HZ)]
    assert np.abs(before).max() < 1e-3 * np.abs(wave).max()


def test_the_high_bands_are_unknown_below_their_rate_and_hear_above_it() -> None:
    low = to_common_rate(tone_burst(8000.0, 0.1), 8000.0, 800.0)
    assert np.isnan(low.high).all()
    for band, frequency_hz in enumerate((3400.0, 4700.0)):
        heard = to_common_rate(tone_burst(16_000.0, 0.1, frequency_hz), 16_000.0, 1600.0).high.max(axis=1)
        assert heard.shape == (len(HIGH_BANDS_HZ),)
        assert heard[band] > 100.0 * heard[1 - band]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 50])
def test_a_clip_of_hardly_any_samples_gives_a_finite_wave(size: int) -> None:
    assert np.isfinite(to_common_rate(np.ones(size, np.float32), 48_000.0, 0.0).wave).all()
