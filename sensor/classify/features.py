"""Feature vector of an impulse, from the aligned wave at the common rate.

Everything is a ratio or a time, so that gain does not matter; but for two bands, which are unknown where the
rate does not reach them, nothing looks above 3 kHz, so that the sampling rate does not. Ranges are cut where
a sensor's own noise or rail would decide.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from sensor.classify import excess
from sensor.classify.bands import (
    BAND_EDGES_HZ,
    BAND_NAMES,
    BANDS,
    ENVELOPE_RATE_HZ,
    band_power,
    decibel,
    mean,
    side_by_side,
    span_means,
    tick,
)
from sensor.classify.common_rate import (
    BEFORE_S,
    COMMON_RATE_HZ,
    HIGH_BANDS_HZ,
    HIGH_FRAME,
    LENGTH,
    ONSET_INDEX,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOOKS = 3
"""A sound is looked at as it is, then with its onset earlier and nothing known above the shared band, then
dulled as well. What a verdict owes to the last millisecond of a pick or to a channel's treble is left to the
looks before."""
EARLIER_MS = 1
"""How much before the pick the onset is put."""
DULL_HZ = 1500.0
"""Where a dulled sound is 3 dB down (12 dB an octave, no phase): round a corner, or from farther away."""
SEGMENT_EDGES_MS = (-95, -50, -20, -5, -2, 3, 8, 16, 30, 50, 80, 120, 170, 235)
"""Segments between neighbouring edges; the one from -5 to -2 ms is the guard round the pick and left out."""
_GUARD_SEGMENT = 3
_REFERENCE_MS = (-2, 50)
_FLOOR_DB, _CEILING_DB = -45.0, 20.0
FINE_FIRST_MS, FINE_LAST_MS = -6, 24
_FINE_BANDS = slice(2, None)
"""The attack is looked at above 360 Hz, where the bands' own ringing is shorter than 2 ms."""
_GROUPS = {"low": slice(0, 2), "mid": slice(2, 4), "top": slice(4, 6), "all": slice(1, 6)}
_ALL = tuple(_GROUPS).index("all")
WINDOWS_MS = ((-2, 8), (8, 60), (60, 235))
_WINDOW_FFT = 2048
_PITCH_WINDOWS_MS = ((5, 105), (100, 235), (-95, -5))
_PITCH_FFT = 1200
"""The longest of them and the longest lag: nothing wraps."""
_PITCH_LAGS = slice(11, 101)


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
    names += ["kurtosis_50ms_log", "kurtosis_235ms_log", "asymmetry", "first_lobe_log", "crossings_per_ms"]
    names += ["periodicity", "period_log", "pulses", "peak_time_log", "rise_db"]
    names += [f"level_db {a:.0f}-{b:.0f}Hz {span}" for a, b in HIGH_BANDS_HZ for span in spans]
    names += [
        f"{what} {group}"
        for group in _GROUPS
        for what in ("jump_db", "jump_time_ms", "decay_db_100ms", "tail_db_100ms")
    ]
    names += ["rise_ms_log", "half_width_ms_log", "before_db", "after_db", "roughness_db"]
    names += ["pitch 5..105ms", "pitch_lag_log 5..105ms", "pitch 100..235ms", "pitch_before"]
    return (*names, *excess.NAMES)


NAMES = _names()


def extract(waves: NDArray[np.floating], high: NDArray[np.floating]) -> NDArray[np.float32]:
    """Feature vectors, shape (n, LOOKS, len(NAMES)), of n aligned clips; all zero where silent.

    ``waves`` (n, LENGTH) and ``high`` (n, bands, frames) are as in :class:`Aligned`. What a low sampling rate
    leaves unknown is NaN.
    """
    waves, high = at_unit_peak(np.atleast_2d(waves), high)
    return extract_from(waves, high, band_power(waves))


def at_unit_peak(
    waves: NDArray[np.floating], high: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Aligned clips (n, LENGTH) and their high bands (n, bands, frames) at the gain of a peak of 1.

    Silence stays what it is.
    """
    peak = np.abs(waves).max(axis=1, keepdims=True)
    scale = np.where(peak > 0.0, peak, 1.0).astype(np.float64)
    bands: NDArray[np.float64] = np.asarray(high, np.float64).reshape(len(waves), len(HIGH_BANDS_HZ), -1)
    return waves / scale, bands / scale[:, :, None] ** 2


def extract_from(
    waves: NDArray[np.float64], high: NDArray[np.float64], power: NDArray[np.float64]
) -> NDArray[np.float32]:
    """As ``extract``, of clips that ``at_unit_peak`` gave and their ``band_power``."""
    dull, unknown = _dulled(waves), np.full_like(high, np.nan)
    looks = (
        (waves, _earlier(waves, COMMON_RATE_HZ), _earlier(dull, COMMON_RATE_HZ)),
        (high, unknown, unknown),
        (power, _earlier(power, ENVELOPE_RATE_HZ), _earlier(band_power(dull), ENVELOPE_RATE_HZ)),
    )
    in_turn = (np.stack(each, axis=1).reshape(-1, *each[0].shape[1:]) for each in looks)
    return _described(*in_turn).reshape(len(waves), LOOKS, len(NAMES))


def _dulled(waves: NDArray[np.float64]) -> NDArray[np.float64]:
    """The waves through a low-pass of ``DULL_HZ``; padded, so that nothing wraps round."""
    dull: NDArray[np.float64] = np.fft.irfft(np.fft.rfft(waves, _DULL_FFT) * _DULL_RESPONSE, _DULL_FFT)
    return dull[:, :LENGTH]


def _earlier(values: NDArray[np.float64], rate_hz: float) -> NDArray[np.float64]:
    """What stood ``EARLIER_MS`` before the onset stands on it; the first value is continued.

    But for the rhythm no feature looks at what falls off the end: a clip cut anew would give the same.
    """
    steps = round(EARLIER_MS * rate_hz / 1000.0)
    return np.concatenate((np.repeat(values[..., :1], steps, axis=-1), values[..., :-steps]), axis=-1)


def _described(
    waves: NDArray[np.float64], high: NDArray[np.float64], power: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Feature vectors, shape (n, len(NAMES)), one look each."""
    reference = (power @ _REFERENCE_MEAN).sum(axis=1, keepdims=True)
    groups = _SUMS @ power
    fine, whole = groups[:, -2], groups[:, -1]
    frames = _frames(fine, 2)
    blocks = [
        _segment_levels(power @ _SEGMENT_MEANS, reference),
        _attack(frames),
        _spectral(waves),
        _energy_times(whole),
        _shape(waves),
        _rhythm(frames),
        _segment_levels(high @ _HIGH_MEANS, reference),
        *_slopes_and_edges(groups[:, : len(_GROUPS)], fine),
        _pitch(waves),
        excess.extract(power),
    ]
    vectors = np.concatenate(blocks, axis=1).astype(np.float32)
    vectors[~waves.any(axis=1)] = 0.0
    return vectors


def _at(ms: float) -> int:
    """Index into a wave of a time after the onset."""
    return ONSET_INDEX + round(ms * COMMON_RATE_HZ / 1000.0)


def _sums() -> NDArray[np.float64]:
    """Matrix that adds bands up: each of ``_GROUPS``, then those of the attack, then all."""
    sums = np.zeros((len(_GROUPS) + 2, BANDS))
    for row, bands in enumerate((*_GROUPS.values(), _FINE_BANDS, slice(None))):
        sums[row, bands] = 1.0
    return sums


def _high_means() -> NDArray[np.float64]:
    """As ``span_means`` of ``_SEGMENTS_MS``, for the frames of the high bands."""
    weights = np.zeros((LENGTH // HIGH_FRAME, len(_SEGMENTS_MS)))
    for column, (begin, end) in enumerate(_SEGMENTS_MS):
        first, last = _at(begin) // HIGH_FRAME, _at(end) // HIGH_FRAME
        weights[first:last, column] = 1.0 / (last - first)
    return weights


def _segment_levels(means: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """Levels of the segments' means (n, bands, segments), relative to the first 50 ms of the shared band."""
    level = np.clip(decibel(means) - decibel(reference), _FLOOR_DB, _CEILING_DB)
    return level.reshape(len(means), -1)


def _attack(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    begin = round(BEFORE_S * 500.0)
    level = decibel(frames[:, begin + FINE_FIRST_MS // 2 : begin + FINE_LAST_MS // 2])
    return np.maximum(level - level.max(axis=1, keepdims=True), _FLOOR_DB)


def _spectral(waves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centroid and spread (octaves re 1 kHz), flatness and tonality (dB) of three windows, 80 to 2900 Hz."""
    parts = np.zeros((len(waves), len(WINDOWS_MS), _WINDOW_FFT))
    for row, ((begin, end), window) in enumerate(zip(WINDOWS_MS, _WINDOWS, strict=True)):
        np.multiply(waves[:, _at(begin) : _at(end)], window, out=parts[:, row, : window.size])
    spectrum = np.fft.rfft(parts)[..., _HEARD]
    power = spectrum.real**2 + spectrum.imag**2 + 1e-20
    total = power.sum(axis=2)
    centroid, square = (power @ octaves / total for octaves in (_OCTAVE, _OCTAVE**2))
    spread = np.sqrt(np.maximum(square - centroid**2, 0.0))
    level = decibel(power)
    flatness = mean(level) - decibel(total / power.shape[2])
    tonality = level.max(axis=2) - _median(level)
    return side_by_side(centroid, spread, flatness, tonality).reshape(len(waves), -1)


def _half_hann(length: int) -> NDArray[np.float64]:
    """Window that begins at full height: the attack must not be faded."""
    return 0.5 + 0.5 * np.cos(np.pi * np.arange(length) / length)


def _window(begin_ms: float, end_ms: float) -> NDArray[np.float64]:
    length = _at(end_ms) - _at(begin_ms)
    return np.hanning(length + 2)[1:-1] if begin_ms >= 0 else _half_hann(length)


def _median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median along the last axis, without the checks that cost more than itself."""
    middle = [(values.shape[-1] - 1) // 2, values.shape[-1] // 2]
    result: NDArray[np.float64] = np.partition(values, middle, axis=-1)[..., middle].sum(axis=-1) / 2.0
    return result


def _energy_times(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log10 of the times (ms) by which shares of the energy have come, the noise before subtracted."""
    noise = _median(power[:, tick(-95) : tick(-5)])[:, None]
    part = np.maximum(power[:, tick(-2) : tick(235)] - 1.5 * noise, 0.0)
    total = np.cumsum(part, axis=1)
    share = total / np.maximum(total[:, -1:], 1e-20)
    come = np.count_nonzero(share[:, None] < _ENERGY_SHARES, axis=2)
    return np.log10(come * (1000.0 / ENVELOPE_RATE_HZ) + 0.5)


def _shape(waves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Impulsiveness and the first lobes, which a blast makes one-sided and a ringing body does not."""
    first = waves[:, _at(-1) : _at(8)]
    square = waves[:, _at(-2) : _at(235)] ** 2
    columns = [_log_kurtosis(square[:, : _at(50) - _at(-2)]), _log_kurtosis(square)]
    cube = first * first * first
    asymmetry = np.abs(cube.sum(axis=1)) / np.maximum(np.abs(cube).sum(axis=1), 1e-20)
    sign = np.signbit(first)
    changes = sign[:, 1:] != sign[:, :-1]
    biggest = np.abs(first).argmax(axis=1)
    index = np.arange(changes.shape[1])
    left = np.where(changes & (index < biggest[:, None]), index, -1).max(axis=1)
    right = np.where(changes & (index >= biggest[:, None]), index, changes.shape[1]).min(axis=1)
    lobe_ms = (right - left) * 1000.0 / COMMON_RATE_HZ
    columns += [asymmetry, np.log10(lobe_ms + 0.1), changes.sum(axis=1) / 9.0]
    return side_by_side(*columns)


def _log_kurtosis(square: NDArray[np.float64]) -> NDArray[np.float64]:
    second = mean(square)
    return np.log10(np.maximum(mean(square**2) / np.maximum(second**2, 1e-20), 1.0))


def _rhythm(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    """Repetition within the clip, number of separate pulses, time of the strongest, step at the onset."""
    level = decibel(frames)
    top = level.max(axis=1, keepdims=True)
    shape = np.maximum(level - top, -30.0)
    shape -= mean(shape)[:, None]
    spectrum = np.fft.rfft(shape, 512, axis=1)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2, axis=1)
    correlation /= np.maximum(correlation[:, :1], 1e-20)
    lags = correlation[:, 6:75]  # 12 to 150 ms
    best = lags.argmax(axis=1)
    onset_frame = round(BEFORE_S * 500.0)
    after = level[:, onset_frame - 1 :]
    local = (after[:, 1:-1] > after[:, :-2]) & (after[:, 1:-1] >= after[:, 2:]) & (after[:, 1:-1] > top - 6.0)
    peak_ms = after.argmax(axis=1) * 2.0
    before = decibel(mean(frames[:, onset_frame - 20 : onset_frame - 2]))
    rise = np.clip(after[:, :15].max(axis=1) - before, -10.0, 50.0)
    period = np.log10((best + 6) * 2.0)
    return side_by_side(lags.max(axis=1), period, local.sum(axis=1), np.log10(peak_ms + 1.0), rise)


def _frames(power: NDArray[np.float64], ms: int) -> NDArray[np.float64]:
    """Mean power of frames of ``ms`` milliseconds along the last axis, the onset on a frame's edge."""
    width = ms * round(ENVELOPE_RATE_HZ / 1000.0)
    whole = power.shape[-1] // width * width
    # By far fewer steps than the mean of a short last axis.
    sums: NDArray[np.float64] = np.add.reduceat(power[..., :whole], np.arange(0, whole, width), axis=-1)
    return sums / width


def _slopes_and_edges(
    groups: NDArray[np.float64], fine: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    level = decibel(_frames(groups, 5))
    return _slopes(groups, level), _edges(fine, level[:, _ALL, 20:67])


def _slopes(groups: NDArray[np.float64], level_db: NDArray[np.float64]) -> NDArray[np.float64]:
    """Per group of bands: largest jump in 3 ms and its time, decay to 60 ms after the onset and beyond."""
    near = groups[..., tick(-15) : tick(23)]
    total = np.cumsum(_frames(near, 1), axis=2)
    after = (total[..., 8:38] - total[..., 6:36]) / 2.0
    before = (total[..., 5:35] - total[..., :30]) / 5.0
    jump = np.clip(decibel(after) - decibel(before), 0.0, 40.0)
    level = np.maximum(level_db, level_db.max(axis=2, keepdims=True) - 50.0)
    columns = [jump.max(axis=2), jump.argmax(axis=2) - 8.0]
    columns += [level[..., 20:33] @ _SLOPE_13, level[..., 32:67] @ _SLOPE_35]
    return side_by_side(*columns).reshape(len(groups), -1)


def _slope_weights(count: int) -> NDArray[np.float64]:
    """Weights that give the least-squares slope of so many 5 ms frames, dB per 100 ms."""
    time = np.arange(count) * 0.05
    time -= time.mean()
    return time / (time @ time)


def _edges(fine: NDArray[np.float64], level_db: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rise and width of the first pulse, what stands before and after it, and how ragged the decay is."""
    smooth = np.sqrt(fine)
    attack = smooth[:, tick(-8) : tick(40)]
    top = np.maximum(attack.max(axis=1, keepdims=True), 1e-10)
    rising = np.maximum.accumulate(attack, axis=1) / top
    rise_ms = ((rising < 0.9).sum(axis=1) - (rising < 0.1).sum(axis=1)) / 2.0
    width_ms = (attack > 0.5 * top).sum(axis=1) / 2.0
    before = smooth[:, tick(-95) : tick(-8)].max(axis=1)
    after = smooth[:, tick(60) : tick(235)].max(axis=1)
    level = np.maximum(level_db, level_db.max(axis=1, keepdims=True) - 50.0)
    ragged = mean(np.abs(level[:, 2:] - 2.0 * level[:, 1:-1] + level[:, :-2]))
    columns = [np.log10(rise_ms + 0.5), np.log10(width_ms + 0.5)]
    columns += [np.clip(decibel((x / top[:, 0]) ** 2), -50.0, 20.0) for x in (before, after)]
    return side_by_side(*columns, ragged)


def _pitch(waves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Strength of a waveform period of 1.4 to 12.5 ms: voices, horns, engines and ringing bodies have one.

    Of the first window the period, too, as log10 of milliseconds.
    """
    parts = np.zeros((len(waves), len(_PITCH_WINDOWS_MS), _PITCH_FFT))
    for row, ((begin, end), window) in enumerate(zip(_PITCH_WINDOWS_MS, _PITCH_WINDOWS, strict=True)):
        np.multiply(waves[:, _at(begin) : _at(end)], window, out=parts[:, row, : window.size])
    spectrum = np.fft.rfft(parts)
    correlation = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, _PITCH_FFT)
    lags = correlation[..., _PITCH_LAGS] / np.maximum(correlation[..., :1], 1e-20)
    best = lags.max(axis=2)
    period_ms = (lags[:, 0].argmax(axis=1) + _PITCH_LAGS.start) * 1000.0 / COMMON_RATE_HZ
    return side_by_side(best[:, 0], np.log10(period_ms), best[:, 1], best[:, 2])


_SEGMENTS_MS = tuple(
    span for number, span in enumerate(pairwise(SEGMENT_EDGES_MS)) if number != _GUARD_SEGMENT
)
_SEGMENT_MEANS = span_means(_SEGMENTS_MS)
_HIGH_MEANS = _high_means()
_REFERENCE_MEAN = span_means((_REFERENCE_MS,))
_SUMS = _sums()
_ENERGY_SHARES = np.array([0.1, 0.25, 0.5, 0.75, 0.9])[:, None]
_WINDOWS = tuple(_window(begin, end) for begin, end in WINDOWS_MS)
_FREQUENCY_HZ = np.fft.rfftfreq(_WINDOW_FFT, 1.0 / COMMON_RATE_HZ)
_HEARD = slice(*np.searchsorted(_FREQUENCY_HZ, [BAND_EDGES_HZ[0], np.nextafter(BAND_EDGES_HZ[-1], np.inf)]))
_OCTAVE = np.log2(_FREQUENCY_HZ[_HEARD] / 1000.0)
_DULL_FFT = 3200
"""60 ms longer than a clip: the low-pass rings for less."""
_DULL_RESPONSE = 1.0 / np.sqrt(1.0 + (np.fft.rfftfreq(_DULL_FFT, 1.0 / COMMON_RATE_HZ) / DULL_HZ) ** 4)
_SLOPE_13, _SLOPE_35 = _slope_weights(13), _slope_weights(35)
_PITCH_WINDOWS = tuple(np.hanning(_at(end) - _at(begin)) for begin, end in _PITCH_WINDOWS_MS)
