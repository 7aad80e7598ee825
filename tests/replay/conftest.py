"""What more than one test of replay listens to."""

from __future__ import annotations

import pytest

from sensor.replay.manifest import Made
from sensor.replay.recordings import RecordingFile
from sensor.replay.runner import FileResult, ReplaySettings, default_config, replay_file
from sensor.sim.render import render_scene
from sensor.sim.scene import bundled_scene, load_scene


@pytest.fixture(scope="session")
def street(tmp_path_factory: pytest.TempPathFactory) -> tuple[RecordingFile, FileResult]:
    """The bundled scene and what a replay of it hands out, every trigger included."""
    folder = tmp_path_factory.mktemp("street")
    scene = load_scene(bundled_scene("street"))
    render_scene(scene, folder)
    (node,) = scene.sensors
    path = folder / f"{node.name}.{scene.format}"
    file = RecordingFile(str(path), path)
    return file, replay_file(
        file, Made(), ReplaySettings(config=default_config(), p_min=0.0, every_trigger=True)
    )
