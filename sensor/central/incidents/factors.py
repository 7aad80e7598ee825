"""What else speaks for one class or another: each factor says its value, its weight and why, in words.

The weights are judgements in natural log odds, capped at ±2, not fitted figures: there is no public record
of located incidents with ground truth to fit them on. They are told with every incident, so that they can be
argued with.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sensor.central.incidents.rounds import CRACKERS_VARIATION, cadence_of, fast_run, intervals_s
from sensor.central.types import Arrival, Fix, RoundTime
from sensor.physics import db_from_ratio

CAP = 2.0
LEVELS_DB = {
    "gunshot": (152.0, 9.0),
    "fireworks": (150.0, 12.0),
    "construction": (125.0, 9.0),
    "backfire": (122.0, 9.0),
    "other": (115.0, 15.0),
}
"""Peak SPL at 1 m, mean and spread, dB re 20 µPa: small arms 140 to 165, tools and doors far below."""
EXCESS_DB_PER_M = 0.01
"""Loss beyond spherical spreading, dB per metre: absorption at 1 kHz (0.005) and some ground."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """One thing that makes classes more or less likely."""

    name: str
    value: Any
    weights: Mapping[str, float]
    """Natural log odds per class, none beyond ±CAP."""
    words: str

    def plain(self) -> dict[str, Any]:
        """The factor as the explain card holds it."""
        weights = {name: round(weight, 3) for name, weight in self.weights.items() if weight}
        return {"name": self.name, "value": self.value, "weight": weights, "words": self.words}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is known beside the sound itself."""

    calendar: str = ""
    """Why fireworks are customary now; empty when they are not."""
    calendar_log_odds: float = 0.0
    fireworks_mode: bool = False
    mode_log_odds: float = 0.0
    history: Mapping[str, int] = field(default_factory=dict)
    """How often people called earlier incidents at this place so, by class."""


def source_level_db(arrivals: Sequence[Arrival], fix: Fix) -> tuple[float, int] | None:
    """Peak SPL that the source would have at 1 m, median over calibrated nodes, and how many; None without.

    Spherical spreading and EXCESS_DB_PER_M from the distance of the fix; clipped arrivals are left out.
    """
    distances = {item.event_id: item.distance_m for item in fix.residuals}
    found: dict[str, float] = {}
    for arrival in arrivals:
        distance_m = distances.get(arrival.event_id)
        if arrival.peak_db_spl is None or distance_m is None or distance_m < 1.0:
            continue
        if (arrival.clip_fraction or 0.0) > 0.0:
            continue
        level_db = arrival.peak_db_spl + _spreading_db(distance_m)
        found[arrival.key] = max(level_db, found.get(arrival.key, level_db))
    return (statistics.median(found.values()), len(found)) if found else None


def _spreading_db(distance_m: float) -> float:
    return db_from_ratio(distance_m) + EXCESS_DB_PER_M * distance_m


def factors(
    rounds: Sequence[RoundTime], arrivals: Sequence[Arrival], fix: Fix | None, setting: Setting
) -> list[Factor]:
    """Everything that applies, in the order it is told."""
    found = [_cadence(rounds), _duration(rounds), _history(setting), _calendar(setting), _mode(setting)]
    if fix is not None:
        found += [_level(arrivals, fix), _spread(fix)]
    return [item for item in found if item is not None]


def _capped(weights: Mapping[str, float]) -> dict[str, float]:
    return {name: max(-CAP, min(CAP, weight)) for name, weight in weights.items()}


def _cadence(rounds: Sequence[RoundTime]) -> Factor | None:
    """How regular the rounds are: a weapon, crackers or a machine; None where they say nothing."""
    run, whole = fast_run(rounds), cadence_of(intervals_s(rounds))
    if run is not None and run.variation <= CRACKERS_VARIATION:
        words = f"{run.shots} rounds every {1e3 * run.mean_s:.0f} ms, as regular as a weapon"
        return Factor(
            name="cadence",
            value=round(run.variation, 3),
            weights={"gunshot": 1.5, "construction": 0.5},
            words=words,
        )
    if run is not None:
        words = (
            f"{run.shots} bangs within {run.shots * run.mean_s:.1f} s at irregular intervals, as firecrackers"
        )
        return Factor(name="cadence", value=round(run.variation, 3), weights={"fireworks": 1.5}, words=words)
    if whole is not None and whole.shots >= 10 and whole.variation < 0.25 and whole.mean_s > 0.2:
        words = f"{whole.shots} strokes every {whole.mean_s:.1f} s, as regular as a machine"
        return Factor(
            name="cadence", value=round(whole.variation, 3), weights={"construction": 1.5}, words=words
        )
    return None


def _duration(rounds: Sequence[RoundTime]) -> Factor | None:
    gaps_s = intervals_s(rounds)
    total_s = sum(gaps_s)
    if len(rounds) < 40 or total_s < 20.0:
        return None
    words = f"{len(rounds)} bangs over {total_s:.0f} s: more than is usual for shots"
    weights = {"fireworks": 1.0, "construction": 1.0}
    return Factor(name="duration", value=round(total_s, 1), weights=weights, words=words)


def _level(arrivals: Sequence[Arrival], fix: Fix) -> Factor | None:
    found = source_level_db(arrivals, fix)
    if found is None:
        return None
    level_db, nodes = found
    logs = {name: -0.5 * ((level_db - mean) / sigma) ** 2 for name, (mean, sigma) in LEVELS_DB.items()}
    middle = statistics.median(logs.values())
    words = f"{level_db:.0f} dB SPL at 1 m, calculated back from {nodes} calibrated node{'s' * (nodes > 1)}"
    weights = _capped({name: value - middle for name, value in logs.items()})
    return Factor(name="source_level", value=round(level_db, 1), weights=weights, words=words)


def _spread(fix: Fix) -> Factor | None:
    heard_m = [item.distance_m for item in fix.residuals if item.weight > 0.1]
    if not heard_m or max(heard_m) < 300.0:
        return None
    words = f"heard over {max(heard_m):.0f} m: louder than doors, tools and engines are"
    weights = {"construction": -1.0, "backfire": -1.0, "other": -1.0}
    return Factor(name="spread", value=round(max(heard_m)), weights=weights, words=words)


def _history(setting: Setting) -> Factor | None:
    total = sum(setting.history.values())
    if not total:
        return None
    # One pseudo-count per class: a single earlier judgement must not decide.
    average = total / len(LEVELS_DB)
    weights = {name: math.log((setting.history.get(name, 0) + 1.0) / (average + 1.0)) for name in LEVELS_DB}
    told = ", ".join(f"{count} {name}" for name, count in sorted(setting.history.items()))
    words = f"people judged earlier incidents here: {told}"
    return Factor(name="history", value=dict(setting.history), weights=_capped(weights), words=words)


def _calendar(setting: Setting) -> Factor | None:
    if not setting.calendar:
        return None
    weights = _capped({"fireworks": setting.calendar_log_odds})
    return Factor(name="calendar", value=setting.calendar, weights=weights, words=setting.calendar)


def _mode(setting: Setting) -> Factor | None:
    if not setting.fireworks_mode:
        return None
    words = "fireworks mode: far more bangs than usual in this site now"
    weights = _capped({"fireworks": setting.mode_log_odds})
    return Factor(name="fireworks_mode", value=True, weights=weights, words=words)
