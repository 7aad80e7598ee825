"""Whether the input stood on its rail just before an impulse: then there was nothing to hold it against.

Wind, handling or a gain set too high push a slow wave so far over the rail that all between its edges is one
value. Nothing is heard there, and every edge looks like an impulse out of silence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from sensor.detect.rail import at_an_end

if TYPE_CHECKING:
    from sensor.types import Samples

MOMENT_S = 0.048
"""Time before an impulse that is asked for."""
GUARD_S = 0.004
"""Left out between the two: an onset may be picked this late into a clipped rise."""
BODY_S = 0.05
"""Time after the onset that tells, with the moment before, where the rail is."""
STANDS_S = 0.004
"""Shortest time on one value that is standing: half a wave of 125 Hz. Reverberation leaves sooner."""
LEAST_HEARD = 0.75
"""Share of the moment that must have been heard: docs/detection.md, *Overload*."""


def heard_before(read: Callable[[int, int], Samples], onset: float, rate_hz: float) -> float:
    """Share of the moment before an impulse in which the input did not stand on a rail, 0 to 1.

    ``read``: gives the samples ``[on, off)`` by absolute index; ``onset``: absolute index, in samples.
    """
    begin, end, last = (
        round(onset + seconds * rate_hz) for seconds in (-GUARD_S - MOMENT_S, -GUARD_S, BODY_S)
    )
    # Digital silence, at whatever offset, lies between the swings of what breaks it. Zero is no rail: where
    # nothing was heard, before a beginning or in a loss, zeros are read.
    samples = read(begin, last)
    before = samples[: end - begin]
    stays = (before[1:] == before[:-1]) & (before[1:] != 0.0) & at_an_end(before[1:], samples)
    if not stays.any():
        return 1.0
    borders = np.flatnonzero(np.diff(stays, prepend=False, append=False))
    lengths = borders[1::2] - borders[::2] + 1
    return 1.0 - float(lengths[lengths >= STANDS_S * rate_hz].sum()) / before.size
