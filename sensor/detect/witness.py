"""What the detector tells whoever asks why: its own inner values, as it used them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sensor.detect.faults import FaultMargins
    from sensor.detect.trigger import Crossing
    from sensor.types import Reject, Samples, Trigger


@dataclass(frozen=True, slots=True, eq=False)  # eq: arrays do not compare to one truth value
class Frames:
    """Levels of one hop of frames and what they were held against."""

    first: int
    """Absolute index of the first sample of the first frame."""
    frame: int
    """Samples per frame."""
    levels_db: Samples
    """Level of each frame, dB re full scale; -200 for exact zeros."""
    recent_db: NDArray[np.float64]
    """Mean level of the moment before each frame, nowhere taken below the floor, dB; NaN without a floor."""
    floor_db: float
    """Noise floor, dB; NaN before any sound."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A crossing, what it was held against, and what became of it."""

    sample: int
    """Absolute index of the first sample of the crossing frame."""
    crossing: Crossing
    refractory_until: float
    """Absolute index before which no other trigger could be; minus infinity when there was none yet."""
    faults: FaultMargins | None
    """None where an earlier gate decided."""
    decision: Trigger | Reject


class Witness(Protocol):
    """Is told everything in the order in which it happens; must not raise and must not change anything."""

    def frames(self, frames: Frames) -> None:
        """One hop of frames was looked at."""

    def judged(self, judged: Judged) -> None:
        """A crossing was decided."""
