"""The background level that an impulse must exceed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sensor.types import Samples

QUANTILE = 0.75
"""Of the frame levels in one hop: high enough to follow restless backgrounds, below any one impulse."""
RMS_BELOW_QUANTILE_DB = 1.0
"""RMS under the upper quartile of 1 ms frames of Gaussian noise in the band (about 9 degrees of freedom)."""
START_QUANTILE = 0.25
START_RISE_DB = 4.0
"""At the start the lower quartile plus their distance in Gaussian noise: a shot may be in the hop."""
SETTLING_HOPS = 10
"""Hops after a start in which the floor may move five times as fast."""
SILENT_DB = -160.0
"""A frame below this is digital silence: no converter and no float of a microphone is that quiet."""
SILENT_ENERGY = 10.0 ** (SILENT_DB / 10.0)
"""The same as a mean square, full scale squared."""
TINY_ENERGY = 1e-20
"""-200 dB: stands in for exact zero."""
FEWEST_ACTIVE = 10
"""Active frames in a hop below which it says nothing about the background."""


def level_db(energy: float) -> float:
    """A frame's energy in dB re full scale; exact zero becomes -200 dB."""
    return 10.0 * math.log10(max(energy, TINY_ENERGY))


class NoiseFloor:
    """Upper quartile of the frame levels, followed hop by hop with a slow rise and a quicker fall."""

    def __init__(self, rise_db: float, fall_db: float) -> None:
        """Move at most ``rise_db`` up and ``fall_db`` down per hop."""
        self._rise_db = rise_db
        self._fall_db = fall_db
        self.level_db = math.nan
        """Upper quartile of frame levels, dB re full scale; NaN until the first hop with sound."""
        self._hops = 0

    @property
    def rms_dbfs(self) -> float:
        """RMS of the background in the band, dB re full scale; NaN before the first sound."""
        return self.level_db - RMS_BELOW_QUANTILE_DB

    def start(self, ordered: Samples) -> None:
        """Take a first floor from the hop itself, if the hop has sound in it.

        ``ordered``: the energies of its frames in rising order, full scale squared.
        """
        active = ordered[ordered > SILENT_ENERGY]
        if active.size >= FEWEST_ACTIVE:
            self.level_db = level_db(active.item(int(START_QUANTILE * active.size))) + START_RISE_DB
            self._hops = 0

    def update(self, ordered: Samples) -> None:
        """Follow one hop, its energies in rising order; after a hop of digital silence start anew."""
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
