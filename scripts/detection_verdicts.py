"""Verdicts on the corpus for an evaluation: out of fold, and by the shipped weights, group by group."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sensor.classify.classifier import Classifier
from sensor.classify.training import corpus as corpora
from sensor.classify.training import dataset, judges, protocol, report
from sensor.classify.training.corpus import Corpus, Label
from sensor.classify.training.examples import BURST_COPIES, Dataset
from sensor.classify.training.protocol import PRIOR
from sensor.classify.training.report import Report, Share
from sensor.pairing import CANDIDATE_P

Floats = NDArray[np.float64]

BANDS_M = (0.0, 150.0, 300.0, 450.0, 600.0, 800.0, 2000.0)
"""Edges of the distance bands, metres."""
SNR_EDGES_DB = (0.0, 15.0, 20.0, 25.0, 30.0, 40.0, 100.0)


@dataclass(frozen=True)
class Verdicts:
    """All triggers of the corpus and what was said of them."""

    corpus: Corpus
    data: Dataset
    judged: judges.Judged
    shipped: Floats
    """By the weights of the package, which have met all of it; shape (rows, 5)."""
    model_id: str
    classes: tuple[str, ...]
    spl_db: dict[tuple[str, int], float]
    """(path, number in time order) -> peak of the round, where the publisher gives one."""

    @property
    def gunshot(self) -> Floats:
        """Probability of a gunshot of each row, out of fold."""
        return self.judged.classes[:, 0]

    def reports(self) -> tuple[Report, Report]:
        """Figures out of fold, and of the shipped weights in sample."""
        return (
            report.judge(self.corpus, self.data, self.gunshot),
            report.judge(self.corpus, self.data, self.shipped[:, 0]),
        )


def judge_corpus(root: Path, cache: Path, seed: int, jobs: int) -> Verdicts:
    """Make the examples (kept in ``cache``), train one model per fold, and judge."""
    loaded = corpora.load(root)
    everything = dataset.build(root, cache, jobs)
    judged = judges.fold_judges(everything, seed)
    classifier = Classifier.load()
    wanted = _reported(everything)
    shipped = np.full((len(everything.rows), len(classifier.classes)), np.nan)
    part = Dataset(everything.rows[wanted], everything.features[wanted])
    shipped[wanted] = judges.shipped(classifier, part)
    return Verdicts(
        corpus=loaded,
        data=everything,
        judged=judged,
        shipped=shipped,
        model_id=classifier.model_id,
        classes=classifier.classes,
        spl_db=_spl_db(root, loaded),
    )


def _reported(data: Dataset) -> NDArray[np.bool_]:
    """Rows that any table counts: originals, channels of the range recordings, first bursts."""
    copies = [0, BURST_COPIES[0], *dataset.RANGE_COPIES]
    kept: NDArray[np.bool_] = np.isin(data.rows["copy"], copies)
    return kept


def _spl_db(root: Path, loaded: Corpus) -> dict[tuple[str, int], float]:
    with (root / "events.csv").open(newline="", encoding="utf-8") as file:
        told = {
            (row["path"], float(row["onset_s"])): float(row["spl_db"])
            for row in csv.DictReader(file)
            if row["spl_db"]
        }
    return {
        (item.path, number): told[item.path, shot.onset_s]
        for item in loaded.recordings
        for number, shot in enumerate(item.rounds)
        if (item.path, shot.onset_s) in told
    }


def street_groups(verdicts: Verdicts) -> list[str]:
    """The firing positions."""
    return sorted({item.group for item in verdicts.corpus.recordings if item.path.startswith("pittsburgh")})


def band_of(distance_m: float) -> str:
    """Name of the distance band, such as ``150–300 m``."""
    number = int(np.searchsorted(BANDS_M, distance_m, side="right")) - 1
    return f"{BANDS_M[number]:.0f}–{BANDS_M[number + 1]:.0f} m"


def by_distance(verdicts: Verdicts, said: Floats | None) -> dict[str, dict[str, Share]]:
    """Band -> group -> counted rounds with a candidate; with a trigger, where ``said`` is None."""
    rows = verdicts.data.originals & (verdicts.data.labels == Label.GUNSHOT)
    if said is not None:
        rows &= said >= CANDIDATE_P
    listed = verdicts.data.rows[rows]
    hit = set(zip(listed["path"].tolist(), listed["round"].tolist(), strict=True))
    table: dict[str, dict[str, Share]] = {}
    edges = [band_of(low) for low in BANDS_M[:-1]]
    for item in verdicts.corpus.recordings:
        if not item.path.startswith("pittsburgh"):
            continue
        for number, shot in enumerate(item.rounds):
            if shot.counts:
                cell = table.setdefault(band_of(shot.distance_m), {})
                before = cell.get(item.group, Share(0, 0))
                cell[item.group] = Share(before.hits + ((item.path, number) in hit), before.of + 1)
    return {band: table[band] for band in edges if band in table}


def by_snr(verdicts: Verdicts) -> dict[str, dict[str, Share]]:
    """SNR of the trigger -> group -> triggered rounds that became candidates, out of fold."""
    data = verdicts.data
    street = np.char.startswith(data.rows["path"], "pittsburgh")
    rows = data.originals & (data.labels == Label.GUNSHOT) & street
    table: dict[str, dict[str, Share]] = {}
    for low, high in pairwise(SNR_EDGES_DB):
        inside = rows & (data.rows["snr_db"] >= low) & (data.rows["snr_db"] < high)
        cell = {}
        for group in street_groups(verdicts):
            own = inside & (data.rows["group"] == group)
            if own.any():
                cell[group] = Share(int((own & (verdicts.gunshot >= CANDIDATE_P)).sum()), int(own.sum()))
        table[f"{low:.0f}–{high:.0f} dB"] = cell
    return table


def reliability_by_group(verdicts: Verdicts) -> dict[str, list[tuple[int, float, float]]]:
    """Source -> per fifth of the stated probability: triggers, mean stated, share observed, out of fold.

    At the stated prior: shots of one position against all negatives, or negatives of one kind against all
    shots.
    """
    data, said = verdicts.data, verdicts.gunshot
    rows = protocol.known(data, with_echoes=True)
    shots = rows & (data.labels == Label.GUNSHOT)
    others = rows & ~np.isin(data.labels, (Label.GUNSHOT, Label.ECHO))
    table = {
        group: _fifths(said, shots & (data.rows["group"] == group), others)
        for group in street_groups(verdicts)
    }
    kinds = {
        "fireworks": Label.FIREWORK,
        "other impulses": Label.OTHER_IMPULSE,
        "no impulses": Label.NON_IMPULSE,
        "street": Label.STREET,
        "echoes": Label.ECHO,
    }
    return table | {
        name: _fifths(said, shots, rows & (data.labels == label)) for name, label in kinds.items()
    }


def _fifths(
    said: Floats, shots: NDArray[np.bool_], others: NDArray[np.bool_]
) -> list[tuple[int, float, float]]:
    weights = shots * (PRIOR / max(shots.sum(), 1)) + others * ((1.0 - PRIOR) / max(others.sum(), 1))
    lines = []
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        inside = (shots | others) & (said >= low) & ((said < low + 0.2) | (low == 0.8))
        total = max(float(weights[inside].sum()), 1e-12)
        stated = float((weights[inside] * said[inside]).sum()) / total
        lines.append((int(inside.sum()), stated, float(weights[inside & shots].sum()) / total))
    return lines
