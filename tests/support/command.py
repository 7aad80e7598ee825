"""The command as a user calls it: a process of its own."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

from sensor.central.cli.main import main as central_main
from tests.support.patience import PATIENCE_S


def gunshot_sensor(
    *arguments: str | Path, env: Mapping[str, str] | None = None, timeout_s: float = PATIENCE_S
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


def gunshot_central(
    *arguments: str | Path, env: Mapping[str, str] | None = None, timeout_s: float = 60.0
) -> subprocess.CompletedProcess[str]:
    """Run ``gunshot-central`` to its end, apart from any configuration of this machine."""
    base = {name: value for name, value in os.environ.items() if not name.startswith("GUNSHOT_CENTRAL_")}
    return subprocess.run(
        [sys.executable, "-m", "sensor.central", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
        env={**base, **(env or {})},
    )


def central_here(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The same within this process, which saves the second that the imports take."""
    words = ["gunshot-central", *map(str, arguments)]
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    with patch.object(sys, "argv", words), redirect_stdout(out), redirect_stderr(err):
        try:
            central_main()
        except SystemExit as end:
            code = end.code
    return subprocess.CompletedProcess(words, int(str(code or 0)), out.getvalue(), err.getvalue())
