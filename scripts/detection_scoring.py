"""Reads the live-fire recordings and scores a detector's triggers and picks on them."""

from __future__ import annotations

import collections
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensor.classify.training import corpus as corpora
from sensor.detect.detector import Detector
from sensor.detect.settings import DetectSettings
from sensor.intervals import wilson
from sensor.pairing import AFTER_S, BEFORE_S, TOLERANCE_S, outside, pair
from sensor.types import Reject, Trigger

Doubles = NDArray[np.float64]
Audio = NDArray[np.float32]

SILENT_SHARE = 0.9
"""Share of exact zeros in the 20 ms after an onset that makes it unheard."""
GROSS_S = 5e-3
FEWEST_SENSORS = 4
BLOCK = 4800

Answers = Mapping[str, Sequence[Trigger | Reject]]
"""What a detector made of each recording, by path."""
NOT_RUN: Answers = {}
Heard = dict[tuple[str, int], tuple[float, float]]
"""Of one test: sensor and round -> onset and its stated sigma, seconds."""


@dataclass(frozen=True, eq=False)  # eq: arrays do not compare to one truth value
class Take:
    """One file of the live-fire test as arrays, its rounds in order of time."""

    path: str
    group: str
    rate_hz: int
    audio: Audio
    onsets_s: Doubles
    counted: NDArray[np.bool_]
    """Whether the truth of each onset is a published pulse."""
    shots: NDArray[np.int64]
    ignored_before_s: float
    """Before this neither a trigger nor its absence counts; an onset may lie before the first sample, too."""

    def triggers(self, answers: Answers) -> list[Trigger]:
        """What was found in it."""
        return [item for item in answers.get(self.path, ()) if isinstance(item, Trigger)]

    def found_s(self, answers: Answers) -> Doubles:
        """When, seconds."""
        return np.array([trigger.onset / self.rate_hz for trigger in self.triggers(answers)])


@dataclass
class Score:
    """What one group of recordings gave."""

    rounds: int = 0
    hits: int = 0
    first_rounds: int = 0
    first_hits: int = 0
    unheard: int = 0
    """Counted rounds whose onset lies in digital silence: nothing can find them."""
    false: int = 0
    background_h: float = 0.0
    sounding_h: float = 0.0
    """Background without its digital silence."""
    in_windows: int = 0
    listed: int = 0


def load(root: Path) -> list[Take]:
    """The live-fire recordings with their labels."""
    corpus = corpora.load(root)
    street = [item for item in corpus.recordings if item.path.startswith("pittsburgh") and item.rounds]
    return [
        Take(
            path=item.path,
            group=item.group,
            rate_hz=int(item.rate_hz),
            audio=corpus.read(item).astype(np.float32),
            onsets_s=np.array([shot.onset_s for shot in item.rounds]),
            counted=np.array([shot.counts for shot in item.rounds]),
            shots=np.array([shot.number for shot in item.rounds]),
            ignored_before_s=item.ignore_before_s or -math.inf,
        )
        for item in street
    ]


def detect(audio: Audio, rate_hz: int, settings: DetectSettings) -> list[Trigger | Reject]:
    """The detector's answers to a whole recording, in blocks as from a sound device."""
    detector = Detector(rate_hz, settings)
    out: list[Trigger | Reject] = []
    for first in range(0, audio.size, BLOCK):
        out += detector.process(first, audio[first : first + BLOCK])
    return out + detector.flush()


def run(takes: list[Take], settings: DetectSettings) -> Answers:
    """Let the detector hear every recording."""
    return {take.path: detect(take.audio, take.rate_hz, settings) for take in takes}


def match(onsets_s: Doubles, found_s: Doubles) -> dict[int, int]:
    """One-to-one: onset number -> trigger number."""
    return dict(pair(onsets_s.tolist(), found_s.tolist(), TOLERANCE_S))


def score(takes: list[Take], answers: Answers = NOT_RUN) -> Score:
    """Hits, misses and false triggers of some recordings."""
    total = Score()
    for rec in takes:
        found = rec.found_s(answers)
        found = found[found >= rec.ignored_before_s]
        pairs = match(rec.onsets_s, found)
        for number in np.flatnonzero(rec.counted):
            hit = int(number) in pairs
            first = bool(rec.shots[number] == 0)
            total.rounds += 1
            total.hits += hit
            total.first_rounds += first
            total.first_hits += first and hit
            total.unheard += not hit and unheard(rec.audio, rec.rate_hz, rec.onsets_s[number])
        windows = rec.onsets_s[:, None]
        inside = ((found >= windows - BEFORE_S) & (found <= windows + AFTER_S)).any(axis=0)
        total.false += int((~inside).sum())
        total.in_windows += int(inside.sum())
        total.listed += rec.onsets_s.size
        free = outside(rec.onsets_s, rec.audio.size, rec.rate_hz, rec.ignored_before_s)
        total.background_h += free.sum() / rec.rate_hz / 3600
        total.sounding_h += (free & ~in_silence(rec.audio)).sum() / rec.rate_hz / 3600
    return total


def unheard(audio: Audio, rate_hz: float, onset_s: float) -> bool:
    """Whether a recording is digital silence at an onset."""
    at = round(onset_s * rate_hz)
    return bool(np.mean(audio[at : at + round(0.02 * rate_hz)] == 0.0) > SILENT_SHARE)


def in_silence(audio: Audio, run: int = 60) -> NDArray[np.bool_]:
    """Which samples lie in a run of at least ``run`` exact zeros."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], (audio == 0.0).view(np.int8), [0]))))
    silent = np.zeros(audio.size, bool)
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        silent[start:stop] = stop - start >= run
    return silent


def picks(takes: list[Take], answers: Answers) -> list[dict[str, Any]]:
    """What the equality of intervals between rounds at all sensors of a test says about the picks.

    Each entry: group; the deviation of one sensor's interval from the weighted median of the others' (weights
    from the stated sigmas); its spread relative to one interval's; the deviation from the plain median of
    all; the stated sigma of the first deviation.
    """
    rounds: dict[tuple[str, str], Heard] = collections.defaultdict(dict)
    for rec in takes:
        named = re.fullmatch(r".*/(FP\d_test_\d+)_(.*)\.flac", rec.path)
        if named is None:
            continue
        triggers = rec.triggers(answers)
        for number, found in match(rec.onsets_s, rec.found_s(answers)).items():
            if rec.counted[number]:
                trigger = triggers[found]
                pick = (trigger.onset / rec.rate_hz, trigger.onset_sigma_s)
                rounds[rec.group, named[1]][named[2], int(rec.shots[number])] = pick
    out: list[dict[str, Any]] = []
    for (group, _), heard in sorted(rounds.items()):
        for shot in (0, 1):
            out += [{"group": group, **deviation} for deviation in _deviations(heard, shot)]
    return out


def _deviations(heard: Heard, shot: int) -> list[dict[str, float]]:
    """How the interval after one round at each sensor differs from that at the others."""
    following = [
        (pick, heard[sensor, shot + 1])
        for (sensor, number), pick in sorted(heard.items())
        if number == shot and (sensor, shot + 1) in heard
    ]
    if len(following) < FEWEST_SENSORS:
        return []
    intervals = np.array([b[0] - a[0] for a, b in following])
    sigmas = np.array([math.hypot(a[1], b[1]) for a, b in following])
    out = []
    for n in range(intervals.size):
        others = np.arange(intervals.size) != n
        weights = sigmas[others] ** -2.0
        # The variance of a median is pi/2 times that of the mean.
        reference_s = math.sqrt(math.pi / 2 / weights.sum())
        out.append(
            {
                "deviation_s": float(intervals[n] - weighted_median(intervals[others], weights)),
                "shrink": math.sqrt(1 + math.pi / 2 / others.sum()),
                "from_all_s": float(intervals[n] - np.median(intervals)),
                "sigma_s": math.hypot(float(sigmas[n]), reference_s),
            }
        )
    return out


def weighted_median(values: Doubles, weights: Doubles) -> float:
    """The value below which half of the weight lies."""
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, 0.5 * total[-1])])


def pick_summary(deviations: list[dict[str, Any]]) -> dict[str, Any]:
    """Sigma of one pick, share of gross errors, and how many deviations the stated sigmas cover."""
    alone = np.array([d["deviation_s"] / d["shrink"] for d in deviations])
    from_all = np.array([d["from_all_s"] for d in deviations])
    z = np.abs(np.array([d["deviation_s"] / d["sigma_s"] for d in deviations]))
    fine = np.abs(alone) <= GROSS_S
    robust = 1.4826 / math.sqrt(2) * 1e6
    return {
        "intervals": len(deviations),
        "sigma_us": robust * float(np.median(np.abs(alone[fine]))),
        "sigma_from_median_of_all_us": robust * float(np.median(np.abs(from_all[fine]))),
        "gross": float(np.mean(~fine)),
        "gross_ci": wilson(int((~fine).sum()), len(deviations)),
        "within_1_sigma": float(np.mean(z <= 1)),
        "within_2_sigma": float(np.mean(z <= 2)),
    }
