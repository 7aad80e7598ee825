"""The figures by which arrivals are compared, on arrivals of known shape."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import TypeAdapter

from sensor.sim.likeness import looks, simulated_looks
from sensor.sim.reverberation import Surroundings, draw_surroundings

RATE_HZ = 12_000


def decaying(decay_s: float, tone_hz: float) -> np.ndarray:
    """A tone that starts at 0.5 s at once and decays, over weak noise."""
    time_s = np.arange(round(0.4 * RATE_HZ)) / RATE_HZ
    samples = 1e-4 * np.random.default_rng(1).standard_normal(RATE_HZ)
    samples[RATE_HZ // 2 :][: time_s.size] += np.exp(-time_s / decay_s) * np.sin(
        2.0 * np.pi * tone_hz * time_s
    )
    return samples


def test_energy_times_are_those_of_the_decay() -> None:
    """Energy falls with half the time constant: 50 % after 0.35 of it, 90 % after 1.15."""
    seen = looks(decaying(0.05, 800.0), RATE_HZ, 0.5)
    assert seen is not None
    assert seen.half_energy_ms == pytest.approx(2.0 + 0.3466 * 50.0, abs=1.5)
    assert seen.most_energy_ms == pytest.approx(2.0 + 1.1513 * 50.0, abs=2.5)


def test_colour_is_that_of_the_tone() -> None:
    dull, bright = (looks(decaying(0.05, tone_hz), RATE_HZ, 0.5) for tone_hz in (600.0, 3000.0))
    assert dull is not None
    assert bright is not None
    assert dull.centroid_hz == pytest.approx(600.0, rel=0.1)
    assert bright.centroid_hz == pytest.approx(3000.0, rel=0.1)
    assert bright.brightness_db > 20.0 > -20.0 > dull.brightness_db


def test_too_little_or_nothing_to_look_at_gives_none() -> None:
    assert looks(np.zeros(RATE_HZ), RATE_HZ, 0.5) is None
    assert looks(decaying(0.05, 800.0), RATE_HZ, 0.05) is None
    assert looks(decaying(0.05, 800.0), RATE_HZ, 0.9) is None


def test_simulated_shots_grow_duller_and_weaker_with_distance() -> None:
    near, far = (
        [(level_db, seen.brightness_db) for _, level_db, seen in simulated_looks(2, [distance_m], 6)]
        for distance_m in (80.0, 600.0)
    )
    assert np.median([level for level, _ in near]) > np.median([level for level, _ in far]) + 6.0
    assert np.median([bright for _, bright in near]) > np.median([bright for _, bright in far])


def test_drawn_surroundings_are_always_allowed_ones() -> None:
    """Their ranges are checked when a scene is read; drawing must stay inside them."""
    check = TypeAdapter(Surroundings)
    random = np.random.default_rng(3)
    for _ in range(300):
        drawn = draw_surroundings(random)
        check.validate_python({name: getattr(drawn, name) for name in drawn.__slots__})
