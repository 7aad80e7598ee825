"""Rising edges in an audio channel, timed to a small part of a sample."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Floats = NDArray[np.float64]

HALF = 16
"""The matched filter looks this many samples to either side of an edge."""
_REACH = 3
"""An edge of a band-limited channel rises within so many samples."""
_CLEAR = 6.0
"""A rise must exceed this many rms rises of its surroundings to be looked at."""
_STEPS_PER_SAMPLE = 32
_SEARCH = 2
"""The coarse search is right to this many samples."""
_PASSBAND = 0.9
"""Part of the Nyquist band that sound cards pass."""
_QUALITY = 8.0
"""An edge's score must be so many times what noise alone would give it."""
_DEAD_S = 0.02
"""After an edge nothing is looked for so long: contacts bounce."""
_SURROUNDINGS_S = 0.1


@dataclass(frozen=True, slots=True)
class Edge:
    """One rising edge."""

    index: float
    """Absolute sample index of its middle."""
    sigma: float
    """One sigma of it by the channel's noise, samples."""
    height_fs: float
    """Rise, full scale."""


@cache
def _bank() -> tuple[Floats, Floats]:
    """Unit-length band-limited steps at every shift, with offset, slope and bend taken out."""
    oversampled = 256
    t = np.arange(-(HALF + _SEARCH + 1) * oversampled, (HALF + _SEARCH + 1) * oversampled + 1) / oversampled
    window = 0.5 + 0.5 * np.cos(np.pi * np.clip(t / (HALF + _SEARCH + 1), -1.0, 1.0))
    pulse = np.sinc(_PASSBAND * t) * window
    rise = np.cumsum(pulse) - 0.5 * pulse  # to the middle of each piece: no bias of half of one
    rise = (rise - rise[0]) / (rise[-1] - rise[0])
    n = np.arange(-HALF, HALF + 1)
    shifts = np.arange(-_SEARCH * _STEPS_PER_SAMPLE, _SEARCH * _STEPS_PER_SAMPLE + 1) / _STEPS_PER_SAMPLE
    steps = np.interp(n[None, :] - shifts[:, None], t, rise)
    steps = steps @ _remover()
    lengths = np.sqrt((steps**2).sum(axis=1, keepdims=True))
    return steps / lengths, lengths[:, 0]


@cache
def _remover() -> Floats:
    """Projection that removes any offset, slope and bend: hum is a parabola over so few samples."""
    n = np.arange(-HALF, HALF + 1) / HALF
    basis, _ = np.linalg.qr(np.stack([np.ones_like(n), n, n**2], axis=1))
    return np.eye(len(n)) - basis @ basis.T


def time_edge(around: Floats) -> tuple[float, float, float] | None:
    """Shift (samples from the middle), its sigma and the height of the edge in 2 HALF + 1 samples.

    Least squares over shift and height with offset, slope and bend as nuisance: the matched filter for
    white noise. None when there is no edge that stands out.
    """
    units, lengths = _bank()
    cleaned = _remover() @ around
    scores = units @ cleaned
    best = int(np.argmax(scores))
    if not 0 < best < len(scores) - 1 or scores[best] <= 0.0:
        return None
    left, middle, right = (float(scores[best + step]) for step in (-1, 0, 1))
    bend = left - 2.0 * middle + right
    fraction = 0.0 if bend >= 0.0 else 0.5 * (left - right) / bend
    shift = (best + fraction) / _STEPS_PER_SAMPLE - _SEARCH
    left_over = cleaned - middle * units[best]
    noise = math.sqrt(float(left_over @ left_over) / (len(around) - 5))
    height = middle / float(lengths[best])
    if not middle > _QUALITY * noise:
        return None
    slope = (
        (units[best + 1] * lengths[best + 1] - units[best - 1] * lengths[best - 1]) * _STEPS_PER_SAMPLE / 2
    )
    sigma = noise / (height * float(np.sqrt(slope @ slope)))
    return shift, sigma, height


class EdgeFinder:
    """Finds edges in a channel that comes in blocks of any size; the result does not depend on it."""

    def __init__(self, rate_hz: float) -> None:
        self._dead = round(_DEAD_S * rate_hz)
        self._hop = round(_SURROUNDINGS_S * rate_hz)
        self.reset()

    def reset(self) -> None:
        """Forget what was heard: samples were lost."""
        self._held = np.zeros(0)
        self._held_first = 0
        self._deaf_until = -1
        self.refused = 0
        """Rises that were looked at and were no edges."""

    def process(self, first: int, samples: Samples) -> list[Edge]:
        """Take the next samples of the channel and return the edges that are complete by now."""
        if len(self._held) == 0:
            self._held_first = first
        self._held = np.concatenate((self._held, samples.astype(np.float64)))
        edges: list[Edge] = []
        margin = HALF + _REACH + _SEARCH
        while len(self._held) >= self._hop + 2 * margin:
            edges += self._search(self._held[: self._hop + 2 * margin], margin)
            self._held = self._held[self._hop :]
            self._held_first += self._hop
        return edges

    def _search(self, held: Floats, margin: int) -> list[Edge]:
        """Edges whose rise begins in one hop, which ``margin`` samples surround."""
        rises = held[_REACH:] - held[:-_REACH]
        least = _CLEAR * math.sqrt(float(rises @ rises) / len(rises))
        edges = []
        for place in np.flatnonzero(rises[margin : margin + self._hop] > least):
            at = int(place) + margin
            steepest = rises[at] >= rises[at - _REACH : at + _REACH + 1].max()
            if not steepest or self._held_first + at < self._deaf_until:
                continue
            middle = at + _REACH // 2
            timed = time_edge(held[middle - HALF : middle + HALF + 1])
            if timed is None:
                self.refused += 1
                continue
            shift, sigma, height = timed
            edges.append(Edge(self._held_first + middle + shift, sigma, height))
            self._deaf_until = self._held_first + at + self._dead
        return edges
