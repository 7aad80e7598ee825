"""Makes stated probabilities true: fitted on strangers' verdicts, judged on verdicts that it has not met."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensor.classify.model import Network, Sound
from sensor.classify.training import boosting

Floats = NDArray[np.float64]


def softmax(logits: Floats) -> Floats:
    """Probabilities of scores, row by row."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class Calibration:
    """Temperature and a shift per class, fitted on out-of-fold verdicts (Guo et al. 2017; Platt 1999)."""

    temperature: float
    shift: tuple[float, ...]

    def apply(self, probabilities: Floats) -> Floats:
        """Calibrated probabilities, shape (n, classes)."""
        logits = np.log(np.clip(probabilities, 1e-9, 1.0)) / self.temperature + np.array(self.shift)
        return softmax(logits)


def calibrate(probabilities: Floats, targets: NDArray[np.float32], weights: Floats) -> Calibration:
    """Least weighted cross-entropy over temperature and shifts."""
    from scipy.optimize import minimize  # noqa: PLC0415  training only

    logits = np.log(np.clip(probabilities, 1e-9, 1.0))
    weights = weights / weights.sum()

    def loss(theta: Floats) -> float:
        p = softmax(logits * np.exp(theta[0]) + np.concatenate(([0.0], theta[1:])))
        return float(-(weights[:, None] * targets * np.log(np.clip(p, 1e-12, 1.0))).sum())

    best = minimize(loss, np.zeros(logits.shape[1]), method="BFGS", options={"gtol": 1e-6})
    return Calibration(float(np.exp(-best.x[0])), (0.0, *(float(v) for v in best.x[1:])))


@dataclass(frozen=True)
class Standard:
    """Verdicts whose truth is known, to calibrate on."""

    rows: NDArray[np.bool_]
    """Which of all rows; shape (n,)."""
    targets: NDArray[np.float32]
    """What is true of every row, shape (n, classes)."""
    positive: NDArray[np.bool_]
    """Rows that have ``share`` of the weight together; shape (n,)."""
    share: float

    def calibration(self, said: Floats, besides: NDArray[np.bool_] | None = None) -> Calibration:
        """Fitted on what was said, shape (n, classes), of all rows or of those but ``besides``."""
        rows = self.rows if besides is None else self.rows & ~besides
        return calibrate(said[rows], self.targets[rows], shared(self.positive[rows], self.share))

    def of_folds(self, said: Floats, fold: NDArray[np.integer], folds: int) -> list[Calibration]:
        """One calibration per fold, fitted on the verdicts of all the others."""
        return [self.calibration(said, fold == number) for number in range(folds)]


def shared(positive: NDArray[np.bool_], share: float) -> Floats:
    """Weights, of sum 1, that give the positive rows this share."""
    return np.where(positive, share / max(positive.sum(), 1), (1.0 - share) / max((~positive).sum(), 1))


def applied(said: Floats, fold: NDArray[np.integer], calibrations: list[Calibration]) -> Floats:
    """Every fold's verdicts, shape (n, classes), by its own calibration; NaN for rows of no fold."""
    result = np.full(said.shape, np.nan)
    for number, calibration in enumerate(calibrations):
        result[fold == number] = calibration.apply(said[fold == number])
    return result


def calibrated_network(network: Network, calibration: Calibration) -> Network:
    """The network with its calibration folded into the last layer."""
    weight, bias = network.layers[-1]
    scaled = (weight / calibration.temperature).astype(np.float32)
    shifted = (bias / calibration.temperature + np.array(calibration.shift)).astype(np.float32)
    return Network(
        mean=network.mean,
        scale=network.scale,
        limit=network.limit,
        layers=(*network.layers[:-1], (scaled, shifted)),
    )


def calibrated_sound(sound: Sound, calibration: Calibration) -> Sound:
    """Network and trees with their calibration folded in."""
    return Sound(
        calibrated_network(sound.network, calibration),
        boosting.scaled(sound.trees, 1.0 / calibration.temperature),
    )
