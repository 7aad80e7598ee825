"""Other models under the same protocol, so that the choice of the network can be checked at any time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sensor.classify import context, excess
from sensor.classify.training import boosting, convolution, pictures
from sensor.classify.training.calibration import Floats, softmax
from sensor.classify.training.examples import FAINT_COPIES, SCALED_COPIES, TRIMMED_COPIES, Dataset
from sensor.classify.training.network import standardiser
from sensor.classify.training.protocol import (
    SHOT,
    SOUND,
    Fitter,
    Predictor,
    SeededFitter,
    fit_sound,
    network_fitter,
    predictor,
    sound_fitter,
)

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Rival:
    """Another kind of model, or the same with something left out."""

    fitter: SeededFitter
    inputs: Callable[[Dataset], Array] = pictures.vectors
    """What it is given of each trigger."""
    use: Callable[[Dataset], NDArray[np.bool_]] = lambda data: np.ones(len(data.rows), bool)
    """Which examples it may learn from."""
    looks: int | None = None
    """How many of the looks it is asked about, its echo network as well; None = all."""


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


def trees(seed: int) -> Fitter:
    """The boosted trees that ship, alone; what is no shot is shared evenly among the other classes."""

    def fitter(vectors: Array, targets: Array, weights: Array) -> Predictor:
        grown = boosting.fit(vectors, targets[:, 0] > 0.5, weights, SHOT, seed)

        def predict(raw: Array) -> Floats:
            shot = 1.0 / (1.0 + np.exp(-grown.scores(raw).astype(np.float64)))
            rest = (1.0 - shot) / (targets.shape[1] - 1)
            return np.stack([shot, *[rest] * (targets.shape[1] - 1)], axis=1)

        return predict

    return fitter


def sharp(seed: int) -> Fitter:
    """What ships, but for thresholds of next to no width: what their softness buys."""

    def fitter(vectors: Array, targets: Array, weights: Array) -> Predictor:
        sound = fit_sound(vectors, targets, weights, seed)
        return predictor(replace(sound, trees=replace(sound.trees, softness=1e-6 * sound.trees.softness)))

    return fitter


def seedless(fitter: Fitter) -> SeededFitter:
    """A fitter that draws nothing at random."""
    return lambda _seed: fitter


_PENALTY = 0.3
_STEEPNESS = 6.0
"""Of the softmax over the ridge's scores; the calibration corrects it."""


def ridge(vectors: Array, targets: Array, weights: Array) -> Predictor:
    """Least squares on standardised inputs with a penalty, one score per class (Hoerl & Kennard 1970)."""
    known = weights > 0
    share = weights[known, None] / weights[known].sum()
    x, wanted = np.nan_to_num(vectors[known]), targets[known]
    mean, middle = (share * x).sum(axis=0), (share * wanted).sum(axis=0)
    x = x - mean
    scale = np.sqrt((share * x**2).sum(axis=0)) + np.float32(1e-3)
    x /= scale
    gram = (share * x).T @ x + np.float32(_PENALTY) * np.eye(x.shape[1], dtype=np.float32)
    slopes = np.linalg.solve(gram, (share * x).T @ (wanted - middle))

    def predict(raw: Array) -> Floats:
        scores = (np.nan_to_num(raw) - mean) / scale @ slopes + middle
        return softmax(_STEEPNESS * scores.astype(np.float64))

    return predict


def _hard(targets: Array, weights: Array) -> tuple[NDArray[np.intp], NDArray[np.intp], Array]:
    """Rows, classes and weights of soft targets: a row of two halves becomes two rows."""
    rows, classes = np.nonzero(targets)
    return rows, classes, weights[rows] * targets[rows, classes]


def without(hidden: NDArray[np.bool_], seeded: SeededFitter) -> SeededFitter:
    """The same fitter, deaf to some features: what they buy."""

    def deaf(seed: int) -> Fitter:
        def fitter(vectors: Array, targets: Array, weights: Array) -> Predictor:
            silent = np.where(hidden, np.float32(0.0), vectors)
            predict = seeded(seed)(silent, targets, weights)
            return lambda raw: predict(np.where(hidden, np.float32(0.0), raw))

        return fitter

    return deaf


def _named(*beginnings: str) -> NDArray[np.bool_]:
    """Which features' names begin with one of these."""
    return np.array([name.startswith(beginnings) for name in pictures.NAMES])


def _without_copies(*copies: range) -> Callable[[Dataset], NDArray[np.bool_]]:
    return lambda data: ~np.isin(data.rows["copy"], np.concatenate([np.array(c) for c in copies]))


def _without_sources(*sources: str) -> Callable[[Dataset], NDArray[np.bool_]]:
    return lambda data: ~np.any([np.char.startswith(data.rows["path"], name) for name in sources], axis=0)


_EXCESS = np.isin(pictures.NAMES, excess.NAMES)
_LIKENESS = _named(*(f"context {name}" for name in context.LIKENESS_NAMES))
_CONTEXT = _named("context")
_ONE = network_fitter(replace(SOUND, members=1))

RIVALS: dict[str, Rival] = {
    "logistic regression": Rival(seedless(logistic)),
    "boosted trees alone": Rival(trees),
    "networks alone": Rival(network_fitter(SOUND)),
    "network and trees, sharp thresholds": Rival(sharp),
    "network and trees, the first look alone": Rival(sound_fitter, looks=1),
    "network and trees, the first two looks": Rival(sound_fitter, looks=2),
    "MiniRocket features, ridge": Rival(seedless(ridge), pictures.rockets),
    "convolutional network": Rival(convolution.convolutional_fitter, pictures.spectrograms),
    "one network": Rival(_ONE),
    "one network, without context": Rival(without(_CONTEXT, _ONE)),
    "one network, without likeness to earlier sounds": Rival(without(_LIKENESS, _ONE)),
    "one network, without excess over the sound's own background": Rival(without(_EXCESS, _ONE)),
    "one network, trained without faint copies": Rival(_ONE, use=_without_copies(FAINT_COPIES)),
    "one network, trained without scaled copies": Rival(_ONE, use=_without_copies(SCALED_COPIES)),
    "one network, trained without trimmed copies": Rival(_ONE, use=_without_copies(TRIMMED_COPIES)),
    "one network, trained without simulated streets": Rival(_ONE, use=_without_sources("simulated")),
}
"""Name -> what is compared with the networks that ship."""


def rivals_named(parts: Iterable[str]) -> dict[str, Rival]:
    """The rivals whose name contains one of ``parts``, all if none is given.

    Raises ValueError, with the names that there are, for a part that no name contains.
    """
    wanted = list(parts)
    for part in wanted:
        if not any(part in name for name in RIVALS):
            message = f"no rival is named like {part!r}; there are: {', '.join(RIVALS)}"
            raise ValueError(message)
    return {name: rival for name, rival in RIVALS.items() if not wanted or any(p in name for p in wanted)}
