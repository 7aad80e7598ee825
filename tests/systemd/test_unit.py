"""The unit is one systemd understands without a word, sandboxed, and says what the daemon's design says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sensor.command_line import EXIT_CONFIG
from tests.support.patience import PATIENCE_S

FOLDER = Path(__file__).parents[2] / "systemd"
UNIT = FOLDER / "gunshot-sensor.service"
EXPOSURE_MAX = 2.0

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
    installed = "/opt/gunshot-sensor/bin/gunshot-sensor"
    assert installed in text
    unit = tmp_path / "gunshot-sensor.service"
    unit.write_text(text.replace(installed, sys.executable), encoding="utf-8")
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
def test_a_misspelt_line_would_be_noticed(tmp_path: Path) -> None:
    text = UNIT.read_text(encoding="utf-8").replace("WatchdogSec=", "WatchDogSec=")
    assert "WatchDogSec" in analysed(tmp_path, text, "verify").stderr


@needs_analyze
def test_the_sandbox_leaves_little_exposed(tmp_path: Path) -> None:
    threshold = f"--threshold={int(EXPOSURE_MAX * 10)}"
    result = analysed(tmp_path, UNIT.read_text(encoding="utf-8"), "security", "--offline=true", threshold)
    assert result.returncode == 0, result.stdout
    level = re.search(r"exposure level for \S+: ([0-9.]+)", result.stdout)
    assert level is not None
    assert float(level[1]) <= EXPOSURE_MAX


@needs_analyze
def test_without_its_sandbox_it_would_be_refused(tmp_path: Path) -> None:
    text = re.sub(
        r"^(Protect|Restrict|SystemCall|Capability).*\n",
        "",
        UNIT.read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    threshold = f"--threshold={int(EXPOSURE_MAX * 10)}"
    assert analysed(tmp_path, text, "security", "--offline=true", threshold).returncode != 0


def test_the_watchdog_and_the_restarts_are_those_the_daemon_is_made_for(
    service: dict[str, list[str]],
) -> None:
    assert service["Service.Type"] == ["notify"]
    assert float(service["Service.WatchdogSec"][0]) >= 10.0
    assert service["Service.Restart"] == ["on-failure"]
    assert service["Service.RestartPreventExitStatus"] == [str(EXIT_CONFIG)]
    assert service["Unit.StartLimitIntervalSec"] == ["0"]
    assert service["Service.ExecReload"] == ["/bin/kill -HUP $MAINPID"]


def test_the_daemon_itself_refuses_a_faulty_configuration(service: dict[str, list[str]]) -> None:
    """RestartPreventExitStatus= does not look at ExecStartPre=, which would be tried again for ever."""
    assert not [key for key in service if key.startswith("Service.ExecStartPre")]
    assert "run -c /etc/gunshot-sensor/config.yaml" in service["Service.ExecStart"][0]


def test_neither_network_nor_clock_nor_microphone_is_waited_for(service: dict[str, list[str]]) -> None:
    assert not [
        key for key in service if key in ("Unit.Requires", "Unit.Wants", "Unit.BindsTo", "Unit.Requisite")
    ]
    assert "network-online.target" not in UNIT.read_text(encoding="utf-8")


def test_sound_cards_and_pps_are_the_only_devices(service: dict[str, list[str]]) -> None:
    assert service["Service.DevicePolicy"] == ["closed"]
    assert service["Service.DeviceAllow"] == ["char-alsa rw", "char-pps rw"]
    assert service["Service.CapabilityBoundingSet"] == [""]


def test_the_clock_can_be_asked_and_a_callback_can_be_made(service: dict[str, list[str]]) -> None:
    """ProtectClock= would refuse adjtimex; MemoryDenyWriteExecute= would refuse sounddevice's callback."""
    assert "Service.ProtectClock" not in service
    assert "Service.MemoryDenyWriteExecute" not in service
    assert any("adjtimex" in calls.split() for calls in service["Service.SystemCallFilter"])


def test_the_user_of_the_unit_is_the_one_that_is_made(service: dict[str, list[str]]) -> None:
    (user,) = service["Service.User"]
    lines = (FOLDER / "gunshot-sensor.sysusers.conf").read_text(encoding="utf-8").splitlines()
    assert any(line.startswith(f"u {user} ") for line in lines)
    groups = {line.split()[2] for line in lines if line.startswith(f"m {user} ")}
    assert groups == set(service["Service.SupplementaryGroups"][0].split())


@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="apt-get install systemd")
def test_the_user_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    file = FOLDER / "gunshot-sensor.sysusers.conf"
    result = subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}", str(file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert result.returncode == 0, result.stderr
    passwd = (tmp_path / "etc/passwd").read_text()
    group = (tmp_path / "etc/group").read_text()
    assert re.search(
        r"^gunshot-sensor:x:\d+:\d+:Acoustic gunshot sensor:/var/lib/gunshot-sensor:/usr/sbin/nologin$",
        passwd,
        re.MULTILINE,
    )
    for name in ("audio", "dialout"):
        assert re.search(rf"^{name}:.*\bgunshot-sensor\b", group, re.MULTILINE), group


@pytest.mark.skipif(shutil.which("systemd-tmpfiles") is None, reason="apt-get install systemd")
def test_folders_of_the_configuration_can_be_made(tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    etc.mkdir()
    (etc / "passwd").write_text("root:x:0:0::/root:/bin/sh\ngunshot-sensor:x:990:990::/:/bin/false\n")
    (etc / "group").write_text("root:x:0:\ngunshot-sensor:x:990:\n")
    command = [
        "systemd-tmpfiles",
        "--create",
        f"--root={tmp_path}",
        str(FOLDER / "gunshot-sensor.tmpfiles.conf"),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "var/lib/gunshot-sensor").stat().st_mode & 0o777 == 0o750
    assert (etc / "gunshot-sensor/secrets").stat().st_mode & 0o777 == 0o750
