"""The technician's guide shows what its own recipe prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support import calibration_signals
from tests.support.calibration_command import run

GUIDE = (Path(__file__).parents[2] / "docs/technician.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recordings of the example, and the calibrated level that step 4 shows dB SPL by."""
    folder = tmp_path_factory.mktemp("example")
    calibration_signals.main(folder)
    assert follow(folder, "level")[0] == 0
    return folder


def follow(folder: Path, name: str) -> tuple[int, str]:
    """Run one command of the recipe as it stands in the guide; its exit code and what it printed."""
    (command,) = re.findall(rf"(?m)^scripts/calibrate_{name}\.py (.*)$", GUIDE)
    words = [str(folder / word) if (folder / word).is_file() else word for word in command.split()]
    return run(name, "--state-dir", folder, *words)


@pytest.mark.parametrize("name", ["noise", "clock", "position"])
def test_the_figures_shown_are_those_of_the_recipe(name: str, folder: Path) -> None:
    code, printed = follow(folder, name)
    assert code == 0, printed
    figures, _, _ = printed.partition("   picture:")
    shown = figures.strip("\n")
    assert "PASS" in shown
    assert f"\n{shown}\n```" in GUIDE


def test_the_calibrated_level_shown_is_that_of_the_recipe(folder: Path) -> None:
    verdict = next(line for line in follow(folder, "level")[1].splitlines() if line.startswith("PASS"))
    assert f"\n{verdict}\n```" in GUIDE
