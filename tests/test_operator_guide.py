"""The operator's guide speaks of things that exist, and explains every problem that a node can report."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from sensor.cli.main import COMMANDS
from sensor.config import load_config

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs/operator.md").read_text(encoding="utf-8")


def problems_of_health() -> list[str]:
    """The fixed beginning of every text that ``health.problems`` can yield."""
    texts = []
    for node in ast.walk(ast.parse((ROOT / "sensor/health.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Yield) and isinstance(node.value, ast.JoinedStr | ast.Constant):
            first = node.value.values[0] if isinstance(node.value, ast.JoinedStr) else node.value
            assert isinstance(first, ast.Constant)
            texts.append(str(first.value))
    return texts


def test_every_problem_that_a_node_reports_is_explained() -> None:
    problems = problems_of_health()
    assert len(problems) >= 8
    explained = re.findall(r"^\| `([^`.]+)", GUIDE, flags=re.MULTILINE)
    for problem in problems:
        assert any(problem.startswith(text.rstrip(": ")) for text in explained), problem


def test_every_command_in_the_guide_exists() -> None:
    named = re.findall(r"gunshot-sensor(?:ctl)? ([a-z_]+)(?= |`|$)", GUIDE, flags=re.MULTILINE)
    calibrations = {
        f"calibrate_{path.stem.split('_')[1]}" for path in (ROOT / "scripts").glob("calibrate_*.py")
    }
    prose = {"is"}
    assert {"status", "check", "config", "calibrate_level"} <= set(named)
    assert set(named) - prose <= set(COMMANDS) | calibrations


def test_the_configuration_in_the_guide_is_valid(tmp_path: Path) -> None:
    match = re.search(r"```yaml\n(.*?)```", GUIDE, flags=re.DOTALL)
    assert match is not None
    path = tmp_path / "config.yaml"
    path.write_text(match[1], encoding="utf-8")
    config = load_config(path)
    assert config.position is not None
    assert config.mqtt.tls is not None


def test_files_and_options_in_the_guide_are_those_of_the_installer() -> None:
    installer = (ROOT / "scripts/install-pi").read_text(encoding="utf-8")
    for option in set(re.findall(r"scripts/install-pi ((?:--[a-z-]+ ?)+)", GUIDE)):
        assert all(word in installer for word in option.split())
    removal = GUIDE[GUIDE.index("## Remove") :]
    placed = re.findall(r"^  place \d+ \S+ (/etc/\S+|/usr/\S+)$", installer, flags=re.MULTILINE)
    assert placed
    for path in placed:
        assert path in removal or path.startswith("/etc/gunshot-sensor/")
