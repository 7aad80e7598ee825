"""The sample clock on simulated streams whose truth is known, and through every kind of mishap."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.sim.timestamps import Jitter, Loss, Stream, draw
from sensor.timing.sample_clock import SampleClock
from sensor.timing.settings import TimingSettings

SETTINGS = TimingSettings()
STEADY = Stream(jitter=Jitter.STEADY, ppm=43.0, spread_ns=15e3, late_fraction=0.003)
USB = Stream(jitter=Jitter.USB, ppm=-61.0, spread_ns=30e3, frame_ppm=5.0, late_fraction=0.003)


def heard(stream: Stream, duration_s: float, seed: int = 1) -> tuple[SampleClock, int]:
    clock = SampleClock(stream.rate_hz, SETTINGS)
    first, stamp_ns, lost = stream.blocks(duration_s, np.random.default_rng(seed))
    for index, mono_ns, missing in zip(first.tolist(), stamp_ns.tolist(), lost.tolist(), strict=True):
        if missing:
            clock.reset()
        clock.observe(index, mono_ns)
    return clock, int(first[-1])


def error_and_sigma(clock: SampleClock, stream: Stream, index: float) -> tuple[float, float]:
    time_ns, sigma_ns = clock.predict(index)
    return time_ns - float(stream.true_ns(np.array([index]))[0]), sigma_ns


@pytest.mark.parametrize(
    ("jitter", "goal_us"), [(Jitter.STEADY, 10.0), (Jitter.USB, 50.0), (Jitter.CALLBACK, 10.0)]
)
def test_drawn_streams_meet_the_goal_and_the_stated_sigma_is_true(jitter: Jitter, goal_us: float) -> None:
    """Sixty streams here; scripts/evaluate_timing shows hundreds."""
    rng = np.random.default_rng(20)
    errors, sigmas = [], []
    for seed in range(60):
        stream = draw(jitter, rng)
        clock, last = heard(stream, rng.uniform(60.0, 130.0), seed)
        error_ns, sigma_ns = error_and_sigma(clock, stream, last - rng.uniform(0.0, 0.5) * stream.rate_hz)
        errors.append(error_ns)
        sigmas.append(sigma_ns)
    z = np.abs(np.array(errors) / np.array(sigmas))
    assert np.quantile(np.abs(errors), 0.68) < goal_us * 1e3
    assert np.quantile(sigmas, 0.68) < goal_us * 1e3
    assert 0.55 < np.mean(z < 1.0) < 0.92
    assert np.mean(z < 2.0) > 0.88


@pytest.mark.parametrize("ppm", [-200.0, 0.0, 200.0])
def test_the_rate_is_found(ppm: float) -> None:
    clock, _ = heard(replace(STEADY, ppm=ppm), 60.0)
    assert clock.ppm == pytest.approx(ppm, abs=0.1)
    assert clock.state == "locked"


def test_a_rate_that_no_sound_card_has_is_told_and_not_trusted() -> None:
    """PulseAudio with short blocks shows 1000 ppm for a while, and then a jump of a block."""
    odd = replace(STEADY, ppm=700.0)
    clock, last = heard(odd, 60.0)
    assert clock.ppm == pytest.approx(700.0, abs=0.5)
    error_ns, sigma_ns = error_and_sigma(clock, odd, last)
    assert abs(error_ns) < 10_000
    assert sigma_ns > 5_000_000


def test_a_drifting_crystal_is_followed() -> None:
    stream = replace(STEADY, thermal_ppm=5.0, thermal_period_s=1800.0)
    clock, last = heard(stream, 400.0)
    error_ns, sigma_ns = error_and_sigma(clock, stream, last)
    assert abs(error_ns) < 10_000
    assert abs(error_ns) < 3 * sigma_ns


def test_state_goes_from_none_over_acquiring_to_locked_and_sigma_shrinks() -> None:
    clock = SampleClock(48_000.0, SETTINGS)
    assert clock.state == "none"
    with pytest.raises(ValueError, match="none"):
        clock.predict(0)
    sigmas = []
    for duration_s in (0.1, 5.0, 19.0, 60.0):
        clock, last = heard(STEADY, duration_s)
        assert clock.state == ("locked" if duration_s > 20.0 else "acquiring")
        sigmas.append(clock.predict(last)[1])
    assert sigmas == sorted(sigmas, reverse=True)
    assert sigmas[0] > 100_000
    assert sigmas[-1] < 10_000


def test_early_errors_of_a_jittery_stream_stay_within_the_stated_sigma() -> None:
    for duration_s in (0.2, 1.0, 2.0, 4.0, 8.0):
        clock, last = heard(USB, duration_s)
        error_ns, sigma_ns = error_and_sigma(clock, USB, last)
        assert abs(error_ns) < 2 * sigma_ns


@pytest.mark.parametrize("stream", [STEADY, USB])
@pytest.mark.parametrize("missed_s", [0.005, 0.1, 3.0])
def test_samples_lost_without_a_flag_open_a_new_epoch_never_a_silent_shift(
    stream: Stream, missed_s: float
) -> None:
    lossy = replace(stream, losses=(Loss(60.0, round(missed_s * stream.rate_hz), flagged=False),))
    clock = SampleClock(lossy.rate_hz, SETTINGS)
    first, stamp_ns, _ = lossy.blocks(100.0, np.random.default_rng(2))
    true_ns = lossy.true_ns(first.astype(np.float64))
    lag = round(0.5 * lossy.rate_hz / lossy.block)
    for number, (index, mono_ns) in enumerate(zip(first.tolist(), stamp_ns.tolist(), strict=True)):
        clock.observe(index, mono_ns)
        if number > lag and index > 20 * lossy.rate_hz:
            asked = number - lag  # half a second later, as an event is stamped
            time_ns, sigma_ns = clock.predict(first[asked])
            assert abs(time_ns - true_ns[asked]) < 6 * sigma_ns + 20_000
    assert clock.epoch == 1
    assert clock.breaks == 1
    assert clock.state == "locked"
    error_ns, sigma_ns = error_and_sigma(clock, lossy, float(first[-1]))
    assert abs(error_ns) < 60_000
    assert clock.ppm == pytest.approx(stream.ppm, abs=1.0)


def test_a_flagged_loss_keeps_the_rate_and_begins_anew() -> None:
    lossy = replace(STEADY, losses=(Loss(60.0, 4800, flagged=True, miscount=30),))
    clock, last = heard(lossy, 63.0)
    assert clock.epoch == 1
    assert clock.state == "acquiring"
    assert clock.ppm == pytest.approx(43.0, abs=0.5)
    error_ns, sigma_ns = error_and_sigma(clock, lossy, last)
    assert abs(error_ns) < 2 * sigma_ns
    before_ns, _ = error_and_sigma(clock, lossy, 59.0 * 48_000)
    assert abs(before_ns) < 10_000, "a sound from before the break is stamped by the epoch it was heard in"


def test_another_card_after_a_break_is_followed_at_its_own_rate() -> None:
    clock, last = heard(STEADY, 60.0)
    clock.reset()
    other = replace(STEADY, ppm=-120.0)
    first, stamp_ns, _ = other.blocks(60.0, np.random.default_rng(5))
    begin = last + STEADY.block
    for index, mono_ns in zip(first.tolist(), stamp_ns.tolist(), strict=True):
        clock.observe(index + begin, mono_ns + 90 * 10**9)
    assert clock.ppm == pytest.approx(-120.0, abs=0.5)
    time_ns, sigma_ns = clock.predict(begin + 59 * 48_000)
    truth_ns = float(other.true_ns(np.array([59 * 48_000.0]))[0]) + 90e9
    assert abs(time_ns - truth_ns) < 3 * sigma_ns + 5_000


@pytest.mark.parametrize("jump_ns", [3_600_000_000_000, -3_600_000_000_000, 5_000_000, -5_000_000])
def test_stamps_whose_clock_was_set_open_a_new_epoch(jump_ns: int) -> None:
    """Streams stamped by CLOCK_REALTIME (PulseAudio) jump when it is set."""
    clock = SampleClock(48_000.0, SETTINGS)
    first, stamp_ns, _ = STEADY.blocks(60.0, np.random.default_rng(4))
    for index, mono_ns in zip(first.tolist(), stamp_ns.tolist(), strict=True):
        clock.observe(index, mono_ns + (jump_ns if index > 40 * 48_000 else 0))
    assert clock.epoch == 1
    error_ns, sigma_ns = error_and_sigma(clock, STEADY, float(first[-1]))
    assert abs(error_ns - jump_ns) < 3 * sigma_ns + 20_000


def test_single_wild_stamps_are_harmless() -> None:
    stream = replace(STEADY, early_fraction=0.002, late_fraction=0.02, late_ns=5e7)
    clock, last = heard(stream, 130.0)
    error_ns, _ = error_and_sigma(clock, stream, last)
    assert abs(error_ns) < 20_000
    assert clock.epoch == 0


@pytest.mark.parametrize("share", [0.3, 0.9, 1.0])
def test_missing_stamps_are_passed_over(share: float) -> None:
    stream = replace(STEADY, missing_fraction=share)
    clock, last = heard(stream, 100.0)
    if share == 1.0:
        assert clock.state == "none"
        return
    error_ns, sigma_ns = error_and_sigma(clock, stream, last)
    assert abs(error_ns) < 3 * sigma_ns + 5_000


def test_frames_that_meet_one_phase_only_are_known_to_hide_it() -> None:
    """Sound card and host in step, three phases of a frame met: the line may be late by a third of it."""
    stream = replace(USB, ppm=0.0, frame_ppm=0.0, frame_phase_ns=300e3, spread_ns=20e3)
    clock, last = heard(stream, 130.0)
    error_ns, sigma_ns = error_and_sigma(clock, stream, last)
    assert sigma_ns > 50_000
    assert abs(error_ns) < 3 * sigma_ns


@pytest.mark.parametrize(("ppm", "frame_ppm"), [(-9.0, -12.3), (9.0, -1.1), (-8.0, 1.4), (-7.0, -5.4)])
def test_frames_nearly_in_step_never_give_a_wrong_time_with_a_small_sigma(
    ppm: float, frame_ppm: float
) -> None:
    """The line is tempted to follow the frames, and late stamps look as if every phase had been met."""
    stream = replace(USB, ppm=ppm, frame_ppm=frame_ppm, late_fraction=0.007)
    for duration_s in (50.0, 75.0, 160.0):
        clock, last = heard(stream, duration_s)
        error_ns, sigma_ns = error_and_sigma(clock, stream, last)
        assert abs(error_ns) < 4 * sigma_ns


@settings(max_examples=15, deadline=None)
@given(
    ppm=st.floats(-200.0, 200.0),
    block=st.sampled_from([480, 1024, 4800]),
    spread_ns=st.floats(1e3, 1e6),
    window_s=st.floats(20.0, 300.0),
    start=st.integers(0, 10**13),
)
def test_any_stream_gives_finite_times_that_rise_with_the_index(
    ppm: float, block: int, spread_ns: float, window_s: float, start: int
) -> None:
    stream = Stream(jitter=Jitter.STEADY, ppm=ppm, block=block, spread_ns=spread_ns)
    clock = SampleClock(48_000.0, TimingSettings(window_s=window_s))
    first, stamp_ns, _ = stream.blocks(25.0, np.random.default_rng(0))
    for index, mono_ns in zip(first.tolist(), stamp_ns.tolist(), strict=True):
        clock.observe(index + start, mono_ns)
    times = [clock.predict(start + index) for index in range(-96_000, 48_000 * 40, 48_000)]
    assert all(np.isfinite(pair).all() and pair[1] > 0.0 for pair in times)
    assert all(later[0] > earlier[0] for earlier, later in pairwise(times))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 200_000), st.integers(0, 2**62)), min_size=1, max_size=120))
def test_rubbish_stamps_never_crash_and_never_give_a_small_sigma_twice_over(
    pairs: list[tuple[int, int]],
) -> None:
    clock = SampleClock(48_000.0, SETTINGS)
    index = 0
    for step, mono_ns in pairs:
        index += step
        clock.observe(index, mono_ns)
    if clock.state != "none":
        time_ns, sigma_ns = clock.predict(index)
        assert np.isfinite(time_ns)
        assert sigma_ns > 0.0
