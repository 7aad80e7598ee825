"""Reads what scripts/simulate_street_day counted."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from sensor.classify.training.report import Rate


@dataclass(frozen=True)
class Day:
    """Hours of a simulated street without shots."""

    model_id: str
    seed: int
    rate_hz: int
    hours: str
    """Which hours of the day, in words."""
    rate: Rate
    kinds: list[tuple[str, int, int, int, int]]
    """Kind, impulses, triggers, candidates, impulses with a candidate."""
    worst: list[tuple[float, str, int, float]]
    """p, kind, hour, second of the most probable triggers."""


def read(path: Path) -> Day:
    """The JSON object that ``simulate_street_day --json`` wrote."""
    told = json.loads(path.read_text(encoding="utf-8"))
    hours = told["hours"]
    columns = ("impulses", "triggers", "candidates", "called")
    sums = [sum((Counter(hour[name]) for hour in hours), Counter()) for name in columns]
    kinds = [(kind, *(counts[kind] for counts in sums)) for kind in [*sorted(sums[0]), "street"]]
    kinds.append(("all", *(counts.total() for counts in sums)))
    worst = [(p, kind, hour["hour"], at_s) for hour in hours for p, kind, at_s in hour["worst"]]
    numbers = [hour["hour"] for hour in hours]
    spans = (
        f"{numbers[0]}–{numbers[-1]}"
        if len(numbers) == numbers[-1] - numbers[0] + 1
        else ", ".join(map(str, numbers))
    )
    return Day(
        model_id=told["model_id"],
        seed=told["seed"],
        rate_hz=told["rate_hz"],
        hours=spans,
        rate=Rate(sums[2].total(), len(hours) * told["seconds"] / 3600.0),
        kinds=kinds,
        worst=sorted(worst, reverse=True)[:10],
    )
