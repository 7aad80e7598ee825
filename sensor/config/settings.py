"""Settings that belong to no single stage: position, publishing, folders, log."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from annotated_types import Interval

APPLICATION = "gunshot-sensor"


def default_state_dir() -> Path:
    """``$STATE_DIRECTORY`` (systemd), else the user's state folder."""
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    home = os.environ.get("XDG_STATE_HOME") or str(Path("~/.local/state").expanduser())
    return Path(given) if given else Path(home) / APPLICATION


def default_runtime_dir() -> Path:
    """``$RUNTIME_DIRECTORY`` (systemd), else the user's runtime folder, else one of the user's in /tmp."""
    given = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    if given:
        return Path(given)
    user = os.environ.get("XDG_RUNTIME_DIR", "")
    return Path(user) / APPLICATION if user else Path(tempfile.gettempdir()) / f"{APPLICATION}-{os.getuid()}"


@dataclass(frozen=True, kw_only=True)
class PositionSettings:
    """Where the microphone is (not the cabinet, not the building): 10 m off is 30 ms off."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    lat_deg: Annotated[float, Interval(ge=-90.0, le=90.0)]
    """Latitude, WGS 84, degrees, north positive; at least 5 decimals (1 m)."""
    lon_deg: Annotated[float, Interval(ge=-180.0, le=180.0)]
    """Longitude, WGS 84, degrees, east positive; at least 5 decimals (1 m)."""
    height_m: Annotated[float, Interval(ge=-500.0, le=9000.0)]
    """Height above the WGS 84 ellipsoid, metres. From a height above sea level: add the geoid's
    height there (Durham, NC: -33 m)."""
    sigma_m: Annotated[float, Interval(ge=0.01, le=1000.0)] = 5.0
    """One sigma of each axis, metres: about 5 for a phone, 2 for averaged GPS, 0.1 when surveyed."""

    def __post_init__(self) -> None:
        """Refuse the position of a receiver without a fix."""
        if self.lat_deg == 0.0 and self.lon_deg == 0.0:
            raise ValueError(
                "0, 0 is the ocean off Ghana and what a GPS without a fix says; give the real position"
            )


@dataclass(frozen=True, kw_only=True)
class PublishSettings:
    """What is sent, and how often."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    p_min: Annotated[float, Interval(ge=0.0, le=1.0)] = 0.2
    """Least probability of a gunshot, 0 to 1, for a trigger to become a candidate; lower ones are counted."""
    burst_max: Annotated[int, Interval(ge=10, le=10_000)] = 400
    """Most candidates at once, 10 to 10000; those beyond are counted as rate_limited and reported."""
    per_minute_max: Annotated[float, Interval(ge=1.0, le=6000.0)] = 120.0
    """Most candidates per minute in the long run, 1 to 6000."""
    health_interval_s: Annotated[float, Interval(ge=1.0, le=3600.0)] = 60.0
    """Seconds between health messages."""


@dataclass(frozen=True, kw_only=True)
class PathSettings:
    """Where the daemon keeps its files."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    state_dir: Path = field(default_factory=default_state_dir)
    """Folder that survives a reboot: outbox and calibration records. null: $STATE_DIRECTORY (set by
    systemd), else ~/.local/state/gunshot-sensor."""
    runtime_dir: Path = field(default_factory=default_runtime_dir)
    """Folder in memory: health.json, which `gunshot-sensor status` reads. null: $RUNTIME_DIRECTORY (set by
    systemd), else $XDG_RUNTIME_DIR/gunshot-sensor, else one in /tmp."""


@dataclass(frozen=True, kw_only=True)
class LogSettings:
    """What is written to the log, which goes to standard error and so to the journal."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severity written."""
    format: Literal["auto", "text", "json"] = "auto"
    """text: one line for people. json: one object a line. auto: text, without time stamps under systemd,
    whose journal adds its own."""
