"""``gunshot-sensor simulate`` and the scripts round the simulator, as they are called."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.command import gunshot_sensor

ROOT = Path(__file__).parents[2]


def test_the_bundled_scene_is_rendered_by_name_and_replays_to_candidates(tmp_path: Path) -> None:
    done = gunshot_sensor("simulate", "street", "--out", tmp_path / "street")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{tmp_path / 'street' / 'roof.wav'}\n"
    replayed = gunshot_sensor(
        "replay", "--jsonl", "--manifest", tmp_path / "street" / "manifest.csv", tmp_path / "street"
    )
    found = [json.loads(line) for line in replayed.stdout.splitlines()]
    assert len(found) >= 4
    assert {line["node"] for line in found} == {"roof"}
    assert found[0]["clock"]["source"] == "file"
    assert found[0]["position"]["lat_deg"] == pytest.approx(35.994, abs=1e-3)


@pytest.mark.parametrize(
    ("scene", "says"),
    [
        ("nowhere.yaml", "no such file; name a scene's YAML file"),
        ("bad.yaml", "bad.yaml:1 sead: sead is not known"),
    ],
)
def test_a_scene_that_cannot_be_used_is_wrong_usage(tmp_path: Path, scene: str, says: str) -> None:
    (tmp_path / "bad.yaml").write_text("sead: 1\n")
    done = gunshot_sensor("simulate", tmp_path / scene, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert says in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    done = gunshot_sensor("simulate", "street", "--out", tmp_path / "taken" / "out")
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_short_day_is_counted_by_kind() -> None:
    done = subprocess.run(
        [ROOT / "scripts" / "simulate_street_day", "--hours", "5", "--seconds", "20", "--impulses", "15",
         "--rate-hz", "16000", "--jobs", "1"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (hour,) = json.loads(done.stdout.splitlines()[-1])["hours"]
    assert hour["hour"] == 5
    assert sum(hour["impulses"].values()) >= 15
    assert sum(hour["triggers"].values()) >= sum(hour["candidates"].values())
    assert "false candidates in 0.00556 h" in done.stdout
