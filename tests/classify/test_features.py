"""Features are level-free, rate-free below 3 kHz, finite, and keep the values they were trained with."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from sensor.classify import features
from sensor.classify.common_rate import HIGH_RATE_HZ, to_common_rate

HIGH = np.array(["2800-4000Hz" in name or "4000-5300Hz" in name for name in features.NAMES])


def street_shot(rate_hz: float, onset_s: float = 0.1, noise: float = 1e-3) -> NDArray[np.float64]:
    """A blast with reverberation made of decaying tones, over a hum: analytic, so the same at every rate."""
    time = np.arange(round(0.34 * rate_hz)) / rate_hz
    rng = np.random.default_rng(5)
    late = np.maximum(time - onset_s, 0.0)
    front = (late / 0.0008) ** 2 * np.exp(-late / 0.0008)
    out = front * np.cos(2.0 * np.pi * 500.0 * late)
    for _ in range(60):
        frequency, delay, gain = rng.uniform(90.0, 2500.0), rng.uniform(0.002, 0.1), rng.uniform(0.005, 0.04)
        since = np.maximum(late - delay, 0.0)
        out += (
            gain
            * (since / 0.003) ** 2
            / (1.0 + (since / 0.003) ** 2)
            * np.exp(-since / 0.06)
            * np.sin(2.0 * np.pi * frequency * since)
        )
    for frequency in np.linspace(100.0, 2000.0, 40):
        out += noise * np.sin(2.0 * np.pi * frequency * time + rng.uniform(0.0, 6.28))
    return out


def vectors(clip: NDArray[np.float64], rate_hz: float, onset_s: float = 0.1) -> NDArray[np.float32]:
    aligned = to_common_rate(clip, rate_hz, onset_s * rate_hz)
    return features.extract(aligned.wave, aligned.high)[0]


def vector(clip: NDArray[np.float64], rate_hz: float, onset_s: float = 0.1) -> NDArray[np.float32]:
    return vectors(clip, rate_hz, onset_s)[0]


def test_there_is_a_name_for_every_feature_and_none_twice() -> None:
    assert vector(street_shot(12_000.0), 12_000.0).shape == (len(features.NAMES),)
    assert len(set(features.NAMES)) == len(features.NAMES)


@pytest.mark.parametrize("rate_hz", [8000.0, 16_000.0, 22_050.0, 44_100.0, 48_000.0, 96_000.0, 192_000.0])
def test_the_sampling_rate_cannot_be_learned(rate_hz: float) -> None:
    reference = vector(street_shot(12_000.0), 12_000.0)
    other = vector(street_shot(rate_hz), rate_hz)
    assert np.abs(other - reference)[~HIGH].max() < 0.15  # dB, octaves or log10: all small
    if rate_hz >= HIGH_RATE_HZ:
        assert np.isfinite(other).all()
    else:
        assert np.isnan(other[HIGH]).all()


@pytest.mark.parametrize("gain_db", [-40.0, 40.0])
def test_gain_changes_nothing(gain_db: float) -> None:
    clip = street_shot(12_000.0)
    changed = vector(clip * 10.0 ** (gain_db / 20.0), 12_000.0)
    assert changed == pytest.approx(vector(clip, 12_000.0), abs=1e-3)


def test_reversing_the_microphone_changes_nothing() -> None:
    clip = street_shot(12_000.0)
    assert vector(-clip, 12_000.0) == pytest.approx(vector(clip, 12_000.0), abs=1e-4)


def test_a_batch_gives_what_single_clips_give() -> None:
    aligned = [to_common_rate(street_shot(12_000.0, noise=n), 12_000.0, 1200.0) for n in (1e-3, 1e-2)]
    together = features.extract(np.stack([a.wave for a in aligned]), np.stack([a.high for a in aligned]))
    alone = np.concatenate([features.extract(a.wave, a.high) for a in aligned])
    assert together == pytest.approx(alone, abs=1e-4, nan_ok=True)


def test_the_second_look_is_the_first_of_an_earlier_onset_without_treble() -> None:
    clip = street_shot(24_000.0)
    found = to_common_rate(clip, 24_000.0, 2400.0)
    first, second, _ = features.extract(found.wave, found.high)[0]
    earlier = vector(clip, 24_000.0, 0.1 - features.EARLIER_MS / 1000.0)
    assert second[~HIGH] == pytest.approx(earlier[~HIGH], abs=0.1)  # dB, octaves or log10
    assert np.abs(second - first)[~HIGH].max() > 1.0
    assert np.isnan(second[HIGH]).all()
    assert np.isfinite(first[HIGH]).all()


def test_the_third_look_is_the_second_of_a_dulled_sound() -> None:
    """Dulled at its own rate, by another filter of the same response."""
    clip = street_shot(24_000.0)
    response = 1.0 / np.sqrt(1.0 + (np.fft.rfftfreq(2 * clip.size, 1.0 / 24_000.0) / features.DULL_HZ) ** 4)
    dull = np.fft.irfft(np.fft.rfft(clip, 2 * clip.size) * response)[: clip.size]
    third = vectors(clip, 24_000.0)[2]
    second = vectors(dull, 24_000.0)[1]
    assert third[~HIGH] == pytest.approx(second[~HIGH], abs=0.2)  # dB, octaves or log10
    assert np.abs(third - vectors(clip, 24_000.0)[1])[~HIGH].max() > 3.0
    assert np.isnan(third[HIGH]).all()


def test_silence_is_all_zero() -> None:
    assert not vector(np.zeros(4000), 12_000.0).any()


def test_features_say_what_their_names_say() -> None:
    values = dict(zip(features.NAMES, vector(street_shot(12_000.0), 12_000.0).tolist(), strict=True))
    assert values["rise_db"] > 25.0
    assert values["before_db"] < -25.0
    assert values["level_db 360-700Hz -2..3ms"] > values["level_db 360-700Hz 120..170ms"]
    assert values["level_db 360-700Hz -50..-20ms"] < -25.0
    time = np.arange(4080) / 12_000.0
    pulses = np.sin(2.0 * np.pi * 150.0 * time) ** 15 * (time > 0.1)
    voiced = dict(zip(features.NAMES, vector(pulses, 12_000.0).tolist(), strict=True))
    assert voiced["pitch 5..105ms"] > 0.6 > values["pitch 5..105ms"] + 0.1
    assert 10.0 ** voiced["pitch_lag_log 5..105ms"] == pytest.approx(1000.0 / 150.0, rel=0.05)


GOLDEN = {
    "level_db 80-180Hz -2..3ms": -15.903,
    "level_db 360-700Hz -2..3ms": 6.907,
    "level_db 700-1300Hz 16..30ms": -16.593,
    "level_db 2000-2900Hz 120..170ms": -15.464,
    "level_db 1300-2000Hz -95..-50ms": -30.496,
    "attack_db 0ms": -1.910,
    "attack_db 10ms": -22.203,
    "centroid_oct -2..8ms": -1.050,
    "flatness_db 8..60ms": -17.428,
    "tonality_db 60..235ms": 30.196,
    "energy_time_50_log": 1.716,
    "energy_time_90_log": 2.090,
    "kurtosis_50ms_log": 1.238,
    "asymmetry": 0.299,
    "first_lobe_log": 0.041,
    "crossings_per_ms": 1.444,
    "periodicity": 0.730,
    "pulses": 1.000,
    "rise_db": 34.743,
    "level_db 2800-4000Hz 3..8ms": -45.000,
    "jump_db all": 17.398,
    "jump_time_ms top": 7.000,
    "decay_db_100ms mid": -4.272,
    "tail_db_100ms low": -8.930,
    "rise_ms_log": 0.653,
    "half_width_ms_log": 0.653,
    "before_db": -33.165,
    "after_db": -10.269,
    "roughness_db": 2.891,
    "pitch 5..105ms": 0.472,
    "pitch_before": 0.020,
}
"""Change them only with the weights: they are what the network was trained on."""


def test_golden_values() -> None:
    values = dict(zip(features.NAMES, vector(street_shot(12_000.0), 12_000.0).tolist(), strict=True))
    for name, expected in GOLDEN.items():
        assert values[name] == pytest.approx(expected, abs=0.02), name
