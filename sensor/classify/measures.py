"""Rise, duration and clipping of an impulse: three figures a technician can check on the waveform.

They are taken from the full-rate clip, not from the classifier's band.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sensor.classify.common_rate import finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ENVELOPE_S = 0.0003
_RISE_SEARCH_S = (0.002, 0.030)
_CLIP_WINDOW_S = 0.050
_RAIL = 0.985
"""A sample is at the rail within 1.5 % of the largest one: resampling after the converter ripples by that."""
_RAIL_MIN_RUN = 3
"""A peak touches its own maximum; a rail is touched by runs of samples."""
_SHOULDER = 0.94
_FLAT = 1.5
"""A rail is flat: where the wave is over the shoulder it is this much longer at the most than at the rail. A
round peak, whatever its width, is twice as long: sqrt(0.06 / 0.015)."""
_OTHER_SIDE = 0.5
"""The weaker side has a rail of its own only from this share of the stronger one on: less is no blast."""


def rise_s(clip: NDArray[np.floating], rate_hz: float, onset: float) -> float:
    """10 to 90 % rise of the magnitude's running maximum within 30 ms of the onset, seconds; 0 if silent."""
    first = max(0, int(onset - _RISE_SEARCH_S[0] * rate_hz))
    part = np.abs(_about_rest(clip, rate_hz, onset)[first : int(onset + _RISE_SEARCH_S[1] * rate_hz) + 1])
    width = max(1, round(_ENVELOPE_S * rate_hz))
    if part.size <= width:
        return 0.0
    envelope = np.convolve(part, np.full(width, 1.0 / width), mode="same")
    peak = int(np.argmax(envelope))
    top = envelope[peak]
    if not top > 0.0:
        return 0.0
    rising = np.maximum.accumulate(envelope[: peak + 1]) / top
    return (_crossing(rising, 0.9) - _crossing(rising, 0.1)) / rate_hz


def duration_s(clip: NDArray[np.floating], rate_hz: float, onset: float) -> float:
    """Time between 10 and 90 % of the clip's energy after the onset, seconds; 0 if silent."""
    part = _about_rest(clip, rate_hz, onset)[max(0, int(onset - 0.001 * rate_hz)) :]
    energy = np.cumsum(part**2)
    if energy.size == 0 or not energy[-1] > 0.0:
        return 0.0
    energy /= energy[-1]
    return (_crossing(energy, 0.9) - _crossing(energy, 0.1)) / rate_hz


def clip_fraction(clip: NDArray[np.floating], rate_hz: float, onset: float) -> float:
    """Share of the samples from 2 ms before to 50 ms after the onset that sit in runs at the rail, 0 to 1.

    The rail is where the clip's highest or lowest samples stand flat, so the figure needs no knowledge of the
    converter's full scale and survives any later gain and offset.
    """
    wave = _about_rest(clip, rate_hz, onset)
    high, low = wave.max(initial=0.0), -wave.min(initial=0.0)
    part = wave[max(0, int(onset - 0.002 * rate_hz)) : int(onset + _CLIP_WINDOW_S * rate_hz)]
    if part.size < _RAIL_MIN_RUN or not max(high, low) > 0.0:
        return 0.0
    sides = ((part, high), (-part, low))
    at_rail = sum(_at_rail(side, top) for side, top in sides if top >= _OTHER_SIDE * max(high, low))
    return at_rail / part.size


def _at_rail(side: NDArray[np.float64], top: float) -> int:
    """Samples in flat runs near ``top``, of a wave whose other side is negative."""
    padded = np.concatenate(([0.0], side, [0.0]))  # a run has a sample below it at either end
    runs = np.flatnonzero(np.diff(padded >= _RAIL * top)).reshape(-1, 2)
    return sum(
        int(last - first)
        for first, last in runs
        if last - first >= _RAIL_MIN_RUN
        and _width(padded, first, last, _SHOULDER * top) <= _FLAT * _width(padded, first, last, _RAIL * top)
    )


def _width(padded: NDArray[np.float64], first: int, last: int, level: float) -> float:
    """How long the wave is over ``level`` round the samples (first, last], in fractional samples."""
    before = first - int(np.argmax(padded[first::-1] < level))
    after = last + int(np.argmax(padded[last:] < level))
    rise = (level - padded[before]) / (padded[before + 1] - padded[before])
    fall = (level - padded[after]) / (padded[after - 1] - padded[after])
    return float(after - before - rise - fall)


def _about_rest(clip: NDArray[np.floating], rate_hz: float, onset: float) -> NDArray[np.float64]:
    """The clip about where it rested before the onset: cheap microphones have an offset.

    Zeros do not tell: they stand for what was not heard.
    """
    wave = finite(clip)
    before = wave[: max(0, int(onset - _RISE_SEARCH_S[0] * rate_hz))]
    heard = before[before != 0.0]
    return wave - np.median(heard) if heard.size else wave


def _crossing(rising: NDArray[np.float64], level: float) -> float:
    """Fractional index at which a non-decreasing curve first reaches ``level``."""
    index = int(np.searchsorted(rising, level))
    if index == 0 or index >= rising.size:
        return float(min(index, rising.size - 1))
    below, above = float(rising[index - 1]), float(rising[index])
    return index - 1 + (level - below) / (above - below) if above > below else float(index)
