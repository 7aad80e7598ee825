"""The table of sounds a scene may name: what each sounds like, how loud it is, where that is from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sensor.physics import REFERENCE_PRESSURE_PA, ratio_from_db
from sensor.sim import blasts, impacts
from sensor.sim.spectra import Pressure

_Render = Callable[[np.random.Generator, float, float], Pressure]


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundKind:
    """One kind of sound other than a gunshot."""

    label: str
    """Class in the ground truth: ``firework``, ``impact`` or ``animal``, ..."""
    render: _Render
    """(random generator, sampling rate in Hz, peak in pascal at 1 m) -> pressure at 1 m."""
    peak_db_spl: float
    """Typical peak at 1 m, dB SPL."""
    spread_db: float
    """Standard deviation of that level from one event to the next, dB."""


SOUND_KINDS: dict[str, SoundKind] = {
    # Flamme 2009 (Noise & Health 11, 223): consumer crackers reach 150 dB and more within 1 m.
    "firecracker": SoundKind(label="firework", render=blasts.firecracker, peak_db_spl=150.0, spread_db=4.0),
    # Kukulski 2018 (Archives of Acoustics 43, 697): 136.8 dB C-peak at 25 m, 141.2 dB at 15 m.
    "salute": SoundKind(label="firework", render=blasts.salute, peak_db_spl=164.8, spread_db=3.0),
    # Tanaka 2016: 100 to 125 dB at 100 m.
    "aerial_shell": SoundKind(label="firework", render=blasts.aerial_shell, peak_db_spl=152.0, spread_db=5.0),
    # 1 to 10 Pa at 1 km, taken back to 1 m by spherical spreading.
    "thunder": SoundKind(label="thunder", render=blasts.thunder, peak_db_spl=163.0, spread_db=5.0),
    # The rest are engineering values for a point source outdoors, not measurements.
    "balloon_pop": SoundKind(label="impact", render=blasts.balloon_pop, peak_db_spl=130.0, spread_db=5.0),
    "backfire": SoundKind(label="backfire", render=blasts.backfire, peak_db_spl=128.0, spread_db=5.0),
    "door_slam": SoundKind(label="impact", render=impacts.door_slam, peak_db_spl=98.0, spread_db=5.0),
    "nail_gun": SoundKind(label="impact", render=impacts.nail_gun, peak_db_spl=122.0, spread_db=4.0),
    "hammer": SoundKind(label="impact", render=impacts.hammer, peak_db_spl=118.0, spread_db=6.0),
    "pallet_drop": SoundKind(label="impact", render=impacts.pallet_drop, peak_db_spl=115.0, spread_db=5.0),
    "dumpster_lid": SoundKind(label="impact", render=impacts.dumpster_lid, peak_db_spl=117.0, spread_db=5.0),
    "jackhammer": SoundKind(label="impact", render=impacts.jackhammer, peak_db_spl=118.0, spread_db=4.0),
    "clap": SoundKind(label="impact", render=impacts.clap, peak_db_spl=104.0, spread_db=5.0),
    "dog_bark": SoundKind(label="animal", render=impacts.dog_bark, peak_db_spl=108.0, spread_db=5.0),
}


def render_sound(
    kind: str, random: np.random.Generator, rate_hz: float, peak_db_spl: float | None = None
) -> Pressure:
    """One sound of ``kind`` at 1 m, pascal; the usual level with its spread, or exactly ``peak_db_spl``."""
    sound = SOUND_KINDS[kind]
    level_db = sound.peak_db_spl + sound.spread_db * float(np.clip(random.standard_normal(), -2.5, 2.5))
    if peak_db_spl is not None:
        level_db = peak_db_spl
    return sound.render(random, rate_hz, REFERENCE_PRESSURE_PA * ratio_from_db(level_db))
