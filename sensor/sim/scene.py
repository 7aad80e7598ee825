"""A scene: the YAML file that says what happens where, validated, as frozen values."""

from __future__ import annotations

import difflib
import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from annotated_types import Interval
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from sensor.config.yaml_reader import Document, Fault, KeyPath, dotted, read_text, read_yaml
from sensor.errors import ConfigError
from sensor.events import NAME_PATTERN
from sensor.geodesy import enu_from_llh, llh_from_enu
from sensor.sim.air import Air
from sensor.sim.background import Street
from sensor.sim.blasts import WEAPONS
from sensor.sim.microphone import Microphone
from sensor.sim.reverberation import Surroundings
from sensor.sim.sources import SOUND_KINDS

Metres = tuple[float, float, float]
"""East, north and up of the scene's origin; the ground is at up = 0."""
Name = Annotated[str, StringConstraints(pattern=f"^{NAME_PATTERN.pattern}$")]
Finite = Annotated[float, Interval(ge=-1e6, le=1e6)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Origin(_Part):
    """Where on Earth the scene's metres are counted from."""

    lat_deg: Annotated[float, Interval(ge=-90.0, le=90.0)]
    lon_deg: Annotated[float, Interval(ge=-180.0, le=180.0)]
    height_m: Annotated[float, Interval(ge=-500.0, le=9000.0)] = 0.0

    @property
    def llh(self) -> Metres:
        """Latitude, longitude, height."""
        return self.lat_deg, self.lon_deg, self.height_m


class Place(_Part):
    """A point: ``at: [east, north, up]`` in metres, or latitude, longitude and height."""

    at: tuple[Finite, Finite, Finite] | None = None
    lat_deg: Annotated[float, Interval(ge=-90.0, le=90.0)] | None = None
    lon_deg: Annotated[float, Interval(ge=-180.0, le=180.0)] | None = None
    height_m: Annotated[float, Interval(ge=-500.0, le=9000.0)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        geodetic = (self.lat_deg, self.lon_deg, self.height_m)
        if self.at is None and None in geodetic:
            raise ValueError(
                "has no place; give `at: [east, north, up]` in metres, or lat_deg, lon_deg and height_m"
            )
        if self.at is not None and geodetic != (None, None, None):
            raise ValueError("has two places; give either `at` or lat_deg, lon_deg and height_m")
        return self

    def metres(self, origin: Origin | None) -> Metres:
        """The point in the scene's metres."""
        if self.at is not None:
            return self.at
        if origin is None or self.lat_deg is None or self.lon_deg is None or self.height_m is None:
            raise ConfigError("origin: is missing; places given by lat_deg and lon_deg need one")
        return enu_from_llh((self.lat_deg, self.lon_deg, self.height_m), origin.llh)


class NodeClock(_Part):
    """What is wrong with a node's idea of time."""

    offset_ms: Annotated[float, Interval(ge=-1e4, le=1e4)] = 0.0
    """The node's UTC minus true UTC, milliseconds."""
    rate_ppm: Annotated[float, Interval(ge=-1000.0, le=1000.0)] = 0.0
    """How much faster than nominal the node samples, parts per million."""


class Node(Place):
    """One sensor: a place, a microphone and a clock."""

    name: Name
    rate_hz: Annotated[int, Interval(ge=8000, le=192_000)] = 48_000
    microphone: Microphone = Microphone()
    clock: NodeClock = NodeClock()
    background: Street | None = None
    """Its own background; without it the scene's."""


class Sound(Place):
    """One source and when it sounds; several ``rounds`` are evenly spaced."""

    kind: str
    """``gunshot`` or one of the kinds in ``sources``."""
    time_s: Annotated[float, Interval(ge=0.0, le=86_400.0)]
    """When the first round leaves the source, seconds after the scene's start."""
    weapon: str | None = None
    azimuth_deg: Annotated[float, Interval(ge=-360.0, le=360.0)] | None = None
    """Direction of fire, degrees clockwise from north; without it no directivity and no shock wave."""
    rounds: Annotated[int, Interval(ge=1, le=1000)] = 1
    interval_s: Annotated[float, Interval(ge=0.01, le=600.0)] = 0.5
    """Time between rounds; 60 / rounds per minute."""
    jitter_ms: Annotated[float, Interval(ge=0.0, le=1000.0)] = 0.0
    """Standard deviation of each interval, milliseconds."""
    peak_db_spl: Annotated[float, Interval(ge=0.0, le=200.0)] | None = None
    """Peak at 1 m; without it the kind's usual level and spread."""
    received_db_spl: Annotated[float, Interval(ge=0.0, le=200.0)] | None = None
    """Peak of the first round at the scene's first sensor instead; the others follow from the distances."""
    surroundings: Surroundings | None = None
    """Its own way to the sensors; without it the scene's."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.peak_db_spl is not None and self.received_db_spl is not None:
            raise ValueError("has two levels; give either peak_db_spl or received_db_spl")
        if self.kind == "gunshot":
            if self.weapon not in WEAPONS:
                raise ValueError(f"weapon: {_none_of(self.weapon, list(WEAPONS))}")
        elif self.kind not in SOUND_KINDS:
            raise ValueError(f"kind: {_none_of(self.kind, ['gunshot', *SOUND_KINDS])}")
        elif self.weapon is not None or self.azimuth_deg is not None:
            raise ValueError(f"weapon and azimuth_deg belong to a gunshot, not to a {self.kind}; delete them")
        return self


class Scene(_Part):
    """A town with sensors, and what happens in it."""

    name: Name
    seed: Annotated[int, Interval(ge=0, le=2**63 - 1)]
    """Settles everything random; the same seed gives the same bytes."""
    duration_s: Annotated[float, Interval(ge=0.1, le=86_400.0)]
    start_utc: AwareDatetime | None = None
    """True UTC of the scene's second 0; without it 1970-01-01T00:00:00Z."""
    origin: Origin | None = None
    air: Air = Air()
    surroundings: Surroundings = Surroundings()
    background: Street | None = Street()
    """null: silence but for the microphones' own noise."""
    sensors: Annotated[tuple[Node, ...], Field(min_length=1)]
    sources: tuple[Sound, ...] = ()
    format: Literal["wav", "flac"] = "wav"
    """File format of the recordings."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [node.name for node in self.sensors]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two sensors are called {name}; their files would overwrite each other")
        for place in (*self.sensors, *self.sources):
            place.metres(self.origin)
        for number, sound in enumerate(self.sources, 1):
            if sound.time_s >= self.duration_s:
                raise ValueError(
                    f"source {number} ({sound.kind}) sounds at time_s {sound.time_s:g}, the scene ends at "
                    f"{self.duration_s:g}: give an earlier time_s or a longer duration_s"
                )
        return self

    @property
    def start_utc_ns(self) -> int:
        """True UTC of second 0, ns since 1970."""
        if self.start_utc is None:
            return 0
        since = self.start_utc - datetime.fromisoformat("1970-01-01T00:00:00+00:00")
        return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000

    def llh(self, at: Metres) -> Metres | None:
        """Latitude, longitude and height of a point; None for a scene that is nowhere on Earth."""
        return None if self.origin is None else llh_from_enu(at, self.origin.llh)


def load_scene(path: Path) -> Scene:
    """Read a scene file.

    Raises:
        ConfigError: one line per fault, ``file:line key: what, and how to mend it``.
    """
    if not path.exists():
        raise ConfigError(f"{path}: no such file; name a scene's YAML file, or a bundled scene: street, town")
    document = read_yaml(read_text(path), str(path))
    faults = list(document.faults)
    scene = None
    try:
        scene = Scene.model_validate_json(json.dumps(document.data))
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            where = tuple(detail["loc"])
            if not any(where[: len(bad)] == bad for bad in document.bad):
                faults.append(Fault(_line(document, where), dotted(where), _text(dict(detail), where)))
    if scene is None or faults:
        raise ConfigError(
            "\n".join(f"{path}:{fault.line} {fault.key}: {fault.text}" for fault in sorted(faults))
        )
    return scene


def _line(document: Document, where: KeyPath) -> int:
    while where and where not in document.lines:
        where = where[:-1]
    return document.lines.get(where, 1)


_KEYS: dict[str, type] = {
    "sensors": Node,
    "sources": Sound,
    "air": Air,
    "surroundings": Surroundings,
    "background": Street,
    "microphone": Microphone,
    "clock": NodeClock,
    "origin": Origin,
}


def _text(detail: dict[str, Any], where: KeyPath) -> str:
    kind, value = detail["type"], detail["input"]
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        sections = [part for part in where[:-1] if isinstance(part, str)]
        owner = _KEYS.get(sections[-1], Scene) if sections else Scene
        known = list(getattr(owner, "model_fields", None) or owner.__dataclass_fields__)  # type: ignore[attr-defined]  # one of the two
        return _none_of(str(where[-1]), [key for key in known if not key.startswith("__")])
    if kind in ("missing", "missing_keyword_only_argument"):
        return "is missing; add it"
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    shown = json.dumps(value, default=str)
    return (
        f"{shown if len(shown) < 60 else shown[:57] + '...'}: {detail['msg'][0].lower()}{detail['msg'][1:]}"
    )


def _none_of(word: str | None, known: list[str]) -> str:
    """``word`` is not known; the nearest known one, and all of them."""
    near = difflib.get_close_matches(word or "", known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{word} is not known; {hint}known are {', '.join(known)}"


def bundled_scene(name: str) -> Path:
    """File of a scene that comes with the package: ``street`` or ``town``."""
    return Path(__file__).parent / "scenes" / f"{name}.yaml"
