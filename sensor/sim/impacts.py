"""Sounds of things that hit, slam, bark and clap, as free-field pressure in pascal at 1 m.

Shapes follow the usual descriptions (rise, length, modes, bounces); levels come from ``sources``.
"""

from __future__ import annotations

import math

import numpy as np

from sensor.sim.spectra import Pressure, band_noise, peak_normalised


def door_slam(random: np.random.Generator, rate_hz: float, peak_pa: float) -> Pressure:
    """Car or house door: rise 3 to 10 ms, body below 300 Hz for 50 to 150 ms, a click of the latch."""
    modes_hz = random.uniform(45.0, 260.0, 6)
    body = _modes(
        random, rate_hz, modes_hz, decay_s=random.uniform(15e-3, 45e-3), rise_s=random.uniform(2e-3, 6e-3)
    )
    latch = _modes(random, rate_hz, random.uniform(600.0, 2500.0, 4), decay_s=5e-3, rise_s=0.3e-3)
    return peak_normalised(_sum(body, 0.25 * latch, delay=int(random.uniform(0.0, 15e-3) * rate_hz)), peak_pa)


def nail_gun(random: np.random.Generator, rate_hz: float, peak_pa: float) -> Pressure:
    """Pneumatic nailer: impact under 1 ms, wood and magazine ring, then 10 to 30 ms of exhaust hiss."""
    impact = _modes(random, rate_hz, random.uniform(500.0, 4000.0, 8), decay_s=3e-3, rise_s=0.1e-3)
    length = int(0.12 * rate_hz)
    time_s = np.arange(length) / rate_hz
    exhaust = band_noise(random, length, rate_hz, 2000.0, 8000.0)
    exhaust *= np.exp(-time_s / random.uniform(10e-3, 30e-3)) * (1.0 - np.exp(-time_s / 2e-3)) * 0.25
    return peak_normalised(_sum(impact, exhaust, delay=int(4e-3 * rate_hz)), peak_pa)


def hammer(random: np.random.Generator, rate_hz: float, peak_pa: float) -> Pressure:
    """Hammer on steel or wood: immediate, modes of 300 Hz to 5 kHz that ring 5 to 60 ms."""
    modes_hz = np.exp(random.uniform(math.log(300.0), math.log(5000.0), 10))
    decay_s = math.exp(random.uniform(math.log(5e-3), math.log(60e-3)))
    return peak_normalised(_modes(random, rate_hz, modes_hz, decay_s=decay_s, rise_s=0.15e-3), peak_pa)


def pallet_drop(random: np.random.Generator, rate_hz: float, peak_pa: float) -> Pressure:
    """Pallet, plate or plank: a bang and two to four bounces whose gaps shrink by a constant ratio."""
    return _bouncing(
        random, rate_hz, peak_pa, low_hz=150.0, high_hz=1800.0, decay_s=random.uniform(10e-3, 40e-3)
    )


def dumpster_lid(random: np.random.Generator, rate_hz: float, peak_pa: float) -> Pressure:
    """Steel lid: low boom and metal modes that ring 100 to 400 ms, one or two bounces."""
    return _bouncing(
        random, rate_hz, peak_pa, low_hz=120.0, high_hz=3500.0, decay_s=random.uniform(60e-3, 200e-3)
    )


def jackhammer(random: np.random.Generator, rate_hz: float, peak_pa: float) -> Pressure:
    """Two to six seconds of blows, strictly periodic at 15 to 30 Hz, with exhaust noise between."""
    length = int(random.uniform(2.0, 6.0) * rate_hz)
    sound = 0.05 * band_noise(random, length, rate_hz, 500.0, 5000.0)
    period = rate_hz / random.uniform(15.0, 30.0)
    modes_hz = np.exp(random.uniform(math.log(200.0), math.log(4000.0), 10))
    blow = peak_normalised(_modes(random, rate_hz, modes_hz, decay_s=8e-3, rise_s=0.5e-3), 1.0)
    for index in range(int(length / period)):
        first = int(index * period)
        room = sound[first : first + blow.size]
        room += blow[: room.size] * math.exp(0.1 * random.standard_normal())
    return peak_normalised(sound, peak_pa)


def clap(random: np.random.Generator, rate_hz: float, peak_pa: float) -> Pressure:
    """One hand clap: a burst of 1 to 3 ms round 0.8 to 2.5 kHz."""
    centre_hz = random.uniform(800.0, 2500.0)
    length = int(0.02 * rate_hz)
    time_s = np.arange(length) / rate_hz
    burst = band_noise(random, length, rate_hz, 0.6 * centre_hz, 2.0 * centre_hz)
    burst *= np.exp(-time_s / random.uniform(1e-3, 3e-3)) * (1.0 - np.exp(-time_s / 0.1e-3))
    return peak_normalised(burst, peak_pa)


def dog_bark(random: np.random.Generator, rate_hz: float, peak_pa: float) -> Pressure:
    """One bark: 100 to 250 ms, harmonics of a gliding pitch (300 to 900 Hz) through two formants."""
    length = int(random.uniform(0.10, 0.25) * rate_hz)
    phase = np.linspace(0.0, 1.0, length)
    pitch_hz = random.uniform(300.0, 900.0) * (0.75 + 0.35 * np.sin(math.pi * phase))
    turn = 2.0 * math.pi * np.cumsum(pitch_hz) / rate_hz
    formants_hz = random.uniform((700.0, 1500.0), (1300.0, 2600.0))
    bark = np.zeros(length)
    for order in range(1, 13):
        weight = sum(math.exp(-(((order * pitch_hz.mean() - f) / (0.35 * f)) ** 2)) for f in formants_hz)
        bark += (0.1 + weight) / order**0.5 * np.sin(order * turn + random.uniform(0.0, 2.0 * math.pi))
    bark += 0.4 * band_noise(random, length, rate_hz, 600.0, 3000.0)
    envelope = (1.0 - np.exp(-phase * length / rate_hz / 12e-3)) * np.maximum(1.0 - phase, 0.0) ** 0.7
    return peak_normalised(bark * envelope, peak_pa)


def _modes(
    random: np.random.Generator, rate_hz: float, modes_hz: np.ndarray, *, decay_s: float, rise_s: float
) -> Pressure:
    """Decaying modes struck at once, the higher the shorter, with a soft start of ``rise_s``."""
    length = int(7.0 * decay_s * rate_hz)
    time_s = np.arange(length) / rate_hz
    sound = np.zeros(length)
    lowest_hz = float(np.min(modes_hz))
    for mode_hz in modes_hz:
        decay = decay_s * (lowest_hz / mode_hz) ** 0.3 * random.uniform(0.5, 1.0)
        phase = random.uniform(0.0, 2.0 * math.pi)
        sound += (
            random.uniform(0.3, 1.0)
            * np.exp(-time_s / decay)
            * np.sin(2 * math.pi * mode_hz * time_s + phase)
        )
    noise = band_noise(random, length, rate_hz, lowest_hz, 2.0 * float(np.max(modes_hz)))
    sound += 1.5 * noise * np.exp(-time_s / (0.15 * decay_s))
    return np.asarray(sound * (1.0 - np.exp(-time_s / rise_s)), float)


def _bouncing(
    random: np.random.Generator,
    rate_hz: float,
    peak_pa: float,
    *,
    low_hz: float,
    high_hz: float,
    decay_s: float,
) -> Pressure:
    """A bang and its bounces: each gap and level is the same fraction of the one before."""
    modes_hz = np.exp(random.uniform(math.log(low_hz), math.log(high_hz), 12))
    rise_s = random.uniform(0.4e-3, 2e-3)
    gap_s, ratio = random.uniform(0.12, 0.35), random.uniform(0.45, 0.7)
    sound = np.zeros(int(1.4 * rate_hz))
    start_s, level = 0.0, 1.0
    for _ in range(int(random.integers(2, 5))):
        bang = level * _modes(random, rate_hz, modes_hz, decay_s=decay_s, rise_s=rise_s)
        first = int(start_s * rate_hz)
        room = sound[first : first + bang.size]
        room += bang[: room.size]
        start_s, gap_s, level = start_s + gap_s, gap_s * ratio, level * ratio
    return peak_normalised(sound, peak_pa)


def _sum(one: Pressure, other: Pressure, *, delay: int) -> Pressure:
    """``one`` plus ``other`` delayed by ``delay`` samples."""
    sound = np.zeros(max(one.size, delay + other.size))
    sound[: one.size] += one
    sound[delay : delay + other.size] += other
    return sound
