"""Feature vector of an impulse, from the aligned wave at the common rate.

Everything is a ratio or a time, so that gain does not matter; nothing looks above 3 kHz, so that the
sampling rate does not. Ranges are cut where a sensor's own noise or rail would decide.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from sensor.classify import excess
from sensor.classify.bands import (
    BAND_EDGES_HZ,
    BAND_NAMES,
    ENVELOPE_RATE_HZ,
    band_power,
    decibel,
    tick,
)
from sensor.classify.common_rate import (
    BEFORE_S,
    COMMON_RATE_HZ,
    HIGH_BANDS_HZ,
    HIGH_FRAME,
    ONSET_INDEX,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEGMENT_EDGES_MS = (-95, -50, -20, -5, -2, 3, 8, 16, 30, 50, 80, 120, 170, 235)
"""Segments between neighbouring edges; the one from -5 to -2 ms is the guard round the pick and left out."""
_GUARD_SEGMENT = 3
_REFERENCE_MS = (-2, 50)
_FLOOR_DB, _CEILING_DB = -45.0, 20.0
FINE_FIRST_MS, FINE_LAST_MS = -6, 24
_FINE_BANDS = slice(2, None)
"""The attack is looked at above 360 Hz, where the bands' own ringing is shorter than 2 ms."""
_GROUPS = {"low": slice(0, 2), "mid": slice(2, 4), "top": slice(4, 6), "all": slice(1, 6)}
WINDOWS_MS = ((-2, 8), (8, 60), (60, 235))
_WINDOW_FFT = 2048


def _names() -> tuple[str, ...]:
    edges = SEGMENT_EDGES_MS
    spans = [f"{a}..{b}ms" for a, b in pairwise(edges)]
    del spans[_GUARD_SEGMENT]
    names = [f"level_db {band} {span}" for band in BAND_NAMES for span in spans]
    names += [f"attack_db {t}ms" for t in range(FINE_FIRST_MS, FINE_LAST_MS, 2)]
    for a, b in WINDOWS_MS:
        names += [
            f"{what} {a}..{b}ms" for what in ("centroid_oct", "spread_oct", "flatness_db", "tonality_db")
        ]
    names += [f"energy_time_{share}_log" for share in (10, 25, 50, 75, 90)]
    names += ["kurtosis_50ms_log", "kurtosis_235ms_log", "asymmetry", "first_lobe_log", "crossings_8ms"]
    names += ["periodicity", "period_log", "pulses", "peak_time_log", "rise_db"]
    names += [f"level_db {a:.0f}-{b:.0f}Hz {span}" for a, b in HIGH_BANDS_HZ for span in spans]
    names += [
        f"{what} {group}"
        for group in _GROUPS
        for what in ("jump_db", "jump_time_ms", "decay_db_s", "tail_db_s")
    ]
    names += ["rise_ms_log", "half_width_ms_log", "before_db", "after_db", "roughness_db"]
    names += ["pitch 5..105ms", "pitch_lag_log 5..105ms", "pitch 100..235ms", "pitch_before"]
    return (*names, *excess.NAMES)


NAMES = _names()


def extract(waves: NDArray[np.floating], high: NDArray[np.floating]) -> NDArray[np.float32]:
    """Feature vectors, shape (n, len(NAMES)), of n aligned clips; all zero where silent.

    ``waves`` (n, LENGTH) and ``high`` (n, bands, frames) are as in :class:`Aligned`. What a low sampling rate
    leaves unknown is NaN.
    """
    waves = np.atleast_2d(waves).astype(np.float64)
    peak = np.abs(waves).max(axis=1, keepdims=True)
    silent = ~(peak[:, 0] > 0.0)
    scale = np.where(peak > 0.0, peak, 1.0)
    waves = waves / scale
    bands: NDArray[np.float64] = np.asarray(high, np.float64).reshape(len(waves), len(HIGH_BANDS_HZ), -1)
    bands = bands / scale[:, :, None] ** 2
    power = band_power(waves)
    blocks = [
        _segment_levels(power),
        _attack(power),
        _spectral(waves),
        _energy_times(power.sum(axis=1)),
        _shape(waves),
        _rhythm(power),
        _high_levels(power, bands),
        _slopes(power),
        _edges(power),
        _pitch(waves),
        excess.extract(power),
    ]
    vectors = np.concatenate(blocks, axis=1).astype(np.float32)
    vectors[silent] = 0.0
    return vectors


def _at(ms: float) -> int:
    """Index into a wave of a time after the onset."""
    return ONSET_INDEX + round(ms * COMMON_RATE_HZ / 1000.0)


def _segment_levels(power: NDArray[np.float64]) -> NDArray[np.float64]:
    edges = np.array([tick(ms) for ms in SEGMENT_EDGES_MS])
    return _levels_between(power, edges, _reference(power))


def _high_levels(power: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    edges = np.array([_at(ms) // HIGH_FRAME for ms in SEGMENT_EDGES_MS])
    return _levels_between(high, edges, _reference(power))


def _reference(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean power of the first 50 ms in the shared band: what all levels are relative to."""
    first, last = tick(_REFERENCE_MS[0]), tick(_REFERENCE_MS[1])
    return power[:, :, first:last].mean(axis=2).sum(axis=1)[:, None, None]


def _levels_between(
    power: NDArray[np.float64], edges: NDArray[np.int64], reference: NDArray[np.float64]
) -> NDArray[np.float64]:
    total = np.concatenate([np.zeros((*power.shape[:2], 1)), np.cumsum(power, axis=2)], axis=2)
    mean = np.delete(np.diff(total[:, :, edges], axis=2) / np.diff(edges), _GUARD_SEGMENT, axis=2)
    level = np.clip(decibel(mean) - decibel(reference), _FLOOR_DB, _CEILING_DB)
    return level.reshape(len(power), -1)


def _attack(power: NDArray[np.float64]) -> NDArray[np.float64]:
    frames = _frames(power[:, _FINE_BANDS].sum(axis=1), 2)
    begin = round(BEFORE_S * 500.0)
    part = frames[:, begin + FINE_FIRST_MS // 2 : begin + FINE_LAST_MS // 2]
    return np.maximum(decibel(part) - decibel(part.max(axis=1, keepdims=True)), _FLOOR_DB)


def _spectral(waves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centroid and spread (octaves re 1 kHz), flatness and tonality (dB) of three windows, 80 to 2900 Hz."""
    frequency = np.fft.rfftfreq(_WINDOW_FFT, 1.0 / COMMON_RATE_HZ)
    inside = (frequency >= BAND_EDGES_HZ[0]) & (frequency <= BAND_EDGES_HZ[-1])
    octave = np.log2(frequency[inside] / 1000.0)
    columns = []
    for begin, end in WINDOWS_MS:
        part = waves[:, _at(begin) : _at(end)]
        part = part * np.hanning(part.shape[1] + 2)[1:-1] if begin >= 0 else part * _half_hann(part.shape[1])
        power = np.abs(np.fft.rfft(part, _WINDOW_FFT, axis=1)[:, inside]) ** 2 + 1e-20
        share = power / power.sum(axis=1, keepdims=True)
        centroid = share @ octave
        spread = np.sqrt(np.maximum(share @ octave**2 - centroid**2, 0.0))
        flatness = decibel(power).mean(axis=1) - decibel(power.mean(axis=1))
        tonality = decibel(power.max(axis=1)) - np.median(decibel(power), axis=1)
        columns += [centroid, spread, flatness, tonality]
    return np.stack(columns, axis=1)


def _half_hann(length: int) -> NDArray[np.float64]:
    """Window that begins at full height: the attack must not be faded."""
    return 0.5 + 0.5 * np.cos(np.pi * np.arange(length) / length)


def _energy_times(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log10 of the times (ms) by which shares of the energy have come, the noise before subtracted."""
    noise = np.median(power[:, tick(-95) : tick(-5)], axis=1, keepdims=True)
    part = np.maximum(power[:, tick(-2) : tick(235)] - 1.5 * noise, 0.0)
    total = np.cumsum(part, axis=1)
    share = total / np.maximum(total[:, -1:], 1e-20)
    times = [(share < level).sum(axis=1) * 1000.0 / ENVELOPE_RATE_HZ for level in (0.1, 0.25, 0.5, 0.75, 0.9)]
    return np.log10(np.stack(times, axis=1) + 0.5)


def _shape(waves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Impulsiveness and the first lobes, which a blast makes one-sided and a ringing body does not."""
    first = waves[:, _at(-1) : _at(8)]
    columns = [_log_kurtosis(waves[:, _at(-2) : _at(50)]), _log_kurtosis(waves[:, _at(-2) : _at(235)])]
    asymmetry = np.abs((first**3).sum(axis=1)) / np.maximum((np.abs(first) ** 3).sum(axis=1), 1e-20)
    sign = np.signbit(first)
    changes = sign[:, 1:] != sign[:, :-1]
    biggest = np.abs(first).argmax(axis=1)
    index = np.arange(changes.shape[1])
    left = np.where(changes & (index < biggest[:, None]), index, -1).max(axis=1)
    right = np.where(changes & (index >= biggest[:, None]), index, changes.shape[1]).min(axis=1)
    lobe_ms = (right - left) * 1000.0 / COMMON_RATE_HZ
    columns += [asymmetry, np.log10(lobe_ms + 0.1), changes.sum(axis=1) / 8.0]
    return np.stack(columns, axis=1)


def _log_kurtosis(part: NDArray[np.float64]) -> NDArray[np.float64]:
    second = (part**2).mean(axis=1)
    return np.log10(np.maximum((part**4).mean(axis=1) / np.maximum(second**2, 1e-20), 1.0))


def _rhythm(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Repetition within the clip, number of separate pulses, time of the strongest, step at the onset."""
    fine = power[:, _FINE_BANDS].sum(axis=1)
    frames = _frames(fine, 2)
    level = decibel(frames)
    top = level.max(axis=1, keepdims=True)
    shape = np.maximum(level - top, -30.0)
    shape -= shape.mean(axis=1, keepdims=True)
    spectrum = np.fft.rfft(shape, 512, axis=1)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2, axis=1)
    correlation /= np.maximum(correlation[:, :1], 1e-20)
    lags = correlation[:, 6:75]  # 12 to 150 ms
    best = lags.argmax(axis=1)
    onset_frame = round(BEFORE_S * 500.0)
    after = level[:, onset_frame - 1 :]
    local = (after[:, 1:-1] > after[:, :-2]) & (after[:, 1:-1] >= after[:, 2:]) & (after[:, 1:-1] > top - 6.0)
    peak_ms = after.argmax(axis=1) * 2.0
    before = decibel(frames[:, onset_frame - 20 : onset_frame - 2].mean(axis=1))
    rise = np.clip(after[:, :15].max(axis=1) - before, -10.0, 50.0)
    period = np.log10((best + 6) * 2.0)
    return np.stack([lags.max(axis=1), period, local.sum(axis=1), np.log10(peak_ms + 1.0), rise], axis=1)


def _frames(power: NDArray[np.float64], ms: int) -> NDArray[np.float64]:
    """Mean power of frames of ``ms`` milliseconds, the onset on a frame's edge."""
    width = ms * round(ENVELOPE_RATE_HZ / 1000.0)
    return power[:, : power.shape[1] // width * width].reshape(len(power), -1, width).mean(axis=2)


def _slopes(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Per group of bands: largest jump in 3 ms and its time, decay to 60 ms after the onset and beyond."""
    columns = []
    for group in _GROUPS.values():
        fine = _frames(power[:, group].sum(axis=1), 1)
        total = np.concatenate([np.zeros((len(fine), 1)), np.cumsum(fine, axis=1)], axis=1)
        at = np.arange(92, 122)
        after = (total[:, at + 2] - total[:, at]) / 2.0
        before = (total[:, at - 1] - total[:, at - 6]) / 5.0
        jump = np.clip(decibel(after) - decibel(before), 0.0, 40.0)
        level = decibel(_frames(power[:, group].sum(axis=1), 5))
        level = np.maximum(level, level.max(axis=1, keepdims=True) - 50.0)
        columns += [jump.max(axis=1), jump.argmax(axis=1) - 8.0]
        columns += [_slope(level[:, 20:33]), _slope(level[:, 32:67])]
    return np.stack(columns, axis=1)


def _slope(level_db: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least-squares slope of 5 ms frames, dB per 100 ms."""
    time = np.arange(level_db.shape[1]) * 0.05
    time -= time.mean()
    return level_db @ time / (time @ time)


def _edges(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rise and width of the first pulse, what stands before and after it, and how ragged the decay is."""
    smooth = np.sqrt(power[:, _FINE_BANDS].sum(axis=1))
    attack = smooth[:, tick(-8) : tick(40)]
    top = np.maximum(attack.max(axis=1, keepdims=True), 1e-10)
    rising = np.maximum.accumulate(attack, axis=1) / top
    rise_ms = ((rising < 0.9).sum(axis=1) - (rising < 0.1).sum(axis=1)) / 2.0
    width_ms = (attack > 0.5 * top).sum(axis=1) / 2.0
    before = smooth[:, tick(-95) : tick(-8)].max(axis=1)
    after = smooth[:, tick(60) : tick(235)].max(axis=1)
    level = decibel(_frames(power[:, 1:].sum(axis=1), 5))[:, 20:67]
    level = np.maximum(level, level.max(axis=1, keepdims=True) - 50.0)
    ragged = np.abs(np.diff(level, 2, axis=1)).mean(axis=1)
    columns = [np.log10(rise_ms + 0.5), np.log10(width_ms + 0.5)]
    columns += [np.clip(decibel((x / top[:, 0]) ** 2), -50.0, 20.0) for x in (before, after)]
    return np.stack([*columns, ragged], axis=1)


def _pitch(waves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Strength of a waveform period of 1.4 to 12.5 ms: voices, horns, engines and ringing bodies have one."""
    columns = []
    for begin, end, with_lag in ((5, 105, True), (100, 235, False), (-95, -5, False)):
        part = waves[:, _at(begin) : _at(end)]
        spectrum = np.fft.rfft(part * np.hanning(part.shape[1]), _WINDOW_FFT + 1024, axis=1)
        correlation = np.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, :101]
        correlation /= np.maximum(correlation[:, :1], 1e-20)
        lags = correlation[:, 11:]
        columns.append(lags.max(axis=1))
        if with_lag:
            columns.append(np.log10((lags.argmax(axis=1) + 11) / 8.0))
    return np.stack(columns, axis=1)
