"""The published network test as arrivals anywhere on earth.

Each test of ``pittsburgh_network`` has positions in metres of an origin of its own; they are laid on the
earth round any place, so that the centre gets them as it gets everything: latitude, longitude, height, UTC.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from sensor.central.frame import Frame
from sensor.central.types import Air, Arrival, Place
from sensor.events import Position

SIGMA_NS = 500_000
"""Of the published pulse times: they are told to the millisecond."""
_SECOND_NS = 1_000_000_000
_TESTS = "FP*/test_*"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One test: what was published of it."""

    position: str
    name: str
    rounds: int
    nodes: tuple[str, ...]
    utc_ns: tuple[int, ...]
    places_m: np.ndarray
    """(P, 3) in the test's own metres."""
    truth_m: np.ndarray
    """(3,) surveyed."""
    selected: tuple[tuple[int, ...], ...]
    """Pulses that the publisher's operator chose, per round."""
    air: Air


def corpus_folder() -> Path | None:
    """The folder of the published network test, None where no test is there."""
    root = os.environ.get("GUNSHOT_CORPUS", "")
    folder = Path(root) / "pittsburgh_network"
    return folder if root and any(folder.glob(_TESTS)) else None


def trials(folder: Path) -> list[Trial]:
    """All tests below ``folder``, sorted."""
    return [_trial(path) for path in sorted(folder.glob(_TESTS))]


def _trial(path: Path) -> Trial:
    def part(kind: str) -> Any:  # noqa: ANN401  JSON
        return json.loads((path / f"{path.name}.{kind}.json").read_text(encoding="utf-8"))

    pulses, survey = part("allpulses"), part("survey")
    index = {pulse["pulse_uuid"]: number for number, pulse in enumerate(pulses)}
    return Trial(
        position=path.parent.name,
        name=path.name,
        rounds=survey["num_rounds"],
        nodes=tuple(pulse["serial_number"] for pulse in pulses),
        utc_ns=tuple(_utc_ns(pulse["arrival_time_utc"]) for pulse in pulses),
        places_m=np.array([_metres(pulse["location"]) for pulse in pulses]),
        truth_m=np.array(_metres(survey["survey_location"])),
        selected=tuple(
            tuple(index[name] for name in chosen["pulse_uuids"] if name in index)
            for chosen in part("nlos-tuples")
        ),
        air=_air(part("weather")),
    )


def _utc_ns(text: str) -> int:
    moment = datetime.fromisoformat(text)
    whole = int(moment.replace(microsecond=0).astimezone(UTC).timestamp())
    return whole * _SECOND_NS + moment.microsecond * 1000


def _metres(point: dict[str, float]) -> list[float]:
    return [point["x"], point["y"], point["z"]]


def _air(weather: dict[str, Any]) -> Air:
    """Direction is where the wind comes from, as in a METAR."""
    towards = np.radians(float(weather["direction"]) + 180.0)
    speed = float(weather["speed"])
    return Air(
        temperature_c=float(weather["temperature"]),
        wind_east_m_s=speed * float(np.sin(towards)),
        wind_north_m_s=speed * float(np.cos(towards)),
        source="manual",
    )


def laid_out(trial: Trial, place: Place) -> tuple[Frame, Place]:
    """A frame whose origin ``place`` is the middle of the pulses' sensors, and where it was fired."""
    frame = Frame(place)
    return frame, frame.place(*(trial.truth_m - trial.places_m.mean(axis=0)))


def arrivals(trial: Trial, *, place: Place, tag: str = "") -> tuple[list[Arrival], Place]:
    """The pulses of ``trial`` round ``place``, and where it was fired.

    ``tag`` goes before node names and ids: several towns in one file must not share nodes.
    """
    frame, truth = laid_out(trial, place)
    middle = trial.places_m.mean(axis=0)
    found = []
    for number, where in enumerate(trial.places_m):
        at = frame.place(*(where - middle))
        position = Position(lat_deg=at.lat_deg, lon_deg=at.lon_deg, height_m=at.height_m, sigma_m=1.0)
        found.append(
            Arrival(
                event_id=f"{tag}{trial.name}-{number}",
                site="local",
                node=f"{tag}{trial.nodes[number]}",
                utc_ns=trial.utc_ns[number],
                sigma_ns=SIGMA_NS,
                position=position,
            )
        )
    return found, truth
