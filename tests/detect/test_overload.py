"""What the input's rail hides is not guessed at, and what merely touches the rail is heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.signal import lfilter

from sensor.detect.overload import GUARD_S, LEAST_HEARD, MOMENT_S, heard_before
from tests.support.blasts import add_blast, noise

if TYPE_CHECKING:
    from collections.abc import Callable

    from sensor.types import Samples

RATES_HZ = (8000, 12_000, 44_100, 192_000)


def reader(audio: Samples) -> Callable[[int, int], Samples]:
    """Samples by absolute index, zeros outside, as a detector's clips are."""

    def read(on: int, off: int) -> Samples:
        out = np.zeros(off - on, np.float32)
        kept = audio[max(on, 0) : max(off, 0)]
        out[max(-on, 0) : max(-on, 0) + kept.size] = kept
        return out

    return read


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("rail_fs", [1.0, -1.0, 0.2])
@pytest.mark.parametrize("offset_fs", [0.0, 0.3])
def test_the_share_is_the_time_off_the_rail(rate_hz: int, rail_fs: float, offset_fs: float) -> None:
    audio = 0.1 * rail_fs * noise(rate_hz, 0.4)
    onset = round(0.3 * rate_hz)
    stood = round(0.012 * rate_hz)
    end = onset - round((GUARD_S + 0.006) * rate_hz)
    audio[end - stood : end] = rail_fs
    heard = heard_before(reader(audio + np.float32(offset_fs)), onset, rate_hz)
    assert heard == pytest.approx(1.0 - 0.012 / MOMENT_S, abs=0.01)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_what_only_touches_the_rail_is_heard(rate_hz: int) -> None:
    time_s = np.arange(round(0.4 * rate_hz)) / rate_hz
    wave = np.clip(10.0 * np.sin(2.0 * np.pi * 140.0 * time_s), -1.0, 1.0).astype(np.float32)
    assert heard_before(reader(wave), 0.3 * rate_hz, rate_hz) == 1.0


@pytest.mark.parametrize("offset_fs", [0.0, 0.1, -0.5, 1.0])
def test_one_value_for_ever_is_silence_and_no_rail(offset_fs: float) -> None:
    """It has a gate of its own."""
    assert heard_before(reader(np.full(8000, offset_fs, np.float32)), 4000, 8000) == 1.0


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("offset_fs", [0.0, 0.1, -0.5])
@pytest.mark.parametrize("peak_fs", [0.01, 0.4])
def test_silence_before_a_shot_is_no_rail_at_any_offset(
    rate_hz: int, offset_fs: float, peak_fs: float
) -> None:
    audio = np.zeros(rate_hz, np.float32)
    add_blast(audio, rate_hz, 0.5, peak_fs)
    assert heard_before(reader(audio + np.float32(offset_fs)), 0.5 * rate_hz, rate_hz) == 1.0


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("gain", [1e-30, 3e38])
def test_no_gain_is_too_small_or_large(gain: float) -> None:
    audio = np.where(np.arange(8000) % 100 < 50, -gain, gain).astype(np.float32)
    assert heard_before(reader(audio), 4000, 8000) < 0.1


@pytest.mark.parametrize("offset_fs", [0.0, 0.1, -0.5])
def test_what_lies_before_a_beginning_is_no_rail(offset_fs: float) -> None:
    audio = noise(8000, 1.0)
    add_blast(audio, 8000, 0.002, 0.4)
    assert heard_before(reader(audio + np.float32(offset_fs)), 16.0, 8000) == 1.0


@pytest.mark.parametrize("over_db", [0.0, 10.0, 20.0])
def test_rounds_driven_over_the_rail_were_heard_before(over_db: float) -> None:
    audio = noise(12_000, 1.0)
    for onset_s in (0.3, 0.38, 0.46):
        add_blast(audio, 12_000, onset_s, 10.0 ** (over_db / 20.0))
    clipped = np.clip(audio, -1.0, 1.0)
    for onset_s in (0.3, 0.38, 0.46):
        assert heard_before(reader(clipped), onset_s * 12_000, 12_000) >= LEAST_HEARD


def test_wind_far_over_the_rail_was_not() -> None:
    wind = lfilter([1.0], [1.0, -0.999], np.random.default_rng(9).standard_normal(160_000))
    clipped = np.clip(20.0 * wind / wind.std(), -1.0, 1.0).astype(np.float32)
    edges = np.flatnonzero(np.abs(np.diff(clipped)) > 0.5)
    edges = edges[edges > 2000]
    heard = np.array([heard_before(reader(clipped), float(edge), 16_000) for edge in edges])
    assert edges.size > 50
    assert (heard < LEAST_HEARD).mean() > 0.9
