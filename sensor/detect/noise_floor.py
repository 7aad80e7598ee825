"""The background level that an impulse must exceed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sensor.types import Samples

QUANTILE = 0.75
"""Of the frame levels in one hop: high enough to follow restless backgrounds, below any one impulse."""
RMS_BELOW_QUANTILE_DB = 1.0
"""RMS under the upper quartile of 1 ms frames of Gaussian noise in the band (about 9 degrees of freedom)."""
START_HOPS = 5
"""Hops that a beginning waits for: the shot that a recording begins with fills the first of them."""
START_QUANTILE = 0.25
START_RISE_DB = 4.0
"""The first floor is the lower quartile of the quietest plus their distance in Gaussian noise."""
SETTLING_HOPS = 10
"""Hops after a start in which the floor may move five times as fast."""
SILENT_DB = -145.0
"""A frame below this is digital silence: under a 24-bit converter's last step, and over what single precision
leaves in the band of an offset of half of full scale (at most -146 dB)."""
SILENT_ENERGY = 10.0 ** (SILENT_DB / 10.0)
"""The same as a mean square, full scale squared."""
TINY_ENERGY = 1e-20
"""-200 dB: stands in for exact zero."""
FEWEST_ACTIVE = 10
"""Active frames in a hop below which it says nothing about the background."""


def level_db(energy: float) -> float:
    """A frame's energy in dB re full scale; exact zero becomes -200 dB."""
    return 10.0 * math.log10(max(energy, TINY_ENERGY))


def sounds(energies: Samples) -> bool:
    """Whether any of the frames is more than digital silence."""
    return bool(energies.max(initial=0.0) > SILENT_ENERGY)


class NoiseFloor:
    """Upper quartile of the frame levels, followed hop by hop with a slow rise and a quicker fall."""

    def __init__(self, rise_db: float, fall_db: float) -> None:
        """Move at most ``rise_db`` up and ``fall_db`` down per hop."""
        self._rise_db = rise_db
        self._fall_db = fall_db
        self.level_db = math.nan
        """Upper quartile of frame levels, dB re full scale; NaN until ``start`` and after digital silence."""
        self._hops = 0

    @property
    def known(self) -> bool:
        """Whether there is a floor that anything can be held against."""
        return not math.isnan(self.level_db)

    @property
    def rms_dbfs(self) -> float:
        """RMS of the background in the band, dB re full scale; NaN before the first sound."""
        return self.level_db - RMS_BELOW_QUANTILE_DB

    def start(self, hops: Iterable[Samples]) -> None:
        """Take a first floor from the hops of a beginning, if there is enough sound in one of them.

        ``hops``: the energies of their frames in rising order, full scale squared.
        """
        sounds = [ordered[ordered > SILENT_ENERGY] for ordered in hops]
        quiet = [
            sound.item(int(START_QUANTILE * sound.size)) for sound in sounds if sound.size >= FEWEST_ACTIVE
        ]
        if quiet:
            self.level_db = level_db(min(quiet)) + START_RISE_DB
            self._hops = 0

    def update(self, ordered: Samples) -> None:
        """Follow one hop, its energies in rising order; after a hop of digital silence there is none."""
        silent = 0
        if ordered.item(0) <= SILENT_ENERGY:
            silent = int(np.searchsorted(ordered, SILENT_ENERGY, side="right"))
        active = ordered.size - silent
        if active < FEWEST_ACTIVE:
            if active == 0:
                self.level_db = math.nan
            return
        target = level_db(ordered.item(silent + int(QUANTILE * active)))
        pace = 5.0 if self._hops < SETTLING_HOPS else 1.0
        self._hops += 1
        self.level_db += min(pace * self._rise_db, max(-pace * self._fall_db, target - self.level_db))
