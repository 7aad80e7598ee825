"""How an arrival looks: figures by which simulated and recorded shots are compared."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensor.sim.air import Air
from sensor.sim.background import Background, Street
from sensor.sim.blasts import WEAPONS, muzzle_blast
from sensor.sim.microphone import Microphone, MicrophoneChannel
from sensor.sim.propagate import Path, oversampling, weak_shock_gain
from sensor.sim.reverberation import draw_surroundings
from sensor.sim.spectra import rfft_grid_hz

BEFORE_S, AFTER_S = 0.15, 0.23
"""What is looked at round an onset; a next round comes no sooner than 0.24 s in the recordings."""
STREET_RATE_HZ = 12_000
STREET_MICROPHONE = Microphone(full_scale_db_spl=94.0, low_hz=180.0, high_hz=3000.0, noise_dba=30.0)
STREET_AIR = Air(temperature_c=0.0, humidity_percent=70.0)
"""Channel and weather of the published street recordings: 12 kHz, rail near 94 dB SPL, an electret in thick
foam, a night at freezing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """Figures of one arrival, all within 0.23 s of its onset and with the noise before it taken off."""

    rise_ms: float
    """10 to 90 % of the envelope (0.4 ms) on its way to the largest value within 30 ms."""
    half_energy_ms: float
    most_energy_ms: float
    """Times by which 50 and 90 % of the energy have come."""
    centroid_hz: float
    """Of the first 60 ms, 150 Hz to 5 kHz."""
    brightness_db: float
    """Energy of 2 to 5 kHz over that of 0.15 to 1 kHz, first 60 ms."""
    early_db: float
    """Level from 10 to 30 ms over that of the first 10 ms."""
    late_db: float
    """Level from 120 to 230 ms over that of the first 10 ms."""
    snr_db: float
    """Loudest millisecond over the noise before."""


def looks(samples: NDArray[np.floating], rate_hz: float, onset_s: float) -> Looks | None:
    """Figures of the arrival at ``onset_s``; None if too little is recorded round it or only noise."""
    onset = round(onset_s * rate_hz)
    first, last = onset - round(BEFORE_S * rate_hz), onset + round(AFTER_S * rate_hz)
    if first < 0 or last > samples.size:
        return None
    part = _band(np.asarray(samples[first:last], float), rate_hz, 150.0, 5000.0)
    start = onset - first
    noise = float(np.mean(part[: start - round(0.03 * rate_hz)] ** 2))
    power = part**2 - noise
    energy = np.cumsum(power[start - round(2e-3 * rate_hz) :])
    if energy[-1] <= 0.0:
        return None

    def level_db(begin_s: float, end_s: float) -> float:
        mean = float(np.mean(power[start + round(begin_s * rate_hz) : start + round(end_s * rate_hz)]))
        return 10.0 * math.log10(max(mean, 0.05 * noise + 1e-20))

    millisecond = max(1, round(1e-3 * rate_hz))
    loudest = float(np.convolve(part[start:] ** 2, np.full(millisecond, 1.0 / millisecond), "valid").max())
    centroid_hz, brightness_db = _colour(
        part[start - round(2e-3 * rate_hz) : start + round(0.06 * rate_hz)], rate_hz
    )
    return Looks(
        rise_ms=1e3 * _rise_s(part[start - round(3e-3 * rate_hz) : start + round(0.03 * rate_hz)], rate_hz),
        half_energy_ms=1e3 * float(np.argmax(energy >= 0.5 * energy[-1])) / rate_hz,
        most_energy_ms=1e3 * float(np.argmax(energy >= 0.9 * energy[-1])) / rate_hz,
        centroid_hz=centroid_hz,
        brightness_db=brightness_db,
        early_db=level_db(0.01, 0.03) - level_db(-2e-3, 0.01),
        late_db=level_db(0.12, 0.23) - level_db(-2e-3, 0.01),
        snr_db=10.0 * math.log10(loudest / max(noise, 1e-20)),
    )


def simulated_looks(seed: int, distances_m: list[float], each: int) -> Iterator[tuple[float, float, Looks]]:
    """Distance, peak level (dB SPL, at most the rail) and looks of simulated pistol shots on a street."""
    rate_hz = STREET_RATE_HZ
    quiet = Background(
        Street(level_dba=42.0, passes_per_h=10.0, wind_db=40.0, birds_per_h=0.0), rate_hz, seed
    )
    for distance_m in distances_m:
        for index in range(each):
            random = np.random.default_rng((seed, round(distance_m), index))
            at, there = np.array([0.0, distance_m, 1.5]), np.array([0.0, 0.0, random.uniform(6.0, 25.0)])
            path = Path(random, rate_hz, at, there, STREET_AIR, draw_surroundings(random), 0.1)
            weapon = WEAPONS[("9mm", "40sw", "45acp")[index % 3]]
            blast = muzzle_blast(random, float(rate_hz * oversampling(rate_hz)), weapon)
            aim = 10.0 ** (random.uniform(weapon.back_db, weapon.front_db) / 20.0)
            sound = path.carry(blast, 0.5 * rate_hz, weak_shock_gain(distance_m) * aim)
            pressure = quiet.pressure_pa(20_000 * index, rate_hz)
            room = pressure[sound.first :]
            room += sound.pressure_pa[: room.size]
            channel = MicrophoneChannel(STREET_MICROPHONE, rate_hz, random)
            seen = looks(channel.record(pressure), float(rate_hz), 0.5)
            peak_db = 20.0 * math.log10(float(np.max(np.abs(sound.pressure_pa))) / 20e-6)
            if seen is not None:
                yield distance_m, min(peak_db, STREET_MICROPHONE.full_scale_db_spl), seen


def _band(samples: NDArray[np.float64], rate_hz: float, low_hz: float, high_hz: float) -> NDArray[np.float64]:
    """Zero-phase band-pass with half-octave skirts."""
    frequency_hz = rfft_grid_hz(samples.size, rate_hz)
    octave = np.log2(np.maximum(frequency_hz, 1e-3))
    up = np.clip((octave - math.log2(low_hz)) / 0.5 + 1.0, 0.0, 1.0)
    down = np.clip((math.log2(high_hz) - octave) / 0.5 + 1.0, 0.0, 1.0)
    return np.asarray(np.fft.irfft(np.fft.rfft(samples) * up * down, samples.size), float)


def _rise_s(part: NDArray[np.float64], rate_hz: float) -> float:
    width = max(1, round(0.4e-3 * rate_hz))
    envelope = np.convolve(np.abs(part), np.full(width, 1.0 / width), "same")
    peak = int(np.argmax(envelope))
    rising = np.maximum.accumulate(envelope[: peak + 1])
    return (
        float(np.searchsorted(rising, 0.9 * rising[-1]) - np.searchsorted(rising, 0.1 * rising[-1])) / rate_hz
    )


def _colour(part: NDArray[np.float64], rate_hz: float) -> tuple[float, float]:
    """Centroid in hertz and high over low in dB."""
    power = np.abs(np.fft.rfft(part)) ** 2
    frequency_hz = rfft_grid_hz(part.size, rate_hz)

    def energy(low_hz: float, high_hz: float) -> float:
        return float(power[(frequency_hz >= low_hz) & (frequency_hz < high_hz)].sum()) + 1e-30

    inside = (frequency_hz >= 150.0) & (frequency_hz < 5000.0)
    centroid = float((frequency_hz[inside] * power[inside]).sum() / max(1e-30, float(power[inside].sum())))
    return centroid, 10.0 * math.log10(energy(2000.0, 5000.0) / energy(150.0, 1000.0))
