"""Pulses on an audio channel: timed, named, bridged, and refused when they are none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.sim.timestamps import PulseChannel
from sensor.timing.pps_channel import PpsChannel
from sensor.timing.pulse_edges import EdgeFinder

EPOCH_S = 1_800_000_000
RATE_HZ = 48_000.0


def utc_ns(channel: PulseChannel, index: float) -> float:
    """True UTC of a sample, ns after EPOCH_S."""
    return (index / (channel.rate_hz * (1.0 + 1e-6 * channel.ppm)) - channel.start_s) * 1e9


def named(
    channel: PulseChannel, off_ns: float = 3e6, sigma_ns: float = 5e6
) -> Callable[[float], tuple[int, float]]:
    return lambda index: (EPOCH_S * 10**9 + round(utc_ns(channel, index) + off_ns), sigma_ns)


def followed(
    channel: PulseChannel, seconds: float = 20.0, block: int = 4800, **name: float
) -> tuple[PpsChannel, int]:
    follower = PpsChannel(channel.rate_hz)
    sound = channel.samples(seconds, np.random.default_rng(7))
    for first in range(0, len(sound), block):
        follower.process(first, sound[first : first + block], named(channel, **name))
    return follower, len(sound)


def error_ns(follower: PpsChannel, channel: PulseChannel, index: float) -> tuple[float, float]:
    answer = follower.at(index)
    assert answer is not None
    return answer[0] - EPOCH_S * 10**9 - utc_ns(channel, index), answer[1]


@pytest.mark.parametrize(
    "channel",
    [
        PulseChannel(),
        PulseChannel(ppm=200.0, noise_fs=1e-3),
        PulseChannel(ppm=-200.0, noise_fs=2e-3),
        PulseChannel(hum_fs=0.2, hum_hz=60.0),
        PulseChannel(missing=frozenset({4, 5, 11, 12, 13, 18})),
        PulseChannel(false_s=(2.2, 2.9, 7.77, 9.05, 14.4, 17.03, 18.6), noise_fs=5e-4),
        PulseChannel(coupling_s=0.005),
        PulseChannel(rate_hz=44_100.0),
    ],
)
def test_utc_is_known_to_five_microseconds(channel: PulseChannel) -> None:
    follower, last = followed(channel)
    for back_s in (0.01, 0.5, 3.3):
        error, sigma = error_ns(follower, channel, last - back_s * channel.rate_hz)
        assert abs(error) < 5_000
        assert abs(error) < 4 * sigma
        assert sigma < 5_000
    assert follower.ppm == pytest.approx(channel.ppm, abs=0.5)


def test_a_channel_that_only_hums_or_hisses_gives_no_time() -> None:
    for channel in (
        PulseChannel(height_fs=0.0, hum_fs=0.3),
        PulseChannel(height_fs=0.0, noise_fs=0.05),
        PulseChannel(height_fs=0.0, noise_fs=0.0),
    ):
        follower, last = followed(channel)
        assert follower.at(last) is None


def test_a_pulse_every_second_and_a_bit_is_no_pulse_per_second() -> None:
    follower, last = followed(PulseChannel(ppm=900.0))
    assert follower.at(last) is None


def test_an_inverted_pulse_is_refused_with_a_reason() -> None:
    follower, last = followed(PulseChannel(height_fs=-0.03))
    assert follower.at(last) is None
    assert "inverted" in (follower.complaint or "")


def test_nobody_sure_of_the_second_means_no_time() -> None:
    follower, last = followed(PulseChannel(), sigma_ns=4e8)
    assert follower.at(last) is None
    assert "no source is sure" in (follower.complaint or "")


def test_a_name_that_comes_apart_is_given_up() -> None:
    channel = PulseChannel()
    follower = PpsChannel(RATE_HZ)
    sound = channel.samples(30.0, np.random.default_rng(7))
    for first in range(0, len(sound), 4800):
        off_ns = 3e6 if first < 10 * RATE_HZ else 2e9
        follower.process(first, sound[first : first + 4800], named(channel, off_ns))
        if first == 4800 * 90:
            assert follower.at(first) is not None
    assert follower.complaint is None or "apart" in follower.complaint
    answer = follower.at(len(sound))
    assert answer is None or abs(answer[0] - EPOCH_S * 10**9 - utc_ns(channel, len(sound)) - 2e9) < 1e6


def test_pulses_that_end_are_bridged_and_then_given_up() -> None:
    channel = PulseChannel(missing=frozenset(range(10, 90)))
    follower = PpsChannel(RATE_HZ)
    sound = channel.samples(80.0, np.random.default_rng(7))
    sigmas = {}
    for first in range(0, len(sound), 4800):
        follower.process(first, sound[first : first + 4800], named(channel))
        second = first / RATE_HZ
        if second in {11.0, 30.0, 50.0}:
            error, sigmas[second] = error_ns(follower, channel, first)
            assert abs(error) < 4 * sigmas[second]
    assert sigmas[11.0] < sigmas[30.0] < sigmas[50.0]
    assert follower.at(len(sound)) is None


def test_lost_samples_make_it_begin_anew() -> None:
    channel = PulseChannel()
    follower, last = followed(channel)
    follower.reset()
    assert follower.at(last) is None


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(1, 20_000), min_size=1, max_size=30))
def test_edges_do_not_depend_on_block_size(sizes: list[int]) -> None:
    sound = PulseChannel(noise_fs=1e-3, start_s=0.2).samples(4.0, np.random.default_rng(1))
    whole = EdgeFinder(RATE_HZ).process(0, sound)
    finder = EdgeFinder(RATE_HZ)
    edges, first = [], 0
    for number in range(10_000):
        size = sizes[number % len(sizes)]
        edges += finder.process(first, sound[first : first + size])
        first += size
        if first >= len(sound):
            break
    assert edges == whole[: len(edges)]
    assert first < len(sound) or len(edges) == len(whole)
    assert len(whole) == 4
