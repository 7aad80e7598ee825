"""The detector as its callers see it: any block size, any rate, any rubbish."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.detect.detector import Detector
from sensor.detect.settings import DetectSettings
from sensor.types import Reject, RejectReason, Trigger
from tests.support.blasts import add_blast, noise

if TYPE_CHECKING:
    from sensor.types import Samples

RATES_HZ = (8000, 12000, 16000, 22050, 44100, 48000, 96000, 192000)


def triggers(out: list[Trigger | Reject]) -> list[Trigger]:
    return [item for item in out if isinstance(item, Trigger)]


def reasons(out: list[Trigger | Reject]) -> list[RejectReason]:
    return [item.reason for item in out if isinstance(item, Reject)]


def detect(audio: Samples, rate_hz: int) -> list[Trigger | Reject]:
    detector = Detector(rate_hz)
    return detector.process(0, audio) + detector.flush()


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_a_blast_is_one_trigger_at_its_onset_at_every_rate(rate_hz: int) -> None:
    audio = noise(rate_hz, 2.0)
    add_blast(audio, rate_hz, 1.0, 0.3)
    found = triggers(detect(audio, rate_hz))
    assert len(found) == 1
    assert found[0].onset / rate_hz == pytest.approx(1.0, abs=0.5e-3)
    assert found[0].on == pytest.approx(found[0].onset - 0.1 * rate_hz, abs=2)


def test_a_shot_a_tenth_of_a_second_after_the_start_counts() -> None:
    audio = noise(48000, 1.0)
    add_blast(audio, 48000, 0.1, 0.1)
    assert len(triggers(detect(audio, 48000))) == 1


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 9000), max_size=40), st.integers(-5, 10**12))
def test_the_result_does_not_depend_on_block_size(sizes: list[int], first: int) -> None:
    rate_hz = 8000
    audio = noise(rate_hz, 2.0)
    add_blast(audio, rate_hz, 0.5, 0.3)
    add_blast(audio, rate_hz, 0.57, 0.3)
    audio[12000] = np.nan
    audio[15000] = 0.9
    whole = Detector(rate_hz)
    expected = whole.process(first, audio) + whole.flush()
    parts = Detector(rate_hz)
    got: list[Trigger | Reject] = []
    at = 0
    for size in [*sizes, audio.size]:
        block = audio[at : at + size]
        got += parts.process(first + at, block)
        at += block.size
    assert got + parts.flush() == expected
    assert len(triggers(expected)) == 2


def test_one_sample_blocks_give_the_same() -> None:
    audio = noise(8000, 1.0)
    add_blast(audio, 8000, 0.4, 0.3)
    detector = Detector(8000)
    got: list[Trigger | Reject] = []
    for index in range(audio.size):
        got += detector.process(index, audio[index : index + 1])
    assert got + detector.flush() == detect(audio, 8000)
    assert len(triggers(got)) == 1


def test_a_single_sample_glitch_is_refused() -> None:
    audio = noise(48000, 1.0)
    audio[24000] = 1.0
    out = detect(audio, 48000)
    assert triggers(out) == []
    assert reasons(out) == [RejectReason.GLITCH]


def test_samples_that_are_not_finite_are_counted_once_per_run() -> None:
    audio = noise(48000, 1.0)
    audio[10_000:15_000] = np.nan
    audio[30_000] = np.inf
    out = detect(audio, 48000)
    assert triggers(out) == []
    assert reasons(out).count(RejectReason.NOT_FINITE) == 2


def test_the_clip_of_a_trigger_is_the_audio_itself() -> None:
    audio = noise(48000, 10.0)
    add_blast(audio, 48000, 0.05, 0.3)
    add_blast(audio, 48000, 5.0, 0.3)
    detector = Detector(48000)
    early, late = triggers(detector.process(0, audio))
    assert np.array_equal(detector.clip(late.on, late.off), audio[late.on : late.off])
    start = detector.clip(early.on, early.off)
    assert early.on < 0
    assert not start[: -early.on].any()
    assert np.array_equal(start[-early.on :], audio[: early.off])


@pytest.mark.parametrize("gain", [1e-2, 1e-1, 1e1, 1e2])
def test_the_result_does_not_depend_on_gain(gain: float) -> None:
    audio = noise(12000, 2.0)
    add_blast(audio, 12000, 0.7, 0.05)
    add_blast(audio, 12000, 0.78, 0.05)
    plain = triggers(detect(audio, 12000))
    scaled = triggers(detect((audio * np.float32(gain)).astype(np.float32), 12000))
    assert [t.onset for t in scaled] == pytest.approx([t.onset for t in plain], abs=0.02)
    assert [t.snr_db for t in scaled] == pytest.approx([t.snr_db for t in plain], abs=0.05)
    assert len(plain) == 2


@pytest.mark.parametrize("interval_ms", [50, 60, 75, 100, 130])
def test_each_round_of_automatic_fire_is_a_trigger(interval_ms: int) -> None:
    audio = noise(48000, 2.0)
    onsets_s = [0.5 + round_ * interval_ms * 1e-3 for round_ in range(8)]
    for at_s in onsets_s:
        add_blast(audio, 48000, at_s, 0.3)
    found = [t.onset / 48000 for t in triggers(detect(audio, 48000))]
    assert found == pytest.approx(onsets_s, abs=1e-3)


def test_the_first_arrival_is_timed_though_a_stronger_echo_follows() -> None:
    audio = noise(48000, 1.0)
    add_blast(audio, 48000, 0.5, 0.1, reverb=False)
    add_blast(audio, 48000, 0.508, 0.25)
    (found,) = triggers(detect(audio, 48000))
    assert found.onset / 48000 == pytest.approx(0.5, abs=1e-4)
    assert found.later_arrivals[0].dt_s == pytest.approx(0.008, abs=2e-3)
    assert found.later_arrivals[0].rel_db > 3.0


def test_a_weak_sound_just_before_does_not_take_the_place_of_the_shot() -> None:
    audio = noise(48000, 1.0)
    add_blast(audio, 48000, 0.475, 0.02)
    add_blast(audio, 48000, 0.5, 0.5)
    (found,) = triggers(detect(audio, 48000))
    assert found.onset / 48000 == pytest.approx(0.5, abs=1e-4)


def test_later_arrivals_are_few_ordered_and_end_before_the_next_trigger() -> None:
    audio = noise(48000, 2.0)
    for at_s, peak in ((0.5, 0.8), (0.512, 0.5), (0.525, 0.4), (0.58, 0.8), (0.7, 0.5), (0.8, 0.5)):
        add_blast(audio, 48000, at_s, peak, reverb=False)
    found = triggers(detect(audio, 48000))
    assert len(found) == 4
    for one, following in pairwise(found):
        times = [arrival.dt_s for arrival in one.later_arrivals]
        assert len(times) <= 3
        assert times == sorted(times)
        assert all(0.0 < t <= 0.2 and one.onset + t * 48000 < following.onset for t in times)
    assert [t.dt_s for t in found[0].later_arrivals] == pytest.approx([0.012, 0.025], abs=2e-3)


@pytest.mark.parametrize("block", [1, 480, 2400, 4800])
def test_a_trigger_is_decided_within_300_ms_of_its_onset(block: int) -> None:
    rate_hz = 8000
    audio = noise(rate_hz, 2.0)
    for at_s in (0.5, 0.731, 1.02):
        add_blast(audio, rate_hz, at_s, 0.3)
    detector = Detector(rate_hz)
    count = 0
    for first in range(0, audio.size, block):
        for found in triggers(detector.process(first, audio[first : first + block])):
            count += 1
            heard = first + min(block, audio.size - first)
            assert (heard - block - found.onset) / rate_hz <= 0.3
            assert found.off <= heard
    assert count == 3


def test_the_end_of_a_stream_decides_what_is_pending() -> None:
    audio = noise(48000, 1.0)
    add_blast(audio, 48000, 0.97, 0.3)
    detector = Detector(48000)
    assert triggers(detector.process(0, audio)) == []
    (found,) = triggers(detector.flush())
    assert found.onset == pytest.approx(0.97 * 48000, abs=5)
    assert not detector.clip(48000, found.off).any()
    assert detector.flush() == []


def test_after_lost_samples_the_stream_begins_anew() -> None:
    audio = noise(48000, 1.0)
    add_blast(audio, 48000, 0.9, 0.3)
    detector = Detector(48000)
    detector.process(0, audio)
    (before,) = triggers(detector.reset(100_000))
    clip = detector.clip(before.on, before.off)
    assert np.array_equal(clip[: 48000 - before.on], audio[before.on :])
    (after,) = triggers(detector.process(100_000, audio) + detector.flush())
    assert after.onset == pytest.approx(before.onset + 100_000)


@pytest.mark.parametrize("after_ms", [5, 10, 20, 39])
def test_a_loss_soon_after_the_onset_makes_no_second_trigger(after_ms: int) -> None:
    audio = noise(48000, 2.0)
    add_blast(audio, 48000, 1.0, 0.5)
    cut = 48 * (1000 + after_ms)
    detector = Detector(48000)
    out = detector.process(0, audio[:cut]) + detector.reset(cut + 1)
    out += detector.process(cut + 1, audio[cut + 1 :]) + detector.flush()
    assert len(triggers(out)) == 1


@pytest.mark.parametrize("offset_fs", [-0.3, 0.05, 0.2])
def test_an_offset_is_no_part_of_the_peak(offset_fs: float) -> None:
    audio = noise(48000, 1.0)
    add_blast(audio, 48000, 0.5, 0.1)
    (plain,), (moved,) = (triggers(detect(item, 48000)) for item in (audio, audio + np.float32(offset_fs)))
    assert moved.peak_fs == pytest.approx(plain.peak_fs, rel=0.01)
    assert plain.peak_fs == pytest.approx(float(np.abs(audio).max()), rel=0.05)


def test_another_band_goes_on_with_what_was_heard() -> None:
    audio = noise(48000, 2.0)
    add_blast(audio, 48000, 1.05, 0.5)
    detector = Detector(48000)
    assert detector.process(0, audio[:48_000]) + detector.flush() == []
    detector = detector.retuned(DetectSettings(band_low_hz=400.0))
    (found,) = triggers(detector.process(48_000, audio[48_000:]))
    assert found.on < 48_000
    assert np.array_equal(detector.clip(found.on, found.off), audio[found.on : found.off])


def test_another_band_before_the_first_sample_begins_wherever_that_is() -> None:
    audio = noise(48000, 2.0)
    add_blast(audio, 48000, 1.05, 0.5)
    detector = Detector(48000).retuned(DetectSettings(band_low_hz=400.0))
    (found,) = triggers(detector.process(96_000, audio) + detector.flush())
    assert found.onset / 48000 == pytest.approx(3.05, abs=1e-4)


@pytest.mark.parametrize(("low_hz", "high_hz"), [(1500.0, 1500.0), (2000.0, 1000.0), (1000.0, 1499.0)])
def test_a_band_that_holds_no_impulse_is_an_error(low_hz: float, high_hz: float) -> None:
    with pytest.raises(ValueError, match="narrower than 500 Hz"):
        Detector(48000, DetectSettings(band_low_hz=low_hz, band_high_hz=high_hz))


@pytest.mark.parametrize("block", [1, 480, 4800, 96_000])
@pytest.mark.parametrize("lost", [1, 480, 4320])
def test_a_blast_soon_after_lost_samples_keeps_its_clip(lost: int, block: int) -> None:
    audio = noise(48000, 2.0)
    add_blast(audio, 48000, 1.05, 0.5)
    begin = 50_400 - lost - 480
    detector = Detector(48000)
    detector.process(0, audio[:begin])
    detector.reset(begin + lost)
    expected = audio.copy()
    expected[begin : begin + lost] = 0.0
    clips = []
    for first in range(begin + lost, audio.size, block):
        decided = triggers(detector.process(first, audio[first : first + block]))
        clips += [(found, detector.clip(found.on, found.off)) for found in decided]
    ((found, clip),) = clips
    assert found.on < begin
    assert found.onset / 48000 == pytest.approx(1.05, abs=1e-4)
    assert np.array_equal(clip, expected[found.on : found.off])


def test_what_came_before_a_loss_is_forgotten_in_time() -> None:
    audio = noise(48000, 3.0)
    detector = Detector(48000)
    detector.process(0, audio[:48000])
    detector.reset(48100)
    detector.process(48100, audio[48100:96_100])
    assert detector.clip(47_000, 48_000).any()
    detector.process(96_100, audio[96_100:])
    assert not detector.clip(47_000, 48_000).any()


def test_a_stream_cannot_begin_anew_in_its_own_past() -> None:
    detector = Detector(48000)
    detector.process(0, noise(48000, 0.1))
    with pytest.raises(ValueError, match="at 4800 already"):
        detector.reset(4799)


def test_a_stream_whose_indices_count_anew_has_nothing_of_the_last_one() -> None:
    audio = noise(48000, 1.0)
    detector = Detector(48000)
    detector.process(0, audio)
    detector.flush()
    detector.reset(0)
    detector.process(0, audio[:100])
    assert not detector.clip(100, 4800).any()


def test_samples_that_do_not_continue_the_stream_are_an_error() -> None:
    detector = Detector(48000)
    detector.process(0, noise(48000, 0.1))
    with pytest.raises(ValueError, match="reset"):
        detector.process(4801, noise(48000, 0.1))


@pytest.mark.parametrize("rate_hz", [7999.0, 192_001.0, float("nan")])
def test_a_rate_out_of_range_is_an_error(rate_hz: float) -> None:
    with pytest.raises(ValueError, match="8000 to 192000"):
        Detector(rate_hz)


def test_health_knows_level_and_noise() -> None:
    detector = Detector(48000)
    assert detector.noise_dbfs == -200.0
    detector.process(0, noise(48000, 20.0, level=1e-2))
    assert detector.level_dbfs == pytest.approx(-40.0, abs=0.3)
    # White noise up to 24 kHz, heard through 300 to 5000 Hz.
    assert detector.noise_dbfs == pytest.approx(-40.0 + 10 * np.log10(4700 / 24000), abs=1.5)


def test_noise_alone_is_quiet() -> None:
    assert triggers(detect(noise(8000, 120.0), 8000)) == []


def test_a_higher_threshold_finds_less() -> None:
    audio = noise(12000, 1.0)
    add_blast(audio, 12000, 0.5, 0.02)
    strict = Detector(12000, DetectSettings(threshold_db=40.0))
    assert len(triggers(detect(audio, 12000))) == 1
    assert triggers(strict.process(0, audio) + strict.flush()) == []
