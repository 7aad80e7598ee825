"""The page and the figures of a scored replay, from the command line on."""

from __future__ import annotations

import errno
import json
import os
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sensor.classify.classifier import Classifier
from sensor.replay import report, svg
from sensor.replay.labels import FileTruth, Onset
from sensor.replay.recordings import RecordingFile
from sensor.replay.report import write_report
from sensor.replay.runner import FileResult, Heard, ReplaySettings, default_config
from sensor.replay.scoring import Scores, score
from tests.support.command import gunshot_sensor
from tests.support.impulses import write_bursts
from tests.support.messages import candidate


class Page(HTMLParser):
    """Counts what a page holds, and what it would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [str(value) for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "rect", "path", "polyline", "polygon", "circle"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two files, three listed onsets of which one is silent, a candidate where none is listed."""
    folder = tmp_path_factory.mktemp("scored")
    write_bursts(folder / "a.wav", (1.0, 3.0), seconds=8.0)
    write_bursts(folder / "b & <c>.wav", (2.0,), seconds=6.0)
    (folder / "events.csv").write_text("path,onset_s,group\na.wav,1.0,one\na.wav,3.0,one\na.wav,6.5,one\n")
    done = gunshot_sensor(
        "replay",
        "--jsonl",
        "--p-min",
        "0",
        "--labels",
        folder / "events.csv",
        "--report",
        folder / "report",
        folder,
    )
    assert done.returncode == 0, done.stderr
    (folder / "stderr").write_text(done.stderr)
    return folder


def test_figures_are_written_as_json(scored: Path) -> None:
    scores = json.loads((scored / "report" / "scores.json").read_text())
    groups = {group["group"]: group for group in scores["groups"]}
    assert (groups["one"]["rounds"], groups["one"]["files"]) == (3, 1)
    missed = {(miss["onset_s"], miss["p_nearby"] is None) for miss in scores["misses"]}
    assert (6.5, True) in missed
    assert groups["one"]["hits"] == 3 - len(missed)
    assert 0.0 <= scores["calibration"]["ece"] <= 1.0
    assert scores["model_id"] == Classifier.load().model_id


def test_the_page_is_well_formed_and_needs_nothing_else(scored: Path) -> None:
    text = (scored / "report" / "index.html").read_text()
    page = Page(text)
    assert page.fetched == []
    assert "script" not in page.tags
    assert page.open == []
    assert page.tags.count("svg") >= 4
    assert "b & <c>" not in text


def test_the_summary_goes_to_standard_error(scored: Path) -> None:
    text = (scored / "stderr").read_text()
    assert f"Scores at p ≥ 0.5 of model {Classifier.load().model_id}. Recordings that" in text
    assert "recall" in text
    assert "expected calibration error over" in text
    assert str(scored / "report" / "index.html") in text


def page_of(folder: Path, about: FileTruth, result: FileResult) -> str:
    file = RecordingFile(about.name, folder / about.name)
    settings = ReplaySettings(config=default_config(), p_min=0.0, every_trigger=True)
    page = write_report(folder, score({about.name: about}, [result]), [result], settings, [file])
    return page.read_text()


def test_misses_are_told_by_round_and_by_the_trigger_before_their_own(tmp_path: Path) -> None:
    write_bursts(tmp_path / "a.wav", (1.0,), seconds=4.0)
    onsets = [Onset(onset_s=at_s, counted=True, shot=shot) for shot, at_s in enumerate((1.0, 1.5))]
    result = FileResult("a.wav", triggers=[(1.2, 0.1), (1.499, 0.3), (1.52, 0.2)], seconds=4.0)
    text = page_of(tmp_path, FileTruth("a.wav", "one", onsets=onsets), result)
    assert "a.wav at 1.5000 s, round 2: best p nearby 0.300, 300 ms after another trigger<" in text
    assert "a.wav at 1.0000 s, round 1: nothing triggered<" in text
    assert "<h1>Replay of 1 recording</h1>" in text
    assert "Most probable first" not in text
    assert "<p>None.</p>" in text


def test_a_miss_that_rises_out_of_a_rail_says_so(tmp_path: Path) -> None:
    """Not that nothing triggered: the detector heard the edge between two rails, 1 s from the start."""
    time_s = np.arange(2 * 48_000) / 48_000
    wave = 30.0 * np.where(time_s < 0.5, 0.0, np.sin(2.0 * np.pi * 10.0 * time_s))
    noise = np.random.default_rng(1).normal(0.0, 0.001, time_s.size)
    soundfile.write(tmp_path / "rails.wav", np.clip(wave + noise, -1.0, 1.0), 48_000, "FLOAT")
    (tmp_path / "events.csv").write_text("path,onset_s\nrails.wav,1.0\n")
    report_to = tmp_path / "report"
    done = gunshot_sensor(
        "replay", "--labels", tmp_path / "events.csv", "--report", report_to, tmp_path / "rails.wav"
    )
    assert done.returncode == 0, done.stderr
    scores = json.loads((report_to / "scores.json").read_text())
    (miss,) = scores["misses"]
    assert (miss["p_nearby"], "overload" in miss["refused"]) == (None, True)
    assert "refused as" in (report_to / "index.html").read_text()


def test_misses_in_digital_silence_say_so_and_come_last(tmp_path: Path) -> None:
    samples = np.zeros(4 * 48_000, np.float32)
    samples[3 * 48_000 :] = 0.01 * np.random.default_rng(1).standard_normal(48_000)
    soundfile.write(tmp_path / "a.wav", samples, 48_000)
    onsets = [
        Onset(onset_s=1.0, counted=True, level_db=99.0),
        Onset(onset_s=3.5, counted=True, level_db=60.0),
    ]
    text = page_of(tmp_path, FileTruth("a.wav", "one", onsets=onsets), FileResult("a.wav", seconds=4.0))
    assert "nothing triggered; digital silence here<" in text
    assert text.index("at 3.5000 s") < text.index("at 1.0000 s")
    assert "e-06" not in text


def test_a_false_candidate_in_a_file_with_shots_is_not_called_a_shot(tmp_path: Path) -> None:
    write_bursts(tmp_path / "a.wav", (1.0,), seconds=6.0)
    about = FileTruth("a.wav", "one", label="gunshot", onsets=[Onset(onset_s=1.0, counted=True)])
    result = FileResult("a.wav", heard=[Heard(candidate(p_gunshot=0.9), 5.0)], seconds=6.0)
    text = page_of(tmp_path, about, result)
    assert "outside every listed window of a file with shots" in text
    assert "really" not in text
    assert json.loads((tmp_path / "scores.json").read_text())["false"][0]["near"] == ""


def test_a_recall_axis_that_does_not_begin_at_nothing_says_so(tmp_path: Path) -> None:
    write_bursts(tmp_path / "a.wav", (1.0,), seconds=30.0)
    onsets = [Onset(onset_s=1.0 + shot, counted=True, shot=shot) for shot in range(28)]
    found = [Heard(candidate(p_gunshot=0.9), onset.onset_s) for onset in onsets]
    result = FileResult("a.wav", heard=found, triggers=[(one.offset_s, 0.9) for one in found], seconds=30.0)
    text = page_of(tmp_path, FileTruth("a.wav", "one", onsets=onsets), result)
    assert "The axis begins at 80 %." in text
    assert "<td>0 0 0</td>" in text


def test_an_unwritable_report_is_a_clear_fault(tmp_path: Path) -> None:
    write_bursts(tmp_path / "a.wav", (1.0,), seconds=2.0)
    (tmp_path / "events.csv").write_text("path,onset_s\na.wav,1.0\n")
    done = gunshot_sensor(
        "replay",
        "--labels",
        tmp_path / "events.csv",
        "--report",
        tmp_path / "a.wav" / "report",
        tmp_path / "a.wav",
    )
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert "files read" not in done.stderr


def test_points_outside_a_plot_are_drawn_at_its_edge() -> None:
    plot = svg.Plot(x=(0.0, 1.0), y=(0.0, 1.0), width=200, height=100)
    assert plot.at(5.0, 0.5)[0] == plot.at(1.0, 0.5)[0]
    assert plot.at(0.5, -9.0)[1] == plot.at(0.5, 0.0)[1]


def test_a_waveform_of_silence_or_of_one_sample_is_drawn() -> None:
    for samples in (np.zeros(1, np.float32), np.zeros(4800, np.float32)):
        assert svg.waveform(samples, 48_000.0, 0.0, []).startswith("<svg")


def test_a_report_that_cannot_be_finished_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills up while the page is written."""
    for name in ("scores.json", "index.html"):
        (tmp_path / name).write_text("old")
    written = Path.write_text

    def fill_up(path: Path, text: str, **options: str) -> int:
        if "index" in path.name:
            written(path, text[:10], encoding="utf-8")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return written(path, text, **options)

    monkeypatch.setattr(Path, "write_text", fill_up)
    settings = ReplaySettings(config=default_config(), p_min=0.0)
    with pytest.raises(OSError, match="No space left"):
        report.write_report(tmp_path, Scores([], [], [], [], [], []), [], settings, [])
    assert (tmp_path / "index.html").read_text() == "old"
    assert json.loads((tmp_path / "scores.json").read_text())["groups"] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index.html", "scores.json"]


def test_a_threshold_of_the_configuration_that_hides_candidates_is_refused(scored: Path) -> None:
    settings = scored / "config.yaml"
    settings.write_text("publish: {p_min: 0.6}\n")
    words = ("replay", "--labels", scored / "events.csv", "-c", settings)
    done = gunshot_sensor(*words, scored)
    assert done.returncode == 2
    assert f"publish.p_min 0.6 of {settings} above that would hide some" in done.stderr
    assert gunshot_sensor(*words, "--p-min", "0.5", scored / "a.wav").returncode == 0


def test_what_is_missing_from_the_figures_is_told(tmp_path: Path) -> None:
    """A damaged file, one that is none, one that nobody listed, and rows that lead nowhere."""
    whole = write_bursts(tmp_path / "whole.wav", (1.0,), seconds=4.0)
    (tmp_path / "cut.wav").write_bytes(whole.read_bytes()[: 44 + 2 * 48_000 * 2])
    (tmp_path / "lies.wav").write_text("no sound at all, only words about it")
    write_bursts(tmp_path / "other.wav", (1.0,), seconds=2.0)
    (tmp_path / "events.csv").write_text(
        "path,onset_s,group\nwhole.wav,1.0,g\nwhole.wav,99,g\ncut.wav,1.0,g\ncut.wav,3.0,g\nlies.wav,1.0,h\n"
        "gone.wav,1.0,g\n"
    )
    done = gunshot_sensor(
        "replay", "--jsonl", "--labels", tmp_path / "events.csv", "--report", tmp_path / "r", tmp_path
    )
    assert done.returncode == 1
    table = tmp_path / "events.csv"
    assert f"1 of 4 recordings are not listed in {table}: {tmp_path / 'other.wav'}" in done.stderr
    assert f"1 of 6 rows of {table} name no recording: {table}:7 path gone.wav" in done.stderr
    assert f"beyond the end of their recording: 3 s in {tmp_path / 'cut.wav'} (2.00 s), 99 s" in done.stderr
    assert done.stderr.count("incomplete: 1 of 4 recordings were not read") == 1
    scores = json.loads((tmp_path / "r" / "scores.json").read_text())
    assert {group["group"]: (group["rounds"], group["not_judged"]) for group in scores["groups"]} == {
        "files": (0, 0), "g": (2, 2), "h": (0, 1),
    }  # fmt: skip
    assert (scores["recordings"], scores["recordings_not_read"]) == (4, 1)
    page = (tmp_path / "r" / "index.html").read_text()
    assert "incomplete: 1 of 4 recordings were not read" in page
    assert "<th>not judged</th>" in page
    assert "<li>1 of 4 recordings are not listed in" in page
    assert "<li>2 listed times are beyond the end of their recording: 3 s in" in page
