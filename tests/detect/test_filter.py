"""Two short filters in a row are the one that was designed, and no hop depends on its company."""

from __future__ import annotations

import numpy as np
import pytest

from sensor.detect.filter import FrameFilter, HopFilter, band_pass_taps
from tests.support.blasts import noise

LOW_HZ, HIGH_HZ = 300.0, 5000.0
HOP_FRAMES = 50


def gain_db(taps: np.ndarray) -> np.ndarray:
    return 20.0 * np.log10(np.abs(np.fft.rfft(taps, 1 << 15)) + 1e-9)


@pytest.mark.parametrize("rate_hz", [24_000, 32_000, 48_000, 96_000, 192_000])
def test_two_stages_have_the_response_of_the_band_pass_alone(rate_hz: int) -> None:
    filters = FrameFilter(rate_hz, LOW_HZ, HIGH_HZ)
    assert filters.factor > 1
    frequency_hz = np.fft.rfftfreq(1 << 15, 1.0 / rate_hz)
    alone = gain_db(band_pass_taps(LOW_HZ, HIGH_HZ, rate_hz, filters.half))
    both = gain_db(filters.taps)
    inside = (frequency_hz > LOW_HZ + 50.0) & (frequency_hz < HIGH_HZ - 300.0)
    assert np.abs(both - alone)[inside].max() < 0.06
    assert both[frequency_hz > HIGH_HZ + 700.0].max() < -44.0
    assert both[0] < -120.0


@pytest.mark.parametrize("rate_hz", [8000, 44_100, 48_000, 192_000])
def test_a_hop_has_the_same_energies_in_any_company(rate_hz: int) -> None:
    filters = FrameFilter(rate_hz, LOW_HZ, HIGH_HZ)
    hop = HOP_FRAMES * filters.frame
    together, alone = HopFilter(filters, HOP_FRAMES, most=4), HopFilter(filters, HOP_FRAMES, most=2)
    lead = together.lead
    audio = noise(rate_hz, (lead + 4 * hop) / rate_hz, seed=1)[: lead + 4 * hop]
    audio[:lead] = 0.0
    together.samples[:] = audio
    energies = together.energies(4).copy()
    for number in range(4):
        alone.samples[: lead + hop] = audio[number * hop : lead + (number + 1) * hop]
        assert np.array_equal(alone.energies(1)[0], energies[number])
    plain = filters.energies(
        filters.frames(np.concatenate((np.zeros(filters.span - lead, np.float32), audio)))
    )
    assert energies.ravel() == pytest.approx(plain[1:], rel=1e-4)
    together.forget()
    together.samples[:] = audio
    assert np.array_equal(together.energies(4), energies)


@pytest.mark.parametrize("rate_hz", [8000, 12_000, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_a_tone_in_the_band_has_its_own_level_and_one_below_has_none(rate_hz: int) -> None:
    """Held to the tone, not to another filter: a full-scale sine has a mean square of 1/2, -3.01 dB."""
    filters = FrameFilter(rate_hz, LOW_HZ, HIGH_HZ)
    time_s = np.arange(rate_hz) / rate_hz
    heard_db = {}
    for tone_hz in (50.0, 1000.0, 2000.0):
        tone = np.sin(2.0 * np.pi * tone_hz * time_s).astype(np.float32)
        energies = filters.energies(filters.frames(tone))
        heard_db[tone_hz] = 10.0 * np.log10(energies[10:-10].mean())
    assert heard_db[1000.0] == pytest.approx(-3.01, abs=0.3)
    assert heard_db[2000.0] == pytest.approx(-3.01, abs=0.3)
    assert heard_db[50.0] < -45.0
