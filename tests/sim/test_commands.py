"""``gunshot-sensor simulate`` and the scripts round the simulator, as they are called."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from sensor.cli.simulate import simulate
from sensor.sim import render
from tests.support.command import gunshot_sensor
from tests.support.patience import PATIENCE_S, wait_until

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


def test_a_bundled_scene_is_rendered_again_into_a_folder_of_its_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written = []
    for _ in range(2):
        done = CliRunner().invoke(simulate, ["street", "--out", "street"])
        assert done.exit_code == 0, done.output
        written.append({path.name: path.read_bytes() for path in Path("street").iterdir()})
    assert sorted(written[0]) == ["events.csv", "files.csv", "manifest.csv", "roof.wav", "truth.json"]
    assert written[0] == written[1]
    folder = CliRunner().invoke(simulate, [str(tmp_path / "street"), "--out", "out"])
    assert folder.exit_code == 2
    assert "cannot be read: Is a directory" in folder.output


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


def test_a_name_that_no_file_can_have_is_one_line(tmp_path: Path) -> None:
    done = gunshot_sensor("simulate", "s" * 300, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "File name too long" in done.stderr


@pytest.fixture
def short(tmp_path: Path) -> Path:
    """A scene of a second with one sensor, a.wav."""
    path = tmp_path / "short.yaml"
    path.write_text(
        "name: short\nseed: 1\nduration_s: 1\nstart_utc: 2026-06-14T21:04:00Z\n"
        "sensors:\n  - {name: a, at: [0, 0, 3]}\n"
        "sources:\n  - {kind: clap, time_s: 0.2, at: [9, 0, 1]}\n"
    )
    return path


def test_files_of_others_are_not_overwritten(tmp_path: Path, short: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("beside")
    (out / "events.csv").write_text("mine")
    done = gunshot_sensor("simulate", short, "--out", out)
    assert done.returncode == 2
    assert f"{out} holds events.csv, which simulate did not write there" in done.stderr
    assert (out / "events.csv").read_text() == "mine"
    assert gunshot_sensor("simulate", short, "--out", out, "--force").returncode == 0
    assert gunshot_sensor("simulate", short, "--out", out).returncode == 0
    short.write_text(short.read_text().replace("name: a,", "name: b,"))
    (out / "b.wav").write_text("mine")
    done = gunshot_sensor("simulate", short, "--out", out)
    assert done.returncode == 2
    assert f"{out} holds b.wav, which" in done.stderr


def test_a_full_disk_is_told_and_what_was_there_stays(
    tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert CliRunner().invoke(simulate, [str(short), "--out", str(out)]).exit_code == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def fill_up(_: object, folder: Path) -> None:
        (folder / "a.wav").write_bytes(b"RIFF")
        (folder / "events.csv").write_text("path,on")
        raise OSError("a.wav: the disk is full")

    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=0))
    monkeypatch.setattr(render, "render_scene", fill_up)
    done = CliRunner().invoke(simulate, [str(short), "--out", str(out)])
    assert done.exit_code == 1
    assert f"{out}: cannot be written: the disk is full" in done.output
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing_and_the_next_is_not_refused(
    tmp_path: Path, short: Path, sent: signal.Signals
) -> None:
    out = tmp_path / "out"
    endless = tmp_path / "endless.yaml"
    endless.write_text(short.read_text().replace("duration_s: 1", "duration_s: 86400"))
    with subprocess.Popen(
        [sys.executable, "-m", "sensor", "simulate", endless, "--out", out], stderr=subprocess.DEVNULL
    ) as running:
        wait_until(lambda: any(out.glob("*/a.wav")))
        running.send_signal(sent)
        assert running.wait(PATIENCE_S) == 130
    assert list(out.iterdir()) == []
    assert gunshot_sensor("simulate", short, "--out", out).returncode == 0


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
