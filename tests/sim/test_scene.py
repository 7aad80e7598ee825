"""Scene files: what is refused, and that every fault is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensor.errors import ConfigError
from sensor.sim.scene import Scene, bundled_scene, load_scene

GOOD = """\
name: yard
seed: 7
duration_s: 2
sensors:
  - name: roof
    at: [0, 0, 8]
sources:
  - kind: gunshot
    weapon: 9mm
    time_s: 0.5
    at: [60, 20, 1.5]
"""


def load(tmp_path: Path, text: str) -> Scene:
    path = tmp_path / "scene.yaml"
    path.write_text(text, encoding="utf-8")
    return load_scene(path)


def faults(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    return str(caught.value)


def test_a_small_scene_is_read_and_has_defaults(tmp_path: Path) -> None:
    scene = load(tmp_path, GOOD)
    assert scene.sensors[0].rate_hz == 48_000
    assert scene.sources[0].metres(scene.origin) == (60.0, 20.0, 1.5)
    assert scene.start_utc_ns == 0


def test_the_bundled_street_is_valid() -> None:
    scene = load_scene(bundled_scene("street"))
    assert 25.0 <= scene.duration_s <= 30.0
    assert len([source for source in scene.sources if source.kind == "gunshot"]) == 4


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("seed: 7", "sead: 7", ":2 sead: sead is not known; did you mean seed?"),
        ("weapon: 9mm", "weapon: 9m", "did you mean 9mm?"),
        ("kind: gunshot", "kind: gunshott", "did you mean gunshot?"),
        ("    weapon: 9mm\n", "", "weapon: None is not known"),
        ("kind: gunshot", "kind: clap", "belong to a gunshot, not to a clap"),
        ("duration_s: 2", "duration_s: -2", ":3 duration_s: -2: input should be greater than"),
        ("    at: [0, 0, 8]\n", "", "has no place"),
        ("    at: [0, 0, 8]", "    at: [0, 0]", ":6 sensors[0].at"),
        ("    at: [0, 0, 8]", "    at: [0, 0, 8]\n    lat_deg: 3", "has two places"),
        ("    at: [0, 0, 8]", "    lat_deg: 3\n    lon_deg: 4\n    height_m: 5", "origin: is missing"),
        ("name: roof", "name: The Roof", "sensors[0].name"),
        ("seed: 7", "seed: 7\nseed: 8", "given twice"),
        ("seed: 7", "seed: 7\nair: {temprature_c: 3}", "did you mean temperature_c?"),
        ("seed: 7", "seed: 7\nstart_utc: 2026-01-01T00:00:00", "start_utc"),
    ],
)
def test_a_fault_is_named_with_its_line_and_the_way_out(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    assert expected in faults(tmp_path, GOOD.replace(old, new))


def test_all_faults_of_a_file_are_named_at_once(tmp_path: Path) -> None:
    text = faults(
        tmp_path, GOOD.replace("duration_s: 2", "duration_s: 0").replace("time_s: 0.5", "time_s: -1")
    )
    assert len(text.splitlines()) == 2


def test_two_sensors_of_one_name_are_refused(tmp_path: Path) -> None:
    twice = GOOD.replace("sources:", "  - {name: roof, at: [1, 0, 8]}\nsources:")
    assert "two sensors are called roof" in faults(tmp_path, twice)


def test_a_source_after_the_end_is_refused(tmp_path: Path) -> None:
    told = faults(tmp_path, GOOD.replace("time_s: 0.5", "time_s: 2"))
    assert "source 1 (gunshot) sounds at time_s 2, the scene ends at 2" in told


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_scene(tmp_path / "nowhere.yaml")


def test_the_scene_of_the_testers_page_is_valid(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "tester.md").read_text(encoding="utf-8")
    example = page.split("```yaml\n")[1].split("```")[0]
    assert [node.name for node in load(tmp_path, example).sensors] == ["roof-1", "roof-2"]
