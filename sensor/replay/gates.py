"""The conditions on the way from a crossing to a candidate, with what each of them measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sensor.detect.faults import FEWEST_STEPS
from sensor.detect.overload import LEAST_HEARD
from sensor.types import Reject, RejectReason

if TYPE_CHECKING:
    from sensor.detect.witness import Judged
    from sensor.replay.runner import ReplaySettings
    from sensor.types import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One condition on the way to a candidate."""

    name: str
    """``threshold``, or ``likeness`` for what repeats an earlier sound; ``p_min``; or the value of the
    :class:`RejectReason` that it gives."""
    passed: bool
    unit: str = ""
    value: float | None = None
    """None where the gate had nothing to measure."""
    limit: float | None = None

    @property
    def margin(self) -> float | None:
        """Value minus limit: positive by how much it passed, negative by how much it fell short."""
        return None if self.value is None or self.limit is None else self.value - self.limit


def gates_of(
    judged: Judged | None,
    excess_db: float | None,
    heard: float | None,
    verdict: Verdict | None,
    settings: ReplaySettings,
    rate_hz: float,
) -> tuple[Gate, ...]:
    """The conditions that were asked, up to the one that decided.

    ``excess_db``: of the strongest frame; ``heard``: share of the moment before a trigger; None = not asked.
    """
    limit = settings.config.detect.threshold_db
    likeness = None if judged is None else judged.crossing.likeness
    if likeness is None:
        gates = [Gate(name="threshold", passed=judged is not None, unit="dB", value=excess_db, limit=limit)]
    else:
        least = settings.config.detect.repeat_likeness
        gates = [Gate(name="likeness", passed=True, value=likeness, limit=least)]
    if judged is None:
        return tuple(gates)
    reason = judged.decision.reason if isinstance(judged.decision, Reject) else None
    for gate in _detectors(judged, settings, rate_hz):
        gates.append(gate)
        if gate.name == reason:
            return tuple(gates)
    if heard is not None:
        overload = RejectReason.OVERLOAD.value
        gates.append(Gate(name=overload, passed=heard >= LEAST_HEARD, value=heard, limit=LEAST_HEARD))
    if verdict is not None:
        p = verdict.p_gunshot
        gates.append(Gate(name="p_min", passed=p >= settings.p_min, value=p, limit=settings.p_min))
    return tuple(gates)


def _detectors(judged: Judged, settings: ReplaySettings, rate_hz: float) -> list[Gate]:
    """The detector's own gates after the threshold, with what it measured; the decision is its alone."""
    reason = judged.decision.reason if isinstance(judged.decision, Reject) else None
    refractory_ms = settings.config.detect.refractory_s * 1e3
    since_ms = (judged.sample - judged.refractory_until) / rate_hz * 1e3 + refractory_ms
    measured: list[tuple[RejectReason, float | None, float | None, str]] = [
        (RejectReason.REFRACTORY, since_ms if math.isfinite(since_ms) else None, refractory_ms, "ms"),
    ]
    faults = judged.faults
    if faults is not None:
        left, needed = (faults.silence.left_db, faults.silence.limit_db) if faults.silence else (None, None)
        measured += [
            (RejectReason.DIGITAL_SILENCE, left, needed, "dB"),
            (RejectReason.GLITCH, faults.without_glitch_db, faults.limit_db, "dB"),
            (RejectReason.DC_STEP, faults.without_step_db, faults.limit_db, "dB"),
            (RejectReason.COARSE, faults.steps, FEWEST_STEPS, "steps"),
        ]
    return [
        Gate(name=name.value, passed=name != reason, unit=unit, value=value, limit=limit)
        for name, value, limit, unit in measured
    ]
