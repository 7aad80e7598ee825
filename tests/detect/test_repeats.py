"""A round hidden in the reverberation of the last is found by its likeness to it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.detect import reference
from sensor.detect.detector import Detector
from sensor.detect.repeats import LISTEN_S
from sensor.detect.settings import DetectSettings
from sensor.types import Trigger
from tests.support.blasts import add_round, noise

if TYPE_CHECKING:
    from pathlib import Path

    from sensor.detect.repeats import Repeat
    from sensor.types import Reject, Samples

BY_LEVEL = DetectSettings(repeat_likeness=1.0)
ROUNDS_S = (0.5, 0.565, 0.63, 0.72)


def burst(rate_hz: int, rounds_s: tuple[float, ...] = ROUNDS_S, seconds: float = 2.0) -> Samples:
    """Rounds over one path, on noise."""
    audio = noise(rate_hz, seconds)
    for number, at_s in enumerate(rounds_s):
        add_round(audio, rate_hz, at_s, path=1, diffuse=number)
    return audio


def onsets_s(audio: Samples, rate_hz: int, wanted: DetectSettings) -> list[float]:
    """Onsets of all triggers."""
    detector = Detector(rate_hz, wanted)
    out = detector.process(0, audio) + detector.flush()
    return [item.onset / rate_hz for item in out if isinstance(item, Trigger)]


def listened(audio: Samples, rate_hz: int) -> tuple[list[tuple[int, float]], list[Repeat[Any]]]:
    """What the detector's own finder of repeats was given, as sample and floor, and what it found."""
    detector = Detector(rate_hz)
    detector._begin(0)
    given_it: list[tuple[int, float]] = []
    found: list[Repeat[Any]] = []
    find = detector._repeats.find

    def listening(crossings, history):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  as the one wrapped
        given_it.extend((crossing.sample, crossing.floor_db) for crossing in crossings)
        repeats = find(crossings, history)
        found.extend(repeats)
        return repeats

    detector._repeats.find = listening  # type: ignore[method-assign]  # listens in on the one path there is
    detector.process(0, audio)
    detector.flush()
    return given_it, found


@pytest.mark.parametrize("rate_hz", [12000, 44100, 48000])
def test_rounds_that_do_not_rise_out_of_the_reverberation_are_found_and_timed(rate_hz: int) -> None:
    audio = burst(rate_hz)
    assert len(onsets_s(audio, rate_hz, BY_LEVEL)) < len(ROUNDS_S)
    found = onsets_s(audio, rate_hz, DetectSettings())
    assert len(found) == len(ROUNDS_S)
    assert np.diff(found) == pytest.approx(np.diff(ROUNDS_S), abs=0.2e-3)


@pytest.mark.parametrize("rate_hz", [8000, 12000, 22050, 44100, 48000])
def test_the_plain_reference_finds_the_same(rate_hz: int) -> None:
    audio = burst(rate_hz, (0.5, 0.565, 0.63, 0.8, 1.3, 2.2, 2.26), seconds=2.503)
    given_it, found = listened(audio, rate_hz)
    expected = reference.repeated(audio, rate_hz, DetectSettings(), given_it)
    assert len(expected) >= 4
    assert [repeat.sample for repeat in found] == [sample for sample, _ in expected]
    assert np.allclose([repeat.likeness for repeat in found], [value for _, value in expected], atol=1e-4)


@pytest.mark.corpus
def test_the_plain_reference_finds_the_same_in_real_rounds_laid_together(corpus: Path) -> None:
    import soundfile  # noqa: PLC0415  only this test reads recordings

    repeats = 0
    for path in sorted((corpus / "pittsburgh").glob("FP*_SCP-00-BNQ-*.flac"))[::60]:
        audio, rate_hz = soundfile.read(path, dtype="float32")
        shift = round(0.07 * rate_hz)
        audio[shift:] += audio[:-shift].copy()
        given_it, found = listened(audio, rate_hz)
        expected = reference.repeated(audio, rate_hz, DetectSettings(), given_it)
        assert [repeat.sample for repeat in found] == [sample for sample, _ in expected], path.name
        repeats += len(expected)
    assert repeats > 0


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 14_000), max_size=30))
def test_repeats_do_not_depend_on_block_size(sizes: list[int]) -> None:
    rate_hz = 12000
    audio = burst(rate_hz)
    whole, parts = Detector(rate_hz), Detector(rate_hz)
    expected = whole.process(0, audio) + whole.flush()
    got: list[Trigger | Reject] = []
    for start, stop in itertools.pairwise(
        np.minimum(np.cumsum([0, *sizes, audio.size]), audio.size).tolist()
    ):
        got += parts.process(start, audio[start:stop])
    assert got + parts.flush() == expected
    assert len([item for item in expected if isinstance(item, Trigger)]) == len(ROUNDS_S)


def test_another_path_is_no_repeat() -> None:
    audio = noise(12000, 2.0)
    add_round(audio, 12000, 0.5, path=1, diffuse=1)
    tail = 0.06 * np.random.default_rng(9).standard_normal(6000) * np.exp(-np.arange(6000) / 2400.0)
    audio[6800:12800] += tail.astype(np.float32)
    assert onsets_s(audio, 12000, DetectSettings()) == onsets_s(audio, 12000, BY_LEVEL)


def test_a_weaker_copy_is_an_echo() -> None:
    audio = noise(12000, 2.0, level=1e-4)
    add_round(audio, 12000, 0.5, path=1, diffuse=1)
    alone = onsets_s(audio, 12000, BY_LEVEL)
    copy = noise(12000, 2.0, level=0.0)
    add_round(copy, 12000, 0.6, path=1, diffuse=2)
    _, found = listened(audio + np.float32(0.25) * copy, 12000)
    assert found == []
    assert onsets_s(audio + np.float32(0.25) * copy, 12000, DetectSettings()) == alone
    _, found = listened(audio + np.float32(0.8) * copy, 12000)
    assert len(found) == 1


def test_nothing_is_sought_when_all_has_been_quiet_for_long() -> None:
    detector = Detector(12000)
    audio = burst(12000, seconds=ROUNDS_S[-1] + LISTEN_S + 0.3)
    detector.process(0, audio)
    assert detector._repeats._template is None
    assert detector._repeats._waiting == []
