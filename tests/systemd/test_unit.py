"""The node's unit says what the daemon's design says, and its user and folders can be made."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.units import FOLDER, Unit, needs_systemd, run

UNIT = Unit("gunshot-sensor")


def test_the_daemon_is_told_to_read_its_configuration_anew(service: dict[str, list[str]]) -> None:
    assert service["Service.ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    assert "run -c /etc/gunshot-sensor/config.yaml" in service["Service.ExecStart"][0]


def test_neither_network_nor_clock_nor_microphone_is_waited_for(service: dict[str, list[str]]) -> None:
    assert not [
        key for key in service if key in ("Unit.Requires", "Unit.Wants", "Unit.BindsTo", "Unit.Requisite")
    ]
    assert "network-online.target" not in UNIT.text


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


@needs_systemd
def test_the_user_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    file = FOLDER / "gunshot-sensor.sysusers.conf"
    result = run("systemd-sysusers", f"--root={tmp_path}", str(file))
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


@needs_systemd
def test_folders_of_the_configuration_can_be_made(tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    etc.mkdir()
    (etc / "passwd").write_text("root:x:0:0::/root:/bin/sh\ngunshot-sensor:x:990:990::/:/bin/false\n")
    (etc / "group").write_text("root:x:0:\ngunshot-sensor:x:990:\n")
    file = FOLDER / "gunshot-sensor.tmpfiles.conf"
    result = run("systemd-tmpfiles", "--create", f"--root={tmp_path}", str(file))
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "var/lib/gunshot-sensor").stat().st_mode & 0o777 == 0o750
    assert (etc / "gunshot-sensor/secrets").stat().st_mode & 0o777 == 0o750
