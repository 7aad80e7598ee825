"""Both units are ones that systemd understands without a word, and sandboxed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.units import EXPOSURE_MAX, Unit, needs_systemd

pytestmark = needs_systemd


@pytest.fixture(params=["gunshot-sensor", "gunshot-central"])
def unit(request: pytest.FixtureRequest) -> Unit:
    return Unit(request.param)


def test_systemd_understands_every_line(unit: Unit, tmp_path: Path) -> None:
    result = unit.analysed(tmp_path, "verify")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_a_misspelt_line_would_be_noticed(unit: Unit, tmp_path: Path) -> None:
    text = unit.text.replace("WatchdogSec=", "WatchDogSec=")
    assert "WatchDogSec" in unit.analysed(tmp_path, "verify", text=text).stderr


def test_the_sandbox_leaves_little_exposed(unit: Unit, tmp_path: Path) -> None:
    result = unit.judged(tmp_path)
    assert result.returncode == 0, result.stdout
    level = re.search(r"exposure level for \S+: ([0-9.]+)", result.stdout)
    assert level is not None
    assert float(level[1]) <= EXPOSURE_MAX


def test_without_its_sandbox_it_would_be_refused(unit: Unit, tmp_path: Path) -> None:
    assert unit.judged(tmp_path, text=unit.without_sandbox()).returncode != 0
