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
from sensor.detect.filter import band_pass_taps
from sensor.detect.repeats import LISTEN_S, power_gain
from sensor.detect.settings import DetectSettings
from sensor.types import Trigger
from tests.support.blasts import add_blast, add_round, noise

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

    def listening(crossings, history, until):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  as wrapped
        given_it.extend((crossing.sample, crossing.floor_db) for crossing in crossings)
        repeats = find(crossings, history, until)
        found.extend(repeats)
        return repeats

    detector._repeats.find = listening  # type: ignore[method-assign]  # listens in on the one path there is
    detector.process(0, audio)
    detector.flush()
    return given_it, found


def test_rounds_that_do_not_rise_out_of_the_reverberation_are_found_and_timed() -> None:
    rates_hz = (8000, 12000, 16000, 22050, 24000, 44100, 48000, 96000)  # each has other reverberation
    by_level, found = 0, 0
    for rate_hz in rates_hz:
        audio = burst(rate_hz)
        by_level += len(onsets_s(audio, rate_hz, BY_LEVEL))
        heard = onsets_s(audio, rate_hz, DetectSettings())
        nearest = np.abs(np.subtract.outer(heard, ROUNDS_S)).min(axis=1)
        assert nearest == pytest.approx(np.zeros(len(heard)), abs=0.3e-3)
        found += len(heard)
    rounds = len(ROUNDS_S) * len(rates_hz)
    assert by_level < 0.75 * rounds
    assert found > 0.95 * rounds


@pytest.mark.parametrize("rate_hz", [8000, 12000, 22050, 44100, 48000])
def test_the_plain_reference_finds_the_same(rate_hz: int) -> None:
    audio = burst(rate_hz, (0.5, 0.565, 0.63, 0.8, 1.3, 2.2, 2.26), seconds=2.503)
    given_it, found = listened(audio, rate_hz)
    expected = reference.repeated(audio, rate_hz, DetectSettings(), given_it)
    assert len(expected) >= 4
    assert [repeat.sample for repeat in found] == [sample for sample, _ in expected]
    assert np.allclose([repeat.likeness for repeat in found], [value for _, value in expected], atol=1e-4)


@pytest.mark.parametrize("rate_hz", [8000, 12000, 22050, 48000])
def test_the_plain_reference_times_by_the_same_lag(rate_hz: int) -> None:
    audio = noise(rate_hz, 3.0)
    for at_s in (0.5, 1.1, 1.7):
        add_round(audio, rate_hz, at_s, path=1, diffuse=1)
    detector = Detector(rate_hz)
    detector._begin(0)
    alike = detector._repeats.alike
    heard: list[tuple[int, Repeat[Any]]] = []

    def listening(crossing, history):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  as the one wrapped
        repeat = alike(crossing, history)
        if repeat is not None:
            heard.append((crossing.sample, repeat))
        return repeat

    detector._repeats.alike = listening  # type: ignore[method-assign]  # listens in on the one path there is
    out = detector.process(0, audio) + detector.flush()
    assert len(heard) >= 2
    for sample, repeat in heard:
        place, likeness = reference.nearest(audio, rate_hz, sample, repeat.of.sample)
        assert repeat.sample == place
        assert repeat.likeness == pytest.approx(likeness, abs=1e-4)
    onsets = [item.onset / rate_hz for item in out if isinstance(item, Trigger)]
    nearest = np.array(onsets)[np.abs(np.subtract.outer(onsets, (0.5, 1.1, 1.7))).argmin(axis=0)]
    assert np.diff(nearest) == pytest.approx([0.6, 0.6], abs=0.1e-3)


def test_rounds_of_a_series_are_timed_by_one_of_two_equal_arrivals() -> None:
    """Two arrivals 16 ms apart, one or the other the stronger: a picker alone jumps between them."""
    rate_hz, audio = 12000, noise(12000, 3.0, level=0.01)
    for at_s, first, second in ((0.5, 0.30, 0.25), (1.1, 0.17, 0.30), (1.7, 0.30, 0.20)):
        for later_s, peak in ((0.0, first), (0.016, second)):
            add_blast(audio, rate_hz, at_s + later_s, peak, reverb=False)
            add_blast(audio, rate_hz, at_s + later_s + 0.005, -0.6 * peak, reverb=False)
    assert np.diff(onsets_s(audio, rate_hz, BY_LEVEL)).max() > 0.61
    assert np.diff(onsets_s(audio, rate_hz, DetectSettings())) == pytest.approx([0.6, 0.6], abs=0.1e-3)


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


@pytest.mark.parametrize("step", [1, 3, 8])
def test_no_sound_has_more_energy_behind_the_filter_than_the_bound_says(step: int) -> None:
    taps = band_pass_taps(300.0, 2400.0, 48_000.0, 192)
    gain = power_gain(taps, step)
    time_s = np.arange(48_000) / 48_000.0
    shares = [
        float(np.sum(np.convolve(sound, taps, mode="valid")[::step] ** 2) / np.sum(sound**2))
        for sound in (noise(48_000, 1.0), *(np.sin(2 * np.pi * hz * time_s) for hz in range(200, 3000, 50)))
    ]
    assert 0.9 * gain < max(shares) < gain
