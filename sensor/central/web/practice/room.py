"""The practice room: each trainee's run through a drill.

What it makes are incident versions with ``exercise`` set. They are shown on the trainee's page alone, and
go into the record, marked; so receivers whose rule asks for exercises, such as the CAD's training side, are
told, and no others. The figures leave them out. The score is an entry of the audit.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from sensor.central.cad.cap import alert
from sensor.central.cad.settings import CapSettings
from sensor.central.incidents.chain import incident_json, seal
from sensor.central.store.protocol import Store
from sensor.central.types import IncidentVersion
from sensor.central.web.decisions import Decision
from sensor.central.web.practice.drills import GUNFIRE, Case, Drill, recorded, shipped
from sensor.central.web.reviewing import Reviewer
from sensor.errors import CentralError, StoreError
from sensor.geodesy import Vector

logger = logging.getLogger(__name__)

RESULT = "practice.result"
"""Action of the audit entries that hold scores."""
NOWHERE: Vector = (35.99, -78.90, 0.0)
"""Where drills lie when no node and no incident is known yet."""
_RUNS_MAX = 500


class NoExercise(CentralError):  # noqa: N818  a state, not a fault
    """The trainee is not at that point of an exercise."""


@dataclass(slots=True, kw_only=True)
class _Run:
    """One trainee's run."""

    drill: Drill
    started_ns: int
    index: int = 0
    current: IncidentVersion | None = None
    appeared_ns: int = 0
    acknowledged_ns: int | None = None
    answers: list[dict[str, Any]] = field(default_factory=list)


class Room:
    """Runs of all trainees.

    Args:
        store: read for the site's own cases and for where the network is; written to in the audit alone.
        now_ns: the clock.
        recorder: writes exercises to the record; None = they stay on the trainee's page.
        cap: how the exercise's CAP message is written.
    """

    def __init__(
        self,
        store: Store,
        *,
        now_ns: Callable[[], int] = time.time_ns,
        recorder: Reviewer | None = None,
        cap: CapSettings | None = None,
    ) -> None:
        self._store = store
        self._now_ns = now_ns
        self._recorder = recorder
        self._cap = cap or CapSettings()
        self._lock = threading.Lock()
        self._runs: dict[str, _Run] = {}

    def drills(self) -> tuple[Drill, ...]:
        """All that can be practised now."""
        own = recorded(self._store)
        return (*shipped(self._centre()), *([own] if own else ()))

    def start(self, trainee: str, drill_id: str) -> dict[str, Any]:
        """Begin a drill, giving up one that runs; raise NoExercise when there is none of that name."""
        drill = next((each for each in self.drills() if each.drill_id == drill_id), None)
        if drill is None:
            raise NoExercise(f"there is no drill {drill_id[:60]!r}")
        with self._lock:
            if len(self._runs) >= _RUNS_MAX:
                self._runs.pop(next(iter(self._runs)))
            self._runs[trainee] = _Run(drill=drill, started_ns=self._now_ns())
        self._store.audit(
            actor=trainee, action="practice.start", subject=drill_id, detail={}, at_ns=self._now_ns()
        )
        return self.state(trainee)

    def state(self, trainee: str) -> dict[str, Any]:
        """How far a trainee is; ``incident`` is the case before them, None between two cases."""
        with self._lock:
            run = self._runs.get(trainee)
            if run is None:
                return {"running": False}
            return {
                "running": True,
                "drill": run.drill.drill_id,
                "title": run.drill.title,
                "number": run.index + 1,
                "of": len(run.drill.cases),
                "incident": None if run.current is None else incident_json(run.current),
                "acknowledged": run.acknowledged_ns is not None,
                "answers": list(run.answers),
            }

    def following(self, trainee: str) -> dict[str, Any]:
        """Let the next case appear: its clock starts now."""
        with self._lock:
            run = self._run(trainee)
            if run.current is None:
                run.appeared_ns = self._now_ns()
                run.acknowledged_ns = None
                run.current = self._written(_present(run.drill.cases[run.index], run.appeared_ns))
        return self.state(trainee)

    def acknowledge(self, trainee: str) -> dict[str, Any]:
        """The trainee has seen the case."""
        with self._lock:
            run = self._run(trainee)
            if run.current is None:
                raise NoExercise("no case is open; let the next one appear")
            if run.acknowledged_ns is None:
                run.acknowledged_ns = self._now_ns()
        return self.state(trainee)

    def decide(self, trainee: str, decision: Decision) -> dict[str, Any]:
        """The trainee's decision; its answer tells the truth, the times and what CAD would have got."""
        with self._lock:
            run = self._run(trainee)
            if run.current is None:
                raise NoExercise("no case is open; let the next one appear")
            case, told, now_ns = run.drill.cases[run.index], run.current, self._now_ns()
            after = self._written(_decided(told, trainee, decision, now_ns))
            answer = {
                "number": run.index + 1,
                "action": decision.action,
                "class": after.incident_class,
                "reason": decision.reason,
                "right": (after.state != "retracted" and after.incident_class in GUNFIRE) == case.gunfire,
                "truth": case.truth,
                "lesson": case.lesson,
                "acknowledged_s": _seconds(run.appeared_ns, run.acknowledged_ns),
                "decided_s": _seconds(run.appeared_ns, now_ns),
            }
            run.answers.append(answer)
            run.current = None
            run.index += 1
            finished = run.index == len(run.drill.cases)
            if finished:
                del self._runs[trainee]
        message = alert(after, former=(told,), settings=self._cap).decode()
        result = self._finish(trainee, run) if finished else None
        return {"answer": answer, "incident": incident_json(after), "cap": message, "result": result}

    def stop(self, trainee: str) -> dict[str, Any]:
        """Give up."""
        with self._lock:
            self._runs.pop(trainee, None)
        return {"running": False}

    def scores(self, trainee: str | None) -> list[dict[str, Any]]:
        """Finished runs, newest first; of all trainees where ``trainee`` is None."""
        return [
            {"trainee": entry.actor, "drill": entry.subject, "at_ns": entry.at_ns, **dict(entry.detail)}
            for entry in self._store.audit_log(action=RESULT, actor=trainee, limit=200)
        ]

    def _run(self, trainee: str) -> _Run:
        run = self._runs.get(trainee)
        if run is None:
            raise NoExercise("no exercise is running; start one")
        return run

    def _written(self, version: IncidentVersion) -> IncidentVersion:
        """The version sealed, and in the record where that can be; an exercise goes on without."""
        if self._recorder is None:
            return seal(version, None)
        try:
            return self._recorder.practise(version)
        except StoreError as error:
            logger.warning("exercise %s is not in the record: %s", version.incident_id, error)
            return seal(version, None)

    def _finish(self, trainee: str, run: _Run) -> dict[str, Any]:
        result = score(run.answers)
        self._store.audit(
            actor=trainee, action=RESULT, subject=run.drill.drill_id, detail=result, at_ns=self._now_ns()
        )
        return result

    def _centre(self) -> Vector:
        """The middle of the network."""
        places = [node.position for node in self._store.nodes() if node.position is not None]
        if not places:
            return NOWHERE
        count = len(places)
        return sum(each.lat_deg for each in places) / count, sum(each.lon_deg for each in places) / count, 0.0


def score(answers: list[dict[str, Any]]) -> dict[str, Any]:
    """Sum of a run: how many were right, which errors, and the median times."""
    seen = sorted(each["acknowledged_s"] for each in answers if each["acknowledged_s"] is not None)
    decided = sorted(each["decided_s"] for each in answers)
    wrong = [each for each in answers if not each["right"]]
    missed = sum(each["action"] == "retract" or each["class"] not in GUNFIRE for each in wrong)
    return {
        "cases": len(answers),
        "right": len(answers) - len(wrong),
        "missed_gunfire": missed,
        "false_alarms": len(wrong) - missed,
        "acknowledge_median_s": seen[len(seen) // 2] if seen else None,
        "decide_median_s": decided[len(decided) // 2] if decided else None,
    }


def _seconds(since_ns: int, until_ns: int | None) -> float | None:
    return None if until_ns is None else round((until_ns - since_ns) / 1e9, 2)


def _present(case: Case, now_ns: int) -> IncidentVersion:
    """The case as if it happened a few seconds ago, under a name that no record has."""
    shift_ns = now_ns - 4_000_000_000 - case.version.utc_ns
    return replace(
        case.version,
        incident_id=f"exercise-{secrets.token_hex(4)}",
        version=1,
        utc_ns=case.version.utc_ns + shift_ns,
        rounds=tuple(replace(each, utc_ns=each.utc_ns + shift_ns) for each in case.version.rounds),
        created_ns=now_ns,
        exercise=True,
    )


def _decided(told: IncidentVersion, trainee: str, decision: Decision, now_ns: int) -> IncidentVersion:
    return replace(
        told,
        version=told.version + 1,
        state="retracted" if decision.action == "retract" else "reviewed",
        incident_class=decision.incident_class or told.incident_class,
        author=trainee,
        reason=decision.reason or decision.action,
        created_ns=now_ns,
        prev_hash=told.hash,
        hash=None,
        signature=None,
    )
