"""Simulated streets to learn from: seeded, labelled, and none of the day that is judged."""

from __future__ import annotations

import numpy as np
import pytest

from sensor.classify.training import street
from sensor.classify.training.corpus import Label


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(street, "SECONDS", 9.0)
    monkeypatch.setattr(street, "SOURCES", 2)


def test_a_street_of_shots_lists_every_first_arrival() -> None:
    item, wave, rate_hz = street.recording(0)
    assert item.label == Label.GUNSHOT
    assert wave.size == 9.0 * rate_hz
    onsets_s = [shot.onset_s for shot in item.rounds]
    assert len(onsets_s) >= street.SOURCES
    assert onsets_s == sorted(onsets_s)
    assert np.abs(wave).max() <= 1.0


@pytest.mark.parametrize(("number", "label"), [(1, Label.OTHER_IMPULSE), (4, Label.FIREWORK)])
def test_streets_without_shots_have_the_label_of_all_their_sounds(number: int, label: Label) -> None:
    item, wave, _ = street.recording(number)
    assert item.label == label
    assert item.rounds == ()
    assert wave.std() > 0.0


def test_the_same_number_gives_the_same_street() -> None:
    first, second = street.recording(1), street.recording(1)
    assert first[0] == second[0]
    assert np.array_equal(first[1], second[1])
