"""Grows boosted trees with scikit-learn and takes them over as plain arrays, with soft thresholds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensor.classify.training.network import standardiser
from sensor.classify.trees import Trees

Array = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Boosting:
    """How trees are grown: many small ones, each choosing among few features, so that none carries all."""

    trees: int
    rate: float
    leaves: int
    smallest_leaf: int
    """Fewest examples in a leaf."""
    feature_share: float
    """Share of the features that each split may choose from."""
    bins: int = 64
    """Limits that a feature is cut at first; finding 255 takes as long as growing all the trees."""
    penalty: float
    """On the squares of the leaves' values."""
    softness: float
    """Width of the grown trees' thresholds, in deviations of the input."""


def fit(vectors: Array, shot: NDArray[np.bool_], weights: Array, recipe: Boosting, seed: int) -> Trees:
    """Trees whose score is the log-odds of a shot (histogram gradient boosting, Ke et al. 2017)."""
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415  extra `train`
    from threadpoolctl import threadpool_limits  # noqa: PLC0415  extra `train`

    model = HistGradientBoostingClassifier(
        max_iter=recipe.trees,
        learning_rate=recipe.rate,
        max_leaf_nodes=recipe.leaves,
        min_samples_leaf=recipe.smallest_leaf,
        max_features=recipe.feature_share,
        max_bins=recipe.bins,
        l2_regularization=recipe.penalty,
        early_stopping=False,
        random_state=seed,
    )
    with threadpool_limits(1, "openmp"):  # two that wait for each other are slower on a busy machine
        model.fit(vectors, shot, sample_weight=weights)
    _, deviation = standardiser(vectors, weights)
    return taken_over(model, np.float32(recipe.softness) * deviation)


def taken_over(model: Any, softness: Array) -> Trees:  # noqa: ANN401  scikit-learn has no types
    """The trees of a fitted two-class histogram booster, with thresholds of these widths.

    scikit-learn shows them nowhere in public; a test holds the score against its own.
    """
    grown = [stage[0].nodes for stage in model._predictors]  # noqa: SLF001  see above
    shape = (len(grown), max(len(nodes) for nodes in grown))
    feature, threshold = np.zeros(shape, np.int16), np.zeros(shape, np.float32)
    unknown_left, value = np.zeros(shape, bool), np.zeros(shape, np.float32)
    left = np.tile(np.arange(shape[1], dtype=np.int16), (shape[0], 1))
    right = left.copy()
    for tree, nodes in enumerate(grown):
        branch = np.flatnonzero(nodes["is_leaf"] == 0)
        feature[tree, branch] = nodes["feature_idx"][branch]
        threshold[tree, branch] = nodes["num_threshold"][branch]
        unknown_left[tree, branch] = nodes["missing_go_to_left"][branch]
        left[tree, branch], right[tree, branch] = nodes["left"][branch], nodes["right"][branch]
        leaf = np.flatnonzero(nodes["is_leaf"])
        value[tree, leaf] = nodes["value"][leaf]
    baseline = float(np.ravel(model._baseline_prediction)[0])  # noqa: SLF001
    # The booster's second class is True: its score is already that of a shot.
    depth = max(int(nodes["depth"].max()) for nodes in grown)
    return Trees(feature, threshold, unknown_left, left, right, value, softness, baseline, max(1, depth))


def scaled(trees: Trees, factor: float, offset: float = 0.0) -> Trees:
    """The trees with a score of ``factor * (score + offset)``."""
    value = (trees.value * np.float32(factor)).astype(np.float32)
    return replace(trees, value=value, baseline=factor * (trees.baseline + offset))
