"""What came after the first arrival: echoes, or further sounds too close for a trigger of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sensor.types import LaterArrival

if TYPE_CHECKING:
    from sensor.types import Samples

MOST = 3
WITHIN_S = 0.2
STEP_DB = 6.0
"""A later arrival stands this far out of the frames just before it."""
FIRST_FRAMES = 5
"""Frames after the onset that belong to the first arrival itself; as far back a later one is compared."""
NEAR_FRAMES = 4
"""A later arrival is the largest of so many frames; it stands out of as many, but for the one before it."""


def later_arrivals(levels_db: Samples, frame_s: float, until_s: float) -> tuple[LaterArrival, ...]:
    """The strongest later arrivals, at most three, in time order.

    ``levels_db``: of the frames from the onset on, each ``frame_s`` long; ``until_s``: time of the next
    trigger after the onset; none later than that or 0.2 s is given. Times are good to a frame, about 1 ms.
    """
    levels = levels_db.astype(float)
    last = min(levels.size, int(min(until_s, WITHIN_S) / frame_s))
    if last <= FIRST_FRAMES:
        return ()
    # The largest of each frame and the NEAR_FRAMES - 1 after it.
    padded = np.concatenate((levels, np.full(NEAR_FRAMES - 1, -np.inf)))
    near = np.max([padded[after : after + levels.size] for after in range(NEAR_FRAMES)], axis=0)
    heard = levels[FIRST_FRAMES:last]
    stands_out = (heard == near[FIRST_FRAMES:last]) & (heard > near[: last - FIRST_FRAMES] + STEP_DB)
    found = [(float(levels[index]), int(index)) for index in FIRST_FRAMES + np.flatnonzero(stands_out)]
    first_level = float(levels[:FIRST_FRAMES].max())
    strongest = sorted(sorted(found, reverse=True)[:MOST], key=lambda item: item[1])
    return tuple(LaterArrival(index * frame_s, level - first_level) for level, index in strongest)
