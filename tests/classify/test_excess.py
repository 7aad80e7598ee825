"""What stands out of the sound before is told apart from it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sensor.classify import excess
from sensor.classify.bands import band_power
from sensor.classify.common_rate import LENGTH, ONSET_INDEX


def told(wave: NDArray[np.float64]) -> dict[str, float]:
    power = band_power((wave / np.abs(wave).max())[None])
    return dict(zip(excess.NAMES, excess.extract(power)[0].tolist(), strict=True))


def over_rumble(shot: float, rumble: float, seed: int = 0) -> NDArray[np.float64]:
    """A tone of 1000 Hz that decays from the onset on, over faint noise and a rumble of 110 Hz."""
    time = np.arange(LENGTH) / 8000.0
    late = np.maximum(time - ONSET_INDEX / 8000.0, 0.0)
    tone = np.where(time >= ONSET_INDEX / 8000.0, np.exp(-late / 0.02) * np.sin(2000.0 * np.pi * late), 0.0)
    noise = 1e-3 * np.random.default_rng(seed).standard_normal(LENGTH)
    return shot * tone + noise + rumble * np.sin(220.0 * np.pi * time)


def test_there_is_a_name_for_every_feature_and_none_twice() -> None:
    assert len(told(over_rumble(1.0, 0.1))) == len(set(excess.NAMES)) == len(excess.NAMES)


def test_rumble_takes_nothing_from_a_shot_above_it() -> None:
    plain, rumbling = told(over_rumble(0.3, 0.0)), told(over_rumble(0.3, 1.0))
    for name in ("excess_db 700-1300Hz 3..8ms", "share_db 700-1300Hz -2..16ms", "energy_share until 30ms"):
        assert abs(plain[name] - rumbling[name]) < 1.5, name
    assert abs(rumbling["excess_db 80-180Hz 3..8ms"]) < 3.0


def test_a_steady_sound_stands_out_of_nothing() -> None:
    values = told(over_rumble(0.0, 1.0))
    assert values["bands_over 30..50ms"] <= 1.0
    assert values["over_before_db"] < 1.0
    assert values["before_trend_db"] < 1.0


def test_silence_is_finite() -> None:
    assert np.isfinite(excess.extract(band_power(np.zeros((1, LENGTH))))).all()
