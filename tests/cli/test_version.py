"""``gunshot-sensor version`` tells what a bug report needs."""

from __future__ import annotations

import importlib.metadata
import json
import platform

from sensor import __version__
from tests.support.command import gunshot_sensor


def test_it_names_program_python_machine_and_libraries() -> None:
    found = json.loads(gunshot_sensor("version", "--json").stdout)
    assert found["gunshot-sensor"] == __version__
    assert found["python"] == platform.python_version()
    assert platform.machine() in found["machine"]
    assert found["numpy"] == importlib.metadata.version("numpy")
    assert None not in found.values()


def test_people_get_one_line_each() -> None:
    lines = gunshot_sensor("version").stdout.splitlines()
    assert lines[0].split() == ["gunshot-sensor", __version__]
    assert len(lines) >= 10
