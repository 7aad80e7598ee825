"""Where the rail of the input is: an end of the range of what was heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sensor.types import Samples

AT_RAIL = 0.01
"""Share of the range within which a value is at an end of it."""


def at_an_end(values: Samples, heard: Samples) -> NDArray[np.bool_]:
    """Which values lie at the highest or lowest of the samples ``heard``, at least one."""
    low, high = float(heard.min()), float(heard.max())
    middle, reach = (low + high) / 2.0, (0.5 - AT_RAIL) * (high - low)
    return np.abs(values - middle) > reach
