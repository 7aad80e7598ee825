"""What commands and daemon load, seen in a process of its own; and nothing happens on import."""

from __future__ import annotations

import json
import os
import pkgutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import sensor
from tests.support.patience import PATIENCE_S

HEAVY = {"numpy", "scipy", "sounddevice", "soundfile", "paho", "matplotlib", "sklearn"}
NEVER_IN_THE_DAEMON = {
    "scipy.signal",
    "scipy.stats",
    "scipy.optimize",
    "scipy.interpolate",
    "matplotlib",
    "sklearn",
}
EXAMPLE = str(Path(__file__).parents[1] / "config.example.yaml")


def run_python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment},
    )


def loaded_by(code: str, *arguments: str) -> set[str]:
    """Names of the modules in ``sys.modules`` after ``code``."""
    tail = "\nimport sys, json; print('\\n' + json.dumps(sorted(sys.modules)))"
    result = run_python(code + tail, *arguments)
    assert result.returncode == 0, result.stderr
    return set(json.loads(result.stdout.splitlines()[-1]))


def loaded_by_command(*arguments: str) -> set[str]:
    code = (
        "import sys\nfrom sensor.cli.main import main\n"
        f"sys.argv = ['gunshot-sensor', *{list(arguments)!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass"
    )
    return loaded_by(code)


def tops(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["version"], ["nonsense"]], ids=" ".join)
def test_what_needs_no_configuration_loads_click_and_the_standard_library(arguments: Sequence[str]) -> None:
    modules = loaded_by_command(*arguments)
    assert "sensor.cli.main" in modules
    assert not tops(modules) & (HEAVY | {"pydantic", "yaml"})


@pytest.mark.parametrize(
    "arguments",
    [["config", "show"], ["config", "check", EXAMPLE], ["config", "example"], ["status"]],
    ids=lambda words: " ".join(words[:2]),
)
def test_what_needs_the_configuration_loads_no_signal_processing(arguments: Sequence[str]) -> None:
    modules = loaded_by_command(*arguments)
    assert "sensor.config.model" in modules
    assert not tops(modules) & HEAVY


@pytest.mark.parametrize(
    "command", ["run", "replay", "explain", "check", "devices", "status", "config", "simulate", "version"]
)
def test_the_help_of_every_command_loads_no_signal_processing(command: str) -> None:
    modules = loaded_by_command(command, "--help")
    assert f"sensor.cli.{command}" in modules
    assert not tops(modules) & HEAVY


def test_the_daemon_is_lean() -> None:
    modules = loaded_by("import sensor.daemon")
    assert "sensor.pipeline" in modules
    assert "numpy" in modules
    assert not modules & NEVER_IN_THE_DAEMON
    assert not {
        name for name in modules if name.startswith(("sensor.sim", "sensor.central", "sensor.replay"))
    }


@pytest.mark.parametrize("library", ["scipy.signal", "sounddevice"])
def test_what_must_not_be_loaded_would_be_seen_if_it_were(library: str) -> None:
    assert library in loaded_by(f"import {library}")


IMPORT_EVERYTHING = """
import importlib, json, sys
deeds = []
quiet = False
def watch(event, arguments):
    if quiet:
        return
    if event == "open":
        writes = isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
        if writes or (isinstance(arguments[2], int) and arguments[2] & 3):
            deeds.append(f"opens {arguments[0]} to write")
    elif event in ("os.mkdir", "os.remove", "os.rename", "os.putenv", "socket.connect", "socket.bind",
                   "subprocess.Popen", "os.system", "sqlite3.connect"):
        deeds.append(f"{event} {arguments[:1]}")
for foreign in ("numpy", "scipy", "sounddevice", "soundfile", "paho.mqtt.client", "pydantic", "yaml"):
    importlib.import_module(foreign)
import click, concurrent.futures, logging, multiprocessing, sqlite3, ssl, threading
from tests.support.patience import PATIENCE_S
sys.addaudithook(watch)
threading.Thread.start = lambda thread: deeds.append(f"starts a thread {thread.name}")
for name in sys.argv[1:]:
    before = len(deeds)
    importlib.import_module(name)
    deeds[before:] = [f"{name}: {deed}" for deed in deeds[before:]]
quiet = True
print(json.dumps({"deeds": deeds, "log handlers": len(logging.getLogger().handlers)}))
"""


def modules_of_the_edge() -> list[str]:
    """Every module but those that run when imported, and those for which an extra is needed."""
    found = [module.name for module in pkgutil.walk_packages(sensor.__path__, "sensor.")]
    return [name for name in found if name != "sensor.__main__" and ".training" not in name]


def test_nothing_happens_on_import(tmp_path: Path) -> None:
    modules = modules_of_the_edge()
    assert {"sensor.pipeline", "sensor.config.model", "sensor.cli.main"} <= set(modules)
    result = run_python(IMPORT_EVERYTHING, *modules, HOME=str(tmp_path), MPLCONFIGDIR=str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {"deeds": [], "log handlers": 0}
    assert result.stderr == ""


def test_a_deed_on_import_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "doer.py").write_text(
        "import threading, pathlib\n"
        f"pathlib.Path({str(tmp_path)!r}, 'x').write_text('')\n"
        "threading.Thread(target=int).start()\n"
    )
    result = run_python(IMPORT_EVERYTHING, "doer", PYTHONPATH=str(tmp_path))
    deeds = json.loads(result.stdout)["deeds"]
    assert any("to write" in deed for deed in deeds)
    assert any("thread" in deed for deed in deeds)
