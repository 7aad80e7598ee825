"""What rates, levels, bits and trimming change: altered recordings, each judged by a stranger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from scripts.detection_verdicts import Verdicts
from sensor.classify.training.channels import resample
from sensor.classify.training.corpus import Label, Recording
from sensor.classify.training.examples import examples_of, onsets_of
from sensor.classify.training.report import Share
from sensor.classify.training.trimmed import trimmed
from sensor.pairing import CANDIDATE_P

Doubles = NDArray[np.float64]
Alter = Callable[[Recording, Doubles], tuple[Recording, Doubles]]
"""A recording and its samples -> another and its."""

RATES_HZ = (8000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000)
GAINS_DB = (-40, -20, 20, 40)
OVER_DB = (6, 12, 20)
OFFSETS_FS = (0.1, -0.3)
BITS = (8, 7, 6)
LEADS_MS = (20, 5, 0)
MIRROR_S = 0.2
"""A whole number of samples at every rate here."""
ZEROS_S = 1.0
EVERY_STREET = 3
"""Of the street recordings; and of the negatives below."""
EVERY_NEGATIVE = 2
NEGATIVES = ("neg_door_knock", "neg_clapping", "neg_glass_breaking", "neg_thunderstorm", "neg_dog")
"""Those that are most often taken for shots."""


@dataclass
class Altered:
    """What one alteration left, out of fold."""

    triggered: dict[str, Share] = field(default_factory=dict)
    """Group -> counted rounds (files, for range recordings) with a trigger."""
    found: dict[str, Share] = field(default_factory=dict)
    """Group -> those with a candidate."""
    false_street: int = 0
    false_other: int = 0
    files_other: int = 0
    """Files of the other negatives that hold a false candidate."""


def alterations() -> dict[str, Alter]:
    """Name -> what is done to a recording."""
    table: dict[str, Alter] = {"as recorded": partial(_amplified, gain_db=0.0)}
    table |= {f"{rate} Hz": partial(_resampled, to_hz=float(rate)) for rate in RATES_HZ}
    table |= {f"gain {gain_db:+d} dB": partial(_amplified, gain_db=gain_db) for gain_db in GAINS_DB}
    table |= {f"clipped {over} dB over the rail": partial(_clipped, over_db=over) for over in OVER_DB}
    table |= {f"offset {offset:+.1f} FS": partial(_shifted, offset_fs=offset) for offset in OFFSETS_FS}
    table |= {f"{bits} bits": partial(_rounded, bits=bits) for bits in BITS}
    table |= {f"begins {lead} ms before a round": partial(_begun, lead_s=lead * 1e-3) for lead in LEADS_MS}
    return table | {"begins with a round, behind 1 s of zeros": _behind_zeros}


def _amplified(item: Recording, wave: Doubles, *, gain_db: float) -> tuple[Recording, Doubles]:
    return item, wave * 10.0 ** (gain_db / 20.0)


def _resampled(item: Recording, wave: Doubles, *, to_hz: float) -> tuple[Recording, Doubles]:
    """At another rate, the ends continued by their mirror image: else the end rings with the beginning."""
    mirror, cut = round(MIRROR_S * item.rate_hz), round(MIRROR_S * to_hz)
    longer = resample(np.pad(wave, mirror, mode="reflect"), item.rate_hz, to_hz)
    return replace(item, rate_hz=to_hz), longer[cut : longer.size - cut]


def _clipped(item: Recording, wave: Doubles, *, over_db: float) -> tuple[Recording, Doubles]:
    """The wave with its largest sample ``over_db`` above a rail of one, cut there."""
    top = float(np.abs(wave).max()) or 1.0
    return item, np.clip(wave * (10.0 ** (over_db / 20.0) / top), -1.0, 1.0)


def _shifted(item: Recording, wave: Doubles, *, offset_fs: float) -> tuple[Recording, Doubles]:
    return item, wave + offset_fs


def _rounded(item: Recording, wave: Doubles, *, bits: int) -> tuple[Recording, Doubles]:
    steps = 2.0 ** (bits - 1)
    return item, np.round(wave * steps) / steps


def _begun(item: Recording, wave: Doubles, *, lead_s: float) -> tuple[Recording, Doubles]:
    """Trimmed to begin so long before the first round or, where none is listed, the first trigger."""
    onsets_s = onsets_of(item, wave)
    return trimmed(item, wave, min(onsets_s) - lead_s) if onsets_s else (item, wave)


def _behind_zeros(item: Recording, wave: Doubles) -> tuple[Recording, Doubles]:
    begun, wave = _begun(item, wave, lead_s=0.0)
    size = round(ZEROS_S * item.rate_hz)
    rounds = tuple(replace(heard, onset_s=heard.onset_s + ZEROS_S) for heard in begun.rounds)
    return replace(begun, rounds=rounds), np.concatenate((np.zeros(size), wave))


def altered(verdicts: Verdicts) -> dict[str, Altered]:
    """Each alteration of a seeded share of the corpus through detector, features and the fold's model."""
    return {name: _judge(verdicts, _chosen(verdicts), alter) for name, alter in alterations().items()}


def _chosen(verdicts: Verdicts) -> list[Recording]:
    every = verdicts.corpus.recordings
    street = [item for item in every if item.path.startswith("pittsburgh") and item.rounds]
    ranges = [item for item in every if item.label == Label.GUNSHOT and item.path.startswith("ffsl")]
    negatives = [item for item in every if item.kind in NEGATIVES]
    return [*street[::EVERY_STREET], *ranges, *negatives[::EVERY_NEGATIVE]]


def _judge(verdicts: Verdicts, chosen: list[Recording], alter: Alter) -> Altered:
    result = Altered()
    for original in chosen:
        item, wave = alter(original, verdicts.corpus.read(original))
        examples = examples_of(wave, item.rate_hz, item, 0, -1)
        said = verdicts.judged.judges[item.fold](examples)[:, 0] if len(examples.rows) else np.empty(0)
        candidate = said >= CANDIDATE_P
        if item.path.startswith("pittsburgh"):
            shot = examples.labels == Label.GUNSHOT
            counted = sum(shot_at.counts for shot_at in item.rounds)
            _add(result.triggered, item.group, int(shot.sum()), counted)
            _add(result.found, item.group, int((shot & candidate).sum()), counted)
            result.false_street += int(((examples.labels == Label.STREET) & candidate).sum())
        elif item.label == Label.GUNSHOT:
            _add(result.triggered, "range files", int(len(said) > 0), 1)
            _add(result.found, "range files", int(candidate.any()), 1)
        else:
            result.false_other += int(candidate.sum())
            result.files_other += int(candidate.any())
    return result


def _add(table: dict[str, Share], group: str, hits: int, of: int) -> None:
    before = table.get(group, Share(0, 0))
    table[group] = Share(before.hits + hits, before.of + of)
