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


def rise_s(clip: NDArray[np.floating], rate_hz: float, onset: float) -> float:
    """10 to 90 % rise of the magnitude's running maximum within 30 ms of the onset, seconds; 0 if silent."""
    first = max(0, int(onset - _RISE_SEARCH_S[0] * rate_hz))
    part = np.abs(finite(clip[first : int(onset + _RISE_SEARCH_S[1] * rate_hz) + 1]))
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
    part = finite(clip[max(0, int(onset - 0.001 * rate_hz)) :])
    energy = np.cumsum(part**2)
    if energy.size == 0 or not energy[-1] > 0.0:
        return 0.0
    energy /= energy[-1]
    return (_crossing(energy, 0.9) - _crossing(energy, 0.1)) / rate_hz


def clip_fraction(clip: NDArray[np.floating], rate_hz: float, onset: float) -> float:
    """Share of the samples from 2 ms before to 50 ms after the onset that sit in runs at the rail, 0 to 1.

    The rail is the largest magnitude in the clip, so the figure needs no knowledge of the converter's full
    scale and survives any later gain.
    """
    magnitude = np.abs(finite(clip))
    top = magnitude.max(initial=0.0)
    first = max(0, int(onset - 0.002 * rate_hz))
    part = magnitude[first : int(onset + _CLIP_WINDOW_S * rate_hz)]
    if part.size < _RAIL_MIN_RUN or not top > 0.0:
        return 0.0
    at_rail = part >= _RAIL * top
    edges = np.flatnonzero(np.diff(np.concatenate(([0], at_rail.astype(np.int8), [0]))))
    runs = edges[1::2] - edges[::2]
    return float(runs[runs >= _RAIL_MIN_RUN].sum() / part.size)


def _crossing(rising: NDArray[np.float64], level: float) -> float:
    """Fractional index at which a non-decreasing curve first reaches ``level``."""
    index = int(np.searchsorted(rising, level))
    if index == 0 or index >= rising.size:
        return float(min(index, rising.size - 1))
    below, above = float(rising[index - 1]), float(rising[index])
    return index - 1 + (level - below) / (above - below) if above > below else float(index)
