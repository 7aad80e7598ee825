"""What PortAudio finds and loads, seen from a process of its own: what is loaded belongs to a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.virtual_mic import VirtualMic, need_virtual_mic

pytestmark = pytest.mark.device

PROBE = """
import json, sys
from pathlib import Path
from sensor.capture import alsa, stream
if "--all" in sys.argv:
    stream.forget_encoders = lambda: None
inputs = [stream.list_inputs() for _ in range(2)][-1]  # by then PortAudio has ended and started again
maps = Path("/proc/self/maps").read_text()
print(json.dumps({"inputs": [device.name for device in inputs], "codecs": "libavcodec" in maps}))
"""


def probe(env: dict[str, str], *arguments: str) -> dict[str, Any]:
    """The inputs that such a process lists, and whether it loaded FFmpeg's codecs."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], env=env, capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_microphone_is_found_without_the_codecs_of_an_encoder() -> None:
    with VirtualMic() as mic:
        assert probe(mic.env) == {"inputs": ["vmic"], "codecs": False}
        with_all = probe(mic.env, "--all")
    assert with_all["inputs"] == ["vmic"]
    if not with_all["codecs"]:
        pytest.skip("no encoder is installed that would load them: apt install libasound2-plugins")


def test_a_microphone_that_somebody_gave_the_encoders_name_is_kept(tmp_path: Path) -> None:
    need_virtual_mic()
    (tmp_path / ".asoundrc").write_text("pcm.!a52 { type null }\n")
    env = {**os.environ, "HOME": str(tmp_path), "PULSE_SERVER": f"unix:{tmp_path / 'none'}"}
    assert "a52" in probe(env)["inputs"]


def test_a_configuration_that_alsa_cannot_read_is_an_error_in_words(tmp_path: Path) -> None:
    need_virtual_mic()
    broken = tmp_path / "asound.conf"
    broken.write_text("pcm.broken {\n")
    done = subprocess.run(
        [sys.executable, "-m", "sensor", "devices"],
        env={**os.environ, "ALSA_CONFIG_PATH": str(broken)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "PortAudio does not start" in done.stderr
    assert "/etc/asound.conf" in done.stderr
    assert "Traceback" not in done.stderr
