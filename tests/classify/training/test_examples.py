"""Triggers get the label that the corpus' truth gives them; folds keep groups apart."""

from __future__ import annotations

import csv
import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from sensor.classify.classifier import Classifier
from sensor.classify.training import corpus as corpora
from sensor.classify.training import synthetic
from sensor.classify.training.corpus import FOLDS, Label, Recording, Round
from sensor.classify.training.examples import Noise, channelled, examples_of, label_triggers, seed_of
from sensor.detect.settings import DetectSettings
from sensor.detect.witness import Frames, Judged
from sensor.events import Versions
from sensor.pipeline import Node, Pipeline
from sensor.timing.timebase import FileTimebase
from sensor.types import Block, Trigger, Verdict
from tests.support.impulses import bursts

STREET = Recording(
    "pittsburgh/FP1_x.flac",
    Label.GUNSHOT,
    "gunshot",
    "FP1",
    0,
    12_000.0,
    (Round(3.0, 0, counts=True), Round(3.4, 1, counts=False), Round(3.8, 2, counts=True)),
)


class Vectors:
    """Keeps what the pipeline's classifier was asked about."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def classified(self, trigger: Trigger, verdict: Verdict) -> None:
        assert trigger.on < trigger.onset < trigger.off
        assert verdict.features is not None
        self.seen.append(verdict.features)

    def heard(self, trigger: Trigger, share: float) -> None:
        """All of it."""
        assert share == 1.0, trigger

    def frames(self, shown: Frames) -> None:
        """Levels are of no interest here."""

    def judged(self, shown: Judged) -> None:
        """Nor is what the detector refused."""


def labels(*onsets_s: float, recording: Recording = STREET) -> list[Label]:
    return [label for label, _ in label_triggers(list(onsets_s), recording)]


def test_rounds_are_matched_one_to_one_and_nearest_first() -> None:
    found = label_triggers([2.97, 3.01, 3.81], STREET)
    assert found[1] == (Label.GUNSHOT, 0)
    assert found[2] == (Label.GUNSHOT, 2)
    assert found[0][0] == Label.IGNORE


def test_a_round_known_only_by_prediction_is_neither_hit_nor_miss() -> None:
    assert labels(3.39) == [Label.IGNORE]


def test_what_follows_a_round_is_an_echo_until_its_window_ends() -> None:
    assert labels(3.2, 4.9, 5.79) == [Label.ECHO] * 3
    assert labels(5.81) == [Label.STREET]


def test_what_precedes_a_round_by_more_than_its_window_is_background() -> None:
    assert labels(2.84, 2.9) == [Label.STREET, Label.IGNORE]


def test_a_negative_recording_gives_its_label() -> None:
    dog = Recording("esc50/dog.flac", Label.OTHER_IMPULSE, "neg_dog", "esc50:x", 1, 16_000.0)
    assert labels(0.1, 4.0, recording=dog) == [Label.OTHER_IMPULSE] * 2


def test_what_precedes_an_unlisted_round_is_ignored() -> None:
    doubtful = Recording(
        "pittsburgh/FP4_test_055_x.flac", Label.GUNSHOT, "gunshot", "FP4", 3, 12_000.0, STREET.rounds, 2.85
    )
    assert labels(1.0, recording=doubtful) == [Label.IGNORE]


def test_seeds_depend_on_their_arguments_alone() -> None:
    assert seed_of("a", 1) == seed_of("a", 1) != seed_of("a", 2)


def test_synthetic_shots_come_where_they_are_listed() -> None:
    for number in range(0, 12, 6):
        item, wave = synthetic.recording(number)
        for shot in item.rounds:
            before = np.abs(wave[: round((item.rounds[0].onset_s - 0.001) * item.rate_hz)])
            near = np.abs(wave[round((shot.onset_s - 0.001) * item.rate_hz) :][:100])
            assert before.max(initial=0.0) == 0.0
            assert near.max() > 0.2


@pytest.mark.parametrize("number", [3, 4, 5])
def test_other_synthetic_sounds_have_no_rounds(number: int) -> None:
    item, wave = synthetic.recording(number)
    assert not item.rounds
    assert item.label in {Label.OTHER_IMPULSE, Label.FIREWORK}
    assert np.abs(wave).max() > 0.0


def test_a_burst_repeats_the_round_as_automatic_fire_does() -> None:
    rng = np.random.default_rng(2)
    wave = 0.001 * rng.standard_normal(120_000)
    wave[36_000:36_200] += np.exp(-np.arange(200) / 20.0)
    item, made = synthetic.burst(STREET, wave, rng)
    onsets = np.array([shot.onset_s for shot in item.rounds])
    assert onsets[0] == STREET.rounds[0].onset_s
    assert (np.diff(onsets) > 0.045).all()
    assert (np.diff(onsets) < 0.145).all()
    assert np.abs(made).max() <= np.abs(wave).max()
    for onset_s in onsets:
        at = round(onset_s * 12_000.0)
        assert np.abs(made[at : at + 12]).max() > 5.0 * np.abs(made[at - 120 : at - 12]).max()


@pytest.mark.corpus
def test_no_group_stands_in_two_folds_and_every_fold_has_its_share(corpus: Path) -> None:
    loaded = corpora.load(corpus)
    folds: dict[str, set[int]] = {}
    for item in loaded.recordings:
        folds.setdefault(item.group, set()).add(item.fold)
    # A group is what one firing position, weapon or uploader made, however its files are named.
    assert len({item.group for item in loaded.recordings if "_D_" in item.path or "D32P" in item.path}) == 1
    by_id = {
        re.sub(r".*_\d-(\d+)-.*", r"\1", i.path): i for i in loaded.recordings if i.path.startswith("esc50")
    }
    with (corpus / "esc50_attributions.csv").open(newline="") as file:
        author = {row["freesound_id"]: row["author"] for row in csv.DictReader(file)}
    for one, other in itertools.combinations(by_id, 2):
        if author[one] == author[other]:
            assert by_id[one].fold == by_id[other].fold
    assert {min(folds[f"FP{n}"]) for n in range(1, 7)} == set(range(6))
    festive = {item.group for item in loaded.recordings if item.label == Label.FIREWORK}
    assert len({min(folds[group]) for group in festive}) == len(festive)
    assert {item.fold for item in loaded.recordings} == set(range(FOLDS))


@pytest.mark.corpus
def test_the_same_copy_gives_the_same_examples(corpus: Path) -> None:
    loaded = corpora.load(corpus)
    noise = Noise(loaded)
    item = loaded.by_path["ffsl/H_21P_prepared.flac"]
    first, again = (channelled(loaded, noise, item, 3) for _ in range(2))
    assert np.array_equal(first.features, again.features, equal_nan=True)
    assert np.array_equal(first.rows, again.rows)


def test_training_sees_of_a_flood_what_a_roof_sees() -> None:
    rate_hz = 16_000
    audio = bursts(tuple(0.3 + 0.0455 * n for n in range(150)), seconds=7.5, rate_hz=rate_hz)
    made = examples_of(audio.astype(np.float64), rate_hz, STREET, 0, -1)
    roof = Vectors()
    stages = Pipeline(
        rate_hz=rate_hz,
        detect=DetectSettings(),
        classifier=Classifier.load(),
        timebase=FileTimebase(rate_hz, 10**18),
        node=Node(site="test", node="roof", versions=Versions(software="0", model="m", config="c")),
        witness=roof,
    )
    stages.process(Block(0, audio[None], 0))
    stages.flush()
    assert len(roof.seen) > 130
    np.testing.assert_allclose(np.array(roof.seen), made.features, atol=1e-4)
