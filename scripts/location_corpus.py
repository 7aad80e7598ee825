"""The published network test as arrivals anywhere on earth, and the whole fusion over it.

Each test of ``pittsburgh_network`` has positions in metres of an origin of its own; they are laid on the
earth round any place, so that the centre gets them as it gets everything: latitude, longitude, height, UTC.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from sensor.central.frame import Frame
from sensor.central.fusion import Fusion, FusionSettings, Window
from sensor.central.types import Air, Arrival, Place, Source
from sensor.events import Position

SOMEWHERE = Place(lat_deg=40.44, lon_deg=-79.99, height_m=300.0)
SIGMA_NS = 500_000
"""Of the published pulse times: they are told to the millisecond."""
_SECOND_NS = 1_000_000_000


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
    snr_db: tuple[float, ...]
    peak_db_spl: tuple[float, ...]
    truth_m: np.ndarray
    """(3,) surveyed."""
    selected: tuple[tuple[int, ...], ...]
    """Pulses that the publisher's operator chose, per round."""
    air: Air


@dataclass(frozen=True, kw_only=True)
class Row:
    """What the fusion made of one test."""

    trial: Trial
    sources: tuple[Source, ...]
    """Located ones, best heard first."""
    errors_m: tuple[float, ...]
    unlocated: int

    @property
    def error_m(self) -> float:
        """Of the best heard source; infinite where nothing was located."""
        return self.errors_m[0] if self.errors_m else float("inf")

    @property
    def rounds(self) -> int:
        """Of the best heard source."""
        return len(self.sources[0].fix.rounds) if self.sources and self.sources[0].fix else 0

    @property
    def phantoms(self) -> int:
        """Incidents beyond the one that was."""
        return max(0, len(self.sources) - 1) + self.unlocated


def corpus_folder() -> Path | None:
    """The folder of the published network test, None where it is not there."""
    root = os.environ.get("GUNSHOT_CORPUS", "")
    folder = Path(root) / "pittsburgh_network"
    return folder if root and folder.is_dir() else None


def trials(folder: Path) -> list[Trial]:
    """All tests below ``folder``, sorted."""
    return [_trial(path) for path in sorted(folder.glob("FP*/test_*"))]


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
        snr_db=tuple(pulse["signal_to_noise_dB"] for pulse in pulses),
        peak_db_spl=tuple(pulse["power_dB_SPL"] for pulse in pulses),
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


def arrivals(
    trial: Trial, *, place: Place = SOMEWHERE, later_ns: int = 0, levels: bool = True, tag: str = ""
) -> tuple[list[Arrival], Place]:
    """The pulses of ``trial`` round ``place``, ``later_ns`` later than published; and where it was fired.

    ``tag`` goes before node names and ids: several towns in one file must not share nodes.
    """
    frame = Frame(place)
    middle = trial.places_m.mean(axis=0)
    at = [frame.place(*(where - middle)) for where in trial.places_m]
    found = [
        Arrival(
            event_id=f"{tag}{trial.name}-{number}",
            site="local",
            node=f"{tag}{trial.nodes[number]}",
            utc_ns=trial.utc_ns[number] + later_ns,
            sigma_ns=SIGMA_NS,
            position=Position(
                lat_deg=where.lat_deg, lon_deg=where.lon_deg, height_m=where.height_m, sigma_m=1.0
            ),
            snr_db=trial.snr_db[number] if levels else None,
            peak_db_spl=trial.peak_db_spl[number] if levels else None,
        )
        for number, where in enumerate(at)
    ]
    return found, frame.place(*(trial.truth_m - middle))


def fused(found: Sequence[Arrival], air: Air, settings: FusionSettings | None = None) -> list[Window]:
    """The final windows of ``found``."""
    fusion = Fusion(settings, air=air)
    for arrival in found:
        fusion.push(arrival)
    return fusion.flush()


def row_of(trial: Trial, windows: Sequence[Window], truth: Place) -> Row:
    """Judge ``windows`` against where ``trial`` was fired."""
    frame = Frame(truth)
    located = [source for window in windows for source in window.sources if source.fix is not None]
    located.sort(key=lambda source: -source.association.score)
    return Row(
        trial=trial,
        sources=tuple(located),
        errors_m=tuple(float(np.hypot(*frame.enu(source.fix.place)[:2])) for source in located if source.fix),
        unlocated=sum(source.fix is None for window in windows for source in window.sources),
    )


def blind(folder: Path, *, settings: FusionSettings | None = None, levels: bool = True) -> Iterator[Row]:
    """Each test by itself: all its pulses in, incidents out."""
    for trial in trials(folder):
        found, truth = arrivals(trial, levels=levels)
        yield row_of(trial, fused(found, trial.air, settings), truth)
