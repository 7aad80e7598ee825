"""One training session: judge out of fold, calibrate, compare, fit on everything, write."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensor.classify import context, features, model
from sensor.classify.model import Network
from sensor.classify.training import protocol, report
from sensor.classify.training.calibration import (
    Calibration,
    Floats,
    Standard,
    applied,
    calibrated_network,
    calibrated_sound,
)
from sensor.classify.training.convolution import available, convolutional_fitter
from sensor.classify.training.corpus import FOLDS, Corpus, Label
from sensor.classify.training.examples import Dataset
from sensor.classify.training.network import fit
from sensor.classify.training.protocol import Fitter, Task
from sensor.classify.training.report import Cut, Report
from sensor.classify.training.rivals import Rival
from sensor.classify.trees import Trees

log = logging.getLogger(__name__)

NAME = "street-1"


@dataclass(frozen=True)
class Outcome:
    """What a session found."""

    report: Report
    sound: Calibration
    echo: Calibration
    compared: dict[str, Report]
    """The other kinds of model under the same protocol and calibration, where they were asked for."""
    gunshot: Floats
    """Probability of a gunshot of each row, out of fold."""
    cuts: list[Cut]
    """Rounds and false candidates at other thresholds."""
    without_echo: Report
    """The sound network alone: what the echo network buys and costs."""

    def to_json(self) -> dict[str, object]:
        """Plain values for ``--json``."""
        compared = {name: item.to_json() for name, item in self.compared.items()}
        return {
            **self.report.to_json(),
            "cuts": [asdict(cut) for cut in self.cuts],
            "compared": compared,
            "without_echo": self.without_echo.to_json(),
        }


def run(corpus: Corpus, data: Dataset, seed: int, rivals: Mapping[str, Rival]) -> Outcome:
    """Judge the networks and trees, and their rivals, on groups that they have not met."""
    echoes, echo_calibration = _echoes(data, seed)
    kinds, calibration = _kinds(data, Rival(protocol.sound_fitter), seed)
    joined = protocol.joined(data, kinds, echoes)
    compared = {}
    for name, rival in rivals.items():
        if rival.fitter is convolutional_fitter and not available():
            log.warning("not compared: %s (pip install torch)", name)
            continue
        log.info("comparing: %s", name)
        other, _ = _kinds(data, rival, seed)
        heard = echoes if rival.looks is None else _echoes(_first_looks(data, rival.looks), seed)[0]
        compared[name] = report.judge(corpus, data, protocol.joined(data, other, heard))
        log.info("%s: %d rounds heard", name, sum(share.hits for share in compared[name].rounds.values()))
    if compared:
        compared["network and trees (ships)"] = report.judge(corpus, data, joined)
    return Outcome(
        report=report.judge(corpus, data, joined),
        sound=calibration,
        echo=echo_calibration,
        compared=compared,
        gunshot=joined,
        cuts=report.cuts(corpus, data, joined),
        without_echo=report.judge(corpus, data, kinds[:, 0]),
    )


def _first_looks(data: Dataset, looks: int | None) -> Dataset:
    return Dataset(data.rows, data.features[:, :looks])


def _kinds(data: Dataset, rival: Rival, seed: int) -> tuple[Floats, Calibration]:
    """Probabilities per kind of sound, out of fold, and the calibration of what ships.

    Each fold's are calibrated on the others' verdicts; what ships, on all.
    """
    task = protocol.sound_task(data)
    seen = _first_looks(Dataset(data.rows, rival.inputs(data)), rival.looks)
    allowed = replace(task, use=task.use & rival.use(data))
    return _calibrated(data, protocol.sound_standard(data), seen, allowed, rival.fitter(seed))


def _echoes(data: Dataset, seed: int) -> tuple[Floats, Calibration]:
    """Probabilities of round and echo, out of fold, and the calibration of what ships."""
    fitter = protocol.network_fitter(protocol.ECHO)(seed)
    return _calibrated(data, protocol.echo_standard(data), data, protocol.echo_task(data), fitter)


def _calibrated(
    data: Dataset, standard: Standard, seen: Dataset, task: Task, fitter: Fitter
) -> tuple[Floats, Calibration]:
    raw = protocol.out_of_fold(seen, task, fitter)
    calibration = standard.calibration(raw)
    log.info("temperature %.2f, shift %s", calibration.temperature, np.round(calibration.shift, 2))
    return applied(raw, data.rows["fold"], standard.of_folds(raw, data.rows["fold"], FOLDS)), calibration


def write(path: Path, data: Dataset, outcome: Outcome, seed: int) -> str:
    """Fit on every row, fold the calibration in, store; returns the checksum."""
    arrays = {
        "format": np.array(model.FORMAT),
        "name": np.array(NAME),
        "classes": np.array(protocol.CLASSES),
        "feature_names": np.array(features.NAMES),
        "context_names": np.array(context.NAMES),
        "prior": np.array(protocol.PRIOR),
    }
    task = protocol.sound_task(data)
    log.info("fitting sound on %d examples", int(task.use.sum()))
    sound = calibrated_sound(
        protocol.fit_sound(data.features[task.use, 0], task.targets[task.use], task.weights[task.use], seed),
        outcome.sound,
    )
    task = protocol.echo_task(data)
    log.info("fitting echo on %d examples", int(task.use.sum()))
    echo = calibrated_network(
        fit(data.features[task.use, 0], task.targets[task.use], task.weights[task.use], protocol.ECHO, seed),
        outcome.echo,
    )
    arrays |= _network_arrays("sound", sound.network) | _network_arrays("echo", echo)
    arrays |= {f"trees.{item.name}": np.array(getattr(sound.trees, item.name)) for item in fields(Trees)}
    return model.write(path, arrays)


def _network_arrays(stage: str, network: Network) -> dict[str, NDArray[Any]]:
    arrays = {f"{stage}.mean": network.mean, f"{stage}.scale": network.scale}
    arrays[f"{stage}.limit"] = np.array(network.limit)
    for number, (weight, bias) in enumerate(network.layers):
        arrays |= {f"{stage}.weight{number}": weight, f"{stage}.bias{number}": bias}
    return arrays


def counts(data: Dataset) -> dict[str, tuple[int, int]]:
    """Examples per label: of originals, of simulated channels."""
    return {
        label.name.lower(): (
            int(((data.labels == label) & data.originals).sum()),
            int(((data.labels == label) & ~data.originals).sum()),
        )
        for label in Label
    }
