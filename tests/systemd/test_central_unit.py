"""The centre's unit says what its design says, and its user and folders can be made."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.units import FOLDER, Unit, needs_systemd, run

UNIT = Unit("gunshot-central")


def test_it_runs_the_centre_with_its_own_configuration(service: dict[str, list[str]]) -> None:
    assert service["Service.ExecStart"] == [f"{UNIT.installed} run -c /etc/gunshot-sensor/central.yaml"]


def test_neither_broker_nor_database_is_waited_for(service: dict[str, list[str]]) -> None:
    assert not [
        key for key in service if key in ("Unit.Requires", "Unit.Wants", "Unit.BindsTo", "Unit.Requisite")
    ]


@needs_systemd
def test_its_user_and_folders_can_be_made(tmp_path: Path, service: dict[str, list[str]]) -> None:
    (user,) = service["Service.User"]
    (tmp_path / "etc").mkdir()
    for command, file in (
        (["systemd-sysusers"], "gunshot-central.sysusers.conf"),
        (["systemd-tmpfiles", "--create"], "gunshot-central.tmpfiles.conf"),
    ):
        result = run(*command, f"--root={tmp_path}", str(FOLDER / file))
        assert result.returncode == 0, result.stderr
        if command[0] == "systemd-sysusers":
            passwd = tmp_path / "etc/passwd"
            assert re.search(rf"^{user}:x:\d+:\d+:.*:/usr/sbin/nologin$", passwd.read_text(), re.MULTILINE)
            passwd.write_text("root:x:0:0::/root:/bin/sh\n" + passwd.read_text())
            group = tmp_path / "etc/group"
            group.write_text("root:x:0:\n" + group.read_text())
    assert (tmp_path / "var/lib/gunshot-central").stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "etc/gunshot-sensor/central-secrets").stat().st_mode & 0o777 == 0o750
