"""Networks learn and repeat themselves, folds do not leak, calibration and intervals are right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from sensor.classify import context, features
from sensor.classify.training import boosting, protocol, report
from sensor.classify.training.calibration import Calibration, calibrated_network, calibrated_sound, softmax
from sensor.classify.training.corpus import FOLDS, Label
from sensor.classify.training.examples import ROW, Dataset
from sensor.classify.training.network import Recipe, fit

WIDTH = len(features.NAMES) + len(context.NAMES)


def rings(count: int, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Points inside and outside a circle: no straight line parts them."""
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((count, 2)).astype(np.float32)
    inside = (points**2).sum(axis=1) < 1.4
    return points, np.stack([inside, ~inside], axis=1).astype(np.float32)


def test_a_network_learns_what_is_not_linear_and_repeats_itself() -> None:
    points, targets = rings(4000)
    recipe = Recipe(hidden=24, members=2, epochs=30, dropout=0.0, input_noise=0.0)
    weights = np.ones(len(points), np.float32)
    network, again = (fit(points, targets, weights, recipe, 3) for _ in range(2))
    fresh, truth = rings(1000, seed=1)
    assert (network.logits(fresh).argmax(axis=1) == truth.argmax(axis=1)).mean() > 0.93
    for one, other in zip(network.layers, again.layers, strict=True):
        assert np.array_equal(one[0], other[0])
        assert np.array_equal(one[1], other[1])


def test_an_unknown_input_counts_as_average() -> None:
    points, targets = rings(1000)
    network = fit(points, targets, np.ones(1000, np.float32), Recipe(hidden=8, members=1, epochs=2), 0)
    unknown = np.array([[np.nan, 0.3]], np.float32)
    assert network.logits(unknown) == pytest.approx(
        network.logits(np.array([[network.mean[0], 0.3]], np.float32)), abs=1e-5
    )


def dataset(count: int = 700) -> Dataset:
    rng = np.random.default_rng(0)
    rows = np.zeros(count, ROW)
    rows["fold"], rows["noise_fold"] = rng.integers(0, FOLDS, count), rng.integers(-1, FOLDS, count)
    rows["path"], rows["group"] = "pittsburgh/x", "FP1"
    rows["label"] = rng.integers(0, Label.IGNORE + 1, count)
    values = rng.standard_normal((count, WIDTH)).astype(np.float32)
    values[:, 0] = np.arange(count)  # a row's own number, so that a spy can tell rows apart
    return Dataset(rows, values[:, None])


def test_no_verdict_is_by_a_model_that_met_its_fold() -> None:
    data = dataset()
    task = protocol.sound_task(data)
    judged: list[int] = []

    def spy(
        vectors: NDArray[np.float32], targets: NDArray[np.float32], weights: NDArray[np.float32]
    ) -> protocol.Predictor:
        assert len(vectors) == len(targets) == len(weights)
        learned = vectors[:, 0].astype(int)

        def predict(asked: NDArray[np.float32]) -> NDArray[np.float64]:
            rows = asked[:, 0].astype(int)
            folds = set(data.rows["fold"][rows].tolist())
            assert len(folds) == 1
            assert not folds & set(data.rows["fold"][learned].tolist())
            assert not folds & set(data.rows["noise_fold"][learned].tolist())
            judged.extend(rows.tolist())
            return np.full((len(rows), 4), 0.25)

        return predict

    protocol.out_of_fold(data, task, spy, jobs=1)
    assert sorted(judged) == list(range(len(data.rows)))


def test_folds_give_the_same_in_processes_of_their_own() -> None:
    data = dataset()
    task = protocol.sound_task(data)
    fitter = protocol.network_fitter(Recipe(hidden=4, members=1, epochs=1))(0)
    alone, apart = (protocol.out_of_fold(data, task, fitter, jobs) for jobs in (1, 2))
    assert np.isfinite(alone).all()
    assert np.array_equal(alone, apart)


def test_echoes_and_unlabelled_triggers_are_neither() -> None:
    data = dataset()
    use = protocol.sound_task(data).use
    assert not np.isin(data.labels[use], (Label.ECHO, Label.IGNORE)).any()


def test_a_calibrated_network_states_the_calibrated_probabilities() -> None:
    points, targets = rings(500)
    network = fit(points, targets, np.ones(500, np.float32), Recipe(hidden=8, members=2, epochs=3), 0)
    calibration = Calibration(1.7, (0.0, 0.4))
    expected = calibration.apply(protocol.predictor(network)(points))
    assert protocol.predictor(calibrated_network(network, calibration))(points) == pytest.approx(
        expected, abs=1e-4
    )


def test_network_and_trees_state_the_mean_of_their_logarithms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "SOUND", replace(protocol.SOUND, hidden=8, epochs=3))
    monkeypatch.setattr(protocol, "SHOT", replace(protocol.SHOT, trees=12, rate=0.3, bins=16))
    points, inside = rings(600)
    targets = np.concatenate([inside, np.zeros((600, 1), np.float32)], axis=1)
    weights = np.ones(600, np.float32)
    both = protocol.fit_sound(points, targets, weights, 1)
    network = protocol.predictor(fit(points, targets, weights, protocol.SOUND, 1))(points)
    odds = boosting.fit(points, inside[:, 0] > 0.5, weights, protocol.SHOT, 1).scores(points)
    shot = 1.0 / (1.0 + np.exp(-odds.astype(np.float64)))
    trees = np.stack([shot, (1.0 - shot) / 2.0, (1.0 - shot) / 2.0], axis=1)
    share = protocol.TREE_SHARE
    mean = softmax((1.0 - share) * np.log(network) + share * np.log(trees))
    assert protocol.predictor(both)(points) == pytest.approx(mean, abs=1e-3)
    calibration = Calibration(1.7, (0.0, 0.4, -0.3))
    assert protocol.predictor(calibrated_sound(both, calibration))(points) == pytest.approx(
        calibration.apply(mean), abs=1e-3
    )


def test_looks_are_averaged_by_the_logarithms_of_what_is_said_of_them() -> None:
    points, targets = rings(400)
    predict = protocol.predictor(
        fit(points, targets, np.ones(400, np.float32), Recipe(hidden=8, members=1, epochs=3), 0)
    )
    looks = np.stack([points, points + np.float32(0.3)], axis=1)
    mean = (np.log(predict(looks[:, 0])) + np.log(predict(looks[:, 1]))) / 2.0
    assert protocol.averaged(predict, looks) == pytest.approx(softmax(mean), abs=1e-6)
    assert protocol.averaged(predict, looks[:0]).shape == (0, 2)


def test_perfectly_stated_probabilities_have_no_calibration_error() -> None:
    data = dataset(7000)
    rng = np.random.default_rng(1)
    stated = rng.uniform(0.0, 1.0, len(data.rows))
    data.rows["label"] = np.where(
        rng.uniform(0.0, 1.0, len(stated)) < stated, Label.GUNSHOT, Label.NON_IMPULSE
    )
    odds = protocol.PRIOR / (1.0 - protocol.PRIOR)  # the halves of shots above are weighted to the prior
    shifted = stated * odds / (stated * odds + 1.0 - stated)
    assert report.calibration_error(data, shifted)[0] < 0.03
    assert report.calibration_error(data, 1.0 - shifted)[0] > 0.3
