"""The models of the folds are kept, calibrated and joined as a session joins them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sensor.classify import context, features, model
from sensor.classify.classifier import DEFAULT_MODEL, Classifier
from sensor.classify.training import judges, protocol, report
from sensor.classify.training.corpus import FOLDS, Label
from sensor.classify.training.examples import ROW, Dataset
from sensor.classify.training.network import Recipe

WIDTH = len(features.NAMES) + len(context.NAMES)
HEARD_BEFORE = len(features.NAMES) + context.NAMES.index("count_1")


@pytest.fixture(scope="module")
def data() -> Dataset:
    """Random examples of which one feature tells shots from the rest, another echoes from rounds."""
    rng = np.random.default_rng(0)
    rows = np.zeros(1400, ROW)
    rows["fold"], rows["noise_fold"] = rng.integers(0, FOLDS, 1400), -1
    rows["path"], rows["group"] = "pittsburgh/x", "FP1"
    rows["label"] = rng.integers(0, Label.IGNORE + 1, 1400)
    values = rng.standard_normal((1400, WIDTH)).astype(np.float32)
    sounds_like_one = np.isin(rows["label"], (Label.GUNSHOT, Label.ECHO))
    values[:, 3:20] += np.where(sounds_like_one, 2.0, -2.0)[:, None]
    values[:, 20:40] += np.where(rows["label"] == Label.ECHO, 2.0, -2.0)[:, None]
    values[:, HEARD_BEFORE] = rng.integers(0, 2, 1400)
    values[rows["label"] == Label.ECHO, HEARD_BEFORE] = 1.0
    return Dataset(rows, np.repeat(values[:, None], 2, axis=1))


def test_every_verdict_is_that_of_its_own_folds_stranger(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SOUND", "ECHO"):  # small and quick: what is tested is who judges whom
        recipe = Recipe(hidden=8, members=1, epochs=10, batch=32, rate=1e-2, dropout=0.0)
        monkeypatch.setattr(protocol, name, recipe)
    monkeypatch.setattr(protocol, "JOBS", 1)
    monkeypatch.setattr(protocol, "SHOT", replace(protocol.SHOT, trees=12, rate=0.3, bins=16))
    judged = judges.fold_judges(data, 1)
    assert len(judged.judges) == FOLDS
    assert judged.classes.shape == (1400, len(Classifier.load().classes))
    assert judged.classes.sum(axis=1) == pytest.approx(1.0)
    assert (judged.classes[data.features[:, 0, HEARD_BEFORE] == 0, -1] == 0.0).all()
    for fold, judge in enumerate(judged.judges):
        own = data.rows["fold"] == fold
        again = judge(Dataset(data.rows[own], data.features[own]))
        assert again == pytest.approx(judged.classes[own], abs=1e-6)
    said, labels = judged.classes[:, 0], data.labels
    assert said[labels == Label.GUNSHOT].mean() > 0.8
    assert said[labels == Label.ECHO].mean() < 0.4
    assert said[labels == Label.OTHER_IMPULSE].mean() < 0.1
    error, _ = report.calibration_error(data, said)
    assert error < 0.1


def test_what_ships_is_asked_as_the_daemon_asks_it(data: Dataset) -> None:
    classifier = Classifier.load()
    few = Dataset(data.rows[:3], data.features[:3])
    said = judges.shipped(classifier, few)
    assert [list(row) for row in said] == [list(classifier.probabilities(v).values()) for v in few.features]


def test_the_daemon_averages_the_looks_as_the_protocol_does(data: Dataset) -> None:
    looks = data.features[:20].copy()
    looks[:, 1] += np.float32(0.7)
    weights = model.read(DEFAULT_MODEL)
    said = judges.shipped(Classifier(weights), Dataset(data.rows[:20], looks))
    kinds = protocol.averaged(protocol.predictor(weights.sound), looks)
    assert said[:, 0] + said[:, -1] == pytest.approx(kinds[:, 0], abs=1e-5)
    assert said[:, 1:-1] == pytest.approx(kinds[:, 1:], abs=1e-5)
    alone = protocol.averaged(protocol.predictor(weights.sound), looks[:, :1])
    assert np.abs(kinds - alone).max() > 1e-3
