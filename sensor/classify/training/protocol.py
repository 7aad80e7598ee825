"""How models are compared and calibrated: every verdict by a model that has met nothing of its group."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from sensor.classify.classifier import HEARD_BEFORE
from sensor.classify.model import Network, Sound
from sensor.classify.training import boosting
from sensor.classify.training.boosting import Boosting
from sensor.classify.training.calibration import (
    Calibration,
    Floats,
    Standard,
    calibrated_network,
    softmax,
)
from sensor.classify.training.corpus import FOLDS, Label
from sensor.classify.training.dataset import RANGE_COPIES
from sensor.classify.training.examples import BURST_COPIES, FAINT_COPIES, Dataset
from sensor.classify.training.network import Recipe, fit

CLASSES = ("gunshot", "firework", "other_impulse", "non_impulse")
PRIOR = 0.25
"""Share of gunshots among triggers at which probabilities are stated: near that of the corpus' triggers other
than echoes."""

SOUND = Recipe(hidden=96, members=2, epochs=12, decay=3e-2)
SHOT = Boosting(
    trees=500, rate=0.05, leaves=16, smallest_leaf=40, feature_share=0.1, penalty=5.0, softness=0.15
)
TREE_SHARE = 0.6
"""Weight of the trees' score for a shot against the network's, which has the rest."""
ECHO = Recipe(hidden=64, members=2, epochs=16)

JOBS = 2
"""Processes that fit folds."""

ECHO_SHARE = 0.2
"""Weight of echoes against further rounds when the echo network is calibrated. In nature about 0.75;
but an echo that passes costs the centre little, and a round that is taken for an echo is lost."""

Predictor = Callable[[NDArray[np.float32]], Floats]
"""Features -> class probabilities (n, classes)."""
Fitter = Callable[[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]], Predictor]
"""Features, soft targets, weights -> predictor."""
SeededFitter = Callable[[int], Fitter]
"""Seed -> fitter."""
R = TypeVar("R")

_LEAST = 1e-30
"""Probability below which a verdict says no more: its logarithm must stay finite."""


@dataclass(frozen=True)
class Task:
    """Rows that a model learns from, with soft targets and weights."""

    use: NDArray[np.bool_]
    targets: NDArray[np.float32]
    weights: NDArray[np.float32]


def sound_task(data: Dataset) -> Task:
    """What kind of sound a trigger is; echoes and unlabelled triggers are neither."""
    labels = data.labels
    use = (labels <= Label.STREET) & ~np.isin(data.rows["copy"], RANGE_COPIES)
    targets = np.eye(len(CLASSES), dtype=np.float32)[np.minimum(labels, Label.NON_IMPULSE)]
    targets[labels == Label.STREET] = (0.0, 0.0, 0.5, 0.5)
    return Task(use, targets, _sound_weights(data, use))


_SHARES = {
    ("gunshot", "street"): 0.08,
    ("gunshot", "faint"): 0.07,
    ("gunshot", "burst"): 0.05,
    ("gunshot", "range"): 0.04,
    ("gunshot", "synthetic"): 0.005,
    ("gunshot", "simulated"): 0.015,
    ("firework", "corpus"): 0.09,
    ("firework", "synthetic"): 0.005,
    ("firework", "simulated"): 0.03,
    ("other", "street"): 0.04,
    ("other", "faint"): 0.04,
    ("other", "corpus"): 0.21,
    ("other", "synthetic"): 0.03,
    ("other", "simulated"): 0.08,
    ("sustained", "corpus"): 0.215,
}
"""Weight of each kind of example; their sum is 1, and gunshots have 0.26 of it. The few range shots and what
no microphone heard teach without setting the tone. The simulator's shots have half of the prior's share of
its sounds: with less its streets alone speak against a shot, with more other sounds of the corpus are called.
"""
_ORIGINAL_SHARE = 0.3
"""Of a kind's weight, what originals get; simulated channels share the rest."""


def _sound_weights(data: Dataset, use: NDArray[np.bool_]) -> NDArray[np.float32]:
    labels, copy, path = data.labels, data.rows["copy"], data.rows["path"]
    street = np.char.startswith(path, "pittsburgh")
    where = np.where(street, "street", "corpus").astype("U9")
    for made in ("synthetic", "simulated"):
        where[np.char.startswith(path, made)] = made
    where[np.char.startswith(path, "ffsl") & (labels == Label.GUNSHOT)] = "range"
    where[np.isin(copy, BURST_COPIES) & street] = "burst"
    where[np.isin(copy, FAINT_COPIES) & street] = "faint"
    kinds = np.array(["gunshot", "firework", "other", "sustained", "other", "", ""])[labels]
    weights = np.zeros(len(labels))
    for (kind, place), share in _SHARES.items():
        rows = use & (kinds == kind) & (where == place)
        original, copies = rows & (copy == 0), rows & (copy != 0)
        split = _ORIGINAL_SHARE if original.any() and copies.any() and place != "range" else 0.5
        for part, portion in ((original, split), (copies, 1.0 - split)):
            if part.any():
                weights[part] = share * (portion if original.any() and copies.any() else 1.0) / part.sum()
    return (weights * use.sum()).astype(np.float32)


def known(data: Dataset, *, with_echoes: bool) -> NDArray[np.bool_]:
    """Triggers of the originals whose truth is known; echoes are no kind of sound and may be left out."""
    rows: NDArray[np.bool_] = data.originals & (data.labels <= (Label.ECHO if with_echoes else Label.STREET))
    return rows


def sound_standard(data: Dataset) -> Standard:
    """What the kinds of sound are calibrated on: the originals' triggers of known kind, at ``PRIOR``."""
    return Standard(
        known(data, with_echoes=False), sound_task(data).targets, data.labels == Label.GUNSHOT, PRIOR
    )


def echo_standard(data: Dataset) -> Standard:
    """What round and echo are calibrated on: those of the originals, at ``ECHO_SHARE``."""
    task = echo_task(data)
    return Standard(task.use & data.originals, task.targets, data.labels == Label.ECHO, ECHO_SHARE)


def echo_task(data: Dataset) -> Task:
    """Whether what follows another trigger is a further round (0) or an echo (1)."""
    labels = data.labels
    after_another = data.features[:, 0, HEARD_BEFORE] > 0
    shot, echo = ((labels == label) & after_another for label in (Label.GUNSHOT, Label.ECHO))
    use = (shot | echo) & ~np.isin(data.rows["copy"], (*RANGE_COPIES, *FAINT_COPIES))
    targets = np.stack([~echo, echo], axis=1).astype(np.float32)
    street = np.char.startswith(data.rows["path"], "pittsburgh")
    burst = np.isin(data.rows["copy"], BURST_COPIES)
    weights = np.zeros(len(labels))
    for kind in (shot, echo):
        for part, share in ((street & ~burst, 0.6), (burst, 0.25), (~street & ~burst, 0.15)):
            rows = use & kind & part
            if rows.any():
                weights[rows] = share / rows.sum()
    return Task(use, targets, (weights * use.sum() / max(weights.sum(), 1e-9)).astype(np.float32))


def out_of_fold(data: Dataset, task: Task, fitter: Fitter, jobs: int | None = None) -> Floats:
    """Class probabilities of every row of the corpus, each by a model trained without its fold."""

    def judged(number: int) -> Floats:
        return averaged(fit_without(data, task, fitter, number), data.features[data.rows["fold"] == number])

    result = np.full((len(data.rows), task.targets.shape[1]), np.nan)
    for number, said in enumerate(over_folds(judged, jobs)):
        result[data.rows["fold"] == number] = said
    return result


def fit_without(data: Dataset, task: Task, fitter: Fitter, number: int) -> Predictor:
    """A model that has met nothing of a fold, nor noise of it; it learns from the first look alone.

    Learned from all, the looks agree too well for their mean to be worth more than either.
    """
    rows = task.use & (data.rows["fold"] != number) & (data.rows["noise_fold"] != number)
    return fitter(data.features[rows, 0], task.targets[rows], task.weights[rows])


def averaged(predict: Predictor, vectors: NDArray[np.float32]) -> Floats:
    """Class probabilities (n, classes) of n examples, shape (n, looks, inputs), as the classifier has them.

    The logarithms of what is said of the looks are averaged.
    """
    if not len(vectors):
        return predict(vectors.reshape(0, vectors.shape[2]))
    said = predict(vectors.reshape(-1, vectors.shape[2])).reshape(*vectors.shape[:2], -1)
    return softmax(np.log(np.maximum(said, _LEAST)).mean(axis=1))


def over_folds(work: Callable[[int], R], jobs: int | None = None) -> list[R]:
    """What ``work`` makes of each fold, in order; in ``jobs`` processes that inherit all it needs."""
    jobs = JOBS if jobs is None else jobs
    if jobs == 1:
        return [work(number) for number in range(FOLDS)]
    forked = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(jobs, forked, _inherit, (work,)) as pool:
        return list(pool.map(_work_on, range(FOLDS)))


_inherited: list[Callable[[int], object]] = []
"""In a process of ``over_folds``: its work, which no pickle could carry."""


def _inherit(work: Callable[[int], object]) -> None:
    _inherited.append(work)


def _work_on(number: int) -> Any:  # noqa: ANN401  whatever the work gives
    return _inherited[-1](number)


def network_fitter(recipe: Recipe) -> SeededFitter:
    """Fitter of a network of this recipe."""

    def seeded(seed: int) -> Fitter:
        return lambda vectors, targets, weights: predictor(fit(vectors, targets, weights, recipe, seed))

    return seeded


def sound_fitter(seed: int) -> Fitter:
    """Fitter of the network and the trees that ship."""
    return lambda vectors, targets, weights: predictor(fit_sound(vectors, targets, weights, seed))


def fit_sound(
    vectors: NDArray[np.float32], targets: NDArray[np.float32], weights: NDArray[np.float32], seed: int
) -> Sound:
    """Network and trees, each fitted alone; the logarithms of their probabilities are averaged.

    The trees know a shot from all else; to them the other classes share what is left.
    """
    network = fit(vectors, targets, weights, SOUND, seed)
    trees = boosting.fit(vectors, targets[:, 0] > 0.5, weights, SHOT, seed)
    others = np.log(targets.shape[1] - 1.0)
    return Sound(
        calibrated_network(network, Calibration(1.0 / (1.0 - TREE_SHARE), (0.0,) * targets.shape[1])),
        boosting.scaled(trees, TREE_SHARE, others),
    )


def predictor(network: Network | Sound) -> Predictor:
    """Probabilities of a network, or of network and trees together."""
    return partial(_probabilities, network)


def _probabilities(network: Network | Sound, vectors: NDArray[np.float32]) -> Floats:
    return softmax(network.logits(vectors).astype(np.float64))


def joined(data: Dataset, kinds: Floats, echoes: Floats) -> Floats:
    """Probability of a gunshot of each row, as the classifier joins its two networks."""
    heard_before = data.features[:, 0, HEARD_BEFORE] > 0
    return kinds[:, 0] * np.where(heard_before, 1.0 - echoes[:, 1], 1.0)
