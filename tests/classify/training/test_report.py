"""What other thresholds would give, counted by hand; intervals stay inside what can be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

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


@pytest.mark.parametrize("hits", [0, 29])
def test_the_interval_of_a_share_stays_between_0_and_1(hits: int) -> None:
    low, high = wilson(hits, 29)
    assert 0.0 <= low < high <= 1.0
