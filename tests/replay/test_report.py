"""The page and the figures of a scored replay, from the command line on."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from sensor.replay import svg
from tests.support.command import gunshot_sensor
from tests.support.impulses import write_bursts


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
        if tag not in ("meta", "rect", "path", "polyline", "circle"):
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
    assert "recall" in text
    assert "expected calibration error over" in text
    assert str(scored / "report" / "index.html") in text


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


def test_points_outside_a_plot_are_drawn_at_its_edge() -> None:
    plot = svg.Plot(x=(0.0, 1.0), y=(0.0, 1.0), width=200, height=100)
    assert plot.at(5.0, 0.5)[0] == plot.at(1.0, 0.5)[0]
    assert plot.at(0.5, -9.0)[1] == plot.at(0.5, 0.0)[1]


def test_a_waveform_of_silence_or_of_one_sample_is_drawn() -> None:
    for samples in (np.zeros(1, np.float32), np.zeros(4800, np.float32)):
        assert svg.waveform(samples, 48_000.0, 0.0, []).startswith("<svg")
