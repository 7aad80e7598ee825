"""The command that explains a moment: one line for what it cannot do, and words without a picture."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.command import gunshot_sensor
from tests.support.impulses import write_bursts
from tests.support.patience import PATIENCE_S


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds with two bursts."""
    return write_bursts(tmp_path_factory.mktemp("two") / "two.wav", (1.0, 2.0), seconds=3.0)


def test_without_matplotlib_the_words_come_and_one_line_says_what_to_install(
    two: Path, tmp_path: Path
) -> None:
    (tmp_path / "matplotlib").mkdir()
    (tmp_path / "matplotlib" / "__init__.py").write_text("raise ImportError('absent')\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nfrom sensor.cli.main import main\n"
        f"sys.argv = ['gunshot-sensor', 'explain', {str(two)!r}, '--at', '1', '--picture', 'x.png']\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
        cwd=tmp_path,
    )
    assert done.returncode == 1
    assert "gates, in the order" in done.stdout
    assert done.stderr.splitlines() == [
        "gunshot-sensor: no picture: matplotlib is not installed (.venv/bin/pip install -e '.[tools]')"
    ]


def test_faults_of_the_request_are_one_clear_line(two: Path, tmp_path: Path) -> None:
    slow = write_bursts(tmp_path / "slow.wav", (0.1,), seconds=1.0, rate_hz=4000)
    done = gunshot_sensor("explain", slow, "--at", "0.1")
    assert done.returncode == 1
    assert done.stderr.startswith(f"gunshot-sensor: {tmp_path / 'slow.wav'}: ")
    done = gunshot_sensor("explain", two, "--at", "7")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"gunshot-sensor: {two} lasts 3.000 s; --at 7 lies outside\n"


@pytest.mark.parametrize("name", ["why", "why.wav", "two.png"])
def test_a_picture_does_not_take_the_place_of_another_file(two: Path, tmp_path: Path, name: str) -> None:
    """Neither by an ending that is added, nor by the name of the recording."""
    recording = tmp_path / "two.png"
    recording.write_bytes(two.read_bytes())
    (tmp_path / "why.png").write_text("precious")
    done = gunshot_sensor("explain", recording, "--at", "1", "--picture", tmp_path / name)
    assert done.returncode == 2
    assert "--picture: " in done.stderr
    assert (tmp_path / "why.png").read_text() == "precious"
    assert recording.read_bytes() == two.read_bytes()


def test_channels_that_cancel_are_told(two: Path, tmp_path: Path) -> None:
    """Not that there is nothing but digital silence."""
    samples, rate_hz = soundfile.read(two)
    soundfile.write(tmp_path / "anti.wav", np.stack([samples, -samples], axis=1), rate_hz)
    done = gunshot_sensor("explain", tmp_path / "anti.wav", "--at", "1")
    assert done.returncode == 0
    assert "the channels cancel" in done.stdout
    assert "note: its channels cancel: " in done.stdout
    assert "digital silence" not in done.stdout


@pytest.mark.parametrize("at", ["-1", "nan", "inf", "1e300", "noon"])
def test_a_moment_that_is_none_is_usage(two: Path, at: str) -> None:
    done = gunshot_sensor("explain", two, f"--at={at}")
    assert done.returncode == 2
    assert "--at" in done.stderr
