"""Trimmed copies: they begin with the sound, and keep the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sensor.classify.training import corpus as corpora
from sensor.classify.training.corpus import Label, Recording, Round
from sensor.classify.training.examples import TRIMMED_COPIES, Noise, channelled, examples_of
from sensor.classify.training.trimmed import drawn, trimmed

RATE_HZ = 12_000.0
ITEM = Recording(
    "made",
    Label.GUNSHOT,
    "made",
    "made",
    0,
    RATE_HZ,
    (Round(0.5, 0, counts=True), Round(0.8, 1, counts=True), Round(1.1, 2, counts=False)),
    ignore_before_s=0.6,
)
WAVE = np.arange(24_000.0)


def test_rounds_move_and_those_cut_off_keep_their_window_but_do_not_count() -> None:
    item, wave = trimmed(ITEM, WAVE, 0.8)
    assert wave[0] == WAVE[9600]
    assert [heard.onset_s for heard in item.rounds] == pytest.approx([-0.3, 0.0, 0.3])
    assert [heard.counts for heard in item.rounds] == [False, True, False]
    assert item.ignore_before_s == 0.0


def test_a_cut_before_the_beginning_changes_nothing() -> None:
    item, wave = trimmed(ITEM, WAVE, -0.1)
    assert item == ITEM
    assert np.array_equal(wave, WAVE)


def test_copies_begin_with_an_onset_or_shortly_before_it() -> None:
    leads = []
    for seed in range(200):
        item, _ = drawn(ITEM, WAVE, [0.5, 0.8], np.random.default_rng(seed))
        first = next(heard for heard in item.rounds if heard.onset_s > -1e-4)
        leads.append(first.onset_s)
    bare = np.isclose(leads, 0.0, atol=1e-4)
    assert 60 < bare.sum() < 100
    assert 0.0 <= max(leads) <= 0.0601
    assert drawn(ITEM, WAVE, [], np.random.default_rng(1)) == (ITEM, WAVE)


@pytest.mark.corpus
def test_the_first_sound_of_a_trimmed_recording_is_heard_and_labelled(corpus: Path) -> None:
    loaded = corpora.load(corpus)
    shots = [item for item in loaded.recordings if item.rounds and item.rounds[0].counts][::40]
    heard = 0
    for item in shots:
        begun, wave = trimmed(item, loaded.read(item), item.rounds[0].onset_s)
        examples = examples_of(wave, item.rate_hz, begun, TRIMMED_COPIES[0], -1)
        onsets_s = examples.rows["onset_s"][examples.rows["round"] == 0]
        heard += bool(onsets_s.size and onsets_s[0] < 0.05)
    assert heard > 0.7 * len(shots) > 5


@pytest.mark.corpus
def test_other_sounds_are_trimmed_alike(corpus: Path) -> None:
    loaded = corpora.load(corpus)
    noise = Noise(loaded)
    knock = next(item for item in loaded.recordings if item.kind == "neg_door_knock")
    copies = [channelled(loaded, noise, knock, number) for number in TRIMMED_COPIES[:4]]
    assert min(copy.rows["onset_s"].min(initial=np.inf) for copy in copies) < 0.1
    assert all((copy.labels == Label.OTHER_IMPULSE).all() for copy in copies)
