"""The auditor's guide: every command in it is run, in order, and does what the text says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sensor.central.cli.main import COMMANDS
from sensor.central.incidents.signing import CentreKey
from sensor.central.record.ledger import verify_record
from tests.support.month import configuration, fill
from tests.support.record import record

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs/auditor.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", GUIDE, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.timeout(900)
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_every_step_works_as_it_is_written(tmp_path: Path) -> None:
    key = CentreKey.new()
    key.write(tmp_path / "centre.key")
    with record(tmp_path) as store:
        fill(store, key)
        anchor = verify_record(store).anchor
    configuration(tmp_path)
    folder = tmp_path / "bin"
    folder.mkdir()
    command = folder / "gunshot-central"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m sensor.central "$@"\n')
    command.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{folder}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "INCIDENT": "false-1",
        "ANCHOR": str(anchor),
        "MONTH": "2024-11",
        "TIME": "2024-11-02T11:00:00Z",
    }
    assert len(BLOCKS) == 7
    said = ""
    for block in BLOCKS:
        done = subprocess.run(
            ["sh", "-e", "-c", block],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        said += done.stdout
    assert "incident.json: holds: incident false-1, 3 versions" in said
    assert "Signature Verified Successfully" in said
    assert "1 anchors hold" in said
    assert "Counter({'confirmed': 3" in said
    assert "What became of a shot at 36.00000, -78.90000" in said


def test_every_command_in_the_guide_exists() -> None:
    named = set(re.findall(r"gunshot-central ([a-z-]+)", GUIDE))
    assert {"verify", "export", "report", "explain-miss", "key"} <= named
    assert named <= set(COMMANDS)
