"""From recordings to labelled triggers: the real detector over originals and over simulated channels.

Every example remembers the fold of its recording and of the noise mixed in, so that a model that is to be
judged on a fold can be trained on rows that have met neither.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sensor.classify import context, features, likeness
from sensor.classify.classifier import with_context
from sensor.classify.common_rate import LENGTH, to_common_rate
from sensor.classify.training import faint, trimmed
from sensor.classify.training.channels import Channel, resample
from sensor.classify.training.corpus import Corpus, Label, Recording, Round
from sensor.classify.training.scaled import scaled
from sensor.classify.training.synthetic import burst
from sensor.pairing import AFTER_S, BEFORE_S, TOLERANCE_S, pair
from sensor.types import Reject, Trigger

ROW = np.dtype(
    [
        ("path", "U64"),
        ("group", "U40"),
        ("fold", "i4"),
        ("noise_fold", "i4"),
        ("copy", "i4"),
        ("label", "i4"),
        ("round", "i4"),
        ("onset_s", "f8"),
        ("snr_db", "f4"),
        ("rate_hz", "f4"),
    ]
)


@dataclass(frozen=True)
class Dataset:
    """Labelled triggers and what the classifier computes of each."""

    rows: NDArray[np.void]
    features: NDArray[np.float32]
    """Shape (n, features.LOOKS, len(features.NAMES) + len(context.NAMES)): of each look the sound, then the
    context."""
    waves: NDArray[np.float16] = field(default_factory=lambda: np.empty((0, LENGTH), np.float16))
    """Aligned waves of peak 1, shape (n, LENGTH), for rivals that look at the sound itself."""

    @property
    def labels(self) -> NDArray[np.int32]:
        """Label of each row."""
        return self.rows["label"]

    @property
    def originals(self) -> NDArray[np.bool_]:
        """Rows of recordings as they are."""
        return self.rows["copy"] == 0

    @staticmethod
    def join(parts: Iterable[Dataset]) -> Dataset:
        """All parts in their order."""
        listed = list(parts)
        return Dataset(
            np.concatenate([part.rows for part in listed]),
            np.concatenate([part.features for part in listed]),
            np.concatenate([part.waves for part in listed]),
        )


def triggers_of(
    samples: NDArray[np.float32], rate_hz: float
) -> Iterator[tuple[Trigger, NDArray[np.float32]]]:
    """Triggers of a whole recording with their clips, as the daemon's pipeline has them."""
    from sensor.detect.detector import Detector  # noqa: PLC0415  tooling: a stage never imports another

    detector = Detector(rate_hz)
    step = round(rate_hz)
    for first in range(0, samples.size, step):
        yield from _with_clips(detector.process(first, samples[first : first + step]), detector.clip)
    yield from _with_clips(detector.flush(), detector.clip)


def _with_clips(
    decisions: Iterable[Trigger | Reject], clip: Callable[[int, int], NDArray[np.float32]]
) -> Iterator[tuple[Trigger, NDArray[np.float32]]]:
    for decision in decisions:
        if isinstance(decision, Trigger):
            yield decision, clip(decision.on, decision.off)


def seed_of(*parts: object) -> int:
    """A seed that depends on nothing but its arguments."""
    return zlib.crc32("/".join(map(str, parts)).encode())


def label_triggers(onsets_s: list[float], recording: Recording) -> list[tuple[Label, int]]:
    """Label and round number (-1 = none) of each trigger; rounds are matched one to one."""
    labels = [(Label.IGNORE, -1)] * len(onsets_s)
    rounds = recording.rounds
    if not rounds:
        return [(recording.label, -1)] * len(onsets_s) if recording.label != Label.GUNSHOT else labels
    taken = dict(pair(onsets_s, [item.onset_s for item in rounds], TOLERANCE_S))
    for i, t in enumerate(onsets_s):
        if i in taken:
            item = rounds[taken[i]]
            labels[i] = (Label.GUNSHOT if item.counts else Label.IGNORE, taken[i])
        else:
            labels[i] = (_unmatched(t, rounds, recording), -1)
    return labels


def _unmatched(onset_s: float, rounds: tuple[Round, ...], recording: Recording) -> Label:
    if onset_s < recording.ignore_before_s:
        return Label.IGNORE
    near = [onset_s - item.onset_s for item in rounds]
    if any(TOLERANCE_S / 2 < lag <= AFTER_S for lag in near) and not any(
        -BEFORE_S <= lag <= 0 for lag in near
    ):
        return Label.ECHO
    if any(-BEFORE_S <= lag <= AFTER_S for lag in near):
        return Label.IGNORE
    return Label.STREET if recording.path.startswith("pittsburgh") else Label.IGNORE


def examples_of(
    samples: NDArray[np.float64], rate_hz: float, recording: Recording, copy: int, noise_fold: int
) -> Dataset:
    """Labelled triggers of one recording as it came out of one channel."""
    found = list(triggers_of(samples.astype(np.float32), rate_hz))
    labels = label_triggers([trigger.onset / rate_hz for trigger, _ in found], recording)
    rows = np.zeros(len(found), ROW)
    sounds = [to_common_rate(clip, rate_hz, trigger.onset - trigger.on) for trigger, clip in found]
    contexts = []
    heard = [
        context.Heard(trigger, likeness.image(sound.wave))
        for (trigger, _), sound in zip(found, sounds, strict=True)
    ]
    for index, ((trigger, _), (label, number)) in enumerate(zip(found, labels, strict=True)):
        oldest = trigger.onset - context.MEMORY_S * rate_hz
        earlier = [item for item in heard[:index] if item.trigger.onset >= oldest]
        contexts.append(context.extract(trigger, heard[index].image, earlier, rate_hz))
        row = rows[index]
        row["path"], row["group"], row["fold"] = recording.path, recording.group, recording.fold
        row["noise_fold"], row["copy"], row["label"], row["round"] = noise_fold, copy, label, number
        row["onset_s"], row["snr_db"], row["rate_hz"] = trigger.onset / rate_hz, trigger.snr_db, rate_hz
    if not found:
        width = len(features.NAMES) + len(context.NAMES)
        return Dataset(rows, np.empty((0, features.LOOKS, width), np.float32))
    waves = np.stack([sound.wave for sound in sounds])
    described = features.extract(waves, np.stack([sound.high for sound in sounds]))
    vectors = np.stack([with_context(*pair) for pair in zip(described, contexts, strict=True)])
    peak = np.abs(waves).max(axis=1, keepdims=True)
    kept = (waves / np.where(peak > 0.0, peak, 1.0)).astype(np.float16)
    return Dataset(rows, vectors, kept)


_NOISY = (
    "neg_engine",
    "neg_airplane",
    "neg_train",
    "neg_helicopter",
    "neg_drone",
    "neg_chainsaw",
    "neg_siren",
)


class Noise:
    """Stretches of background by fold, to be mixed under recordings of other groups."""

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self._places: list[tuple[Recording, float]] = []
        for item in corpus.recordings:
            if item.kind in _NOISY:
                self._places.append((item, np.inf))
            elif item.path.startswith("pittsburgh") and item.rounds and item.rounds[0].onset_s > 2.0:
                self._places.append((item, item.rounds[0].onset_s - 0.3))

    def draw(
        self, rng: np.random.Generator, recording: Recording, *, same_fold: bool
    ) -> tuple[NDArray[np.float64], int]:
        """Noise of another group at the recording's rate, and its fold; -1 is synthetic coloured noise."""
        if rng.random() < 0.25:
            return coloured(rng, round(recording.rate_hz * 5.0), float(rng.uniform(0.0, 2.0))), -1
        places = [
            place
            for place in self._places
            if place[0].group != recording.group and (place[0].fold == recording.fold or not same_fold)
        ]
        return self._stretch(rng, recording, places)

    def draw_street(self, rng: np.random.Generator, recording: Recording) -> tuple[NDArray[np.float64], int]:
        """Background of another group: of a street (three of four) or of a machine; and its fold."""
        street = rng.random() >= 0.25
        places = [
            place
            for place in self._places
            if place[0].group != recording.group and place[0].path.startswith("pittsburgh") == street
        ]
        return self._stretch(rng, recording, places)

    def _stretch(
        self, rng: np.random.Generator, recording: Recording, places: list[tuple[Recording, float]]
    ) -> tuple[NDArray[np.float64], int]:
        source, until_s = places[int(rng.integers(len(places)))]
        wave = self._corpus.read(source)
        wave = wave[: min(wave.size, int(min(until_s, 1e6) * source.rate_hz))]
        return resample(wave, source.rate_hz, recording.rate_hz), source.fold


def coloured(rng: np.random.Generator, length: int, slope: float) -> NDArray[np.float64]:
    """Gaussian noise whose power falls as 1 / f^slope (0 white, 1 pink, 2 brown)."""
    spectrum = np.fft.rfft(rng.standard_normal(length))
    spectrum[1:] /= np.arange(1, spectrum.size) ** (slope / 2.0)
    spectrum[0] = 0.0
    return np.fft.irfft(spectrum, length)


BURST_COPIES = range(1000, 2000)
"""Copies with these numbers are automatic fire made of the recording's first round."""
FAINT_COPIES = range(2000, 3000)
"""Copies with these numbers are faint: see ``faint``. Every second one is dried."""
SCALED_COPIES = range(2500, 4000)
"""Copies with these numbers are of another size: see ``scaled``. Those below 3000 are faint, too."""
TRIMMED_COPIES = range(4000, 5000)
"""Copies with these numbers begin with their sound: see ``trimmed``. The first has no other channel."""


def channelled(
    corpus: Corpus, noise: Noise, recording: Recording, copy: int, *, same_fold: bool = False
) -> Dataset:
    """Examples of a recording; copy 0 is the original, every other number a channel of its own."""
    wave = corpus.read(recording)
    if copy == 0:
        return examples_of(wave, recording.rate_hz, recording, 0, -1)
    rng = np.random.default_rng(seed_of(recording.path, copy))
    if copy in SCALED_COPIES:
        recording, wave = scaled(recording, wave, rng)
    if copy in FAINT_COPIES:
        return _faint(recording, wave, noise, rng, copy)
    if copy in BURST_COPIES:
        recording, wave = burst(recording, wave, rng)
        if copy == BURST_COPIES[0]:
            return examples_of(wave, recording.rate_hz, recording, copy, -1)
    if copy in TRIMMED_COPIES:
        recording, wave = trimmed.drawn(recording, wave, onsets_of(recording, wave), rng)
        if copy == TRIMMED_COPIES[0]:
            return examples_of(wave, recording.rate_hz, recording, copy, -1)
    return through_channel(recording, wave, noise, rng, copy, same_fold=same_fold)


def onsets_of(recording: Recording, wave: NDArray[np.float64]) -> list[float]:
    """Onsets of its rounds, or of whatever triggers where it lists none, s."""
    rate_hz = recording.rate_hz
    return [item.onset_s for item in recording.rounds] or [
        trigger.onset / rate_hz for trigger, _ in triggers_of(wave.astype(np.float32), rate_hz)
    ]


def _faint(
    recording: Recording, wave: NDArray[np.float64], noise: Noise, rng: np.random.Generator, copy: int
) -> Dataset:
    """Examples of a recording made faint, with other groups' background under it."""
    rate_hz = recording.rate_hz
    channel = faint.channel(rng, rate_hz)
    mixed, fold = noise.draw_street(rng, recording)
    if copy % 2:
        wave = faint.dried(wave, rate_hz, onsets_of(recording, wave), rng)
    return examples_of(channel.apply(wave, rate_hz, mixed), channel.rate_hz, recording, copy, fold)


def through_channel(
    recording: Recording,
    wave: NDArray[np.float64],
    noise: Noise,
    rng: np.random.Generator,
    copy: int,
    *,
    same_fold: bool = False,
) -> Dataset:
    """Examples of a wave through a channel drawn from ``rng``, with noise of another group under it."""
    channel = Channel.draw(rng, recording.rate_hz)
    mixed, fold = noise.draw(rng, recording, same_fold=same_fold)
    if not np.isfinite(channel.peak_to_noise_db):
        fold = -1
    return examples_of(channel.apply(wave, recording.rate_hz, mixed), channel.rate_hz, recording, copy, fold)
