"""Errors are one clear line with the right exit code, and the overview lists every command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from sensor.cli.main import COMMANDS, cli
from tests.support.command import gunshot_sensor
from tests.support.patience import PATIENCE_S


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_leads_to_a_command_of_that_name_with_a_help_text(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.name == name
    assert command.help


def test_the_overview_lists_every_command() -> None:
    result = gunshot_sensor("--help")
    assert result.returncode == 0
    assert [line.split()[0] for line in result.stdout.partition("Commands:")[2].splitlines() if line] == list(
        COMMANDS
    )


def test_a_misspelt_command_is_usage_with_a_suggestion() -> None:
    result = gunshot_sensor("chekc")
    assert result.returncode == 2
    assert "did you mean check?" in result.stderr


def test_a_misspelt_option_is_usage() -> None:
    result = gunshot_sensor("config", "show", "--jsno")
    assert result.returncode == 2
    assert "--json" in result.stderr


def test_a_bad_configuration_ends_with_78_and_all_its_faults(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("sits: x\nnode: 007\n")
    for command in (["config", "show"], ["run"], ["devices"], ["status"]):
        result = gunshot_sensor(*command, "-c", path)
        assert result.returncode == 78, command
        assert result.stderr.splitlines()[1:] == [
            f"{path}:1 sits: unknown key; did you mean site?",
            f"{path}:2 node: 007 is octal in some versions of YAML; write 7, or '007' for text",
        ]
        assert result.stdout == ""


def raising(code: str) -> subprocess.CompletedProcess[str]:
    """Run ``main`` with a command that does ``code``."""
    program = (
        "import sys, click\nfrom sensor.cli import main as program\nfrom sensor.errors import *\n"
        "module = type(sys)('stand_in')\n"
        f"@click.command()\ndef version():\n    {code}\n"
        "module.version = version\nsys.modules['stand_in'] = module\n"
        "program.COMMANDS['version'] = ('stand_in:version', '')\n"
        "sys.argv = ['gunshot-sensor', 'version']\nprogram.main()\n"
    )
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )


@pytest.mark.parametrize(
    ("code", "exit_code", "told"),
    [
        (
            "raise DeviceError('no microphone; plug one in')",
            1,
            "gunshot-sensor: no microphone; plug one in\n",
        ),
        ("raise ConfigError('a.yaml:1 x')", 78, "gunshot-sensor: bad configuration\na.yaml:1 x\n"),
        ("raise click.UsageError('so not')", 2, "Error: so not"),
        ("return 3", 3, ""),
        ("return None", 0, ""),
        ("raise KeyboardInterrupt", 130, ""),
        ("raise SystemExit(4)", 4, ""),
    ],
)
def test_an_end_has_its_exit_code_and_one_line_at_most(code: str, exit_code: int, told: str) -> None:
    result = raising(code)
    assert result.returncode == exit_code
    assert told in result.stderr
    assert "Traceback" not in result.stderr


def test_under_the_journal_an_error_has_the_priority_of_one(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("sits: x\n")
    with (tmp_path / "journal").open("w+") as journal:
        stat = os.fstat(journal.fileno())
        environment = {**os.environ, "JOURNAL_STREAM": f"{stat.st_dev}:{stat.st_ino}"}
        command = [sys.executable, "-m", "sensor", "config", "check", str(path)]
        subprocess.run(command, stderr=journal, stdout=subprocess.DEVNULL, env=environment, check=False)
        journal.seek(0)
        lines = journal.read().splitlines()
    assert lines == [
        "<3>gunshot-sensor: bad configuration",
        f"<3>{path}:1 sits: unknown key; did you mean site?",
    ]


def test_a_fault_of_our_own_keeps_its_traceback() -> None:
    result = raising("raise ZeroDivisionError")
    assert result.returncode == 1
    assert "Traceback" in result.stderr


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    pipeline = f"{sys.executable} -m sensor config example | head -n 1"
    result = subprocess.run(
        ["bash", "-o", "pipefail", "-c", pipeline], capture_output=True, text=True, check=False
    )
    assert result.stdout.startswith("# Configuration")
    assert result.stderr == ""
