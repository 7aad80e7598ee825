"""The health file that a running daemon renews every few seconds: where, what and how old it is."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sensor.errors import SensorError

HEALTH_FILE = "health.json"
SERVICE_DIR = Path("/run/gunshot-sensor")
"""Where the daemon writes when it runs as a service."""
STALE_S = 15.0
"""The daemon writes every 5 s; older than this, it hangs or is gone."""


def health_path(runtime_dir: Path, *, named: bool) -> Path:
    """The health file in ``runtime_dir``, or else, unless that folder was ``named``, the service's."""
    own, service = runtime_dir / HEALTH_FILE, SERVICE_DIR / HEALTH_FILE
    return service if not named and not own.exists() and service.exists() else own


def read_health(path: Path) -> dict[str, Any]:
    """The health message in ``path``.

    Raises:
        SensorError: there is none, or it cannot be read.
    """
    try:
        health = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        start = "sudo systemctl start gunshot-sensor, or gunshot-sensor run"
        raise SensorError(f"not running: there is no {path}; start it: {start}") from error
    except OSError as error:
        raise SensorError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise SensorError(f"{path} is damaged ({error}); is the disk full?") from error
    if not isinstance(health, dict):
        raise SensorError(f"{path} is no health message")
    return health


def age_s(health: Mapping[str, Any]) -> float | None:
    """Seconds since the file was written; None when that was before the last boot, or is not told."""
    written_ns, now_ns = health.get("written_mono_ns"), time.monotonic_ns()
    if not isinstance(written_ns, int) or written_ns > now_ns:
        return None
    return (now_ns - written_ns) / 1e9


def is_fresh(health: Mapping[str, Any]) -> bool:
    """Whether the daemon that wrote it is alive."""
    age = age_s(health)
    return age is not None and age <= STALE_S
