"""Other models under the same protocol, so that the choice of the network can be checked at any time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sensor.classify import context, features
from sensor.classify.training.network import standardiser
from sensor.classify.training.protocol import SOUND, Fitter, Floats, Predictor, network_fitter

Array = NDArray[np.float32]


def logistic(vectors: Array, targets: Array, weights: Array) -> Predictor:
    """Multinomial logistic regression on standardised features (scikit-learn)."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  extra `train`

    mean, scale = standardiser(vectors, weights)

    def prepared(raw: Array) -> Array:
        return np.nan_to_num(np.clip((raw - mean) / scale, -5.0, 5.0))

    rows, classes, shares = _hard(targets, weights)
    model = LogisticRegression(C=0.05, max_iter=200).fit(
        prepared(vectors)[rows], classes, sample_weight=shares
    )
    return lambda raw: np.asarray(model.predict_proba(prepared(raw)), np.float64)


def trees(vectors: Array, targets: Array, weights: Array) -> Predictor:
    """Gradient-boosted trees (scikit-learn's histogram implementation), shot against all else."""
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415  extra `train`

    model = HistGradientBoostingClassifier(
        max_iter=150,
        learning_rate=0.1,
        max_leaf_nodes=12,
        l2_regularization=5.0,
        min_samples_leaf=60,
        max_features=0.3,
        early_stopping=False,
        random_state=0,
    )
    model.fit(vectors, (targets[:, 0] < 0.5).astype(int), sample_weight=weights)

    def predict(raw: Array) -> Floats:
        shot = np.asarray(model.predict_proba(raw), np.float64)
        rest = shot[:, 1:] / (targets.shape[1] - 1)
        return np.concatenate([shot[:, :1], np.repeat(rest, targets.shape[1] - 1, axis=1)], axis=1)

    return predict


def _hard(targets: Array, weights: Array) -> tuple[NDArray[np.intp], NDArray[np.intp], Array]:
    """Rows, classes and weights of soft targets: a row of two halves becomes two rows."""
    rows, classes = np.nonzero(targets)
    return rows, classes, weights[rows] * targets[rows, classes]


def without(hidden: NDArray[np.bool_], fitter: Fitter) -> Fitter:
    """The same fitter, deaf to some features: what they buy."""

    def deaf(vectors: Array, targets: Array, weights: Array) -> Predictor:
        predict = fitter(np.where(hidden, np.float32(0.0), vectors), targets, weights)
        return lambda raw: predict(np.where(hidden, np.float32(0.0), raw))

    return deaf


_NAMES = np.array([*features.NAMES, *(f"context {name}" for name in context.NAMES)])
_HIGH = np.char.find(_NAMES, "2800-4000Hz") + np.char.find(_NAMES, "4000-5300Hz") > -2
_CONTEXT = np.char.startswith(_NAMES, "context")
_LEVELS = np.char.startswith(_NAMES, "level_db")
_ONE = network_fitter(replace(SOUND, members=1), 1)

RIVALS: dict[str, Fitter] = {
    "logistic regression": logistic,
    "boosted trees": trees,
    "one network": _ONE,
    "one network, without context": without(_CONTEXT, _ONE),
    "one network, without the bands above 3 kHz": without(_HIGH, _ONE),
    "one network, levels alone": without(~_LEVELS, _ONE),
    "networks averaged (ships)": network_fitter(SOUND, 1),
}
"""Name -> fitter of what is compared."""
