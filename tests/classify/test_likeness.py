"""A sound is like itself whatever its gain, its exact onset and a little noise, and unlike others."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from sensor.classify import likeness
from sensor.classify.common_rate import LENGTH, ONSET_INDEX


def sound(seed: int, shift: int = 0) -> NDArray[np.float64]:
    """Decaying noise with its attack ``shift`` samples off its place."""
    rng = np.random.default_rng(seed)
    wave = np.zeros(LENGTH)
    burst = np.exp(-np.arange(1200) / 150.0) * rng.standard_normal(1200)
    wave[ONSET_INDEX + shift : ONSET_INDEX + shift + 1200] = burst
    return wave


def alike(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    return float(likeness.correlations(likeness.image(first), [likeness.image(second)])[0])


def test_an_image_has_the_length_it_claims() -> None:
    assert likeness.image(sound(0)).shape == (likeness.IMAGE_LENGTH,)


@pytest.mark.parametrize("shift", [-16, -3, 0, 7, 16])
def test_a_late_or_early_onset_changes_little(shift: int) -> None:
    assert alike(sound(1), sound(1, shift)) > 0.9


def test_gain_changes_nothing() -> None:
    assert likeness.image(1e-6 * sound(2)) == pytest.approx(likeness.image(sound(2)), abs=1e-5)


def test_different_sounds_are_unlike() -> None:
    assert max(alike(sound(3), sound(seed)) for seed in range(4, 12)) < 0.5


def test_rumble_does_not_make_sounds_alike() -> None:
    rumble = 3.0 * np.sin(2.0 * np.pi * 80.0 * np.arange(LENGTH) / 8000.0)
    assert alike(sound(3) + rumble, sound(4) + rumble) < 0.6
    assert alike(sound(3) + rumble, sound(3)) > 0.85


def test_levels_tell_a_dull_sound_from_a_sharp_one() -> None:
    dull = np.convolve(sound(5), np.ones(8) / 8.0, mode="same")
    sharp = likeness.image(sound(5))
    near, far = likeness.distances_db(sharp, [likeness.image(sound(6)), likeness.image(dull)])
    assert far > 1.5 * near > 0.0


def test_silence_is_like_nothing_and_finite() -> None:
    silent = likeness.image(np.zeros(LENGTH))
    assert likeness.correlations(silent, [silent, likeness.image(sound(1))]).tolist() == [0.0, 0.0]
    assert np.isfinite(likeness.distances_db(silent, [silent])).all()
