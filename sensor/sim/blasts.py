"""Sounds of explosions and shocks, as free-field pressure in pascal.

Levels are the largest absolute pressure at 1 m, 90° off the muzzle where there is one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensor.physics import REFERENCE_PRESSURE_PA, ratio_from_db
from sensor.sim.spectra import Pressure, band_noise, peak_normalised

_ATMOSPHERE_PA = 101_325.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Weapon:
    """What the far field needs to know of a weapon; every number carries its source below."""

    peak_db_spl: float
    """Peak level 1 m to the side of the muzzle, dB SPL."""
    positive_phase_s: float
    """Length of the blast's positive phase T+ beyond 50 m, seconds."""
    muzzle_velocity_m_s: float
    bullet_diameter_m: float
    bullet_length_m: float
    front_db: float
    """Level straight ahead re 90°, dB."""
    back_db: float
    """Level straight behind re 90°, dB."""


WEAPONS: dict[str, Weapon] = {
    # Peak: Dater 2014 (SIG P228 159-162 dB). T+, directivity and velocity: blast scaling after Fansler,
    # anchored to that peak (0.36 ms at 50 m to 0.42 ms at 800 m; +8/-8 dB; Mach angle 71.8 degrees).
    "9mm": Weapon(
        peak_db_spl=160.5,
        positive_phase_s=0.39e-3,
        muzzle_velocity_m_s=361.0,
        bullet_diameter_m=9.0e-3,
        bullet_length_m=15e-3,
        front_db=8.0,
        back_db=-8.0,
    ),
    # Peak: Dater 2014 (SIG P229 161-162 dB). Factory loads of 165-180 gr leave at 290-350 m/s.
    "40sw": Weapon(
        peak_db_spl=161.5,
        positive_phase_s=0.40e-3,
        muzzle_velocity_m_s=320.0,
        bullet_diameter_m=10.2e-3,
        bullet_length_m=15e-3,
        front_db=8.0,
        back_db=-8.0,
    ),
    # 1 dB below 9 mm beyond 50 m by the same scaling; 230 gr ball at 253 m/s: no shock wave.
    "45acp": Weapon(
        peak_db_spl=159.5,
        positive_phase_s=0.42e-3,
        muzzle_velocity_m_s=253.0,
        bullet_diameter_m=11.5e-3,
        bullet_length_m=17e-3,
        front_db=8.0,
        back_db=-8.0,
    ),
    # Peak: Murphy 2012 (about 140 dB). High-velocity 40 gr at 370 m/s.
    "22lr": Weapon(
        peak_db_spl=140.0,
        positive_phase_s=0.25e-3,
        muzzle_velocity_m_s=370.0,
        bullet_diameter_m=5.7e-3,
        bullet_length_m=12e-3,
        front_db=5.0,
        back_db=-6.0,
    ),
    # Peak: Dater 2014 (AR-15 162-163 dB, M4 164 dB). Mach angle 21.6 degrees.
    "556nato": Weapon(
        peak_db_spl=163.0,
        positive_phase_s=0.50e-3,
        muzzle_velocity_m_s=930.0,
        bullet_diameter_m=5.7e-3,
        bullet_length_m=23e-3,
        front_db=5.0,
        back_db=-6.0,
    ),
    # Between 5.56 mm and .308 in charge; Mach angle 28.7 degrees.
    "762x39": Weapon(
        peak_db_spl=164.5,
        positive_phase_s=0.60e-3,
        muzzle_velocity_m_s=715.0,
        bullet_diameter_m=7.9e-3,
        bullet_length_m=26e-3,
        front_db=5.0,
        back_db=-6.0,
    ),
    # 6 dB above 9 mm beyond 50 m, T+ 0.64 ms at 50 m, by the same scaling; Mach angle 24.4 degrees.
    "308win": Weapon(
        peak_db_spl=166.5,
        positive_phase_s=0.68e-3,
        muzzle_velocity_m_s=830.0,
        bullet_diameter_m=7.8e-3,
        bullet_length_m=31e-3,
        front_db=5.0,
        back_db=-6.0,
    ),
}


def friedlander(rate_hz: float, peak_pa: float, positive_phase_s: float) -> Pressure:
    """``P (1 - t/T) exp(-t/T)`` from t = 0 on, sampled as the mean over each sample's interval.

    The mean is exact, because the antiderivative is ``P t exp(-t/T)``; it keeps the front at t = 0 to a
    small part of a sample and folds next to nothing back. Spectrum peaks at 1/(2 pi T).
    """
    count = math.ceil(12.0 * positive_phase_s * rate_hz) + 1
    edges_s = (np.arange(count + 1) - 0.5) / rate_hz
    integral = np.where(edges_s > 0.0, edges_s * np.exp(-np.maximum(edges_s, 0.0) / positive_phase_s), 0.0)
    return np.asarray(peak_pa * rate_hz * np.diff(integral), float)


def n_wave(rate_hz: float, peak_pa: float, duration_s: float, rise_s: float = 0.0) -> Pressure:
    """A shock up, a straight line down, a shock back; ``rise_s`` is the length of each shock's ramp.

    The front begins at t = 0. Sampled as the mean over each sample's interval.
    """
    rise = max(rise_s, 1e-7)
    corners_s = np.array([0.0, rise, duration_s - rise, duration_s])
    values = np.array([0.0, 1.0, -1.0, 0.0])
    fine = 16
    count = math.ceil(duration_s * rate_hz) + 2
    times = (np.arange(count * fine) + 0.5) / (fine * rate_hz) - 0.5 / rate_hz
    wave = np.interp(times, corners_s, values, left=0.0, right=0.0)
    return np.asarray(peak_pa * wave.reshape(count, fine).mean(axis=1), float)


def muzzle_blast(random: np.random.Generator, rate_hz: float, weapon: Weapon) -> Pressure:
    """One round's muzzle blast at 1 m, 90°; level and length vary from round to round (0.7 dB, 4 %)."""
    level_db = weapon.peak_db_spl + 0.7 * random.standard_normal()
    phase_s = weapon.positive_phase_s * math.exp(0.04 * random.standard_normal())
    return friedlander(rate_hz, REFERENCE_PRESSURE_PA * ratio_from_db(level_db), phase_s)


def bullet_shock(
    rate_hz: float, weapon: Weapon, sound_speed_m_s: float, miss_distance_m: float
) -> tuple[Pressure, float]:
    """N-wave of the bullet at its miss distance (Whitham) and its length in seconds.

    Raises:
        ValueError: the bullet is not supersonic.
    """
    mach = weapon.muzzle_velocity_m_s / sound_speed_m_s
    if mach <= 1.0:
        raise ValueError(f"a bullet at Mach {mach:.2f} makes no shock wave")
    slender = weapon.bullet_diameter_m / weapon.bullet_length_m**0.25
    speed = mach * mach - 1.0
    peak_pa = 0.53 * _ATMOSPHERE_PA * speed**0.125 * slender / miss_distance_m**0.75
    duration_s = 1.82 * mach * miss_distance_m**0.25 * slender / (sound_speed_m_s * speed**0.375)
    return n_wave(rate_hz, peak_pa, duration_s, rise_s=min(10e-6, 0.2 * duration_s)), duration_s


def firecracker(random: np.random.Generator, rate_hz: float, peak_pa: float) -> Pressure:
    """One small cracker: a blast with T+ 0.2 to 0.4 ms."""
    return friedlander(rate_hz, peak_pa, random.uniform(0.2e-3, 0.4e-3))


def salute(random: np.random.Generator, rate_hz: float, peak_pa: float) -> Pressure:
    """Flash-powder salute (M-80 class): a blast with T+ 0.8 to 1.3 ms, like a shotgun's."""
    return friedlander(rate_hz, peak_pa, random.uniform(0.8e-3, 1.3e-3))


def aerial_shell(random: np.random.Generator, rate_hz: float, peak_pa: float) -> Pressure:
    """Burst of a display shell: low blast (T+ 2 to 4 ms), then a second of crackle in a third of them."""
    burst = friedlander(rate_hz, peak_pa, random.uniform(2e-3, 4e-3))
    if random.random() > 1.0 / 3.0:
        return burst
    sound = np.zeros(int(1.6 * rate_hz))
    sound[: burst.size] = burst
    for start_s in 0.4 + random.gamma(2.0, 0.2, size=int(random.integers(20, 60))):
        pop = friedlander(rate_hz, peak_pa * random.uniform(0.02, 0.08), random.uniform(0.1e-3, 0.25e-3))
        first = int(start_s * rate_hz)
        room = sound[first : first + pop.size]
        room += pop[: room.size]
    return sound


def balloon_pop(random: np.random.Generator, rate_hz: float, peak_pa: float) -> Pressure:
    """Balloon or bag: an N-wave as long as its diameter (0.2 to 0.4 m), then weak ringing."""
    duration_s = random.uniform(0.6e-3, 1.2e-3)
    pop = n_wave(rate_hz, peak_pa, duration_s, rise_s=0.08 * duration_s)
    ringing = _with_ringing(random, rate_hz, pop, [1.0 / duration_s], decay_s=1.5e-3, level=0.3)
    return peak_normalised(ringing, peak_pa)


def backfire(random: np.random.Generator, rate_hz: float, peak_pa: float) -> Pressure:
    """Exhaust backfire: a slow front (1 to 4 ms) that rings in the tailpipe for 10 to 50 ms."""
    phase_s = random.uniform(1e-3, 3e-3)
    blast = friedlander(rate_hz, 1.0, phase_s)
    ramp = np.hanning(2 * int(random.uniform(1e-3, 4e-3) * rate_hz) // 2 + 1)
    blast = np.convolve(blast, ramp / ramp.sum())
    pipe_hz = random.uniform(80.0, 220.0)
    tones = [pipe_hz * order for order in (1.0, 3.0, 5.0)]
    decay_s = random.uniform(8e-3, 25e-3)
    return peak_normalised(_with_ringing(random, rate_hz, blast, tones, decay_s=decay_s, level=0.8), peak_pa)


def thunder(random: np.random.Generator, rate_hz: float, peak_pa: float) -> Pressure:
    """Thunder after Ribner and Roy: N-waves from the pieces of a tortuous channel, 2 to 8 s of them.

    The nearest pieces make the crack, the far ones the rumble. ``peak_pa`` holds for the sum.
    """
    length_s = random.uniform(2.0, 8.0)
    sound = np.zeros(int(length_s * rate_hz))
    count = int(random.integers(150, 400))
    delays_s = np.sort(random.beta(0.7, 2.2, count)) * length_s
    delays_s -= delays_s[0]
    for delay_s in delays_s:
        strength = math.exp(-1.5 * delay_s / length_s + 0.7 * random.standard_normal())
        piece = n_wave(rate_hz, strength, random.uniform(4e-3, 25e-3), rise_s=random.uniform(0.2e-3, 2e-3))
        first = int(delay_s * rate_hz)
        room = sound[first : first + piece.size]
        room += random.choice((1.0, 0.7, -0.3)) * piece[: room.size]
    return peak_normalised(sound, peak_pa)


def _with_ringing(
    random: np.random.Generator,
    rate_hz: float,
    blast: Pressure,
    tones_hz: list[float],
    *,
    decay_s: float,
    level: float,
) -> NDArray[np.float64]:
    """``blast`` followed by decaying tones, ``level`` of its peak each, falling with their order."""
    length = max(blast.size, int(6.0 * decay_s * rate_hz))
    time_s = np.arange(length) / rate_hz
    sound = np.zeros(length)
    sound[: blast.size] = blast
    peak = float(np.max(np.abs(blast)))
    for order, tone_hz in enumerate(tones_hz, start=1):
        phase = random.uniform(0.0, 2.0 * math.pi)
        ring = np.exp(-time_s / decay_s) * (1.0 - np.exp(-time_s * tone_hz))
        sound += peak * level / order * ring * np.sin(2.0 * math.pi * tone_hz * time_s + phase)
    return sound + 0.02 * peak * np.exp(-time_s / decay_s) * band_noise(
        random, length, rate_hz, 200.0, 4000.0
    )
