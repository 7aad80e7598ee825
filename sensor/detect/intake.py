"""What comes in is made finite, and its level followed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from sensor.types import Reject, RejectReason

if TYPE_CHECKING:
    from sensor.types import Samples

LARGEST_FS = 1e6
"""A float sample beyond 120 dB over full scale is a fault like an infinite one."""
LEVEL_HOPS = 20.0
"""Time constant of the level reported to health, in hops: about one second."""


class Intake:
    """Looks through the hops of one stream, in order."""

    def __init__(self) -> None:
        self._bad_at_end = False
        self._mean_square = 0.0

    @property
    def level_dbfs(self) -> float:
        """RMS over about the last second, dB re full scale; -200 for silence."""
        return 10.0 * math.log10(max(self._mean_square, 1e-20))

    def clean(self, hop: Samples, first: int) -> list[Reject]:
        """Replace what is not finite by zeros in place, one reject per run; follow the level.

        ``first``: absolute index of ``hop[0]``.
        """
        rejects: list[Reject] = []
        power = float(np.vdot(hop, hop))  # unlike dot it does not warn of an overflow
        bad_before, self._bad_at_end = self._bad_at_end, False
        if not power <= LARGEST_FS:  # also when it is NaN
            bad = ~(np.abs(hop) <= LARGEST_FS)
            starts = np.flatnonzero(bad & ~np.concatenate(([bad_before], bad[:-1])))
            rejects = [Reject(RejectReason.NOT_FINITE, float(first + at)) for at in starts]
            hop[bad] = 0.0
            self._bad_at_end = bool(bad[-1])
            power = float(np.vdot(hop, hop))
        if hop.size:
            self._mean_square += (power / hop.size - self._mean_square) / LEVEL_HOPS
        return rejects
