"""Replays of short simulated scenes give the candidates that were agreed upon.

The scenes are rendered here from their seeds; only the expected lines are kept. After a wanted change of
detector or model, ``scripts/refresh_golden`` writes them anew; look at the difference before committing it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sensor.classify.classifier import Classifier
from sensor.replay.lines import json_line
from sensor.replay.manifest import Made
from sensor.replay.recordings import RecordingFile
from sensor.replay.runner import ReplaySettings, default_config, replay_file
from sensor.sim.render import render_scene
from sensor.sim.scene import load_scene

HERE = Path(__file__).parent
SCENES = sorted((HERE / "scenes").glob("*.yaml"))

# Processors differ in the last bits of a transform; a pick may move by a step of its interpolation.
TOLERANCE = {
    "offset_s": 20e-6,
    "p_gunshot": 0.02,
    "peak_dbfs": 0.05,
    "snr_db": 0.2,
    "rise_ms": 0.1,
    "sigma_ns": 5e3,
}
P_MIN = 0.0
"""Every trigger is compared, those that nobody would publish as well."""


def replayed(scene_file: Path, folder: Path) -> list[dict[str, object]]:
    """Fields worth keeping of every candidate of a scene's one sensor."""
    scene = load_scene(scene_file)
    render_scene(scene, folder)
    (node,) = scene.sensors
    name = f"{node.name}.{scene.format}"
    settings = ReplaySettings(config=default_config(), p_min=P_MIN)
    # With a start, so that the sigma compared is that of the pick.
    made = Made(start_utc_ns=scene.start_utc_ns)
    found = replay_file(RecordingFile(name, folder / name), made, settings)
    assert found.refused is None
    lines = [json.loads(json_line(name, heard)) for heard in found.heard]
    return [{key: line[key] for key in ("file", "seq", *TOLERANCE)} for line in lines]


@pytest.mark.parametrize("scene_file", SCENES, ids=lambda path: path.stem)
def test_a_scene_gives_the_agreed_candidates(scene_file: Path, tmp_path: Path) -> None:
    found = replayed(scene_file, tmp_path)
    model = {"model": Classifier.load().model_id}
    kept = HERE / "expected" / f"{scene_file.stem}.jsonl"
    if os.environ.get("REFRESH_GOLDEN"):
        kept.write_text("".join(json.dumps(line) + "\n" for line in [model, *found]), encoding="utf-8")
        pytest.skip(f"{kept.name} was written anew with {len(found)} candidates")
    made_with, *expected = [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()]
    assert model == made_with, "the model was changed: run scripts/refresh_golden and read the difference"
    assert [round(float(str(line["offset_s"])), 3) for line in found] == [
        round(line["offset_s"], 3) for line in expected
    ]
    for line, wanted in zip(found, expected, strict=True):
        assert (line["file"], line["seq"]) == (wanted["file"], wanted["seq"])
        for field, tolerance in TOLERANCE.items():
            assert line[field] == pytest.approx(wanted[field], abs=tolerance), field
