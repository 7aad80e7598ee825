"""The installer says what it would do, does it once, and never touches a configuration that is there."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
INSTALLER = ROOT / "scripts/install-pi"
PLACED = {
    "etc/systemd/system/gunshot-sensor.service",
    "etc/sysusers.d/gunshot-sensor.conf",
    "etc/tmpfiles.d/gunshot-sensor.conf",
    "etc/udev/rules.d/60-gunshot-sensor.rules",
    "etc/gunshot-sensor/config.yaml",
    "etc/gunshot-sensor/config.example.yaml",
    "usr/local/sbin/gunshot-sensorctl",
    "opt/gunshot-sensor/share/operator.md",
}


def install(
    *words: str | Path, path: str | None = None, user: int | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/bash", str(INSTALLER), *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
        env={**os.environ, "PATH": path or os.environ["PATH"]},
        user=user,
    )


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_dry_run_needs_no_rights_and_tells_every_step() -> None:
    result = install("--dry-run", "--no-apt", "--prefix", "/nowhere/gunshot")
    assert result.returncode == 0, result.stderr
    for step in (
        "python3 -m venv",
        "pip install",
        "systemd-sysusers",
        "systemctl enable",
        "gunshot-sensorctl check",
    ):
        assert step in result.stdout
    assert all(line.startswith("would ") for line in result.stdout.splitlines())
    assert not Path("/nowhere").exists()


def test_files_are_placed_with_their_modes(tmp_path: Path) -> None:
    assert install("--files-only", "--root", tmp_path).returncode == 0
    assert files_below(tmp_path) == PLACED
    assert os.access(tmp_path / "usr/local/sbin/gunshot-sensorctl", os.X_OK)
    assert (tmp_path / "etc/gunshot-sensor/config.yaml").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "etc/gunshot-sensor/config.yaml").read_bytes() == (
        ROOT / "config.example.yaml"
    ).read_bytes()


def test_a_second_run_writes_nothing(tmp_path: Path) -> None:
    install("--files-only", "--root", tmp_path)
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in PLACED}
    result = install("--files-only", "--root", tmp_path)
    assert result.stdout == ""
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in PLACED} == before


def test_a_configuration_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    config = tmp_path / "etc/gunshot-sensor/config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text("site: mine\n")
    unit = tmp_path / "etc/systemd/system/gunshot-sensor.service"
    unit.parent.mkdir(parents=True)
    unit.write_text("of an older version\n")
    install("--files-only", "--root", tmp_path)
    assert config.read_text() == "site: mine\n"
    assert "older version" not in unit.read_text()


def test_another_prefix_is_put_into_every_file(tmp_path: Path) -> None:
    install("--files-only", "--root", tmp_path, "--prefix", "/srv/sensor")
    for name in files_below(tmp_path):
        if not name.endswith(".md"):
            assert "/opt/gunshot-sensor" not in (tmp_path / name).read_text(), name
    assert (
        "/srv/sensor/bin/gunshot-sensor run"
        in (tmp_path / "etc/systemd/system/gunshot-sensor.service").read_text()
    )


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--nonsense"], 2, "unknown option --nonsense"),
        (["--prefix"], 2, "usage:"),
        (["--prefix", "relative"], 1, "absolute path"),
        (["--root", "/x"], 1, "only for --files-only"),
        (["--wheels", "/no/such/folder"], 1, "no folder"),
    ],
)
def test_wrong_usage_is_one_clear_line(words: list[str], code: int, told: str) -> None:
    result = install(*words)
    assert result.returncode == code
    assert told in result.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_without_rights_it_says_so_in_one_sentence() -> None:
    with tempfile.TemporaryDirectory() as folder:  # not tmp_path, which is its owner's alone
        Path(folder).chmod(0o755)
        shutil.copytree(ROOT / "scripts", Path(folder) / "scripts")
        command = ["/bin/bash", f"{folder}/scripts/install-pi", "--no-apt"]
        result = subprocess.run(command, capture_output=True, text=True, check=False, user=65534, cwd=folder)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("install-pi: root's rights are needed: sudo scripts/install-pi")


def stand_ins(folder: Path, **programs: str) -> str:
    """A PATH on which the programs named do what their text says, before the real ones."""
    folder.mkdir()
    for name, text in programs.items():
        program = folder / name.replace("_", "-")
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def test_a_32_bit_system_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    result = install("--dry-run", path=stand_ins(tmp_path / "bin", uname="echo armv7l"))
    assert result.returncode == 1
    assert "64-bit Raspberry Pi OS" in result.stderr
    assert result.stdout == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="the installer asks for root's rights first")
def test_without_a_network_it_says_so_in_one_sentence(tmp_path: Path) -> None:
    path = stand_ins(
        tmp_path / "bin",
        dpkg_query="exit 1",
        apt_get="echo 'E: Failed to fetch http://deb.debian.org: Temporary failure resolving' >&2; exit 100",
    )
    result = install("--prefix", tmp_path / "prefix", path=path)
    assert result.returncode == 1
    assert "Temporary failure resolving" in result.stderr.splitlines()[0]
    assert "no network, or the package lists are broken" in result.stderr.splitlines()[-1]
    assert not (tmp_path / "prefix").exists()


@pytest.mark.parametrize(
    "script", ["scripts/install-pi", "systemd/gunshot-sensorctl", "scripts/test-systemd"]
)
@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="apt-get install shellcheck")
def test_shellcheck_finds_nothing(script: str) -> None:
    result = subprocess.run(
        ["shellcheck", str(ROOT / script)], capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    assert result.stdout == ""
