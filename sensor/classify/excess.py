"""How far a sound stands out of what was there before it: what a faint shot under traffic keeps.

Levels relative to the impulse are those of the traffic where the impulse is faint. Here each band is compared
with its own 90 ms before the onset, and that power is subtracted before bands and times are compared with
each other (power spectral subtraction, Boll 1979).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from sensor.classify.bands import BAND_NAMES, decibel, mean, side_by_side, span_means, tick

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEGMENT_EDGES_MS = (-2, 3, 8, 16, 30, 50, 80, 120, 170, 235)
_BEFORE_MS = (-95, -6)
_LOUD_DB = 3.0
_PARTS = {"-2..16ms": slice(0, 3), "-2..50ms": slice(0, 5), "50..235ms": slice(5, None)}
_ABOVE_RUMBLE = slice(1, None)
"""Bands above 180 Hz, where traffic is not."""
_LEAST = 1e-9
"""Power of a band re the square of the clip's peak below which nothing is told apart: -90 dB."""

_SPANS = [f"{a}..{b}ms" for a, b in pairwise(SEGMENT_EDGES_MS)]
NAMES = (
    *(f"excess_db {band} {span}" for span in _SPANS for band in BAND_NAMES),
    *(f"share_db {band} {part}" for part in _PARTS for band in BAND_NAMES),
    *(f"energy_share until {edge}ms" for edge in SEGMENT_EDGES_MS[1:-1]),
    "before_peak_db",
    "before_trend_db",
    "over_before_db",
    *(f"excess_mean_db {span}" for span in _SPANS),
    *(f"bands_over {span}" for span in _SPANS),
)
_MEANS = span_means((_BEFORE_MS, *pairwise(SEGMENT_EDGES_MS)))
_WIDTHS_MS = np.diff(SEGMENT_EDGES_MS)


def extract(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Features, shape (n, len(NAMES)), of envelopes (n, BANDS, ENVELOPE_LENGTH) of waves whose peak is 1."""
    means = power @ _MEANS
    noise = means[:, :, :1] + _LEAST
    heard = means[:, :, 1:]
    over_db = decibel(heard / noise)
    new = np.maximum(heard - noise, 1e-12) * _WIDTHS_MS
    columns = [np.clip(over_db, -6.0, 40.0).transpose(0, 2, 1).reshape(len(power), -1)]
    for part in _PARTS.values():
        energy = new[:, :, part].sum(axis=2)
        columns.append(np.clip(decibel(energy) - decibel(energy.sum(axis=1, keepdims=True)), -25.0, 0.0))
    come = np.cumsum(new[:, _ABOVE_RUMBLE].sum(axis=1), axis=1)
    columns.append((come / np.maximum(come[:, -1:], 1e-12))[:, :-1])
    before = power[:, _ABOVE_RUMBLE, tick(_BEFORE_MS[0]) : tick(_BEFORE_MS[1])].sum(axis=1)
    columns.append(_before(before, heard[:, _ABOVE_RUMBLE, :2].sum(axis=1)))
    columns.append(np.clip(np.maximum(over_db, 0.0).mean(axis=1), 0.0, 40.0))
    columns.append((over_db > _LOUD_DB).sum(axis=1))
    return np.concatenate(columns, axis=1)


def _before(before: NDArray[np.float64], attack: NDArray[np.float64]) -> NDArray[np.float64]:
    """How uneven the sound before is, how it grows, and the attack over its strongest, dB."""
    before = before + _LEAST
    third = 60  # ticks of 0.5 ms: the first and the last 30 ms of it
    peak_db = decibel(before.max(axis=1) / mean(before))
    trend_db = decibel(mean(before[:, -third:]) / mean(before[:, :third]))
    over_db = decibel((attack.max(axis=1) + _LEAST) / before.max(axis=1))
    return np.clip(side_by_side(peak_db, trend_db, over_db), -40.0, 40.0)
