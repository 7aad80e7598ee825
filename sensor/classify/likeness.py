"""How like a sound is to those heard before it at the same sensor.

Two rounds from one place reach one sensor by one path and sound alike; an echo of the first comes by another
path and does not. On the recordings of Tech Note 098 the attacks of two rounds at one sensor correlate well
enough to time them to 41 µs. Only what has already been heard is compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from sensor.classify.bands import BANDS, band_power, decibel, span_means
from sensor.classify.common_rate import COMMON_RATE_HZ, ONSET_INDEX

if TYPE_CHECKING:
    from numpy.typing import NDArray

_EDGES_MS = (-2, 3, 8, 16, 30, 50)
_LEVELS = (BANDS - 1) * (len(_EDGES_MS) - 1)
_FLOOR_DB = -40.0
_ATTACK = 264
"""Samples at the common rate that are compared: 33 ms from 1 ms before the onset."""
_SLACK = 20
"""Onsets are picked to some samples only: the best of ± 2.5 ms counts."""
_FIRST = ONSET_INDEX - round(0.001 * COMMON_RATE_HZ) - _SLACK
IMAGE_LENGTH = _ATTACK + 2 * _SLACK + _LEVELS
UNLIKE_DB = 15.0
"""Distance in level of what has nothing before it."""
_MEANS = span_means(((_EDGES_MS[0], _EDGES_MS[-1]), *pairwise(_EDGES_MS)))
"""The whole, then the spans."""


def image(wave: NDArray[np.float64], power: NDArray[np.float64] | None = None) -> NDArray[np.float32]:
    """What later sounds are compared with, shape (IMAGE_LENGTH,), of one aligned wave (LENGTH,).

    The steps from sample to sample round the attack (traffic's rumble has none), then levels in five bands
    and five spans of time, dB. ``power``: the ``band_power`` of the wave at a peak of 1, if it is at hand.
    """
    peak = float(np.abs(wave).max())
    wave = wave / peak if peak > 0.0 else wave
    steps = np.diff(wave[_FIRST : _FIRST + _ATTACK + 2 * _SLACK + 1])
    means = (band_power(wave[None])[0] if power is None else power) @ _MEANS
    levels = np.maximum(decibel(means[1:, 1:] + 1e-9) - decibel(means[:, 0].sum() + 1e-9), _FLOOR_DB)
    return np.concatenate([steps, levels.reshape(-1)]).astype(np.float32)


def correlations(now: NDArray[np.float32], earlier: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    """Largest normalised correlation of this attack with that of each earlier image, -1 to 1."""
    attack = now[_SLACK : _SLACK + _ATTACK].astype(np.float64)
    others = np.stack(earlier)[:, : _ATTACK + 2 * _SLACK].astype(np.float64)
    shifted = np.zeros((others.shape[1], 2 * _SLACK + 1))  # the attack in every place, one a column
    np.lib.stride_tricks.as_strided(
        shifted, (shifted.shape[1], _ATTACK), (shifted.strides[0] + shifted.strides[1], shifted.strides[0])
    )[:] = attack
    total = np.concatenate([np.zeros((len(others), 1)), np.cumsum(others**2, axis=1)], axis=1)
    energy = np.maximum(total[:, _ATTACK:] - total[:, :-_ATTACK], 0.0)
    scale = np.sqrt(energy) * np.sqrt(float(attack @ attack))
    result: NDArray[np.float64] = (others @ shifted / np.maximum(scale, 1e-12)).max(axis=1)
    return result


def distances_db(now: NDArray[np.float32], earlier: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    """Root mean square difference of the levels of ``now`` and of each earlier image, dB."""
    levels = np.stack(earlier)[:, -_LEVELS:].astype(np.float64) - now[-_LEVELS:]
    result: NDArray[np.float64] = np.sqrt((levels**2).mean(axis=1))
    return result
