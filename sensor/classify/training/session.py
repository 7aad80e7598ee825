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
from sensor.classify.training.convolution import available, convolutional
from sensor.classify.training.corpus import Corpus, Label
from sensor.classify.training.examples import Dataset
from sensor.classify.training.network import fit
from sensor.classify.training.protocol import Calibration, Floats
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
    kinds, calibration = _kinds(data, Rival(protocol.sound_fitter(seed)))
    joined = protocol.joined(data, kinds, echoes)
    compared = {}
    for name, rival in rivals.items():
        if rival.fitter is convolutional and not available():
            log.warning("not compared: %s (pip install torch)", name)
            continue
        log.info("comparing: %s", name)
        other, _ = _kinds(data, rival)
        compared[name] = report.judge(corpus, data, protocol.joined(data, other, echoes))
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


def _kinds(data: Dataset, rival: Rival) -> tuple[Floats, Calibration]:
    """Calibrated probabilities per kind of sound, out of fold."""
    task = protocol.sound_task(data)
    seen = Dataset(data.rows, rival.inputs(data))
    allowed = replace(task, use=task.use & rival.use(data))
    raw = protocol.out_of_fold(seen, allowed, rival.fitter)
    rows, weights = report.prior_weights(data)
    calibration = protocol.calibrate(raw[rows], task.targets[rows], weights)
    log.info("sound: temperature %.2f, shift %s", calibration.temperature, np.round(calibration.shift, 2))
    return calibration.apply(raw), calibration


def _echoes(data: Dataset, seed: int) -> tuple[Floats, Calibration]:
    """Calibrated probabilities of round and echo, out of fold."""
    task = protocol.echo_task(data)
    raw = protocol.out_of_fold(data, task, protocol.network_fitter(protocol.ECHO, seed))
    rows = task.use & data.originals
    echo = data.labels[rows] == Label.ECHO
    weights = np.where(echo, protocol.ECHO_SHARE / echo.sum(), (1.0 - protocol.ECHO_SHARE) / (~echo).sum())
    calibration = protocol.calibrate(raw[rows], task.targets[rows], weights)
    log.info("echo: temperature %.2f, shift %s", calibration.temperature, np.round(calibration.shift, 2))
    return calibration.apply(raw), calibration


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
    sound = protocol.calibrated_sound(
        protocol.fit_sound(data.features[task.use, 0], task.targets[task.use], task.weights[task.use], seed),
        outcome.sound,
    )
    task = protocol.echo_task(data)
    log.info("fitting echo on %d examples", int(task.use.sum()))
    echo = protocol.calibrated_network(
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
