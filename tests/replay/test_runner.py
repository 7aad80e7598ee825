"""The replay command: what it prints, in which order, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import uuid
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sensor.events import Candidate, event_id
from sensor.replay.manifest import Made
from sensor.replay.recordings import RecordingFile
from sensor.replay.runner import Heard, ReplaySettings, chain_id, default_config, replay_all, replay_file
from sensor.types import RejectReason
from tests.support.command import gunshot_central, gunshot_sensor
from tests.support.impulses import bursts, write_bursts
from tests.support.mosquitto import wait_until
from tests.support.patience import PATIENCE_S

EVERYTHING = ReplaySettings(config=default_config(), p_min=0.0)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings of several rates and lengths, and files that are none."""
    folder = tmp_path_factory.mktemp("tree")
    (folder / "sub").mkdir()
    write_bursts(folder / "b.wav", (1.0, 2.0), seconds=3.0)
    write_bursts(folder / "sub" / "a.wav", (0.1, 1.5), seconds=2.0, rate_hz=12_000)
    soundfile.write(folder / "c.flac", bursts((0.8,), seconds=1.0, rate_hz=44_100), 44_100)
    (folder / "empty.wav").touch()
    (folder / "lies.wav").write_text("no sound at all, only words about it")
    soundfile.write(folder / "slow.wav", np.zeros(4000, np.float32), 4000)
    return folder


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_each_line_is_the_candidate_plus_file_and_offset(tree: Path) -> None:
    done = gunshot_sensor("replay", "--jsonl", "--p-min", "0", tree / "b.wav")
    assert done.returncode == 0
    found = lines(done.stdout)
    assert [round(float(str(line["offset_s"])), 2) for line in found] == [1.0, 2.0]
    for seq, line in enumerate(found, start=1):
        candidate = Candidate.from_json(json.dumps(line))
        assert line["file"] == str(tree / "b.wav")
        assert set(line) - {"file", "offset_s"} == set(json.loads(candidate.to_json()))
        assert candidate.seq == seq
        assert candidate.event_id == event_id("local", "replay", chain_id(str(tree / "b.wav")), seq)
        assert uuid.UUID(str(candidate.chain_id)).version == 5
        assert candidate.clock["source"] == "none"
        assert candidate.utc_ns == round(float(str(line["offset_s"])) * 1e9)


def test_the_output_is_the_same_for_any_number_of_processes(tree: Path) -> None:
    outputs = [gunshot_sensor("replay", "--jsonl", "--p-min", "0", "--jobs", jobs, tree) for jobs in "13"]
    assert outputs[0].stdout == outputs[1].stdout
    assert len(lines(outputs[0].stdout)) >= 5
    assert [done.returncode for done in outputs] == [1, 1]


def test_refused_files_are_named_and_the_others_read(tree: Path) -> None:
    done = gunshot_sensor("replay", "--jsonl", "--p-min", "0", tree, tree / "nowhere.wav")
    assert done.returncode == 1
    refused = [line for line in done.stderr.splitlines() if line.startswith("refused: ")]
    assert len(refused) == 4
    for name, reason in (
        ("empty", "empty"),
        ("lies", "not audio"),
        ("slow", "8000 to 192000"),
        ("nowhere", "not exist"),
    ):
        assert any(name in line and reason in line for line in refused), name
    assert {str(line["file"]) for line in lines(done.stdout)} == {
        str(tree / name) for name in ("b.wav", "c.flac", "sub/a.wav")
    }


def test_a_burst_near_either_end_of_a_file_is_reported(tmp_path: Path) -> None:
    """0.1 s after the start, and so close before the end that its post-roll is cut off."""
    file = RecordingFile("x", write_bursts(tmp_path / "x.wav", (0.1, 2.9), seconds=3.0))
    result = replay_file(file, Made(), EVERYTHING)
    assert [round(heard.offset_s, 2) for heard in result.heard] == [0.1, 2.9]
    assert result.seconds == 3.0


def test_a_start_gives_utc_and_a_sigma_part(tree: Path) -> None:
    done = gunshot_sensor(
        "replay",
        "--jsonl",
        "--p-min",
        "0",
        "--start",
        "2026-06-14T21:04:00.5Z",
        "--start-sigma-ms",
        "3",
        tree / "b.wav",
    )
    first = Candidate.from_json(json.dumps(lines(done.stdout)[0]))
    assert first.utc_ns / 1e9 == pytest.approx(1_781_471_041.5, abs=1e-3)
    assert first.clock["source"] == "file"
    assert first.clock["parts_ns"]["clock_source"] == 3_000_000
    assert first.sigma_ns >= 3_000_000


def test_without_a_start_a_candidate_says_that_nobody_knows_its_time(tree: Path, tmp_path: Path) -> None:
    """The centre, which wants a time to the hour, refuses it; what the pick is worth is still told."""
    settings = tmp_path / "config.yaml"
    settings.write_text("position: {lat_deg: 36, lon_deg: -78.9, height_m: 120}\n")
    words: tuple[str | Path, ...] = ("replay", "--jsonl", "--p-min", "0", "-c", settings, tree / "b.wav")
    candidates = tmp_path / "candidates.jsonl"
    candidates.write_text(gunshot_sensor(*words).stdout)
    for line in lines(candidates.read_text()):
        candidate = Candidate.from_json(json.dumps(line))
        assert candidate.clock["source"] == "none"
        assert candidate.sigma_ns >= 7 * 86_400 * 10**9
        assert candidate.clock["parts_ns"]["clock_source"] >= 7 * 86_400 * 10**9
        assert 0 < candidate.clock["parts_ns"]["pick"] < 10**6
    fused = gunshot_central("replay", "--jsonl", candidates)
    assert (fused.returncode, fused.stdout) == (1, "")
    assert f"{candidates}:1: sigma_ns: " in fused.stderr
    assert "0 candidates, 2 refused" in fused.stderr
    candidates.write_text(gunshot_sensor(*words, "--start", "2026-06-14T21:04:00Z").stdout)
    fused = gunshot_central("replay", "--jsonl", candidates)
    assert fused.returncode == 0
    assert "2 candidates" in fused.stderr


def test_the_start_of_a_manifest_goes_before_the_one_for_all(tree: Path, tmp_path: Path) -> None:
    """That is told; a recording, or a row, without a start of its own takes the one for all."""
    table = tmp_path / "manifest.csv"
    names = [tree / name for name in ("b.wav", "c.flac", "sub/a.wav")]
    table.write_text(f"path,start_utc,node\n{names[0]},2026-01-01T00:00:00Z,\n{names[1]},,roof\n")
    words: tuple[str | Path, ...] = ("replay", "--jsonl", "--p-min", "0", "--manifest", table, *names)
    done = gunshot_sensor(*words, "--start", "2026-02-01T00:00:00Z", "--start-sigma-ms", "50")
    told = [line for line in done.stderr.splitlines() if line.startswith("--start ")]
    assert told == [f"--start is not used for 1 of 3 recordings, whose start {table} states: {names[0]}"]
    january_s, february_s = 1_767_225_600, 1_769_904_000
    begun = {
        str(line["file"]): (round(line["utc_ns"] / 1e9 - line["offset_s"]), line["node"],  # type: ignore[operator]
                            line["clock"]["parts_ns"]["clock_source"])  # type: ignore[index]
        for line in lines(done.stdout)
    }  # fmt: skip
    assert begun == {
        str(names[0]): (january_s, "replay", 0),
        str(names[1]): (february_s, "roof", 50_000_000),
        str(names[2]): (february_s, "replay", 50_000_000),
    }
    assert "--start" not in gunshot_sensor(*words).stderr


def test_a_folder_that_holds_no_recording_is_counted_as_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = gunshot_sensor("replay", tmp_path / "empty")
    assert done.returncode == 1
    assert f"refused: {tmp_path / 'empty'}: holds no audio file" in done.stderr
    assert "0 files read (0.00 h), 1 refused: " in done.stderr


def test_help_says_that_a_start_is_taken_as_exact_and_which_start_counts() -> None:
    words = " ".join(gunshot_sensor("replay", "--help").stdout.split())
    assert "One sigma of that start, ms. Default 0: the start is taken as exact." in words
    assert "A start in it goes before --start" in words


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--start", "2026-06-14T21:04:00", "x.wav"), "does not say its time zone"),
        (("--report", "somewhere", "x.wav"), "--report needs --labels"),
        (("--labels", "events.csv", "--p-min", "0.6", "x.wav"), "would hide some"),
        (("--manifest", "nowhere.csv", "x.wav"), "cannot be read"),
        (("--labels", "nowhere.csv", "x.wav"), "cannot be read"),
        (("--p-min", "2", "x.wav"), "0<=x<=1"),
        (("--p-min", "nan", "x.wav"), "nan is no number"),
        (("--start-sigma-ms", "nan", "x.wav"), "nan is no number"),
        (("--start", "9999-01-01T00:00:00Z", "x.wav"), "is after 2261"),
        (("--start-sigma-ms", "50", "x.wav"), "is the sigma of --start, which is missing"),
        (("--start-sigma-ms", "0", "x.wav"), "is the sigma of --start, which is missing"),
        (("--labels", "events.csv", "--report", "", "x.wav"), "the name is empty"),
        ((), "Missing argument"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_why(arguments: tuple[str, ...], says: str) -> None:
    done = gunshot_sensor("replay", *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stdout == ""


def test_for_people_there_is_a_table(tree: Path) -> None:
    done = gunshot_sensor("replay", "--p-min", "0", "--start", "2026-06-14T21:04:00Z", tree / "b.wav")
    head, first, second = done.stdout.splitlines()
    assert head.split()[:3] == ["offset", "s", "p"]
    assert "2026-06-14T21:04:0" in first
    assert str(tree / "b.wav") in second
    assert "1 file read (0.00 h), 0 refused: 2 triggers, 2 candidates" in done.stderr
    assert "\r" not in done.stdout + done.stderr


def test_a_name_that_is_no_text_is_printed_as_json(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9.wav"
    os.rename(write_bursts(tmp_path / "plain.wav", (1.0,), seconds=2.0), path)  # noqa: PTH104  Path wants text
    done = gunshot_sensor("replay", "--jsonl", "--p-min", "0", tmp_path)
    assert lines(done.stdout)[0]["file"] == os.fsdecode(path)


def test_a_name_with_control_characters_does_not_reach_the_terminal(tmp_path: Path) -> None:
    path = write_bursts(tmp_path / "a\x1b[2Jb\nc.wav", (1.0,), seconds=2.0)
    done = gunshot_sensor("replay", "--p-min", "0", tmp_path, tmp_path / "no\x1bwhere.wav")
    assert "\x1b" not in done.stdout + done.stderr
    assert r"a\x1b[2Jb\nc.wav" in done.stdout.splitlines()[1]
    assert r"no\x1bwhere.wav does not exist" in done.stderr
    (tmp_path / "m.csv").write_text("path,start_utc\n\x1bx,\n\x1bx,\n")
    done = gunshot_sensor("replay", "--manifest", tmp_path / "m.csv", tmp_path)
    assert r"m.csv:3 path: \x1bx is listed twice" in done.stderr
    done = gunshot_sensor("replay", "--jsonl", "--p-min", "0", tmp_path)
    assert lines(done.stdout)[0]["file"] == str(path)


@pytest.mark.parametrize("options", [("--jsonl",), ()])
def test_an_output_that_does_not_take_every_letter_gets_escapes(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    path = write_bursts(tmp_path / "\u0142.wav", (1.0,), seconds=2.0)
    done = gunshot_sensor("replay", "--p-min", "0", *options, path, env={"PYTHONIOENCODING": "latin-1"})
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0)
    assert r"\u0142.wav" in done.stdout
    assert not options or lines(done.stdout)[0]["file"] == str(path)


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_standard_output_is_one_clear_line(tree: Path, unbuffered: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "sensor", "replay", "--jsonl", "--p-min", "0", tree / "b.wav"],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "gunshot-sensor: standard output: No space left on device\n"


def test_counts_are_those_of_a_pipeline_with_that_p_min(tree: Path) -> None:
    file = RecordingFile("b", tree / "b.wav")
    for settings in (
        ReplaySettings(config=default_config(), p_min=1.0),
        ReplaySettings(config=default_config(), p_min=1.0, every_trigger=True),
    ):
        result = replay_file(file, Made(), settings)
        assert result.heard == []
        assert result.counts["triggers"] == 2
        assert result.counts[RejectReason.BELOW_P_MIN.value] == 2
    assert [round(offset_s, 2) for offset_s, _ in result.triggers] == [1.0, 2.0]


def test_candidates_are_handed_out_in_order_of_the_files(tree: Path) -> None:
    work = [(RecordingFile(name, tree / f"{name}"), Made()) for name in ("sub/a.wav", "b.wav", "c.flac")]
    for jobs in (1, 2):
        heard: list[tuple[RecordingFile, Heard]] = []
        results = list(replay_all(work, EVERYTHING, jobs, lambda *found: heard.append(found)))  # noqa: B023  used before the next turn
        assert [result.name for result in results] == [file.name for file, _ in work]
        names = [file.name for file, _ in heard]
        assert names == sorted(names, key=[file.name for file, _ in work].index)
        assert set(names) == {file.name for file, _ in work}


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    """The command in a process group of its own."""
    command = [sys.executable, "-m", "sensor", "replay", *map(str, arguments)]
    return subprocess.Popen(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )


def test_a_reader_that_leaves_early_is_no_fault(tree: Path) -> None:
    """As in `gunshot-sensor replay ... | head -0`."""
    with start("--jsonl", "--p-min", "0", tree) as process:
        process.stdout.close()  # type: ignore[union-attr]  # it is a pipe
        error = process.stderr.read()  # type: ignore[union-attr]  # same
    assert process.returncode == 141
    assert "Traceback" not in error
    assert "Broken" not in error


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("options", [("--realtime",), ("--jobs", "2")])
def test_an_interrupt_ends_cleanly_and_leaves_no_process(
    tmp_path: Path, options: tuple[str, ...], number: signal.Signals
) -> None:
    """Ctrl-C goes to the whole group, what a service manager or a scheduler sends to the process alone."""
    for name in ("1.wav", "2.wav"):
        hours_long(tmp_path / name)
    with start("--jsonl", "--p-min", "0", *options, tmp_path) as process:
        try:
            if options[0] == "--realtime":
                assert process.stdout.readline().startswith("{")  # type: ignore[union-attr]  # it works by now
            else:
                wait_until(lambda: children(process.pid) >= 2, what="two workers run")
        finally:
            (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
        _, error = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert "interrupted after 0 of 2 files" in error
    assert "Traceback" not in error
    wait_until(lambda: children_of_group(process.pid) == 0, what="the workers are gone")


def test_workers_do_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    for name in ("1.wav", "2.wav"):
        hours_long(tmp_path / name)
    with start("--jsonl", "--p-min", "0", "--jobs", "2", tmp_path) as process:
        try:
            wait_until(lambda: children(process.pid) >= 2, what="two workers run")
        finally:
            process.kill()
    wait_until(lambda: children_of_group(process.pid) == 0, what="the workers are gone")


def hours_long(path: Path) -> None:
    """A burst, then five hours of nothing, which take no room on the disk and nobody hears to their end."""
    sound = (bursts((0.5,), seconds=2.0) * 32767).astype("<i2").tobytes()
    content_bytes = 5 * 3600 * 48_000 * 2
    chunk = struct.pack("<4sIHHIIHH4sI", b"fmt ", 16, 1, 1, 48_000, 96_000, 2, 16, b"data", content_bytes)
    with path.open("wb") as file:
        file.write(struct.pack("<4sI4s", b"RIFF", 4 + len(chunk) + content_bytes, b"WAVE") + chunk + sound)
        file.truncate(8 + 4 + len(chunk) + content_bytes)


def children(pid: int) -> int:
    """Worker processes of ``pid``; multiprocessing's own tracker is not one."""
    return sum("spawn_main" in command for parent, _, command in _processes() if parent == pid)


def children_of_group(group: int) -> int:
    """Processes that live in the session ``group``."""
    return sum(session == group for _, session, _ in _processes())


def _processes() -> list[tuple[int, int, str]]:
    """Parent, session and command line of every live process; from the kernel, as `ps` cuts its lines."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            state, parent, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            if state != "Z":
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                found.append((int(parent), int(session), command))
    return found


def test_a_truncated_file_is_read_as_far_as_it_goes_and_told(tmp_path: Path) -> None:
    whole = write_bursts(tmp_path / "whole.wav", (1.0, 2.0), seconds=3.0)
    (tmp_path / "cut.wav").write_bytes(whole.read_bytes()[: 44 + 2 * 48_000 * 3 // 2])
    done = gunshot_sensor("replay", "--jsonl", "--p-min", "0", tmp_path / "cut.wav")
    assert [round(float(str(line["offset_s"])), 2) for line in lines(done.stdout)] == [1.0]
    assert f"damaged: {tmp_path / 'cut.wav'}: " in done.stderr
    assert done.returncode == 0


def test_unusable_weights_are_one_fault_and_not_one_for_every_file(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "weights.npz").write_bytes(b"no weights")
    settings = tmp_path / "config.yaml"
    settings.write_text(f"classify: {{model: {tmp_path / 'weights.npz'}}}\n")
    done = gunshot_sensor("replay", "--jsonl", "-c", settings, tree / "b.wav", tree / "c.flac")
    assert done.returncode == 1
    assert done.stderr.count("weights.npz") == 1
    assert not [line for line in done.stderr.splitlines() if line.startswith("refused: ")]
