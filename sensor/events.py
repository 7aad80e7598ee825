"""The wire contract: what a node says on MQTT, as values and as JSON. Standard library only.

Topics are ``gunshot/v1/{site}/{node}/{kind}``; the JSON Schemas in ``sensor/schemas`` say the same in
machine-readable form. Readers ignore fields they do not know, so fields may be added within ``v1``;
none is removed or changes its meaning or unit.

``utc_ns`` is an integer beyond 2**53: JavaScript reads it to 256 ns, which is 0.09 mm of sound.
"""

from __future__ import annotations

import json
import math
import re
import uuid
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from sensor.errors import WireError

if TYPE_CHECKING:
    from collections.abc import Mapping

_T = TypeVar("_T")

TOPIC_ROOT = "gunshot/v1"
EVENT_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://gunshot-sensor.example/events/v1")
NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""Site and node names: they are topic levels, so no ``/``, ``+``, ``#`` or upper case."""


def topic(site: str, node: str, kind: str) -> str:
    """MQTT topic of one kind of message of one node: ``candidate``, ``health``, ``status``, ..."""
    return f"{TOPIC_ROOT}/{site}/{node}/{kind}"


def event_id(site: str, node: str, chain_id: str, seq: int) -> str:
    """UUIDv5 of the four values that make a candidate unique; the same event always gets the same id."""
    return str(uuid.uuid5(EVENT_NAMESPACE, f"{site}/{node}/{chain_id}/{seq}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a microphone is: WGS 84, height above the ellipsoid, one sigma per axis."""

    lat_deg: float
    lon_deg: float
    height_m: float
    sigma_m: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """What made a message: enough to repeat its result."""

    software: str
    model: str
    config: str
    """First 12 hex digits of the SHA-256 of the effective configuration, secrets left out."""
    calibration: str | None = None
    """Id of the level calibration in force; None when uncalibrated."""


def _finite(value: object, path: str) -> Any:  # noqa: ANN401  any JSON value
    """Return ``value`` with mappings and sequences copied plain; raise WireError at NaN or infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        message = f"{path}: {value} cannot be sent as JSON; send null where a figure is unknown"
        raise WireError(message)
    if isinstance(value, dict):
        return {str(key): _finite(item, f"{path}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item, f"{path}[{index}]") for index, item in enumerate(value)]
    return value


def _encode(message: Candidate | Health | Status) -> bytes:
    body = {"schema": message.SCHEMA, **_finite(asdict(message), message.SCHEMA)}
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def decode(payload: bytes | str) -> dict[str, Any]:
    """Return the JSON object in ``payload``; raise WireError when it is none."""
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError) as error:
        message = f"not JSON: {error}"
        raise WireError(message) from error
    if not isinstance(body, dict):
        message = f"a message is a JSON object, this is a {type(body).__name__}"
        raise WireError(message)
    return body


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An impulse with at least ``publish.p_min`` probability of being a gunshot. Immutable once stored."""

    SCHEMA: ClassVar[str] = "gunshot.candidate.v1"

    site: str
    node: str
    utc_ns: int
    """UTC of the first arrival at the microphone, integer nanoseconds since 1970."""
    sigma_ns: int
    """One sigma of ``utc_ns``; excludes the acoustic path and the node's position."""
    clock: Mapping[str, Any]
    """``source``, ``state``, ``parts_ns`` (what sigma is made of) and ``ppm`` (null while unknown)."""
    position: Position | None
    p_gunshot: float
    classes: Mapping[str, float]
    peak_dbfs: float
    peak_db_spl: float | None
    snr_db: float
    rise_ms: float
    duration_ms: float
    clip_fraction: float
    later_arrivals: tuple[Mapping[str, float], ...]
    """``dt_ms`` after the first arrival and ``rel_db`` to it; at most 3."""
    bearing_deg: float | None = None
    bearing_sigma_deg: float | None = None
    versions: Versions
    # Given by the outbox at the moment of storing, in the same commit as the event itself:
    event_id: str | None = None
    seq: int | None = None
    chain_id: str | None = None
    prev_hash: str | None = None
    signature: str | None = None

    def to_json(self) -> bytes:
        """Compact UTF-8 JSON; raise WireError at a value JSON cannot carry."""
        return _encode(self)

    @classmethod
    def from_json(cls, payload: bytes | str) -> Self:
        """Read a candidate back, ignoring unknown fields; raise WireError when it is none."""
        body = decode(payload)
        if body.pop("schema", None) != cls.SCHEMA:
            message = f"schema is not {cls.SCHEMA}"
            raise WireError(message)
        known = {item.name for item in fields(cls)}
        values = {key: value for key, value in body.items() if key in known}
        try:
            values["versions"] = _of(Versions, values["versions"])
            if values["position"] is not None:
                values["position"] = _of(Position, values["position"])
            values["later_arrivals"] = tuple(values["later_arrivals"])
            return cls(**values)
        except (KeyError, TypeError) as error:
            message = f"candidate lacks or misuses a field: {error}"
            raise WireError(message) from error


def _of(kind: type[_T], body: Mapping[str, Any]) -> _T:
    """An instance of the dataclass ``kind`` from the fields of ``body`` that it knows."""
    known = {item.name for item in fields(kind)}  # type: ignore[arg-type]  # kind is one of our dataclasses
    return kind(**{key: value for key, value in body.items() if key in known})


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a node is; retained, every 60 s. Counters run from the start of the process."""

    SCHEMA: ClassVar[str] = "gunshot.health.v1"

    site: str
    node: str
    utc_ns: int
    uptime_s: float
    clock: Mapping[str, Any]
    """``source``, ``state``, ``utc_sigma_ns``, ``ppm``, ``residual_ns``, ``epoch``, ``steps``."""
    audio: Mapping[str, Any]
    """``device``, ``rate_hz``, ``channels``, ``samples``, ``lost``, ``overruns``, ``xruns``, ``reopened``,
    ``zero_s`` (length of the present run of exact zeros), ``level_dbfs``, ``noise_dbfs``,
    ``clip_fraction``."""
    counts: Mapping[str, int]
    """``triggers``, ``candidates``, ``published``, ``quarantined``."""
    rejects: Mapping[str, int]
    """How many impulses were refused, by reason."""
    outbox: Mapping[str, Any]
    """``depth``, ``oldest_s``, ``bytes``, ``chain_id``, ``seq``, ``dropped``."""
    host: Mapping[str, Any]
    """``rss_mb``, ``cpu_s``, ``load_1min``, ``temperature_c``, ``throttled``, ``disk_free_mb``;
    null = unknown."""
    problems: tuple[str, ...]
    """What an operator should see to, in words; empty when all is well."""
    versions: Versions

    def to_json(self) -> bytes:
        """Compact UTF-8 JSON; raise WireError at a value JSON cannot carry."""
        return _encode(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Whether a node is there; retained, sent on every connect and left as the last will."""

    SCHEMA: ClassVar[str] = "gunshot.status.v1"

    site: str
    node: str
    state: str
    """``online`` or ``offline``."""
    reason: str
    """``connected``, ``stopped`` (on purpose) or ``lost`` (the broker's word for it: last will)."""
    boot_id: str
    """UUID of this run of the daemon; the last will carries the same, so a stale one is recognised."""
    position: Position | None = None
    versions: Versions
    topics: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """Compact UTF-8 JSON; raise WireError at a value JSON cannot carry."""
        return _encode(self)
