"""The command that compares true and stated sigma."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "evaluate_timing.py"), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=PATIENCE_S)


def test_json_names_every_figure_and_the_figures_are_sane() -> None:
    rows = json.loads(run("--runs", "6", "--json", "--only", "pulse").stdout)
    (row,) = rows
    assert row["runs"] == 6
    assert row["true_us"] < 5.0, "goal: 5 us"
    assert 0.0 < row["stated_us"] < 5.0
    assert row["z_2_5"] <= row["z_50"] <= row["z_97_5"]


def test_the_table_is_markdown_and_names_its_scenarios() -> None:
    lines = run("--runs", "40", "--only", "holdover").stdout.splitlines()
    assert lines[0].startswith("| scenario | runs | true σ")
    assert [line.split("|")[1].strip() for line in lines[2:5]] == [
        "holdover 10 min †",
        "holdover 1 h †",
        "holdover 24 h †",
    ]
