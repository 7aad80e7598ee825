"""From audio alone: our own candidates of the sensors whose recordings were published, through both commands.

``gunshot-sensor replay --manifest`` makes candidates of the recordings, ``gunshot-central replay`` incidents
of the candidates. Beside it, the publisher's pulses of the same sensors through the same fusion: what the
few sensors and their places allow.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scripts.location_blind import Row, judge, minimal, options_of, replayed, town_of
from scripts.location_corpus import Trial, arrivals, laid_out
from sensor.physics import speed_of_sound_m_s

_ON_TIME_S = 0.06


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What became of one test."""

    row: Row
    """Of our candidates."""
    published: Row
    """Of the publisher's pulses of the same sensors."""
    sensors: int
    """With a recording."""
    hearing: int
    """Of them, with a pulse that the publisher selected in any round."""
    ours: int
    """Of them, with a candidate of ours within 60 ms of the time the survey predicts, in any round."""


def from_audio(trials: Sequence[Trial], corpus: Path, folder: Path) -> list[Heard]:
    """Every test that has recordings."""
    recorded = {number: _recordings(trial, corpus) for number, trial in enumerate(trials)}
    candidates = _candidates(trials, recorded, corpus, folder)
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, trial in enumerate(trials):
        groups[options_of(trial.air)].append(number)
    ours: dict[int, list[dict[str, Any]]] = defaultdict(list)
    theirs: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for options, numbers in groups.items():
        lines = (line for number in numbers for line in candidates[number])
        _sort_in(replayed(_written(folder / "ours.jsonl", lines), options), ours)
        lines = (line for number in numbers for line in _published(trials[number], number, recorded[number]))
        _sort_in(replayed(_written(folder / "theirs.jsonl", lines), options), theirs)
    found = []
    for number, trial in enumerate(trials):
        truth = laid_out(trial, town_of(number))[1]
        serials = set(recorded[number])
        chosen = {trial.nodes[index] for shot in trial.selected for index in shot}
        found.append(
            Heard(
                row=judge(trial, ours[number], truth),
                published=judge(trial, theirs[number], truth),
                sensors=len(serials),
                hearing=len(serials & chosen),
                ours=len(_on_time(trial, candidates[number], recorded[number])),
            )
        )
    return found


def _recordings(trial: Trial, corpus: Path) -> dict[str, dict[str, Any]]:
    """Serial number -> what was published of its recording: ``timestamp`` and ``location``."""
    folder = corpus / "pittsburgh_network" / trial.position / trial.name
    found = {}
    for path in sorted(folder.glob(f"{trial.name}.audio.*.json")):
        about = json.loads(path.read_text(encoding="utf-8"))
        audio = corpus / "pittsburgh" / f"{trial.position}_{trial.name}_{about['serial_number']}.flac"
        if audio.exists():
            found[about["serial_number"]] = {**about, "path": audio}
    return found


def _candidates(
    trials: Sequence[Trial],
    recorded: Mapping[int, Mapping[str, Mapping[str, Any]]],
    corpus: Path,
    folder: Path,
) -> dict[int, list[dict[str, Any]]]:
    """What our sensor makes of all recordings, by test."""
    manifest = folder / "manifest.csv"
    with manifest.open("w", newline="", encoding="utf-8") as out:
        rows = csv.writer(out)
        rows.writerow(["path", "start_utc", "node", "lat_deg", "lon_deg", "height_m"])
        for number, trial in enumerate(trials):
            frame, _ = laid_out(trial, town_of(number))
            middle = trial.places_m.mean(axis=0)
            for serial, about in recorded[number].items():
                at = about["location"]
                place = frame.place(*(np.array([at["x"], at["y"], at["z"]]) - middle))
                node = f"{number}-{serial.lower()}"
                rows.writerow(
                    [about["path"], about["timestamp"], node, place.lat_deg, place.lon_deg, place.height_m]
                )
    command = [sys.executable, "-m", "sensor", "replay", "--jsonl", "--manifest", str(manifest)]
    done = subprocess.run(
        [*command, str(corpus / "pittsburgh")], check=True, capture_output=True, text=True, cwd=folder
    )
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for line in done.stdout.splitlines():
        candidate = json.loads(line)
        found[int(candidate["node"].partition("-")[0])].append(candidate)
    return found


def _published(trial: Trial, number: int, serials: Iterable[str]) -> list[dict[str, Any]]:
    wanted = {f"{number}-{serial}" for serial in serials}
    found, _ = arrivals(trial, place=town_of(number), tag=f"{number}-")
    return [minimal(arrival) for arrival in found if arrival.node in wanted]


def _written(file: Path, lines: Iterable[dict[str, Any]]) -> Path:
    with file.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(line) + "\n" for line in lines)
    return file


def _sort_in(incidents: Iterable[dict[str, Any]], by_test: dict[int, list[dict[str, Any]]]) -> None:
    for incident in incidents:
        by_test[int(incident["nodes"][0].partition("-")[0])].append(incident)


def _on_time(
    trial: Trial, candidates: Iterable[dict[str, Any]], recorded: Mapping[str, Mapping[str, Any]]
) -> set[str]:
    """Sensors with a candidate when a round should have arrived; fired when the selected pulses say so."""
    speed = speed_of_sound_m_s(trial.air.temperature_c)
    takes = np.linalg.norm(trial.places_m - trial.truth_m, axis=1) / speed
    base_ns = min(trial.utc_ns)
    fired = [
        float(np.median([(trial.utc_ns[index] - base_ns) * 1e-9 - takes[index] for index in shot]))
        for shot in trial.selected
    ]
    found = set()
    for candidate in candidates:
        serial = candidate["node"].partition("-")[2].upper()
        at = recorded[serial]["location"]
        far = float(np.linalg.norm(np.array([at["x"], at["y"], at["z"]]) - trial.truth_m))
        heard = (candidate["utc_ns"] - base_ns) * 1e-9 - far / speed
        if min((abs(heard - moment) for moment in fired), default=1.0) < _ON_TIME_S:
            found.add(serial)
    return found
