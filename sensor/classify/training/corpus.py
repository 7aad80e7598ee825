"""The corpus as recordings with a label, a group and a fold; nothing else reads its tables or its audio.

A group is what must never stand on both sides of a split: a firing position, a weapon, an uploader. Folds
hold out several groups at once (one firing position, one weapon, a seventh of the uploaders), which is
stricter than leaving out one group at a time and gives every recording a verdict by a model that has
met nothing of its group.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sensor.pairing import BEFORE_S, PUBLISHED

FOLDS = 7
WEAPONS = "DEHLOPT"
"""Letters of the range recordings with a shot, one per fold."""


class Label(IntEnum):
    """What a trigger of a training recording is."""

    GUNSHOT = 0
    FIREWORK = 1
    OTHER_IMPULSE = 2
    NON_IMPULSE = 3
    STREET = 4
    """Street background: no shot, and nobody said whether an impulse."""
    ECHO = 5
    """Inside the window after a shot and not a listed round."""
    IGNORE = 6
    """Neither hit nor miss."""


_IMPULSIVE = {
    "neg_door_knock",
    "neg_clapping",
    "neg_glass_breaking",
    "neg_mouse_click",
    "neg_dog",
    "neg_gun_handling",
}

RANGE_ONSETS_S = {
    "ffsl/D_24P_prepared.flac": (0.549, 3.910),
    "ffsl/E_25P_prepared.flac": (0.525, 4.031),
    "ffsl/H_21P_prepared.flac": (0.464, 3.075),
    "ffsl/L_23P_prepared.flac": (0.573, 4.123),
    "ffsl/O_17P_prepared.flac": (0.694, 3.708),
    "ffsl/O_21P_prepared.flac": (0.431, 3.465),
    "ffsl/P_22P_prepared.flac": (1.145, 1.196, 1.247, 1.296, 1.343, 1.390, 1.439, 1.489, 1.539, 1.586, 1.631),
    "ffsl/P_34P_prepared.flac": (
        *(0.723, 0.806, 0.854, 0.902, 0.951, 0.993, 1.042, 1.088, 1.137, 1.182),
        *(1.226, 1.275, 1.321, 1.368, 1.416, 1.464, 1.509, 1.560, 1.610, 1.653),
    ),
    "ffsl/T_27P_prepared.flac": (0.950, 4.968),
    "ffsl/gungame_rifle-ar15-shot-near_D32P.flac": (0.703,),
}
"""Rounds of the range recordings, read off their envelopes to a millisecond: the corpus lists none."""


@dataclass(frozen=True, slots=True)
class Round:
    """One listed arrival of a shot."""

    onset_s: float
    number: int
    """0 = first round of the recording."""
    counts: bool
    """Whether it is hit or miss; the others only keep their window."""
    weapon: str = ""
    distance_m: float = 0.0


@dataclass(frozen=True, slots=True)
class Recording:
    """One file of the corpus."""

    path: str
    label: Label
    kind: str
    """The corpus' own label."""
    group: str
    fold: int
    rate_hz: float
    rounds: tuple[Round, ...] = ()
    ignore_before_s: float = 0.0


@dataclass(frozen=True)
class Corpus:
    """All recordings below ``root`` that training may use."""

    root: Path
    recordings: tuple[Recording, ...]
    by_path: dict[str, Recording] = field(init=False)

    def __post_init__(self) -> None:
        """Index the recordings by path."""
        object.__setattr__(self, "by_path", {item.path: item for item in self.recordings})

    def read(self, recording: Recording) -> NDArray[np.float64]:
        """Samples of a recording, mono, ±1.0."""
        return _read(self.root / recording.path)


@lru_cache(maxsize=64)
def _read(path: Path) -> NDArray[np.float64]:
    import soundfile  # noqa: PLC0415  only training and the audio file source need it

    samples, _ = soundfile.read(path, dtype="float64", always_2d=True)
    mono: NDArray[np.float64] = samples.mean(axis=1)
    return mono


def load(root: Path) -> Corpus:
    """Read the corpus' tables; every recording gets its group and fold."""
    with (root / "files.csv").open(newline="") as file:
        files = list(csv.DictReader(file))
    rounds = _rounds(root)
    uploader = _uploaders(root)
    groups = [_group(row, uploader) for row in files]
    folds = _fold_of_groups(files, groups)
    recordings = []
    for row, group in zip(files, groups, strict=True):
        if row["label"] == "gunshot_suppressed":
            continue  # one take, indoors, at the muzzle of a silenced .22: no claim is made for these
        listed = rounds.get(row["path"], ())
        recordings.append(
            Recording(
                path=row["path"],
                label=_label(row["label"]),
                kind=row["label"],
                group=group,
                fold=folds[group],
                rate_hz=float(row["sample_rate_hz"]),
                rounds=listed,
                ignore_before_s=_ignore_before_s(row["path"], listed),
            )
        )
    return Corpus(root, tuple(recordings))


def _label(kind: str) -> Label:
    if kind == "gunshot":
        return Label.GUNSHOT
    if kind == "neg_fireworks":
        return Label.FIREWORK
    return Label.OTHER_IMPULSE if kind in _IMPULSIVE else Label.NON_IMPULSE


def _ignore_before_s(path: str, rounds: tuple[Round, ...]) -> float:
    """The first of three rounds of this test is not listed: what precedes the first label is unknown."""
    if "FP4_test_055" not in path:
        return 0.0
    return min((item.onset_s for item in rounds), default=1e9) - BEFORE_S


def _rounds(root: Path) -> dict[str, tuple[Round, ...]]:
    listed: dict[str, list[Round]] = defaultdict(list)
    with (root / "events.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            counts = row["truth_source"] in PUBLISHED
            listed[row["path"]].append(
                Round(
                    float(row["onset_s"]), int(row["shot"]), counts, row["weapon"], float(row["distance_m"])
                )
            )
    for path, onsets in RANGE_ONSETS_S.items():
        listed[path] = [Round(onset, number, counts=True) for number, onset in enumerate(onsets)]
    return {path: tuple(sorted(items, key=lambda item: item.onset_s)) for path, items in listed.items()}


def _uploaders(root: Path) -> dict[str, str]:
    with (root / "esc50_attributions.csv").open(newline="") as file:
        return {row["freesound_id"]: row["author"] for row in csv.DictReader(file)}


def _group(row: dict[str, str], uploader: dict[str, str]) -> str:
    folder = row["path"].split("/")[0]
    if folder == "esc50":
        found = re.search(r"_\d-(\d+)-", row["path"])
        return f"esc50:{uploader[found.group(1)]}" if found else row["path"]
    return folder if folder == "dronedet" else row["group"]


def _fold_of_groups(files: list[dict[str, str]], groups: list[str]) -> dict[str, int]:
    """One firing position and one weapon a fold; uploaders dealt out by size, those of fireworks first."""
    fold = {f"FP{number}": number - 1 for number in range(1, 7)}
    fold |= {f"ffsl_{letter}": number for number, letter in enumerate(WEAPONS)}
    fold["dronedet"] = FOLDS - 1
    size = Counter(groups)
    festive = Counter(g for g, row in zip(groups, files, strict=True) if row["label"] == "neg_fireworks")
    order = sorted((g for g in size if g not in fold), key=lambda g: (-festive[g], -size[g], g))
    for number, group in enumerate(order):
        fold[group] = number % FOLDS
    return fold
