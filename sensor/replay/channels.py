"""Whether a recording's channels cancel in their mean, which is what the detector hears."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sensor.types import Samples

CANCELLED_DB = 20.0
"""From here on channels are said to cancel; the mean of so low a level would take 100 that merely differ."""


class Channels:
    """Follows how far the mean of the channels stays below them.

    Args:
        listen: channels that are listened to; None = all.
    """

    def __init__(self, listen: tuple[int, ...] | None) -> None:
        self._listen = listen
        self._each = 0.0
        self._mean = 0.0

    def hear(self, samples: Samples) -> None:
        """Take a block, shape (channels, n); its offset, and a block that is not finite, do not count."""
        heard = samples if self._listen is None else samples[list(self._listen)]
        if heard.shape[0] < 2:
            return
        with np.errstate(invalid="ignore", over="ignore"):
            moving = heard - heard.mean(axis=1, keepdims=True)
            mean = moving.mean(axis=0)
            each = float(np.vdot(moving, moving)) / heard.shape[0]
        if math.isfinite(each):
            self._each += each
            self._mean += float(np.vdot(mean, mean))

    @property
    def fault(self) -> str | None:
        """That they cancel, in words; None if they do not."""
        if self._each == 0.0 or self._mean > self._each * 10.0 ** (-CANCELLED_DB / 10.0):
            return None
        left = "silent"
        if self._mean > 0.0:
            left = f"{10.0 * math.log10(self._each / self._mean):.0f} dB below them"
        return (
            f"its channels cancel: their mean, which is what is heard, is {left}; "
            "name those of one polarity in audio.listen_channels"
        )
