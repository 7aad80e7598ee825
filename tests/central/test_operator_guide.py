"""The guide to the centre speaks of things that exist, and explains every refusal and every alarm."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from sensor.central.cli.main import COMMANDS
from sensor.central.config import CentralConfig, load_config
from sensor.central.consumer.refusals import Refusal
from sensor.central.fleet.alarms import AlarmKind
from sensor.config.catalogue import catalogue

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/central.md").read_text(encoding="utf-8")


def explained(heading: str) -> set[str]:
    """What the first column of the table below a heading names."""
    table = GUIDE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", table, flags=re.MULTILINE)
    return set(re.findall(r"`([a-z_]+)`", " ".join(rows)))


def test_every_refusal_is_explained_and_no_other() -> None:
    assert explained("What is refused") == {reason.value for reason in Refusal}


def test_every_alarm_is_explained_and_no_other() -> None:
    assert explained("Alarms") == set(get_args(AlarmKind))


def test_every_command_in_the_guide_exists() -> None:
    named = set(re.findall(r"gunshot-central ([a-z][a-z-]+)(?= |`|$)", GUIDE, flags=re.MULTILINE))
    assert named - {"gunshot-central"} <= set(COMMANDS)


def test_every_key_in_the_guide_exists() -> None:
    keys = {".".join(path) for path in catalogue(CentralConfig)}
    sections = {key.partition(".")[0] for key in keys}
    named = {
        name for name in re.findall(r"`([a-z_]+\.[a-z_]+)`", GUIDE) if name.partition(".")[0] in sections
    }
    assert named
    assert named <= keys


def test_its_configuration_is_one(tmp_path: Path) -> None:
    found = re.search(r"```yaml\n(.*?)```", GUIDE, flags=re.DOTALL)
    assert found is not None
    path = tmp_path / "central.yaml"
    path.write_text(found[1], encoding="utf-8")
    assert load_config(path).web.port == 8443


def test_every_file_that_is_installed_is_there() -> None:
    for name in re.findall(
        r"^install .* ((?:systemd|docs)/\S+|central\.example\.yaml) ", GUIDE, re.MULTILINE
    ):
        assert (ROOT / name).exists(), name
