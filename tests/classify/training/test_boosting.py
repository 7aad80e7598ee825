"""Trees taken over from scikit-learn score as they do there, but for the softness of their thresholds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from sensor.classify.training import boosting, protocol
from sensor.classify.training.boosting import Boosting

RECIPE = Boosting(
    trees=12, rate=0.3, leaves=6, smallest_leaf=5, feature_share=0.5, penalty=1.0, softness=0.05
)


def examples(seed: int, unknown: float) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Half-continuous, half-stepped inputs, a share of them unknown, with a shot where two agree."""
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((600, 5)).astype(np.float32)
    vectors[:, 2:] = np.round(vectors[:, 2:] * 2) / 2
    shot = vectors[:, 0] * vectors[:, 2] > 0.2
    vectors[rng.random(vectors.shape) < unknown] = np.nan
    return vectors, shot


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000), unknown=st.sampled_from([0.0, 0.1, 0.5]))
def test_the_score_is_scikit_learns(seed: int, unknown: float) -> None:
    vectors, shot = examples(seed, unknown)
    theirs = HistGradientBoostingClassifier(max_iter=8, max_leaf_nodes=7, min_samples_leaf=5, random_state=0)
    theirs.fit(vectors, shot)
    ours = boosting.taken_over(theirs, np.full(5, 1e-8, np.float32))
    asked, _ = examples(seed + 1, 0.2)
    assert ours.scores(asked) == pytest.approx(theirs.decision_function(asked), abs=1e-4)


def test_trees_learn_and_repeat_themselves() -> None:
    vectors, shot = examples(1, 0.0)
    weights = np.ones(len(vectors), np.float32)
    first, again = (boosting.fit(vectors, shot, weights, RECIPE, 3) for _ in range(2))
    fresh, truth = examples(2, 0.0)
    assert ((first.scores(fresh) > 0.0) == truth).mean() > 0.85
    assert np.array_equal(first.value, again.value)
    assert np.array_equal(first.threshold, again.threshold)


def test_thresholds_are_as_wide_as_the_inputs_spread_says() -> None:
    vectors, shot = examples(1, 0.1)
    vectors[:, 1] *= 100.0
    trees = boosting.fit(vectors, shot, np.ones(len(vectors), np.float32), RECIPE, 3)
    assert trees.softness == pytest.approx(0.05 * np.nanstd(vectors, axis=0), rel=1e-3)


def test_weights_count() -> None:
    vectors, shot = examples(1, 0.0)
    few = np.where(shot, 0.01, 1.0).astype(np.float32)
    even = boosting.fit(vectors, shot, np.ones(len(vectors), np.float32), RECIPE, 3)
    assert (
        boosting.fit(vectors, shot, few, RECIPE, 3).scores(vectors).mean() < even.scores(vectors).mean() - 1.0
    )


def test_scaled_trees_give_the_scaled_score() -> None:
    vectors, shot = examples(5, 0.1)
    trees = boosting.fit(vectors, shot, np.ones(len(vectors), np.float32), RECIPE, 0)
    assert boosting.scaled(trees, 0.6, 2.0).scores(vectors) == pytest.approx(
        0.6 * (trees.scores(vectors) + 2.0), abs=1e-4
    )


def test_the_same_seed_gives_the_same_network_and_trees_to_the_last_bit() -> None:
    rng = np.random.default_rng(5)
    vectors = rng.standard_normal((600, 12)).astype(np.float32)
    targets = np.eye(4, dtype=np.float32)[(vectors[:, 0] > 0).astype(int) + (vectors[:, 1] > 1)]
    weights = np.ones(len(vectors), np.float32)
    one, same, other = (protocol.fit_sound(vectors, targets, weights, seed) for seed in (1, 1, 2))
    for first, second in zip(one.network.layers, same.network.layers, strict=True):
        assert np.array_equal(first[0], second[0])
        assert np.array_equal(first[1], second[1])
    for name in ("feature", "threshold", "left", "right", "value"):
        assert np.array_equal(getattr(one.trees, name), getattr(same.trees, name))
    assert not np.array_equal(one.network.layers[0][0], other.network.layers[0][0])
    assert not np.array_equal(one.trees.feature, other.trees.feature)
