"""A crossing on its way to a decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sensor.detect.onset import Pick
    from sensor.detect.repeats import Repeat
    from sensor.detect.trigger import Crossing
    from sensor.types import RejectReason


@dataclass(slots=True)
class Pending:
    """A crossing that waits for its onset to be timed, then for its post-roll."""

    crossing: Crossing
    sample: int
    """Absolute index of the first sample of the crossing frame."""
    pick: Pick | None = None
    """Its onset, by absolute index, once there is enough audio to time it."""
    repeat: Repeat[Pending] | None = None
    """What it repeats, where that and not its level is why it crossed."""
    fault: RejectReason | None = None
    """Why it was refused, if it was no sound: then what repeats it is none either."""

    @property
    def floor_db(self) -> float:
        """Noise floor then, dB re full scale."""
        return self.crossing.floor_db
