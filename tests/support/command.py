"""The command as a user calls it: a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def gunshot_sensor(
    *arguments: str | Path, env: Mapping[str, str] | None = None, timeout_s: float = 60.0
) -> subprocess.CompletedProcess[str]:
    """Run ``gunshot-sensor`` to its end, apart from any configuration of this machine."""
    base = {name: value for name, value in os.environ.items() if not name.startswith("GUNSHOT_SENSOR_")}
    return subprocess.run(
        [sys.executable, "-m", "sensor", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
        env={**base, **(env or {})},
    )
