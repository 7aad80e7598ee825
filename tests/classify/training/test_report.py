"""What other thresholds would give, counted by hand; intervals stay inside what can be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scripts import detection_scoring
from sensor.classify.training import corpus as corpora
from sensor.classify.training import pictures, report
from sensor.classify.training.corpus import Corpus, Label, Recording, Round
from sensor.classify.training.examples import ROW, Dataset
from sensor.classify.training.report import Share
from sensor.intervals import wilson

STREET = Recording(
    "pittsburgh/FP1_x.flac",
    Label.GUNSHOT,
    "gunshot",
    "FP1",
    0,
    12_000.0,
    (Round(3.0, 0, counts=True), Round(3.4, 1, counts=True)),
)
SAID = {Label.GUNSHOT: (0.95, 0.45), Label.STREET: (0.65, 0.1), Label.OTHER_IMPULSE: (0.35, 0.25)}


def test_cuts_count_rounds_and_false_candidates_at_each_threshold() -> None:
    rows = np.zeros(6, ROW)
    rows["path"], rows["group"] = STREET.path, "FP1"
    rows["label"] = [label for label in SAID for _ in range(2)]
    rows["round"] = [0, 1, -1, -1, -1, -1]
    said = np.array([p for pair in SAID.values() for p in pair])
    data = Dataset(rows, np.zeros((6, len(pictures.NAMES)), np.float32))
    found = {cut.p: cut for cut in report.cuts(Corpus(Path(), (STREET,)), data, said)}
    assert [cut.rounds for cut in found.values()] == [Share(2, 2)] * 3 + [Share(1, 2)] * 5
    assert [cut.street for cut in found.values()] == [1, 1, 1, 1, 1, 0, 0, 0]
    assert [cut.negatives for cut in found.values()] == [2, 1, 0, 0, 0, 0, 0, 0]
    assert found[0.5].first_rounds == Share(1, 1)
    assert found[0.5].range_channels == Share(0, 200)


def street_data(labels: list[Label]) -> Dataset:
    rows = np.zeros(len(labels), ROW)
    rows["path"], rows["group"], rows["label"] = STREET.path, "FP1", labels
    return Dataset(rows, np.zeros((len(labels), 1, len(pictures.NAMES)), np.float32))


def test_echoes_count_as_no_shots_where_they_are_asked_for() -> None:
    data = street_data([Label.GUNSHOT, Label.STREET, Label.ECHO, Label.IGNORE])
    said = np.array([1.0, 0.0, 1.0, 0.5])
    assert report.calibration_error(data, said)[0] == pytest.approx(0.0)
    # At a prior of 0.25 the echo has half of the 0.75 that are no shots, and is stated as one.
    error, bins = report.calibration_error(data, said, with_echoes=True)
    assert error == pytest.approx(0.375)
    assert [count for _, _, count in bins] == [1, 2]


def test_background_is_what_no_window_holds_and_nobody_ignores() -> None:
    """Windows 2.85 to 5.0 and 3.25 to 5.4 s of ten; before 1 s nothing counts."""
    assert report.background_s(STREET, 120_000) == pytest.approx(10.0 - 2.55, abs=1e-3)
    assert report.background_s(replace(STREET, ignore_before_s=1.0), 120_000) == pytest.approx(
        10.0 - 2.55 - 1.0, abs=1e-3
    )
    assert report.background_s(STREET, 48_000) == pytest.approx(2.85, abs=1e-3)


@pytest.mark.corpus
def test_hours_of_background_are_those_of_the_detectors_score(corpus: Path) -> None:
    """The page's two tables share their hours: the group with the ignored beginning, too."""
    loaded = corpora.load(corpus)
    own = [item for item in loaded.recordings if item.group == "FP4"]
    told_h = sum(report.background_s(item, loaded.read(item).size) for item in own) / 3600.0
    listed = [item for item in detection_scoring.load(corpus) if item.group == "FP4"]
    assert told_h == pytest.approx(detection_scoring.score(listed).background_h, rel=1e-9)


@pytest.mark.parametrize("hits", [0, 29])
def test_the_interval_of_a_share_stays_between_0_and_1(hits: int) -> None:
    low, high = wilson(hits, 29)
    assert 0.0 <= low < high <= 1.0
