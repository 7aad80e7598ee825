"""How far an impulse moves the input from where it rested."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sensor.types import Samples

REST_S = 0.05
"""Time before an onset whose median is where the input rests: its offset is no part of a peak."""


def peak_and_swing(impulse: Samples, before: Samples) -> tuple[float, float]:
    """The farthest that a sample is from the median of those ``before``, and half the way from low to high.

    Both in the samples' own unit; 0 of no samples. With nothing ``before``, the input rests at 0.
    """
    if impulse.size == 0:
        return 0.0, 0.0
    rest = float(np.median(before)) if before.size else 0.0
    return float(np.abs(impulse - rest).max()), float(np.ptp(impulse)) / 2.0
