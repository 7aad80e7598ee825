"""Calibration records on disk: written by the technician's scripts, read by the daemon.

``<state_dir>/calibration/{level,clock,noise,position}.json`` is the one in force;
``calibration/history/`` keeps every one ever saved, under its date and id. A record is replaced
atomically, names the device it belongs to and carries a digest of itself, so a damaged file or one
of another microphone is refused instead of silently shifting every figure. Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from sensor import __version__
from sensor.errors import CalibrationError

_R = TypeVar("_R", bound="Record")


def utc_now() -> str:
    """The time now as records and file names carry it: ISO 8601, UTC, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def stable_identity(device: str) -> str:
    """The part of a capture source's name that survives a reboot and another socket.

    ``usb:0d8c:0014 (USB Audio: - (hw:1,0) ...)`` -> ``usb:0d8c:0014``; in a name that is all there is, the
    card's number is left out: it depends on the order in which devices were found.
    """
    if device.startswith("name:"):
        return re.sub(r"\s*\(hw:\d+,\d+\)", "", device)
    return device.split(" (", 1)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What every calibration record says.

    Raises:
        CalibrationError: a value is of the wrong type or outside its range.
    """

    KIND: ClassVar[str]
    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {}
    """Closed range per numeric field; a field that may be None is checked only when it is not."""

    device: str
    """The device, as capture names it; empty for a figure that belongs to none. Two names are the same
    device when their ``stable_identity`` is."""
    utc: str
    """When it was measured: ISO 8601, UTC."""
    method: str
    """How it was measured, in words."""
    verdict: str = "PASS"
    """``PASS`` or ``WARN``; what failed is not recorded."""
    remarks: tuple[str, ...] = ()
    """The findings behind a WARN."""
    software: str = __version__

    def __post_init__(self) -> None:
        """Check types and ranges, so that what is read back can be trusted as what was written."""
        for name in ("device", "utc", "method", "verdict", "software"):
            if not isinstance(getattr(self, name), str):
                raise CalibrationError(f"{self.KIND} record: {name} must be text")
        try:
            datetime.fromisoformat(self.utc)
        except ValueError as error:
            raise CalibrationError(f"{self.KIND} record: utc {self.utc!r} is not a date") from error
        for name, (low, high) in self.RANGES.items():
            value = getattr(self, name)
            if value is None:
                continue
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not math.isfinite(value) or not low <= value <= high:
                raise CalibrationError(
                    f"{self.KIND} record: {name} is {value!r}, must be between {low:g} and {high:g}"
                )

    @property
    def id(self) -> str:
        """First 12 hex digits of the SHA-256 of the record's content; candidates carry it."""
        return hashlib.sha256(_canonical(asdict(self))).hexdigest()[:12]

    def age_days(self, now: datetime) -> float:
        """Days from the measurement to ``now`` (aware)."""
        measured = datetime.fromisoformat(self.utc)
        if measured.tzinfo is None:
            measured = measured.replace(tzinfo=UTC)
        return (now - measured).total_seconds() / 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelCalibration(Record):
    """Sound pressure level of digital full scale."""

    KIND: ClassVar[str] = "level"
    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        "full_scale_db_spl": (40.0, 220.0),
        "sigma_db": (0.0, 20.0),
        "rate_hz": (1000, 1_000_000),
        "channel": (0, 255),
        "calibrator_level_db": (40.0, 160.0),
        "calibrator_frequency_hz": (10.0, 20_000.0),
        "temperature_c": (-60.0, 80.0),
    }

    full_scale_db_spl: float
    """Sound pressure level, dB re 20 µPa RMS, of 0 dBFS, where 0 dBFS is an RMS of 1.0 re full scale:
    a full-scale square wave. A full-scale sine is 3.01 dB below it. Equally: the peak sound pressure
    level above which the converter clips."""
    sigma_db: float
    """One sigma of it: root sum of the squares of ``parts_db``."""
    parts_db: Mapping[str, float] = field(default_factory=dict)
    rate_hz: int
    channel: int
    calibrator_level_db: float
    calibrator_frequency_hz: float
    """As measured."""
    temperature_c: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyCalibration(Record):
    """Constant delay between the sound at the microphone and the time stamp of its sample."""

    KIND: ClassVar[str] = "clock"
    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        "latency_s": (-1.0, 1.0),
        "sigma_s": (0.0, 1.0),
        "rate_hz": (1000, 1_000_000),
        "pulses": (1, 10_000_000),
        "temperature_c": (-60.0, 80.0),
    }

    latency_s: float
    """Stamp minus truth: the daemon subtracts it. Positive when stamps come out late."""
    sigma_s: float
    """One sigma of it: root sum of the squares of ``parts_s``."""
    parts_s: Mapping[str, float] = field(default_factory=dict)
    rate_hz: int
    pulses: int
    """How many pulses the figure rests on."""
    temperature_c: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseSurvey(Record):
    """What a site sounds like when nothing happens."""

    KIND: ClassVar[str] = "noise"
    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        "rate_hz": (1000, 1_000_000),
        "channel": (0, 255),
        "duration_s": (0.0, 1e8),
        "laeq_dbfs": (-300.0, 20.0),
        "full_scale_db_spl": (40.0, 220.0),
    }

    rate_hz: int
    channel: int
    duration_s: float
    laeq_dbfs: float
    """A-weighted equivalent level, dB; RMS re full scale, a full-scale square wave is 0."""
    percentiles_dbfs: Mapping[str, float]
    """``L10``, ``L50``, ``L90``: A-weighted level of 125 ms exceeded 10, 50 and 90 % of the time."""
    bands_dbfs: Mapping[str, float]
    """Unweighted level per third octave, by nominal mid-band frequency in Hz."""
    floor_dbfs: float
    """Median level in the detector's band, dB; RMS re full scale."""
    full_scale_db_spl: float | None = None
    """Level calibration it was printed with; None = uncalibrated."""
    level_calibration: str | None = None
    """Its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionSurvey(Record):
    """Where the microphone is: WGS 84."""

    KIND: ClassVar[str] = "position"
    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        "lat_deg": (-90.0, 90.0),
        "lon_deg": (-180.0, 180.0),
        "height_m": (-500.0, 9000.0),
        "sigma_m": (0.0, 1000.0),
        "height_sigma_m": (0.0, 2000.0),
        "duration_s": (0.0, 1e8),
        "fixes": (1, 1_000_000_000),
    }

    lat_deg: float
    lon_deg: float
    height_m: float
    """Above the ellipsoid."""
    sigma_m: float
    """One sigma per horizontal axis."""
    height_sigma_m: float
    duration_s: float
    fixes: int
    offset_enu_m: tuple[float, ...] = (0.0, 0.0, 0.0)
    """From the antenna to the microphone, metres east, north and up; contained in the position."""


def save(record: Record, state_dir: Path | str) -> Path:
    """Store ``record`` as the one in force and in the history; return the path of the one in force.

    Each file is written beside its place, flushed to the disk and renamed into place, so a reader
    sees the old record or the new one and a full disk leaves the old one as it was.

    Raises:
        CalibrationError: the record cannot be written.
    """
    folder = Path(state_dir) / "calibration"
    stamp = record.utc.replace("-", "").replace(":", "")
    text = json.dumps(
        {"schema": f"gunshot.calibration.{record.KIND}.v1", "id": record.id, **asdict(record)},
        indent=2,
        ensure_ascii=False,
        allow_nan=False,
    ).encode()
    current = folder / f"{record.KIND}.json"
    try:
        (folder / "history").mkdir(parents=True, exist_ok=True)
        _write(folder / "history" / f"{record.KIND}-{stamp}-{record.id}.json", text)
        _write(current, text)
    except OSError as error:
        raise CalibrationError(
            f"cannot save {current}: {error.strerror or error}; the record before it, if any, still stands. "
            "Check the free space and that you may write there (sudo)"
        ) from error
    return current


def load_level(state_dir: Path | str, device: str, *, channel: int | None = None) -> LevelCalibration | None:
    """The level calibration in force for ``device`` (and ``channel``); None when there is none.

    Raises:
        CalibrationError: the file is damaged or belongs to another device or channel. The daemon
            says so and goes on uncalibrated.
    """
    record = load(LevelCalibration, state_dir, device)
    if record is not None and channel is not None and record.channel != channel:
        raise CalibrationError(
            f"{_path(LevelCalibration, state_dir)} is of channel {record.channel}, not {channel}; "
            "run scripts/calibrate_level.py again"
        )
    return record


def load_latency(
    state_dir: Path | str, device: str, *, rate_hz: int | None = None
) -> LatencyCalibration | None:
    """The latency calibration in force for ``device`` at ``rate_hz``; None when there is none.

    Raises:
        CalibrationError: the file is damaged or belongs to another device or rate.
    """
    record = load(LatencyCalibration, state_dir, device)
    if record is not None and rate_hz is not None and record.rate_hz != rate_hz:
        raise CalibrationError(
            f"{_path(LatencyCalibration, state_dir)} was measured at {record.rate_hz} Hz, the device "
            f"now runs at {rate_hz} Hz and a converter's delay depends on it; {_again(LatencyCalibration)}"
        )
    return record


def load_noise(state_dir: Path | str, device: str) -> NoiseSurvey | None:
    """The last noise survey made with ``device``; None when there is none."""
    return load(NoiseSurvey, state_dir, device)


def load_position(state_dir: Path | str) -> PositionSurvey | None:
    """The last position survey; None when there is none."""
    return load(PositionSurvey, state_dir)


def load(kind: type[_R], state_dir: Path | str, device: str | None = None) -> _R | None:
    """The record of ``kind`` in force; None when there is none.

    ``device`` None accepts the record of any device.

    Raises:
        CalibrationError: the file cannot be read, is damaged, or belongs to another device.
    """
    path = _path(kind, state_dir)
    try:
        body = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CalibrationError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise CalibrationError(f"{path} is damaged ({error}); {_again(kind)}") from error
    record = _parse(kind, body, path)
    if device is not None and stable_identity(record.device) != stable_identity(device):
        raise CalibrationError(
            f"{path} belongs to device {record.device!r}, this is {device!r}; {_again(kind)}"
        )
    return record


def _parse(kind: type[_R], body: Any, path: Path) -> _R:  # noqa: ANN401  any JSON value
    """Turn the JSON in ``path`` into a record, or say why it is none."""
    schema = f"gunshot.calibration.{kind.KIND}.v1"
    if not isinstance(body, dict) or body.get("schema") != schema:
        raise CalibrationError(f"{path} is not a {schema} record; {_again(kind)}")
    stated = body.get("id")
    content = {key: value for key, value in body.items() if key not in ("schema", "id")}
    actual = hashlib.sha256(_canonical(content)).hexdigest()[:12]
    if stated != actual:
        raise CalibrationError(
            f"{path} was changed after it was saved (its content is {actual}, it says {stated}); "
            f"{_again(kind)}"
        )
    known = {item.name for item in fields(kind)}
    values = {key: value for key, value in content.items() if key in known}
    try:
        return kind(**_without_lists(values))
    except TypeError as error:
        raise CalibrationError(f"{path} lacks or misuses a field ({error}); {_again(kind)}") from error


def _without_lists(values: dict[str, Any]) -> dict[str, Any]:
    """JSON's lists as the tuples that records hold."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _again(kind: type[Record]) -> str:
    return f"run scripts/calibrate_{kind.KIND}.py again or delete the file"


def _path(kind: type[Record], state_dir: Path | str) -> Path:
    return Path(state_dir) / "calibration" / f"{kind.KIND}.json"


def _canonical(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _write(path: Path, content: bytes) -> None:
    """Replace ``path`` by ``content`` at once and for good."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), 0o644)  # the technician is root, the daemon is not
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
