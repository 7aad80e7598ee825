"""A calibration command run in the test's own process."""

from __future__ import annotations

import contextlib
import io
import sys
from unittest import mock

import pytest

from sensor.calibrate import session
from sensor.calibrate.clock_command import clock_command
from sensor.calibrate.level_command import level_command
from sensor.calibrate.noise_command import noise_command
from sensor.calibrate.position_command import position_command


class Technician(io.StringIO):
    """A terminal at which someone types."""

    def isatty(self) -> bool:
        return True


def run(name: str, *arguments: object, types: str | None = None) -> tuple[int, str]:
    """Run a command in this process, which spares the imports; its exit code and what it printed.

    ``types``: what a technician answers; None = run with ``--yes``.
    """
    command = {
        "level": level_command,
        "noise": noise_command,
        "clock": clock_command,
        "position": position_command,
    }[name]
    printed = io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["calibrate", *(["--yes"] * (types is None)), *map(str, arguments)]),
        mock.patch.object(sys, "stdin", Technician(types or "")),
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
        pytest.raises(SystemExit) as ended,
    ):
        session.run(command)
    assert isinstance(ended.value.code, int)
    return ended.value.code, printed.getvalue()
