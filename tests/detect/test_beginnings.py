"""Streams begin, break off and begin anew, and recordings are cut: shots are heard, what is cut in is not."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from sensor.detect.detector import Detector
from sensor.types import Reject, RejectReason, Trigger
from tests.support.blasts import add_blast, add_round, noise

if TYPE_CHECKING:
    from collections.abc import Callable

    from sensor.types import Samples

RATES_HZ = (8000, 12000, 22050, 48000)


def detect(audio: Samples, rate_hz: int) -> list[Trigger | Reject]:
    detector = Detector(rate_hz)
    return detector.process(0, audio) + detector.flush()


def onsets_s(audio: Samples, rate_hz: int) -> list[float]:
    return [item.onset / rate_hz for item in detect(audio, rate_hz) if isinstance(item, Trigger)]


def round_in_noise(rate_hz: int, seed: int = 1) -> Samples:
    """A round at its very beginning, and two seconds of what follows."""
    audio = noise(rate_hz, 2.0, seed=seed)
    add_blast(audio, rate_hz, 0.0, 0.3)
    return audio


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("lead_s", [0.0, 0.001, 0.005, 0.02, 0.06])
def test_a_recording_may_begin_with_its_shot(rate_hz: int, lead_s: float) -> None:
    audio = noise(rate_hz, 2.0)
    add_blast(audio, rate_hz, lead_s, 0.3)
    assert onsets_s(audio, rate_hz)[0] == pytest.approx(lead_s, abs=2e-3)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("silence_s", [0.02, 0.3, 1.0])
def test_a_shot_may_end_digital_silence(rate_hz: int, silence_s: float) -> None:
    """Also when there was sound before the silence."""
    shot = round_in_noise(rate_hz)
    silence = np.zeros(round(silence_s * rate_hz), np.float32)
    at_s = silence.size / rate_hz
    assert onsets_s(np.concatenate((silence, shot)), rate_hz)[0] == pytest.approx(at_s, abs=2e-3)
    before = noise(rate_hz, 1.0, seed=2)
    found = onsets_s(np.concatenate((before, silence, shot)), rate_hz)
    assert found[0] == pytest.approx(1.0 + at_s, abs=2e-3)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("after_s", [0.002, 0.005, 0.02])
def test_a_shot_is_heard_though_the_sound_breaks_off_right_after_it(rate_hz: int, after_s: float) -> None:
    audio = noise(rate_hz, 2.0)
    add_blast(audio, rate_hz, 1.0, 0.3)
    begin = round((1.0 + after_s) * rate_hz)
    audio[begin : begin + round(0.05 * rate_hz)] = 0.0
    assert onsets_s(audio, rate_hz)[0] == pytest.approx(1.0, abs=1e-3)


def test_a_shot_right_after_lost_samples_is_heard() -> None:
    detector = Detector(12000)
    detector.process(0, noise(12000, 1.0))
    detector.reset(12_500)
    out = detector.process(12_500, round_in_noise(12000))
    (found,) = [item for item in out if isinstance(item, Trigger)]
    assert found.onset == pytest.approx(12_500, abs=24)


def test_a_weaker_shot_after_the_one_that_a_recording_begins_with_is_heard() -> None:
    """The floor is that of what follows, not of the first shot."""
    audio = round_in_noise(12000)
    audio[12_000:] += noise(12000, 1.0, seed=3)
    add_blast(audio, 12000, 1.5, 0.03)
    assert onsets_s(audio, 12000)[-1] == pytest.approx(1.5, abs=1e-3)


def hum(rate_hz: int, phase: float, pitch_hz: float = 50.0) -> Samples:
    time_s = np.arange(3 * rate_hz) / rate_hz
    return (0.1 * np.sin(2 * np.pi * pitch_hz * time_s + phase)).astype(np.float32)


def hum_of_a_transformer(rate_hz: int, phase: float) -> Samples:
    return hum(rate_hz, phase, 100.0)


def rumble(rate_hz: int, phase: float) -> Samples:
    sections = signal.butter(2, (10, 80), "bandpass", fs=rate_hz, output="sos")
    wave = signal.sosfilt(sections, noise(rate_hz, 4.0, seed=round(100 * phase)))[rate_hz:]
    return (0.1 * wave / wave.std()).astype(np.float32)


def offset_through_a_converter(rate_hz: int, phase: float) -> Samples:
    """An offset as linear-phase decimation filters let it in."""
    offset = np.full(3 * rate_hz, 0.05 * math.cos(phase))
    return signal.convolve(offset, signal.firwin(31, 0.9))[: offset.size].astype(np.float32)


def offset_through_a_capacitor(rate_hz: int, phase: float) -> Samples:
    wave = signal.lfilter(
        *signal.butter(1, 20.0, "high", fs=rate_hz), np.full(3 * rate_hz, 0.1 + 0.05 * phase)
    )
    return wave.astype(np.float32)


def nothing_else(rate_hz: int, phase: float) -> Samples:
    return np.full(3 * rate_hz, 0.0 * phase, np.float32)


@pytest.mark.parametrize("rate_hz", [8000, 16000, 48000])
@pytest.mark.parametrize(
    "background",
    [
        hum,
        hum_of_a_transformer,
        rumble,
        offset_through_a_converter,
        offset_through_a_capacitor,
        nothing_else,
    ],
    ids=lambda background: background.__name__,
)
def test_what_is_cut_in_or_out_is_no_impulse(
    background: Callable[[int, float], Samples], rate_hz: int
) -> None:
    """At a start, after lost samples, behind zeros and at both ends of gaps."""
    for number, phase in enumerate(np.linspace(0.0, 6.0, 7).tolist()):
        audio = background(rate_hz, phase) + noise(rate_hz, 3.0, seed=number, level=1e-4)
        assert onsets_s(audio, rate_hz) == []
        lost = Detector(rate_hz)
        out = lost.process(0, audio[: 2 * rate_hz + number])
        out += lost.reset(2 * rate_hz + 500)
        out += lost.process(2 * rate_hz + 500, audio[2 * rate_hz + 500 :]) + lost.flush()
        assert not [item for item in out if isinstance(item, Trigger)]
        assert onsets_s(np.concatenate((np.zeros(rate_hz // 2, np.float32), audio)), rate_hz) == []
        for gap_s in (0.005, 0.02, 0.4):
            gapped = audio.copy()
            gapped[rate_hz + 7 * number : rate_hz + 7 * number + round(gap_s * rate_hz)] = 0.0
            assert onsets_s(gapped, rate_hz) == [], gap_s


def test_a_shot_at_the_start_of_hum_is_still_one() -> None:
    audio = hum(12000, 1.0) + noise(12000, 3.0, level=1e-4)
    add_blast(audio, 12000, 0.0, 0.3)
    assert onsets_s(audio, 12000)[0] == pytest.approx(0.0, abs=3e-3)


@pytest.mark.parametrize("width", [1, 3, 30])
def test_the_last_bit_at_work_is_refused_as_coarse(width: int) -> None:
    rng = np.random.default_rng(width)
    audio = np.zeros(12000 * 60, np.float32)
    for at in rng.integers(0, audio.size - width, 600):
        audio[at : at + width] = rng.choice([-1, 0, 1], width) / 32768
    out = detect(audio, 12000)
    assert not [item for item in out if isinstance(item, Trigger)]
    if width == 30:
        assert RejectReason.COARSE in {item.reason for item in out if isinstance(item, Reject)}


@pytest.mark.parametrize("scale", [1.0, 0.37, 1e-30, 1e5])
def test_a_faint_shot_of_a_coarse_converter_is_heard(scale: float) -> None:
    """At any gain after the converter, as long as it can be told in float32."""
    audio = noise(12000, 2.0, level=2e-4)
    add_blast(audio, 12000, 1.0, 0.3)
    coarse = np.round(audio * 128) / 128
    found = onsets_s((coarse * scale).astype(np.float32), 12000)
    assert found[:1] == ([] if scale == 1e-30 else [pytest.approx(1.0, abs=2e-3)])


PARTS = st.lists(
    st.tuples(
        st.sampled_from(["shot", "zeros", "hum", "noise", "coarse"]),
        st.floats(0.0, 1.9),
        st.floats(0.002, 0.5),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(PARTS, st.integers(0, 1000), st.lists(st.integers(1, 9000), max_size=20))
def test_decisions_are_in_order_in_time_and_the_same_for_any_blocks(
    parts: list[tuple[str, float, float]], seed: int, sizes: list[int]
) -> None:
    rate_hz = 8000
    audio = noise(rate_hz, 2.0, seed=seed)
    for kind, at_s, length_s in parts:
        stretch = slice(round(at_s * rate_hz), round((at_s + length_s) * rate_hz))
        if kind == "shot":
            add_round(audio, rate_hz, at_s, path=1, diffuse=seed)
        elif kind == "hum":
            audio[stretch] += hum(rate_hz, float(seed))[: audio[stretch].size]
        elif kind == "noise":
            audio[stretch] += noise(rate_hz, 2.0, seed=seed + 1, level=0.02)[: audio[stretch].size]
        elif kind == "coarse":
            audio = (np.round(audio * 64) / 64).astype(np.float32)
        else:
            audio[stretch] = 0.0
    expected = detect(audio, rate_hz)
    detector, got, at = Detector(rate_hz), list[Trigger | Reject](), 0
    for size in [*sizes, *[400] * (audio.size // 400 + 1)]:
        decided = detector.process(at, audio[at : at + size])
        at = min(at + size, audio.size)
        for item in decided:
            if isinstance(item, Trigger):
                assert (at - size - item.onset) / rate_hz <= 0.3
        got += decided
    assert got + detector.flush() == expected
    found = [item for item in expected if isinstance(item, Trigger)]
    for one, following in pairwise(found):
        assert one.onset < following.onset
        last_s = max((later.dt_s for later in one.later_arrivals), default=0.0)
        assert one.onset + (last_s - 1e-3) * rate_hz < following.onset  # they are good to a frame


@pytest.mark.parametrize("rate_hz", [*RATES_HZ, 96_000, 192_000])
@pytest.mark.parametrize("offset_fs", [0.02, -0.1, 0.3, -0.5])
def test_what_rounding_leaves_of_an_offset_is_silence(rate_hz: int, offset_fs: float) -> None:
    detector = Detector(rate_hz)
    detector.process(0, np.full(rate_hz, offset_fs, np.float32))
    assert detector.noise_dbfs == -200.0  # none
