"""What is no sound in air is refused by name, and no rubbish crashes, floods or deafens the detector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sensor.detect.detector import Detector
from sensor.types import Reject, RejectReason, Trigger
from tests.support.blasts import add_blast, noise

if TYPE_CHECKING:
    from collections.abc import Callable

    from sensor.types import Samples


def detect(audio: Samples, rate_hz: int) -> tuple[list[Trigger], list[RejectReason]]:
    detector = Detector(rate_hz)
    out = detector.process(0, audio) + detector.flush()
    return (
        [item for item in out if isinstance(item, Trigger)],
        [item.reason for item in out if isinstance(item, Reject)],
    )


@pytest.mark.parametrize("rate_hz", [8000, 12000, 48000, 192000])
@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize("at", [0.5, 0.50031, 0.5497])
def test_a_glitch_of_one_or_two_samples_is_refused(rate_hz: int, width: int, at: float) -> None:
    audio = noise(rate_hz, 1.0)
    first = round(at * rate_hz)
    audio[first : first + width] = 1.0
    found, refused = detect(audio, rate_hz)
    assert found == []
    assert set(refused) <= {RejectReason.GLITCH}
    assert refused


@pytest.mark.parametrize("rate_hz", [8000, 12000, 16000, 22050, 44100, 48000, 192000])
@pytest.mark.parametrize("rest", range(-2, 3))
@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_a_click_on_the_last_samples_of_a_stream_is_refused(rate_hz: int, rest: int, width: int) -> None:
    frames_of_1_ms = round(rate_hz / 1000)
    audio = noise(rate_hz, 1.0, level=1e-5)[: 900 * frames_of_1_ms + rest]
    audio[-width:] = 1.0
    found, refused = detect(audio, rate_hz)
    assert found == []
    assert set(refused) <= {RejectReason.GLITCH, RejectReason.DC_STEP}
    detector = Detector(rate_hz)
    assert not [item for item in detector.process(0, audio) if isinstance(item, Trigger)]
    assert not [item for item in detector.reset(2 * audio.size) if isinstance(item, Trigger)]


def test_a_glitch_out_of_idle_dither_is_refused() -> None:
    rng = np.random.default_rng(5)
    audio = (rng.integers(-1, 2, 48000) / 32768).astype(np.float32)
    audio[24000] = 1.0
    found, refused = detect(audio, 48000)
    assert found == []
    assert RejectReason.GLITCH in refused


@pytest.mark.parametrize("rate_hz", [8000, 48000])
@pytest.mark.parametrize("height", [-0.8, 0.05, 0.8])
def test_a_dc_step_is_refused(rate_hz: int, height: float) -> None:
    audio = noise(rate_hz, 1.0)
    audio[rate_hz // 2 :] += np.float32(height)
    found, refused = detect(audio, rate_hz)
    assert found == []
    assert RejectReason.DC_STEP in refused


@pytest.mark.parametrize("level", [1e-3, 0.1])
@pytest.mark.parametrize("silence_s", [0.02, 0.5])
def test_steps_into_and_out_of_digital_silence_are_no_triggers(level: float, silence_s: float) -> None:
    audio = noise(48000, 3.0, level=level)
    first = 48000
    audio[first : first + round(silence_s * 48000)] = 0.0
    audio[:4000] = 0.0
    found, _ = detect(audio, 48000)
    assert found == []


def test_a_loud_return_from_silence_is_refused_as_such() -> None:
    audio = noise(48000, 2.0, level=1e-4)
    audio[48000:48960] = 0.0
    audio[48960:] *= np.float32(100.0)
    found, refused = detect(audio, 48000)
    assert found == []
    assert RejectReason.DIGITAL_SILENCE in refused


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_what_is_not_finite_is_zero_and_counted_once_per_run(bad: float) -> None:
    audio = noise(48000, 2.0)
    audio[10_000:15_000] = bad  # over a border of hops
    audio[30_000] = bad
    add_blast(audio, 48000, 1.5, 0.3)
    found, refused = detect(audio, 48000)
    assert [round(t.onset / 48000, 3) for t in found] == [1.5]
    assert refused.count(RejectReason.NOT_FINITE) == 2


def test_a_shot_is_heard_again_after_hours_of_nothing_would_have_passed() -> None:
    audio = np.concatenate((np.zeros(12000 * 20, np.float32), noise(12000, 2.0)))
    add_blast(audio, 12000, 21.0, 0.1)
    found, _ = detect(audio, 12000)
    assert [round(t.onset / 12000, 2) for t in found] == [21.0]


def crushed(audio: Samples) -> Samples:
    return (np.round(audio * 8) / 8).astype(np.float32)


def clipped(audio: Samples) -> Samples:
    return np.clip(audio * 1000, -0.05, 0.05).astype(np.float32)


def stuffed(audio: Samples) -> Samples:
    out = audio.copy()
    out[1::2] = 0.0
    return out


def dropped(audio: Samples) -> Samples:
    out = audio.copy()
    for first in range(0, out.size - 48, 4800):
        out[first : first + 48] = 0.0
    return out


@pytest.mark.parametrize("ruin", [crushed, clipped, stuffed, dropped], ids=lambda f: f.__name__)
def test_ruined_audio_makes_no_flood(ruin: Callable[[Samples], Samples]) -> None:
    audio = noise(48000, 10.0, level=0.05)
    found, _ = detect(ruin(audio), 48000)
    assert len(found) <= 2


def test_a_jackhammer_cannot_exceed_the_refractory_rate_and_the_floor_recovers() -> None:
    audio = noise(12000, 22.0)
    for blow in range(20 * 25):
        add_blast(audio, 12000, 0.5 + blow * 0.04, 0.2)
    add_blast(audio, 12000, 21.8, 0.3)
    found, _ = detect(audio, 12000)
    gaps = np.diff([t.onset for t in found]) / 12000
    assert gaps.min() > 0.04 - 5e-3
    assert len(found) <= 20 * 25 + 2
    assert round(found[-1].onset / 12000, 1) == 21.8


@settings(max_examples=40, deadline=None)
@given(
    arrays.arrays(
        np.float32,
        st.integers(0, 6000),
        elements=st.sampled_from([0.0, 1.0, -1.0, 1e-9, 1e-3, 1e9, np.nan, np.inf, -np.inf]),
        fill=st.sampled_from([0.0, 1e-3]),
    )
)
def test_no_samples_whatever_crash_it_or_make_figures_that_are_not_finite(audio: Samples) -> None:
    found, _ = detect(audio, 8000)
    for trigger in found:
        figures = (trigger.onset, trigger.onset_sigma_s, trigger.peak_fs, trigger.snr_db, trigger.noise_dbfs)
        assert np.isfinite(figures).all()
        assert trigger.onset_sigma_s > 0
        assert trigger.on < trigger.onset < trigger.off


def test_memory_does_not_grow_with_the_stream() -> None:
    detector = Detector(8000)
    audio = noise(8000, 10.0)
    detector.process(0, audio)
    small = detector._history._buffer.nbytes
    for number in range(1, 30):
        detector.process(number * audio.size, audio)
    assert detector._history._buffer.nbytes <= small
