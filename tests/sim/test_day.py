"""The day without shots: all kinds, loud enough, many enough, the same every time."""

from __future__ import annotations

import collections
import math

import numpy as np
import pytest

from sensor.sim.arrivals import heard_sounds
from sensor.sim.day import CADENCES, HIGHEST_DB_SPL, IMPULSES_PER_H, LOWEST_DB_SPL, hour_scene
from sensor.sim.sources import SOUND_KINDS


@pytest.mark.parametrize("hour", [0, 6, 16, 23])
def test_an_hour_holds_every_kind_but_gunshots_and_enough_of_them(hour: int) -> None:
    scene = hour_scene(hour)
    kinds = collections.Counter(source.kind for source in scene.sources)
    assert set(kinds) == set(SOUND_KINDS) == set(CADENCES)
    assert max(kinds.values()) - min(kinds.values()) <= 1
    assert sum(source.rounds for source in scene.sources) >= IMPULSES_PER_H >= 200
    assert scene.background is not None
    assert 50.0 <= scene.background.level_dba <= 65.0
    assert all(source.time_s + source.rounds * source.interval_s < 3600.0 for source in scene.sources)


def test_an_hour_is_the_same_every_time_and_no_two_are_alike() -> None:
    assert hour_scene(3) == hour_scene(3)
    assert hour_scene(3).sources != hour_scene(4).sources
    assert hour_scene(3).sources != hour_scene(3, seed=1).sources


def test_levels_at_the_microphone_are_those_of_the_street() -> None:
    """First rounds peak at 60 to 100 dB SPL; a few seconds' worth of an hour at a low rate."""
    scene = hour_scene(12, rate_hz=16_000, impulses=40, seconds=60.0)
    firsts = [heard for heard in heard_sounds(scene, scene.sensors[0]) if heard.shot == 0]
    levels = [20.0 * math.log10(float(np.max(np.abs(heard.sound.pressure_pa))) / 20e-6) for heard in firsts]
    assert LOWEST_DB_SPL - 0.5 <= min(levels) < 70.0
    assert 90.0 < max(levels) <= HIGHEST_DB_SPL + 0.5
