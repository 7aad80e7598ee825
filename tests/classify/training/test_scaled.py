"""Scaled copies: another size, the same truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sensor.classify.training import corpus as corpora
from sensor.classify.training.corpus import Label, Recording, Round
from sensor.classify.training.examples import SCALED_COPIES, Dataset, Noise, channelled
from sensor.classify.training.scaled import scaled

RATE_HZ = 12_000.0
ONSET_S = 0.75
TONE_HZ = 500.0


def recording(label: Label, *rounds: Round) -> Recording:
    return Recording("made", label, "made", "made", 0, RATE_HZ, rounds, ignore_before_s=0.1)


def ring() -> np.ndarray:
    """Two seconds with a decaying tone that begins at ``ONSET_S``."""
    after_s = np.arange(24_000) / RATE_HZ - ONSET_S
    sound: np.ndarray = np.where(
        after_s >= 0.0, np.exp(-after_s / 0.05) * np.sin(2 * np.pi * TONE_HZ * after_s), 0.0
    )
    return sound


@pytest.mark.parametrize("seed", range(20))
def test_times_and_frequencies_scale_together(seed: int) -> None:
    item = recording(Label.GUNSHOT, Round(ONSET_S, 0, counts=True))
    moved, wave = scaled(item, ring(), np.random.default_rng(seed))
    speed = 24_000 / wave.size
    assert 0.75 <= speed <= 1.34
    assert moved.rounds[0].onset_s == pytest.approx(ONSET_S / speed, rel=1e-3)
    assert moved.ignore_before_s == pytest.approx(0.1 / speed, rel=1e-3)
    onset = np.flatnonzero(np.abs(wave) > 0.2)[0] / RATE_HZ
    assert onset == pytest.approx(moved.rounds[0].onset_s, abs=0.001)
    spectrum = np.abs(np.fft.rfft(wave))
    assert np.argmax(spectrum) * RATE_HZ / wave.size == pytest.approx(TONE_HZ * speed, rel=0.02)


def test_other_sounds_may_change_more_than_shots() -> None:
    shots, others = (
        [24_000 / scaled(recording(label), ring(), np.random.default_rng(n))[1].size for n in range(200)]
        for label in (Label.GUNSHOT, Label.OTHER_IMPULSE)
    )
    assert 0.75 <= min(shots) < 0.8
    assert 1.25 < max(shots) <= 1.34
    assert 0.6 <= min(others) < 0.65
    assert 1.6 < max(others) <= 1.71


@pytest.mark.corpus
def test_the_rounds_of_a_scaled_copy_are_found_where_they_moved(corpus: Path) -> None:
    loaded = corpora.load(corpus)
    noise = Noise(loaded)
    item = loaded.by_path["pittsburgh/FP3_test_037_SCP-00-BNG-5515.flac"]
    original = channelled(loaded, noise, item, 0)
    rounds = sum(item.counts for item in item.rounds)
    copies = [channelled(loaded, noise, item, copy) for copy in SCALED_COPIES[500:506]]
    assert max(int((copy.labels == Label.GUNSHOT).sum()) for copy in copies) == rounds

    def first_s(copy: Dataset) -> float:
        return float(copy.rows["onset_s"][copy.rows["round"] == 0].min(initial=np.inf))

    speeds = [first_s(original) / first_s(copy) for copy in copies]
    heard = [speed for speed in speeds if speed > 0.0]  # a channel may make the first round inaudible
    assert max(heard) - min(heard) > 0.1
    assert all(0.74 < speed < 1.34 for speed in heard)
