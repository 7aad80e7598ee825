"""What a first-time user sees: the bundled scene through the real path, and plain text off a terminal."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from sensor.cli.console import Console, candidate_line, level_bar, sigma_text
from sensor.cli.local_broker import local_broker
from sensor.daemon import Daemon
from sensor.errors import UplinkError
from tests.support.command import gunshot_sensor
from tests.support.impulses import write_bursts
from tests.support.mosquitto import Broker, wait_until
from tests.support.patience import PATIENCE_S
from tests.test_pipeline import STREET, pipeline, run

COMMAND = [sys.executable, "-m", "sensor", "run", "--local-broker", "--or-scene", "--show"]


@pytest.mark.broker
def test_without_a_microphone_the_bundled_scene_is_heard_to_its_end(tmp_path: Path) -> None:
    """Whatever this machine has: the microphone that is asked for is not there."""
    config = tmp_path / "config.yaml"
    config.write_text(
        "audio: {device: 'name:no such microphone'}\n"
        f"paths: {{state_dir: {tmp_path}, runtime_dir: {tmp_path}}}\n"
    )
    done = subprocess.run(
        [*COMMAND, "-c", str(config)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "\r" not in done.stdout
    assert lines[0].startswith("no broker is configured: a local one listens on 127.0.0.1:")
    assert lines[1].startswith("no microphone: ")
    shots = [line for line in lines if line.startswith("candidate ")]
    assert len(shots) >= 5
    for line in shots:
        assert re.match(
            r"candidate p=[01]\.\d\d utc=\d{4}-\d\d-\d\dT[\d:]+\.\d{6}Z sigma=[\d.]+(us|ms|s|d) ", line
        )
    summary = re.match(
        r"heard 28\.0 s: \d+ triggers, (\d+) candidates, (\d+) acknowledged by the broker", lines[-2]
    )
    assert summary is not None
    assert summary[1] == summary[2] == str(len(shots))
    assert lines[-1].startswith("not reported: ")


def test_a_recording_played_from_a_moment_named_carries_that_time(tmp_path: Path) -> None:
    recording = write_bursts(tmp_path / "three.wav", (1.0, 1.5), seconds=2.0)
    config = tmp_path / "config.yaml"
    config.write_text(f"publish: {{p_min: 0}}\npaths: {{state_dir: {tmp_path}, runtime_dir: {tmp_path}}}\n")
    begin = datetime.now(UTC) + timedelta(seconds=1)
    done = gunshot_sensor("run", "-c", config, "--play", recording, "--from", begin.isoformat(), "--show")
    assert done.returncode == 0, done.stderr
    times = [datetime.fromisoformat(text) for text in re.findall(r"utc=(\S+)", done.stdout)]
    assert [round((time - begin).total_seconds(), 2) for time in times] == [1.0, 1.5]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--repeat"], "--from and --repeat belong to --play"),
        (["--play", "x.wav", "--from", "yesterday"], "'yesterday' is no date and time"),
    ],
)
def test_a_wrong_way_of_playing_is_told(options: list[str], told: str) -> None:
    done = gunshot_sensor("run", *options)
    assert done.returncode == 2
    assert told in done.stderr


@pytest.mark.parametrize(
    ("sigma_ns", "text"),
    [(85_000, "85us"), (5_200_000, "5.2ms"), (1_300_000_000, "1.3s"), (604_800 * 10**9, "7d")],
)
def test_sigma_is_told_in_a_unit_that_suits_it(sigma_ns: int, text: str) -> None:
    assert sigma_text(sigma_ns) == text


def test_level_bar_marks_the_noise_and_stays_inside_its_frame() -> None:
    assert level_bar(-200.0, -200.0) == "|" + "." * 29
    assert level_bar(20.0, -45.0) == "#" * 15 + "|" + "#" * 13 + "."
    assert len(level_bar(-30.0, -60.0)) == 30


def test_console_off_a_terminal_writes_lines_only() -> None:
    stream = io.StringIO()
    console = Console(stream)
    (candidate, *_) = run(pipeline(), STREET[None])
    console.candidate(candidate)
    console.close()
    assert stream.getvalue() == candidate_line(candidate) + "\n"


def test_console_on_a_terminal_clears_its_live_line_before_a_candidate() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    console = Console(stream)
    console.say("candidate")
    assert stream.getvalue() == "\r\x1b[Kcandidate\n"


def test_live_line_never_wraps(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("COLUMNS", "20")
    stream = Terminal()
    console = Console(stream)
    console.watch(cast("Daemon", SimpleNamespace(listener=SimpleNamespace(pipeline=None))))
    wait_until(stream.getvalue, what="the line is drawn")
    console.close()
    assert "\r\x1b[Kwaiting for the fir\r" in stream.getvalue()


def test_console_whose_watcher_has_gone_goes_silent() -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:  # noqa: ARG002  it is refused whatever it is
            raise BrokenPipeError

    console = Console(Closed())
    console.say("one")
    console.say("two")
    console.close()


@pytest.mark.broker
def test_local_broker_is_there_for_as_long_as_it_is_wanted() -> None:
    Broker()  # skips where Mosquitto is not installed
    with local_broker() as port:
        assert port > 0
    with pytest.raises(OSError, match="refused"):
        __import__("socket").create_connection(("127.0.0.1", port), timeout=1.0)


def test_missing_mosquitto_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(UplinkError, match="apt-get install mosquitto"), local_broker():
        pass
