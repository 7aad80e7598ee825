"""The centre's unit is one systemd understands without a word, sandboxed, and says what its design says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sensor.command_line import EXIT_CONFIG

FOLDER = Path(__file__).parents[2] / "systemd"
UNIT = FOLDER / "gunshot-central.service"
INSTALLED = "/opt/gunshot-central/bin/gunshot-central"
EXPOSURE_MAX = 2.0
PATIENCE_S = 100

needs_analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="apt-get install systemd")


@pytest.fixture(scope="module")
def service() -> dict[str, list[str]]:
    directives: dict[str, list[str]] = {}
    section = ""
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            directives.setdefault(f"{section}.{key}", []).append(value)
    return directives


def analysed(tmp_path: Path, text: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze over a unit whose program exists here."""
    assert INSTALLED in text
    unit = tmp_path / "gunshot-central.service"
    unit.write_text(text.replace(INSTALLED, sys.executable), encoding="utf-8")
    return subprocess.run(
        ["systemd-analyze", *words, str(unit)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


@needs_analyze
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    result = analysed(tmp_path, UNIT.read_text(encoding="utf-8"), "verify")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@needs_analyze
def test_the_sandbox_leaves_little_exposed(tmp_path: Path) -> None:
    threshold = f"--threshold={int(EXPOSURE_MAX * 10)}"
    text = UNIT.read_text(encoding="utf-8")
    result = analysed(tmp_path, text, "security", "--offline=true", threshold)
    assert result.returncode == 0, result.stdout
    level = re.search(r"exposure level for \S+: ([0-9.]+)", result.stdout)
    assert level is not None
    assert float(level[1]) <= EXPOSURE_MAX
    bare = re.sub(r"^(Protect|Restrict|SystemCall|Capability).*\n", "", text, flags=re.MULTILINE)
    assert analysed(tmp_path, bare, "security", "--offline=true", threshold).returncode != 0


def test_the_watchdog_and_the_restarts_are_those_the_daemon_is_made_for(
    service: dict[str, list[str]],
) -> None:
    assert service["Service.Type"] == ["notify"]
    assert float(service["Service.WatchdogSec"][0]) >= 60.0
    assert service["Service.Restart"] == ["on-failure"]
    assert service["Service.RestartPreventExitStatus"] == [str(EXIT_CONFIG)]
    assert service["Unit.StartLimitIntervalSec"] == ["0"]
    assert not [key for key in service if key.startswith("Service.ExecStartPre")]
    assert service["Service.ExecStart"] == [f"{INSTALLED} run -c /etc/gunshot-sensor/central.yaml"]


def test_neither_broker_nor_database_is_waited_for(service: dict[str, list[str]]) -> None:
    assert not [
        key for key in service if key in ("Unit.Requires", "Unit.Wants", "Unit.BindsTo", "Unit.Requisite")
    ]


@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="apt-get install systemd")
def test_its_user_and_folders_can_be_made(tmp_path: Path, service: dict[str, list[str]]) -> None:
    (user,) = service["Service.User"]
    (tmp_path / "etc").mkdir()
    for command, file in (
        (["systemd-sysusers"], "gunshot-central.sysusers.conf"),
        (["systemd-tmpfiles", "--create"], "gunshot-central.tmpfiles.conf"),
    ):
        result = subprocess.run(
            [*command, f"--root={tmp_path}", str(FOLDER / file)],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        assert result.returncode == 0, result.stderr
        if command[0] == "systemd-sysusers":
            passwd = tmp_path / "etc/passwd"
            assert re.search(rf"^{user}:x:\d+:\d+:.*:/usr/sbin/nologin$", passwd.read_text(), re.MULTILINE)
            passwd.write_text("root:x:0:0::/root:/bin/sh\n" + passwd.read_text())
            group = tmp_path / "etc/group"
            group.write_text("root:x:0:\n" + group.read_text())
    assert (tmp_path / "var/lib/gunshot-central").stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "etc/gunshot-sensor/central-secrets").stat().st_mode & 0o777 == 0o750
