"""Why a round was missed and why something else was taken for a shot, found by measurement.

A round without a trigger is looked up in what the detector saw: its frames, its crossings, its refusals. A
verdict is taken apart by telling the fold's model the average of one family of features after another, and
by looking for the recording of the other kind that it resembles most.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scripts.detection_scoring import unheard
from scripts.detection_verdicts import Verdicts
from sensor.classify import context
from sensor.classify.classifier import Classifier
from sensor.classify.training.corpus import Label
from sensor.classify.training.examples import Dataset
from sensor.detect.detector import Detector
from sensor.detect.settings import DetectSettings
from sensor.detect.witness import Frames, Judged
from sensor.pairing import CANDIDATE_P, TOLERANCE_S
from sensor.replay.feature_words import words_for
from sensor.types import Trigger

FAINT_DB = 20.0
ECHO_REACH_S = 6.0
"""How late after a listed round a street sound may be its echo."""
WORST = 20


@dataclass(frozen=True)
class Confusion:
    """One wrong verdict with its measured cause."""

    path: str
    at_s: float
    group: str
    p: float | None
    """Out of fold; None without a trigger."""
    p_shipped: float | None
    facts: str
    cause: str


class _Witness:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.hops: list[Frames] = []
        self.crossings: list[Judged] = []

    def frames(self, frames: Frames) -> None:
        """One hop."""
        self.hops.append(frames)

    def judged(self, judged: Judged) -> None:
        """One crossing."""
        self.crossings.append(judged)


def misses(verdicts: Verdicts) -> list[Confusion]:
    """The worst missed rounds of the street: the loudest first."""
    data = verdicts.data
    rows = np.flatnonzero(
        data.originals & (data.labels == Label.GUNSHOT) & np.char.startswith(data.rows["path"], "pittsburgh")
    )
    keys = zip(data.rows["path"][rows].tolist(), data.rows["round"][rows].tolist(), strict=True)
    row_of = dict(zip(keys, rows.tolist(), strict=True))
    missed = []
    for item in verdicts.corpus.recordings:
        if not item.path.startswith("pittsburgh"):
            continue
        for number, shot in enumerate(item.rounds):
            row = row_of.get((item.path, number))
            if shot.counts and (row is None or verdicts.gunshot[row] < CANDIDATE_P):
                missed.append((item.path, number, row))
    missed.sort(key=lambda miss: -verdicts.spl_db.get(miss[:2], -np.inf))
    return [_miss(verdicts, *miss) for miss in missed[:WORST]]


def false_candidates(verdicts: Verdicts) -> list[Confusion]:
    """The most probable candidates where no shot was, fireworks among them."""
    data, said = verdicts.data, verdicts.gunshot
    wrong = (Label.FIREWORK, Label.OTHER_IMPULSE, Label.NON_IMPULSE, Label.STREET)
    rows = np.flatnonzero(data.originals & np.isin(data.labels, wrong) & (said >= CANDIDATE_P))
    order = rows[np.argsort(-said[rows], kind="stable")][:WORST]
    return [_false(verdicts, int(row)) for row in order]


def _miss(verdicts: Verdicts, path: str, number: int, row: int | None) -> Confusion:
    item = verdicts.corpus.by_path[path]
    shot = item.rounds[number]
    spl_db = verdicts.spl_db.get((path, number))
    facts = f"round {number + 1}, {shot.distance_m:.0f} m"
    facts += "" if spl_db is None else f", {spl_db:.0f} dB SPL"
    if row is None:
        cause = _untriggered(verdicts, path, shot.onset_s)
        return Confusion(path, shot.onset_s, item.group, None, None, facts, cause)
    p = float(verdicts.gunshot[row])
    facts += f", SNR {verdicts.data.rows['snr_db'][row]:.0f} dB"
    cause = _refused(verdicts, row)
    return Confusion(path, shot.onset_s, item.group, p, float(verdicts.shipped[row, 0]), facts, cause)


def _untriggered(verdicts: Verdicts, path: str, onset_s: float) -> str:
    """What the detector made of the moment of a round that has no trigger."""
    item = verdicts.corpus.by_path[path]
    rate_hz = item.rate_hz
    audio = verdicts.corpus.read(item).astype(np.float32)
    if unheard(audio, rate_hz, onset_s):
        return "unheard: the recording is digital silence there"
    witness, settings = _Witness(), DetectSettings()
    detector = Detector(rate_hz, settings, witness)
    detector.process(0, audio)
    detector.flush()
    near = [c for c in witness.crossings if abs(c.sample / rate_hz - onset_s) <= TOLERANCE_S]
    refused = sorted({c.decision.reason.value for c in near if not isinstance(c.decision, Trigger)})
    elsewhere = [
        (c.decision.onset / rate_hz - onset_s) * 1e3 for c in near if isinstance(c.decision, Trigger)
    ]
    if elsewhere:
        return f"timed elsewhere: its trigger's onset is {elsewhere[0]:+.0f} ms off, or another round's"
    if refused:
        return f"refused: {', '.join(refused)}"
    floor_db, recent_db = _best_excess(witness.hops, rate_hz, onset_s)
    needed = settings.threshold_db
    if floor_db >= needed:
        return (
            f"merged: stands {floor_db:.1f} dB over the floor but {recent_db:.1f} dB over the last 20 ms "
            f"({needed} needed), inside what rang before"
        )
    return f"faint: stands {floor_db:.1f} dB over the floor ({needed} needed)"


def _best_excess(hops: list[Frames], rate_hz: float, onset_s: float) -> tuple[float, float]:
    """Largest excess over floor, and over the recent level, of the frames near a moment."""
    floor_db = recent_db = -np.inf
    for hop in hops:
        at_s = (hop.first + (np.arange(hop.levels_db.size) + 0.5) * hop.frame) / rate_hz
        near = np.abs(at_s - onset_s) <= TOLERANCE_S
        if near.any():
            floor_db = max(floor_db, float(hop.levels_db[near].max()) - hop.floor_db)
            recent_db = max(recent_db, float((hop.levels_db - hop.recent_db)[near].max()))
    return floor_db, recent_db


def _refused(verdicts: Verdicts, row: int) -> str:
    """What spoke against a round that has a trigger."""
    data, classes = verdicts.data, verdicts.judged.classes[row]
    parts = []
    snr_db = float(data.rows["snr_db"][row])
    if snr_db < FAINT_DB:
        parts.append(f"faint (SNR under {FAINT_DB:.0f} dB)")
    if classes[0] + classes[-1] >= CANDIDATE_P:
        told = data.features[row, 0, -len(context.NAMES) :]
        since_s = 10.0 ** float(told[context.NAMES.index("since_last_log")])
        parts.append(f"taken for an echo of what came {1e3 * since_s:.0f} ms before")
    else:
        other = 1 + int(np.argmax(classes[1:-1]))
        parts.append(f"taken for {verdicts.classes[other]} ({classes[other]:.2f})")
        parts.append(f"most like {_nearest(verdicts, row, shots=False)}")
    parts.append(f"against it: {_families(verdicts, row, for_shot=False)}")
    return "; ".join(parts)


def _false(verdicts: Verdicts, row: int) -> Confusion:
    data = verdicts.data
    listed = data.rows[row]
    path, at_s = str(listed["path"]), float(listed["onset_s"])
    item = verdicts.corpus.by_path[path]
    kind = "street" if path.startswith("pittsburgh") else item.kind.removeprefix("neg_").replace("_", " ")
    facts = f"{kind}, SNR {float(listed['snr_db']):.0f} dB"
    parts = []
    after = [at_s - shot.onset_s for shot in item.rounds if 0.0 < at_s - shot.onset_s <= ECHO_REACH_S]
    if after:
        parts.append(f"late echo? {min(after):.2f} s after a listed round")
    elif kind == "fireworks":
        parts.append("a blast, as a shot is")
    parts.append(f"most like a {_nearest(verdicts, row, shots=True)}")
    parts.append(f"for it: {_families(verdicts, row, for_shot=True)}")
    p, shipped = float(verdicts.gunshot[row]), float(verdicts.shipped[row, 0])
    return Confusion(path, at_s, str(listed["group"]), p, shipped, facts, "; ".join(parts))


def _nearest(verdicts: Verdicts, row: int, *, shots: bool) -> str:
    """The original trigger of the other kind, from another group, nearest in standardised features."""
    data = verdicts.data
    kinds = (
        (Label.GUNSHOT,) if shots else (Label.FIREWORK, Label.OTHER_IMPULSE, Label.NON_IMPULSE, Label.STREET)
    )
    others = np.flatnonzero(
        data.originals & np.isin(data.labels, kinds) & (data.rows["group"] != data.rows["group"][row])
    )
    classifier = Classifier.load()
    known = np.nan_to_num(np.clip(classifier.standardised(data.features[others, 0]), -5.0, 5.0))
    own = np.nan_to_num(np.clip(classifier.standardised(data.features[row, 0]), -5.0, 5.0))
    best = data.rows[others[int(((known - own) ** 2).mean(axis=1).argmin())]]
    item = verdicts.corpus.by_path[str(best["path"])]
    kind = "street" if not shots and item.path.startswith("pittsburgh") else item.kind.removeprefix("neg_")
    return f"{kind.replace('_', ' ')} of {best['group']}"


def _families(verdicts: Verdicts, row: int, *, for_shot: bool, most: int = 2) -> str:
    """The families of features that moved the fold's verdict most in one direction, in log-odds."""
    classifier = Classifier.load()
    data = verdicts.data
    names = [words_for(name).family for name in classifier.feature_names]
    families = sorted(set(names))
    vectors = data.features[row]
    unknown = np.float32(np.nan)  # counts as the average
    trials = np.stack([vectors, *(np.where(np.array(names) == f, unknown, vectors) for f in families)])
    judge = verdicts.judged.judges[int(data.rows["fold"][row])]
    said = judge(Dataset(np.repeat(data.rows[row : row + 1], len(trials)), trials))[:, 0]
    odds = np.log(np.clip(said, 1e-6, 1.0 - 1e-6) / np.clip(1.0 - said, 1e-6, 1.0))
    effect = odds[0] - odds[1:]
    order = np.argsort(-effect if for_shot else effect)[:most]
    return ", ".join(f"{families[i]} ({effect[i]:+.1f})" for i in order)
