"""Which frames stand out: excess over the noise floor and over the sound of the moment before.

The second reference is what finds a round inside the reverberation of the last one: the mean level of the
frames from 24 to 4 ms ago, short enough for fire at 1200 rounds a minute. The floor keeps lulls from
counting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sensor.detect.filter import HALF_FRAMES
from sensor.detect.noise_floor import SILENT_ENERGY, TINY_ENERGY, NoiseFloor, level_db

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from sensor.types import Samples

    Watch = Callable[[int, Samples, NDArray[np.float64], float], None]

RECENT_FRAMES = 20
"""Frames in the recent level."""
GAP_FRAMES = 4
"""Frames between the recent level and the frame judged, so that a slow rise is not its own reference."""
TAIL_FRAMES = RECENT_FRAMES + GAP_FRAMES
EDGE_FRAMES = 2 * HALF_FRAMES
"""Frames after digital silence whose filter still reaches into it: they say nothing about the background."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A frame that rose above the threshold."""

    frame: int
    """Frames since the start of the stream."""
    excess_db: float
    """Over the larger of floor and recent level, dB; 0 for a repeat, whose level was not asked."""
    floor_db: float
    """Noise floor then: upper quartile of frame levels, dB re full scale."""
    likeness: float | None = None
    """Of a crossing that repeats an earlier one: normalised correlation, up to 1. None: it rose by itself."""


def levels_db(energies: Samples) -> Samples:
    """Frame energies in dB re full scale; exact zero becomes -200 dB."""
    levels = np.maximum(energies, np.float32(TINY_ENERGY))
    np.log10(levels, out=levels)
    levels *= np.float32(10.0)
    return levels


def away_from_silence(energies: Samples, since_silence: int) -> tuple[Samples, int]:
    """The energies with those of frames that hear a step out of digital silence set to zero.

    ``since_silence``: frames since the last silent one, before them; with them it is returned, too.
    """
    sound = energies.copy()
    for index, energy in enumerate(energies.tolist()):
        since_silence = 0 if energy <= SILENT_ENERGY else since_silence + 1
        if since_silence <= EDGE_FRAMES:
            sound[index] = 0.0
    return sound, since_silence


class TriggerFinder:
    """Finds upward crossings hop by hop.

    It looks at energies: their logarithm is taken only of the few that a quiet hop is judged by, and of all
    where something stands out.
    """

    def __init__(self, threshold_db: float, floor: NoiseFloor, watch: Watch | None = None) -> None:
        """``watch`` is called with each hop: first frame, levels, levels of the moment before, floor."""
        self._watch = watch
        self._threshold_db = threshold_db
        self.floor = floor
        self._tail: Samples = np.zeros(TAIL_FRAMES, np.float32)
        """Energies of the frames before the next hop."""
        self._next_frame = 0
        self._since_silence = 0
        """Frames since the last silent one; a stream begins like a silence ends."""
        self._above = False

    def start(self, hops: Sequence[Samples]) -> None:
        """Take a first floor from the next hops, the first of which is what ``find`` is given next.

        ``hops``: the energies of their frames, full scale squared.
        """
        sounds, since = [], self._since_silence
        for energies in hops:
            sound, since = away_from_silence(energies, since)
            sounds.append(np.sort(sound))
        self.floor.start(sounds)

    def find(self, energies: Samples) -> list[Crossing]:
        """Crossings among the next consecutive frames, in order; none where there is no floor.

        ``energies``: their mean squares, shape (n,), full scale squared; not written to, but kept.
        """
        ordered = energies.copy()
        ordered.sort()
        top_db = level_db(ordered.item(-1))
        if ordered.item(0) > SILENT_ENERGY and self._since_silence >= EDGE_FRAMES:
            self._since_silence += energies.size
        else:
            sound, self._since_silence = away_from_silence(energies, self._since_silence)
            ordered = np.sort(sound)
        floor_db = self.floor.level_db
        if self._watch is not None:
            levels = levels_db(energies)
            self._watch(self._next_frame, levels, self._recent_db(levels, floor_db), floor_db)
        crossings: list[Crossing] = []
        # Before any sound the floor is NaN, and nothing exceeds that.
        if top_db - floor_db >= self._threshold_db:
            crossings = self._crossings(levels_db(energies), floor_db)
        else:
            self._above = False
        self.floor.update(ordered)
        longer = energies if energies.size >= TAIL_FRAMES else np.concatenate((self._tail, energies))
        self._tail = longer[-TAIL_FRAMES:]
        self._next_frame += energies.size
        return crossings

    def _recent_db(self, levels: Samples, floor_db: float) -> NDArray[np.float64]:
        """Mean level of the moment before each of the frames, dB; NaN without a floor."""
        run = np.concatenate((levels_db(self._tail), levels)).astype(np.float64)
        np.maximum(run, floor_db, out=run)  # silence and lulls count as floor
        sums = np.concatenate(([0.0], np.cumsum(run)))
        return (sums[RECENT_FRAMES : RECENT_FRAMES + levels.size] - sums[: levels.size]) / RECENT_FRAMES

    def _crossings(self, levels: Samples, floor_db: float) -> list[Crossing]:
        excess = levels - self._recent_db(levels, floor_db)
        above = excess >= self._threshold_db
        starts = above & ~np.concatenate(([self._above], above[:-1]))
        self._above = bool(above[-1])
        return [
            Crossing(
                frame=self._next_frame + int(index),
                excess_db=float(excess[index]),
                floor_db=floor_db,
            )
            for index in np.flatnonzero(starts)
        ]
