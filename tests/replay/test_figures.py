"""One replay counted by hand: what the terminal, the page and scores.json say of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from sensor.reliability import reliability
from sensor.replay.labels import FileTruth, Onset
from sensor.replay.recordings import RecordingFile
from sensor.replay.report import scores_json, write_report
from sensor.replay.runner import FileResult, Heard, ReplaySettings, default_config
from sensor.replay.scoring import Recall, Scores, by_distance, score
from sensor.replay.tables import GROUP_HEAD, distance_table, group_rows, label_rows, score_text
from tests.support.impulses import write_bursts
from tests.support.messages import candidate


def result(name: str, seconds: float, *triggers: tuple[float, float]) -> FileResult:
    heard = [Heard(candidate(p_gunshot=p), offset_s) for offset_s, p in triggers if p >= 0.2]
    return FileResult(name, heard=heard, triggers=list(triggers), seconds=seconds)


@pytest.fixture(scope="module")
def scores() -> Scores:
    """Two hours with a burst of two and one of two of which one is only predicted; others without shots.

    The windows are 99.85 to 103 s and 199.85 to 203 s, so 7193.7 s of the first recording are background.
    """
    onsets = [
        Onset(onset_s=100.0, counted=True, shot=0, distance_m=50.0, level_db=90.0),
        Onset(onset_s=101.0, counted=True, shot=1, distance_m=100.0, level_db=80.0),
        Onset(onset_s=200.0, counted=True, shot=0, distance_m=50.0, level_db=70.0),
        Onset(onset_s=201.0, counted=False, shot=1, distance_m=100.0),
    ]
    truth = {
        "a.wav": FileTruth("a.wav", "east", label="gunshot", onsets=onsets),
        "b.wav": FileTruth("b.wav", "west", label="neg_dog"),
        "c.wav": FileTruth("c.wav", "west", label="neg_dog"),
        "d.wav": FileTruth("d.wav", "west", label="gunshot"),
    }
    background = [(1000.0 + 100.0 * number, 0.1) for number in range(6)]
    shots = [(100.001, 0.9), (100.5, 0.7), (101.004, 0.8), (200.02, 0.3), (201.01, 0.9)]
    false = [(2000.0, 0.95), (3000.0, 0.6)]
    return score(
        truth,
        [
            result("a.wav", 7200.0, *shots, *background, *false),
            result("b.wav", 3600.0, (50.0, 0.55)),
            result("c.wav", 1800.0, (50.0, 0.45)),
            result("d.wav", 900.0, (50.0, 0.9)),
        ],
    )


def test_the_table_of_groups(scores: Scores) -> None:
    east, west = (dict(zip(GROUP_HEAD, row, strict=True)) for row in group_rows(scores))
    assert east == {
        "group": "east",
        "files": "1",
        "rounds": "3",
        "not judged": "",
        "recall": "66.7% [20.8%, 93.9%] 2/3",
        "first rounds": "50.0% [9.5%, 90.5%] 1/2",
        "cand./round": "1.00",  # 4 in windows, 4 listed
        "background h": "1.998",
        "false": "2",
        "false/h": "1.0 [0.1, 3.6]",
        "triggers/h": "4",  # 8 outside the windows
        "error µs (5, 50, 95 %)": "1150 2500 3850",  # of 1000 and 4000
    }
    assert [west[name] for name in ("files", "rounds", "recall", "cand./round")] == ["3", "", "", ""]
    assert [west[name] for name in ("background h", "false", "false/h", "triggers/h")] == [
        "1.500", "1", "0.7 [0.0, 3.7]", "1",
    ]  # fmt: skip


def test_the_table_of_files_without_onsets(scores: Scores) -> None:
    assert label_rows(scores) == [
        ("gunshot", "1", "100.0% [20.7%, 100.0%] 1/1", "0.000", "0", ""),
        ("neg_dog", "2", "50.0% [9.5%, 90.5%] 1/2", "1.500", "1", "0.7 [0.0, 3.7]"),
    ]
    lines = score_text(scores, "m").splitlines()
    assert [line.split()[0] for line in lines if line] == [
        "Scores", "group", "east", "west", "what", "gunshot", "neg_dog", "expected",
    ]  # fmt: skip


def test_recall_by_distance_is_told_for_each_group(scores: Scores) -> None:
    far = Onset(onset_s=1.0, counted=True, distance_m=900.0)
    both = Scores([], [], [], [], [], [*scores.rounds, (far, "west", True)])
    assert by_distance(scores) == [
        Recall("east", 0.0, 100.0, rounds=2, hits=1),
        Recall("east", 100.0, 200.0, rounds=1, hits=1),
    ]
    assert distance_table(both) == (
        ("group", "0–100 m", "100–200 m", "> 800 m"),
        [
            ("east", "50.0% [9.5%, 90.5%] 1/2", "100.0% [20.7%, 100.0%] 1/1", ""),
            ("west", "", "", "100.0% [20.7%, 100.0%] 1/1"),
        ],
    )
    assert scores_json(both, "m")["distances"][2]["to_m"] is None


def test_every_figure_for_programs(scores: Scores) -> None:
    body: dict[str, Any] = json.loads(json.dumps(scores_json(scores, "m"), allow_nan=False))
    east, west = body["groups"]
    assert east["error_ms"] == pytest.approx({"p5": 1.15, "p25": 1.75, "p50": 2.5, "p75": 3.25, "p95": 3.85})
    assert east["background_h"] == pytest.approx(7193.7 / 3600.0)
    assert east["recall_95"] == pytest.approx([0.2077, 0.9385], abs=1e-4)
    assert east["false_per_h"] == pytest.approx(2 / 1.99825)
    assert east["false_per_h_95"] == pytest.approx([0.2422 / 1.99825, 7.2247 / 1.99825], rel=1e-3)
    assert east["triggers_per_h"] == pytest.approx(8 / 1.99825)
    counts = {name: value for name, value in east.items() if isinstance(value, int)}
    assert counts == {
        "files": 1, "rounds": 3, "listed": 4, "not_judged": 0, "hits": 2, "first_rounds": 2, "first_hits": 1,
        "false": 2, "files_without_shots": 0, "files_without_shots_with_candidate": 0,
        "files_with_unlisted_shots": 0, "files_with_unlisted_shots_with_candidate": 0,
    }  # fmt: skip
    assert east["candidates_per_round"] == 1.0
    assert [west[name] for name in west if name.startswith("files")] == [3, 2, 1, 1, 1]
    assert [part["hits"] for part in body["distances"]] == [1, 1]
    assert body["misses"] == [{"file": "a.wav", "onset_s": 200.0, "shot": 0, "p_nearby": 0.3, "refused": []}]
    assert [(item["file"], item["p"], item["near"]) for item in body["false"]] == [
        ("a.wav", 0.95, ""), ("a.wav", 0.6, ""), ("b.wav", 0.55, "neg_dog"),
    ]  # fmt: skip


def test_a_bin_that_holds_both_is_weighted_to_the_prior() -> None:
    """One gunshot at 0.81 stands for 40 %, three others at 0.85 for 20 % each."""
    (held,) = reliability([(0.81, True), (0.85, False), (0.85, False), (0.85, False)], prior=0.4)
    assert (held.p, held.share, held.weight) == pytest.approx((0.834, 0.4, 1.0))
    assert held.triggers == 4


def test_the_loudest_misses_come_first_on_the_page_and_no_more_than_20(tmp_path: Path) -> None:
    """Listed from the least to the loudest, 0.1 s apart."""
    write_bursts(tmp_path / "a.wav", (1.0,), seconds=4.0)
    onsets = [
        Onset(onset_s=0.5 + 0.1 * number, counted=True, level_db=60.0 + number, distance_m=10.0)
        for number in range(25)
    ]
    results = [FileResult("a.wav", seconds=4.0), FileResult("b.wav", refused="why")]
    truth = {"a.wav": FileTruth("a.wav", "one", onsets=onsets), "b.wav": FileTruth("b.wav", "one")}
    settings = ReplaySettings(config=default_config(), p_min=0.0, every_trigger=True)
    files = [RecordingFile(name, tmp_path / name) for name in ("a.wav", "b.wav")]
    page = write_report(tmp_path, score(truth, results), results, settings, files).read_text()
    shown = re.findall(r"a\.wav at (\d\.\d{4}) s, round 1, (\d\d) dB: nothing triggered", page)
    assert shown == [(f"{0.5 + 0.1 * number:.4f}", f"{60 + number}") for number in range(24, 4, -1)]
    assert "<h1>Replay of 1 recording</h1>" in page
    assert "<th>0–100 m</th>" in page
    assert page.count("all groups together") == 2
    listed = json.loads((tmp_path / "scores.json").read_text())["misses"]
    assert [miss["onset_s"] for miss in listed] == [onset.onset_s for onset in reversed(onsets)]
