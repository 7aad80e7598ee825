"""All published pulses of a test in, incidents out: through the real command, only the fields it requires.

All tests lie in one file, each laid on the earth far from every other; those with the same weather go through
one call. What is counted is what a user would get: every incident printed, located or not.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.location_corpus import Trial, arrivals
from sensor.central.frame import Frame
from sensor.central.types import Air, Arrival, Place


@dataclass(frozen=True, kw_only=True)
class Row:
    """What the command made of one test."""

    position: str
    name: str
    rounds: int
    error_m: float
    """Of the located incident heard by most nodes; infinite where there is none."""
    rounds_told: int
    incidents: int
    located: int
    inside: bool
    """The survey lies in its 95 % ellipse."""
    semi_major_m: float | None

    @property
    def phantoms(self) -> int:
        """Incidents beyond the one that was; located or only heard."""
        return max(0, self.incidents - 1)


def blind(trials: Sequence[Trial], *, weather: bool, folder: Path) -> list[Row]:
    """Every test through ``gunshot-central replay``; ``weather``: tell it what was published."""
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, trial in enumerate(trials):
        groups[options_of(trial.air) if weather else ()].append(number)
    rows: dict[int, Row] = {}
    for count, (options, numbers) in enumerate(groups.items()):
        file = folder / f"blind-{count}.jsonl"
        truths = {}
        with file.open("w", encoding="utf-8") as out:
            for number in numbers:
                found, truths[number] = arrivals(trials[number], place=town_of(number), tag=f"{number}-")
                out.writelines(json.dumps(minimal(arrival)) + "\n" for arrival in found)
        told: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for incident in replayed(file, options):
            told[int(incident["nodes"][0].partition("-")[0])].append(incident)
        rows |= {number: judge(trials[number], told[number], truths[number]) for number in numbers}
    return [rows[number] for number in range(len(trials))]


def minimal(arrival: Arrival) -> dict[str, Any]:
    """A candidate with nothing but what the command requires."""
    where = arrival.position
    return {
        "event_id": arrival.event_id,
        "node": arrival.node,
        "utc_ns": arrival.utc_ns,
        "sigma_ns": arrival.sigma_ns,
        "position": {"lat_deg": where.lat_deg, "lon_deg": where.lon_deg, "height_m": where.height_m},
    }


def replayed(file: Path, options: Sequence[str]) -> list[dict[str, Any]]:
    """Incidents that ``gunshot-central replay`` prints for ``file``."""
    command = [sys.executable, "-m", "sensor.central", "replay", "--jsonl", *options, str(file)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def options_of(air: Air) -> tuple[str, ...]:
    """The weather as the command takes it."""
    wind = f"{air.wind_east_m_s:.3f},{air.wind_north_m_s:.3f}"
    return f"--temperature-c={air.temperature_c:g}", f"--wind-ms={wind}"


def town_of(number: int) -> Place:
    """Places about fifty kilometres from each other."""
    row, column = divmod(number, 12)
    return Place(lat_deg=30.0 + 0.5 * row, lon_deg=-100.0 + 0.6 * column, height_m=300.0)


def judge(trial: Trial, told: Sequence[dict[str, Any]], truth: Place) -> Row:
    """Compare what was ``told`` with where ``trial`` was fired."""
    located = [incident for incident in told if incident["position"] is not None]
    best = max(located, key=lambda incident: len(incident["nodes"]), default=None)
    error_m, inside = math.inf, False
    if best is not None:
        east, north, _ = Frame(truth).enu(Place(**best["position"]))
        error_m, inside = math.hypot(east, north), _inside(best["ellipse_95"], east, north)
    return Row(
        position=trial.position,
        name=trial.name,
        rounds=trial.rounds,
        error_m=error_m,
        rounds_told=len(best["rounds"]) if best else 0,
        incidents=len(told),
        located=len(located),
        inside=inside,
        semi_major_m=best["ellipse_95"]["semi_major_m"] if best else None,
    )


def _inside(ellipse: dict[str, float], east_m: float, north_m: float) -> bool:
    turn = math.radians(ellipse["azimuth_deg"])
    along = east_m * math.sin(turn) + north_m * math.cos(turn)
    across = east_m * math.cos(turn) - north_m * math.sin(turn)
    return math.hypot(along / ellipse["semi_major_m"], across / ellipse["semi_minor_m"]) <= 1.0
