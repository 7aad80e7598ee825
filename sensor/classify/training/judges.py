"""The protocol's models kept, one per fold: other audio, too, can be judged by a stranger to its group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sensor.classify.classifier import Classifier
from sensor.classify.training import protocol
from sensor.classify.training.calibration import Calibration, Floats, Standard
from sensor.classify.training.examples import Dataset
from sensor.classify.training.protocol import Fitter, Predictor, Task

Judge = Callable[[Dataset], Floats]
"""Examples -> calibrated probabilities, shape (n, 5), in the order of ``Classifier.classes``."""


@dataclass(frozen=True)
class Judged:
    """Every verdict by a model that has met nothing of its group, and those models."""

    classes: Floats
    """Shape (rows, 5), in the order of ``Classifier.classes``; NaN for the parametric sounds."""
    judges: tuple[Judge, ...]
    """One per fold: ``judges[k]`` has met nothing of fold k."""


def fold_judges(data: Dataset, seed: int) -> Judged:
    """Train and calibrate as a session does, and keep the models."""
    sound_task, echo_task = protocol.sound_task(data), protocol.echo_task(data)
    sounds = _stage(data, sound_task, protocol.sound_fitter(seed))
    echoes = _stage(data, echo_task, protocol.network_fitter(protocol.ECHO)(seed))
    stages = (
        sounds,
        echoes,
        _calibrations(data, protocol.sound_standard(data), sounds),
        _calibrations(data, protocol.echo_standard(data), echoes),
    )
    judges = tuple(_judge(*parts) for parts in zip(*stages, strict=True))
    classes = np.full((len(data.rows), 5), np.nan)
    for number, judge in enumerate(judges):
        rows = data.rows["fold"] == number
        classes[rows] = judge(Dataset(data.rows[rows], data.features[rows]))
    return Judged(classes, judges)


def shipped(classifier: Classifier, data: Dataset) -> Floats:
    """What the weights of the package say of each row, (n, 5): they have met all of it."""
    names = classifier.classes
    said = [classifier.probabilities(vectors) for vectors in data.features]
    return np.array([[p[name] for name in names] for p in said]).reshape(-1, len(names))


def _stage(data: Dataset, task: Task, fitter: Fitter) -> list[Predictor]:
    """One model per fold, as ``protocol.out_of_fold`` trains them."""
    return protocol.over_folds(lambda number: protocol.fit_without(data, task, fitter, number))


def _calibrations(data: Dataset, standard: Standard, predictors: list[Predictor]) -> list[Calibration]:
    """One per fold, fitted on the verdicts of the others."""
    raw = np.full(standard.targets.shape, np.nan)
    for number, predict in enumerate(predictors):
        judged = data.rows["fold"] == number
        raw[judged] = protocol.averaged(predict, data.features[judged])
    return standard.of_folds(raw, data.rows["fold"], len(predictors))


def _judge(sound: Predictor, echo: Predictor, sounds: Calibration, echoes: Calibration) -> Judge:
    def judge(data: Dataset) -> Floats:
        kinds = sounds.apply(protocol.averaged(sound, data.features))
        gunshot = protocol.joined(data, kinds, echoes.apply(protocol.averaged(echo, data.features)))
        return np.concatenate([gunshot[:, None], kinds[:, 1:], (kinds[:, 0] - gunshot)[:, None]], axis=1)

    return judge
