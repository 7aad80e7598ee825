"""Notes what was refused before it could be judged, so that a miss can say why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensor.detect.overload import LEAST_HEARD
from sensor.types import Reject, RejectReason, Trigger, Verdict

if TYPE_CHECKING:
    from sensor.detect.witness import Frames, Judged


class Refusals:
    """A `PipelineWitness` of one recording."""

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self.noted: list[tuple[float, str]] = []
        """Seconds from the recording's first sample, and the reason."""

    def judged(self, judged: Judged) -> None:
        """Note what the detector refuses."""
        if isinstance(judged.decision, Reject):
            self._note(judged.decision.onset, judged.decision.reason)

    def heard(self, trigger: Trigger, share: float) -> None:
        """Note what rises out of a rail."""
        if share < LEAST_HEARD:
            self._note(trigger.onset, RejectReason.OVERLOAD)

    def frames(self, frames: Frames) -> None:
        """Nothing is refused yet."""

    def classified(self, trigger: Trigger, verdict: Verdict) -> None:
        """It was judged."""

    def _note(self, sample: float, reason: RejectReason) -> None:
        self.noted.append((sample / self._rate_hz, reason.value))
