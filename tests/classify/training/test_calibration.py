"""Stated probabilities come true, also where the calibration has met none of the verdicts."""

from __future__ import annotations

import numpy as np
import pytest

from sensor.classify.training.calibration import Standard, applied, calibrate, shared, softmax


def test_calibration_finds_the_temperature_that_was_lost() -> None:
    rng = np.random.default_rng(0)
    logits = 1.5 * rng.standard_normal((20_000, 3))
    truth = np.array([rng.choice(3, p=p) for p in softmax(logits)])
    overconfident = softmax(2.5 * logits + np.array([0.0, 1.0, -0.5]))
    found = calibrate(overconfident, np.eye(3, dtype=np.float32)[truth], np.ones(20_000))
    assert found.temperature == pytest.approx(2.5, rel=0.05)
    assert found.apply(overconfident) == pytest.approx(softmax(logits), abs=0.05)


def test_what_is_calibrated_states_the_classes_shares() -> None:
    """Where no shift gains anything the mean probability of a class is its share: the fit has ended there."""
    rng = np.random.default_rng(35)  # a draw on which a simplex search stops short of it
    targets = np.eye(4, dtype=np.float32)[rng.choice(4, 1000, p=[0.25, 0.1, 0.3, 0.35])]
    raw = softmax(8.0 * rng.standard_normal((1000, 4)) + 10.0 * targets + [6.0, 0.0, -6.0, 3.0])
    weights = rng.uniform(0.2, 1.0, 1000) * np.where(targets[:, 0] > 0.0, 30.0, 1.0)
    stated = calibrate(raw, targets, weights).apply(raw)
    assert np.average(stated, axis=0, weights=weights) == pytest.approx(
        np.average(targets, axis=0, weights=weights), abs=5e-5
    )


def test_weights_give_the_positive_rows_their_share() -> None:
    positive = np.array([True, False, False, True, False])
    weights = shared(positive, 0.25)
    assert weights.sum() == pytest.approx(1.0)
    assert weights[positive].sum() == pytest.approx(0.25)
    assert np.unique(weights[positive]).size == 1


def overconfident(count: int, folds: int) -> tuple[np.ndarray, Standard, np.ndarray]:
    """Verdicts of two classes stated too surely, in fold 0 the wrong way round."""
    rng = np.random.default_rng(4)
    fold = np.arange(count) % folds
    logits = 2.0 * rng.standard_normal((count, 2))
    truth = (rng.uniform(size=count) < softmax(logits)[:, 0]).astype(int)
    truth[fold == 0] = 1 - truth[fold == 0]
    targets = np.eye(2, dtype=np.float32)[1 - truth]
    known = rng.uniform(size=count) < 0.8
    return softmax(3.0 * logits), Standard(known, targets, truth == 1, 0.5), fold


def test_no_fold_is_calibrated_on_its_own_verdicts() -> None:
    said, standard, fold = overconfident(9000, 3)
    before = standard.of_folds(said, fold, 3)
    own = fold == 0
    changed = said.copy()
    changed[own] = 1.0 - changed[own]
    after = standard.of_folds(changed, fold, 3)
    assert after[0] == before[0]
    assert after[1] != before[1]
    assert after[2] != before[2]


def test_what_is_not_known_does_not_calibrate() -> None:
    said, standard, _ = overconfident(3000, 3)
    changed = np.where(standard.rows[:, None], said, 0.5)
    assert standard.calibration(changed) == standard.calibration(said)


def test_every_fold_is_stated_by_its_own_calibration() -> None:
    said, standard, fold = overconfident(3000, 3)
    fold[:10] = -1  # of no fold: made sounds, which are never judged
    calibrations = standard.of_folds(said, fold, 3)
    stated = applied(said, fold, calibrations)
    assert np.isnan(stated[:10]).all()
    for number, calibration in enumerate(calibrations):
        assert np.array_equal(stated[fold == number], calibration.apply(said[fold == number]))
