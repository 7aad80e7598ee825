"""Noise survey of a site: what the microphone hears when nothing happens.

Levels are dBFS, RMS re full scale (a full-scale square wave is 0), and sound pressure levels where a
level calibration is at hand. The survey is fed in blocks of any length and keeps a few hundred bytes
per second, so it may run for a night.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sensor.calibrate.sine import quantisation_step
from sensor.calibrate.spectrum import (
    Band,
    Floats,
    a_weighting_db,
    band_weights,
    energy_mean_db,
    power_db,
    power_spectra,
    third_octaves,
)
from sensor.physics import spl_db_from_dbfs

CREST_DB = 8.5
"""Peak of a blast above the RMS of the loudest millisecond of it in the detector's band. From simulated
shots in coloured urban noise: 80.5 dB peak is detected half of the time at 60 dB of ambient noise and a
threshold of 12 dB."""
URBAN_LOSS_DB = 17.0
"""Median loss of real city shots against the free field (15 to 20 dB): public recordings of roof sensors."""
FREE_FIELD_9MM = (
    (50.0, 123.0),
    (100.0, 116.0),
    (200.0, 108.0),
    (400.0, 101.0),
    (800.0, 92.0),
    (1000.0, 89.0),
)
"""Distance in m and peak level in dB SPL of a 9 mm pistol from the side: 160 dB at 1 m (Dater 2014),
weak-shock decay (Fansler) and air absorption (ISO 9613-1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hum:
    """Mains lines in the long-term spectrum."""

    mains_hz: float
    """The stronger family: 50 or 60."""
    level_dbfs: float
    """All its lines together; -200 when none stands out."""
    lines_hz: tuple[float, ...]
    """Lines at least 10 dB above their surroundings."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NoiseFigures:
    """What a survey measured; levels in dBFS."""

    rate_hz: float
    duration_s: float
    bands: tuple[Band, ...]
    band_dbfs: Floats
    """Mean power per third octave, unweighted."""
    level_dbfs: Floats
    """A-weighted level of every 125 ms."""
    laeq_dbfs: float
    floor_dbfs: float
    """Median over seconds of the level in the detector's band."""
    low_dbfs: Floats
    """Level below 80 Hz of every second."""
    middle_dbfs: float
    """Mean level from 500 to 2000 Hz."""
    hum: Hum
    bits: float
    """Bits that the samples' root mean square exercises above the quantisation step; 0 = none, inf for
    samples that show no step."""
    clip_fraction: float
    zero_fraction: float
    longest_zero_s: float
    dc_fs: float
    not_finite: int

    def percentile_dbfs(self, exceeded_percent: float) -> float:
        """A-weighted level that is exceeded ``exceeded_percent`` of the time: L10, L50, L90."""
        return float(np.percentile(self.level_dbfs, 100.0 - exceeded_percent))


class NoiseSurveyor:
    """Collects a survey from blocks of one channel.

    Args:
        rate_hz: sampling rate, 8 to 192 kHz.
        band_hz: the detector's band.
    """

    def __init__(self, rate_hz: float, band_hz: tuple[float, float] = (300.0, 6000.0)) -> None:
        self.rate_hz = rate_hz
        self._second = round(rate_hz)
        self._eighth = self._second // 8
        self.bands = third_octaves(rate_hz)
        high_hz = min(band_hz[1], 0.49 * rate_hz)
        edges = [(band.low_hz, band.high_hz) for band in self.bands]
        extra = [(band_hz[0], high_hz), (20.0, 80.0), (500.0, 2000.0)]
        self._weights = band_weights(self._second, rate_hz, edges + extra)
        frequencies = np.fft.rfftfreq(self._eighth, 1.0 / rate_hz)
        self._a_power = 10.0 ** (a_weighting_db(frequencies) / 10.0)
        self._rest = np.empty(0)
        self._rows: list[Floats] = []
        self._levels: list[Floats] = []
        self._spectrum = np.zeros(self._second // 2 + 1)
        self._clipped = self._zeros = self._zero_run = self._longest_zero = 0
        self._sum = self._square = 0.0
        self._not_finite = 0
        self._step = 0.0

    def observe(self, samples: Floats) -> None:
        """Take in samples of one channel, shape (n,), ±1.0 full scale; any n."""
        finite = np.isfinite(samples)
        self._not_finite += int(samples.size - np.count_nonzero(finite))
        clean = np.where(finite, samples, 0.0).astype(np.float64)
        pending = np.concatenate([self._rest, clean])
        whole = pending.size // self._second
        for index in range(whole):
            self._take(pending[index * self._second : (index + 1) * self._second])
        self._rest = pending[whole * self._second :]

    def _take(self, second: Floats) -> None:
        """One second."""
        spectrum = power_spectra((second - second.mean())[None, :])[0]
        self._spectrum += spectrum
        self._rows.append(self._weights @ spectrum)
        eighths = second[: 8 * self._eighth].reshape(8, self._eighth)
        eighths = eighths - eighths.mean(axis=1, keepdims=True)
        self._levels.append(power_db(power_spectra(eighths) @ self._a_power))
        self._clipped += int(np.count_nonzero(np.abs(second) >= 0.9997))
        self._sum += float(second.sum())
        self._square += float(np.sum((second - second.mean()) ** 2))
        self._count_zeros(second == 0.0)
        self._step = min(self._step, quantisation_step(second)) if self._step else quantisation_step(second)

    def _count_zeros(self, zero: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> None:
        """Follow runs of exact zeros across seconds."""
        self._zeros += int(np.count_nonzero(zero))
        others = np.flatnonzero(~zero)
        if others.size == 0:
            self._zero_run += zero.size
            self._longest_zero = max(self._longest_zero, self._zero_run)
            return
        inner = int(np.max(np.diff(others))) - 1 if others.size > 1 else 0
        self._longest_zero = max(self._longest_zero, self._zero_run + int(others[0]), inner)
        self._zero_run = zero.size - 1 - int(others[-1])
        self._longest_zero = max(self._longest_zero, self._zero_run)

    @property
    def seconds(self) -> int:
        """Whole seconds taken in so far."""
        return len(self._rows)

    def figures(self) -> NoiseFigures:
        """The survey so far; the last fraction of a second is left out.

        Raises:
            ValueError: less than a second was taken in.
        """
        if not self._rows:
            raise ValueError("a survey needs at least one second")
        rows = np.array(self._rows)
        count = len(self.bands)
        total = self.seconds * self._second
        levels = np.concatenate(self._levels)
        rms = math.sqrt(self._square / total)
        return NoiseFigures(
            rate_hz=self.rate_hz,
            duration_s=float(self.seconds),
            bands=self.bands,
            band_dbfs=power_db(rows[:, :count].mean(axis=0)),
            level_dbfs=levels,
            laeq_dbfs=energy_mean_db(levels),
            floor_dbfs=float(np.median(power_db(rows[:, count]))),
            low_dbfs=power_db(rows[:, count + 1]),
            middle_dbfs=float(power_db(rows[:, count + 2].mean())),
            hum=find_hum(self._spectrum / self.seconds, self.rate_hz / self._second),
            bits=max(0.0, math.log2(rms / self._step) + 1.0) if rms > 0.0 and self._step else 0.0,
            clip_fraction=self._clipped / total,
            zero_fraction=self._zeros / total,
            longest_zero_s=self._longest_zero / self.rate_hz,
            dc_fs=self._sum / total,
            not_finite=self._not_finite,
        )


def find_hum(spectrum: Floats, step_hz: float) -> Hum:
    """Lines at multiples of 50 and 60 Hz up to the eighth that stand 10 dB out of their surroundings.

    Args:
        spectrum: mean power per bin.
        step_hz: distance of the bins; a line may lie 0.5 % and a bin off its place.
    """
    best = Hum(mains_hz=50.0, level_dbfs=-200.0, lines_hz=())
    for mains_hz in (50.0, 60.0):
        power, lines = 0.0, []
        for order in range(1, 9):
            reach = 2 + math.ceil(0.005 * mains_hz * order / step_hz)
            middle = round(mains_hz * order / step_hz)
            if middle + 5 * reach >= spectrum.size:
                break
            line = spectrum[middle - reach : middle + reach + 1]
            around = np.concatenate(
                [
                    spectrum[max(1, middle - 5 * reach) : middle - reach],
                    spectrum[middle + reach + 1 : middle + 5 * reach],
                ]
            )
            background = float(np.median(around))
            if float(line.max()) > 10.0 * background and line.max() > 0.0:
                lines.append(mains_hz * order)
                power += max(0.0, float(line.sum()) - background * line.size)
        level_dbfs = float(power_db(power))
        if lines and level_dbfs > best.level_dbfs:
            best = Hum(mains_hz=mains_hz, level_dbfs=level_dbfs, lines_hz=tuple(lines))
    return best


def trigger_peak_dbfs(floor_dbfs: float, threshold_db: float) -> float:
    """Peak, dB re full scale, that a shot needs at the microphone to be detected half of the time."""
    return floor_dbfs + threshold_db + CREST_DB


def reach_m(peak_db_spl: float, loss_db: float = URBAN_LOSS_DB) -> float:
    """Distance at which a 9 mm pistol from the side still peaks at ``peak_db_spl``, metres, 10 to 3000.

    An estimate for comparing sites: line of sight and direction change it by a factor of three.
    """
    distance = np.log([point[0] for point in FREE_FIELD_9MM])
    level = np.array([point[1] for point in FREE_FIELD_9MM]) - loss_db
    if peak_db_spl < level[-1]:  # beyond the table: its last slope goes on
        slope = (distance[-1] - distance[-2]) / (level[-1] - level[-2])
        return float(min(3000.0, math.exp(distance[-1] + (peak_db_spl - level[-1]) * slope)))
    if peak_db_spl > level[0]:
        slope = (distance[1] - distance[0]) / (level[1] - level[0])
        return float(max(10.0, math.exp(distance[0] + (peak_db_spl - level[0]) * slope)))
    return float(math.exp(np.interp(-peak_db_spl, -level, distance)))


def spl_or_none(level_dbfs: float, full_scale_db_spl: float | None) -> float | None:
    """A level as dB SPL where full scale is calibrated."""
    return None if full_scale_db_spl is None else spl_db_from_dbfs(level_dbfs, full_scale_db_spl)
