"""What rivals that look at the sound itself are given: pictures of the waves that the features come from."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from sensor.classify import context, features
from sensor.classify.common_rate import COMMON_RATE_HZ, ONSET_INDEX
from sensor.classify.training.examples import Dataset

Array = NDArray[np.float32]

MEL_SHAPE, FINE_SHAPE = (24, 66), (12, 48)
"""Bands and frames of the two pictures: 20 ms every 5 ms of the whole clip; 4 ms every 1 ms from 8 ms before
the onset."""
CONTEXT = len(context.NAMES)
_CHUNK = 512
_DILATIONS = {"envelope": (1, 2, 4, 8, 16), "attack": (1, 4, 8)}
_BIASES = 2


def spectrograms(data: Dataset) -> Array:
    """Log-mel spectrogram, its fine-time branch, the context, in one look; levels in units of 15 dB."""
    coarse, fine = _mel(256, MEL_SHAPE[0], 70.0), _mel(64, FINE_SHAPE[0], 150.0)
    begin = ONSET_INDEX - 64 - 16

    def look(waves: Array) -> Array:
        whole = _power(waves[:, : 160 + 40 * (MEL_SHAPE[1] - 1)], 160, 40, coarse)
        attack = _power(waves[:, begin : begin + 32 + 8 * (FINE_SHAPE[1] - 1)], 32, 8, fine)
        whole_db = 10.0 * np.log10(whole / whole[:, :, 18:30].mean(axis=(1, 2), keepdims=True))
        attack_db = 10.0 * np.log10(attack / attack.max(axis=(1, 2), keepdims=True))
        pictures = [np.clip(whole_db, -50.0, 20.0), np.clip(attack_db, -50.0, 0.0)]
        shown = np.concatenate([p.reshape(len(p), -1) for p in pictures], axis=1) / 15.0
        return shown.astype(np.float32)

    return _with_context(data, _by_chunks(data, look))


def rockets(data: Dataset) -> Array:
    """MiniRocket's features (Dempster, Schmidt & Webb 2021) of the envelope and the attack, and the context.

    84 kernels of nine weights (six of -1, three of 2) at several dilations; each gives the shares of its
    output that lie over two thresholds: quantiles of its output on parametric sounds, which are never judged.
    """
    parametric = np.flatnonzero(np.char.startswith(data.rows["path"], "synthetic"))[:200]
    columns = []
    for name, view in (("envelope", _envelope), ("attack", _attack)):
        for dilation in _DILATIONS[name]:
            sample = view(np.asarray(data.waves[parametric], np.float32))
            outputs = list(_kernels(sample, dilation))
            quantiles = np.linspace(0.2, 0.8, len(outputs) * _BIASES) * 7.0 % 0.8 + 0.1
            levels = np.array(
                [
                    np.quantile(out, quantiles[_BIASES * k : _BIASES * (k + 1)])
                    for k, out in enumerate(outputs)
                ]
            ).astype(np.float32)

            def shares(
                waves: Array,
                view: Callable[[Array], Array] = view,
                step: int = dilation,
                over: Array = levels,
            ) -> Array:
                found = [
                    (out > level).mean(axis=1, dtype=np.float32)
                    for out, row in zip(_kernels(view(waves), step), over, strict=True)
                    for level in row
                ]
                return np.stack(found, axis=1)

            columns.append(_by_chunks(data, shares))
    return _with_context(data, *columns)


def vectors(data: Dataset) -> Array:
    """The features that ship, of every look."""
    return data.features


def _with_context(data: Dataset, *columns: Array) -> Array:
    """What is given of each trigger in one look, shape (n, 1, inputs), the context last."""
    return np.concatenate([*columns, data.features[:, 0, -CONTEXT:]], axis=1)[:, None]


def _by_chunks(data: Dataset, look: Callable[[Array], Array]) -> Array:
    if len(data.waves) != len(data.rows):
        raise ValueError("the examples were made without their waves; make them again with dataset.build")
    starts = range(0, len(data.rows), _CHUNK)
    return np.concatenate([look(np.asarray(data.waves[s : s + _CHUNK], np.float32)) for s in starts])


def _power(waves: Array, length: int, hop: int, bands: Array) -> Array:
    """Power per band and frame, shape (n, bands, frames)."""
    frames = np.lib.stride_tricks.sliding_window_view(waves, length, axis=1)[:, ::hop]
    window = np.hanning(length + 2)[1:-1].astype(np.float32)
    spectrum = np.abs(np.fft.rfft(frames * window, 2 * (bands.shape[0] - 1), axis=2)) ** 2
    return (spectrum.astype(np.float32) @ bands + np.float32(1e-9)).transpose(0, 2, 1)


def _mel(size: int, bands: int, low_hz: float, high_hz: float = 3000.0) -> Array:
    """Triangles equally wide on the mel scale, shape (size // 2 + 1, bands)."""
    low, high = (2595.0 * np.log10(1.0 + hz / 700.0) for hz in (low_hz, high_hz))
    edges = 700.0 * (10.0 ** (np.linspace(low, high, bands + 2) / 2595.0) - 1.0)
    frequency = np.fft.rfftfreq(size, 1.0 / COMMON_RATE_HZ)[:, None]
    rising = (frequency - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequency) / (edges[2:] - edges[1:-1])
    return np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)


def _envelope(waves: Array) -> Array:
    """Level per millisecond, dB re the largest, shape (n, 350)."""
    level = 10.0 * np.log10((waves**2).reshape(len(waves), -1, 8).mean(axis=2) + 1e-9)
    return np.maximum(level - level.max(axis=1, keepdims=True), -50.0).astype(np.float32)


def _attack(waves: Array) -> Array:
    """The wave from 10 ms before the onset to 38 ms after it, peak 1, shape (n, 384)."""
    part = waves[:, ONSET_INDEX - 80 : ONSET_INDEX + 304]
    return (part / np.maximum(np.abs(part).max(axis=1, keepdims=True), 1e-6)).astype(np.float32)


def _kernels(series: Array, dilation: int) -> list[Array]:
    """Output of the 84 kernels, each of the series' length."""
    padded = np.pad(series, ((0, 0), (4 * dilation, 4 * dilation)))
    shifted = [padded[:, k * dilation : k * dilation + series.shape[1]] for k in range(9)]
    negative = -np.sum(shifted, axis=0)
    return [negative + 3.0 * (shifted[a] + shifted[b] + shifted[c]) for a, b, c in combinations(range(9), 3)]


NAMES = (*features.NAMES, *(f"context {name}" for name in context.NAMES))
"""Names of what ``vectors`` gives."""
