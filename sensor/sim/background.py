"""What a street sounds like between events: traffic, passing cars, hum, birds and wind."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Interval
from numpy.typing import NDArray

from sensor.physics import REFERENCE_PRESSURE_PA, ratio_from_db
from sensor.sim.spectra import Pressure, a_weighting_db, rfft_grid_hz, shaped_noise

# EN 1793-3 normalised road traffic noise: A-weighted level of each third octave re the whole, dB.
_TRAFFIC_HZ = np.array(
    [100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000, 2500, 3150, 4000, 5000], float
)
_TRAFFIC_DB = -np.array([20, 20, 18, 16, 15, 14, 13, 12, 11, 9, 8, 9, 10, 11, 13, 15, 16, 18], float)
_FRAME_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Street:
    """The background at a microphone."""

    level_dba: Annotated[float, Interval(ge=0.0, le=100.0)] = 55.0
    """Steady level of distant traffic, dB(A)."""
    sway_db: Annotated[float, Interval(ge=0.0, le=10.0)] = 1.5
    """Standard deviation of that level's slow rise and fall, dB."""
    passes_per_h: Annotated[float, Interval(ge=0.0, le=3600.0)] = 120.0
    """Cars that pass, per hour."""
    pass_dba: Annotated[float, Interval(ge=0.0, le=110.0)] = 66.0
    """Largest level of a typical pass, dB(A); single ones scatter by 4 dB."""
    hum_db: Annotated[float, Interval(ge=-20.0, le=80.0)] = 38.0
    """Level of the mains hum's strongest partial, dB SPL."""
    mains_hz: Annotated[float, Interval(ge=45.0, le=65.0)] = 60.0
    """Mains frequency."""
    birds_per_h: Annotated[float, Interval(ge=0.0, le=3600.0)] = 120.0
    """Bird phrases per hour."""
    bird_db: Annotated[float, Interval(ge=0.0, le=100.0)] = 58.0
    """Peak level of a typical bird phrase, dB SPL."""
    wind_db: Annotated[float, Interval(ge=-20.0, le=130.0)] = 60.0
    """RMS of the wind's turbulence at the windscreen (below about 60 Hz), dB SPL; gusts add up to 15 dB."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}


class Background:
    """Street noise by absolute sample index: any stretch can be had at any time and is always the same."""

    def __init__(self, street: Street, rate_hz: int, seed: int) -> None:
        """Fix the spectra for one rate; ``seed`` settles everything that is random."""
        self._street = street
        self._rate_hz = rate_hz
        self._seed = seed
        self._hop = int(_FRAME_S * rate_hz)
        frequency_hz = rfft_grid_hz(2 * self._hop, rate_hz)
        self._traffic, self._traffic_pa = _traffic_spectrum(frequency_hz)
        self._wind = (
            1.0
            / (1.0 + (np.maximum(frequency_hz, 0.5) / 8.0) ** (5.0 / 3.0))
            / (1.0 + (frequency_hz / 60.0) ** 2)
        )
        self._window = np.sin(np.pi * (np.arange(2 * self._hop) + 0.5) / (2 * self._hop))
        self._frames: dict[int, NDArray[np.float64]] = {}

    def pressure_pa(self, first: int, count: int) -> Pressure:
        """Pressure of the samples ``[first, first + count)``, pascal."""
        sound = np.zeros(count)
        for index in range(first // self._hop, (first + count - 1) // self._hop + 1):
            start = index * self._hop
            begin, end = max(first, start), min(first + count, start + self._hop)
            half = self._frame(index - 1)[self._hop :] + self._frame(index)[: self._hop]
            sound[begin - first : end - first] = half[begin - start : end - start]
        return sound + self._hum(first, count)

    def _frame(self, index: int) -> NDArray[np.float64]:
        """Two hops of noise from ``index`` on; overlapping halves add up to constant power."""
        if index not in self._frames:
            if len(self._frames) > 3:
                self._frames.pop(min(self._frames))
            random = np.random.default_rng((self._seed, 1, index + 1))
            # Levels change slowly: they are worked out 32 times a second and drawn straight between.
            slow_s = (np.arange(65) / 32.0 + index) * _FRAME_S
            level_db = self._street.level_dba + self._street.sway_db * self._slow(slow_s, 2)
            gust_db = self._street.wind_db + 7.5 * (1.0 + np.tanh(2.0 * self._slow(slow_s, 3) - 2.0))
            traffic = self._traffic_pa * np.sqrt(10.0 ** (level_db / 10.0) + self._passes(slow_s))
            gust = REFERENCE_PRESSURE_PA * 10.0 ** (gust_db / 20.0)
            noise = self._drawn(traffic) * shaped_noise(random, 2 * self._hop, self._traffic)
            noise += self._drawn(gust) * shaped_noise(random, 2 * self._hop, self._wind)
            self._frames[index] = noise * self._window + self._birds(index)
        return self._frames[index]

    def _drawn(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """65 values over two hops as one value a sample."""
        return np.interp(np.arange(2 * self._hop), np.arange(65) * (self._hop / 32.0), values)

    def _slow(self, time_s: NDArray[np.float64], which: int) -> NDArray[np.float64]:
        """A random walk of about unit variance that takes seconds to minutes to turn."""
        random = np.random.default_rng((self._seed, which, 0))
        periods_s = np.exp(random.uniform(math.log(5.0), math.log(400.0), 12))
        phases = random.uniform(0.0, 2.0 * math.pi, 12)
        turns = 2.0 * np.pi * time_s[:, None] / periods_s + phases
        return np.asarray(np.sin(turns).sum(axis=1) / math.sqrt(6.0), float)

    def _passes(self, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Power of the cars near ``time_s``, re 0 dB(A): a point source on a straight road."""
        power = np.zeros(time_s.size)
        minute = int(time_s[0] // 60.0)
        for index in range(minute - 1, minute + 2):
            random = np.random.default_rng((self._seed, 4, index + 2))
            for _ in range(int(random.poisson(self._street.passes_per_h / 60.0))):
                middle_s = 60.0 * (index + random.random())
                level_db = self._street.pass_dba + 4.0 * random.standard_normal()
                slowness_s = random.uniform(8.0, 25.0) / random.uniform(8.0, 16.0)  # road's distance / speed
                power += 10.0 ** (level_db / 10.0) / (1.0 + ((time_s - middle_s) / slowness_s) ** 2)
        return power

    def _birds(self, index: int) -> NDArray[np.float64]:
        """Phrases that begin in the first hop of frame ``index``; each is shorter than a hop."""
        random = np.random.default_rng((self._seed, 5, index + 1))
        sound = np.zeros(2 * self._hop)
        for _ in range(int(random.poisson(self._street.birds_per_h * _FRAME_S / 3600.0))):
            phrase = _bird_phrase(random, self._rate_hz)
            phrase *= REFERENCE_PRESSURE_PA * ratio_from_db(
                self._street.bird_db + 4.0 * random.standard_normal()
            )
            start = int(random.integers(0, self._hop))
            sound[start : start + phrase.size] += phrase
        return sound

    def _hum(self, first: int, count: int) -> NDArray[np.float64]:
        """Partials of a transformer: twice the mains frequency, then weaker ones."""
        time_s = (first + np.arange(count)) / self._rate_hz
        peak_pa = math.sqrt(2.0) * REFERENCE_PRESSURE_PA * ratio_from_db(self._street.hum_db)
        sound = np.zeros(count)
        for order, level_db in ((2, 0.0), (4, -6.0), (6, -10.0), (1, -12.0), (8, -16.0)):
            sound += ratio_from_db(level_db) * np.sin(
                2.0 * np.pi * order * self._street.mains_hz * time_s + order
            )
        return peak_pa * sound


def _traffic_spectrum(frequency_hz: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Magnitude of traffic noise and the RMS pressure of 0 dB(A) of it.

    The third-octave levels of EN 1793-3, taken back from A-weighted to pressure density; below and above
    them the ends go on with -3 and -18 dB an octave.
    """
    density_db = _TRAFFIC_DB - a_weighting_db(_TRAFFIC_HZ) - 10.0 * np.log10(_TRAFFIC_HZ)
    octave = np.log2(np.maximum(frequency_hz, 1.0))
    known = np.log2(_TRAFFIC_HZ)
    level_db = np.interp(octave, known, density_db)
    level_db += np.where(octave < known[0], 3.0 * (known[0] - octave), 0.0)
    level_db -= np.where(octave > known[-1], 18.0 * (octave - known[-1]), 0.0)
    magnitude = 10.0 ** (level_db / 20.0)
    magnitude[frequency_hz < 20.0] *= (frequency_hz[frequency_hz < 20.0] / 20.0) ** 2
    power = magnitude**2
    weighted = float(np.sum(power * 10.0 ** (a_weighting_db(frequency_hz) / 10.0)) / np.sum(power))
    return magnitude, REFERENCE_PRESSURE_PA / math.sqrt(weighted)


def _bird_phrase(random: np.random.Generator, rate_hz: int) -> NDArray[np.float64]:
    """Two to six gliding whistles between 2 and 7 kHz, peak 1, shorter than a second."""
    notes = []
    highest_hz = min(7000.0, 0.4 * rate_hz)
    for _ in range(int(random.integers(2, 7))):
        count = int(random.uniform(0.03, 0.1) * rate_hz)
        glide_hz = np.linspace(random.uniform(2000.0, highest_hz), random.uniform(2000.0, highest_hz), count)
        notes.append(np.hanning(count) * np.sin(2.0 * np.pi * np.cumsum(glide_hz) / rate_hz))
        notes.append(np.zeros(int(random.uniform(0.01, 0.05) * rate_hz)))
    return np.concatenate(notes)
