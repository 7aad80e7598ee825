"""Sample index -> UTC with its parts: live streams and files."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.sim.timestamps import Jitter, PulseChannel, Stream
from sensor.timing.settings import TimingSettings
from sensor.timing.timebase import FileTimebase, Latency, LiveTimebase, Timebase
from sensor.types import Block, ClockSource, Timestamp
from tests.support.simulated_clocks import QUIET, UNSYNCHRONISED, Bench, Machine

RATE_HZ = 48_000.0
STREAM = Stream(jitter=Jitter.STEADY, ppm=30.0, block=4799)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    bench.machine.mono_ns = 3_590 * 10**9  # the simulated streams begin ten seconds later
    bench.run(100)
    yield bench
    bench.clock.close()


def play(timebase: Timebase, stream: Stream, seconds: float, channels: int = 1) -> int:
    """Feed a simulated stream; return its last index."""
    silence = np.zeros((channels, stream.block), dtype=np.float32)
    first, stamp_ns, lost = stream.blocks(seconds, np.random.default_rng(1))
    for index, mono_ns, missing in zip(first.tolist(), stamp_ns.tolist(), lost.tolist(), strict=True):
        timebase.observe(Block(index, silence, mono_ns, missing))
    return int(first[-1])


def consistent(stamp: Timestamp) -> bool:
    return stamp.sigma_ns == max(1, round(math.hypot(*stamp.parts_ns.values())))


def test_a_live_stamp_is_true_and_carries_its_parts(bench: Bench) -> None:
    timebase = LiveTimebase(RATE_HZ, QUIET, bench.clock, Latency(0.004, 0.0002))
    last = play(timebase, STREAM, 60.0)
    stamp = timebase.stamp(last - 1000.25, 50e-6)
    truth_ns = float(STREAM.true_ns(np.array([last - 1000.25]))[0]) + bench.machine.offset_ns
    assert abs(stamp.utc_ns + 4_000_000 - truth_ns) < 5_000
    assert set(stamp.parts_ns) == {"pick", "sample_clock", "clock_source", "latency"}
    assert stamp.parts_ns["pick"] == 50_000
    assert stamp.parts_ns["latency"] == 200_000
    assert stamp.source is ClockSource.NTP
    assert stamp.state == "locked"
    assert consistent(stamp)


def test_a_sample_clock_that_is_off_by_5_ms_fails_the_check_above(bench: Bench) -> None:
    timebase = LiveTimebase(RATE_HZ, QUIET, bench.clock, Latency(0.0, 0.0))
    last = play(timebase, STREAM, 60.0)
    good = timebase.stamp(last, 20e-6)
    predict = timebase._clock.predict
    timebase._clock.predict = lambda index: (predict(index)[0] + 5e6, predict(index)[1])  # type: ignore[method-assign]  # the fault
    bad = timebase.stamp(last, 20e-6)
    measured = math.hypot(good.parts_ns["sample_clock"], good.parts_ns["pick"])
    assert bad.utc_ns - good.utc_ns > 50 * measured


def test_latency_comes_from_the_settings_until_it_is_calibrated(bench: Bench) -> None:
    stamp = LiveTimebase(RATE_HZ, TimingSettings(latency_sigma_s=0.003), bench.clock).stamp(0, 0.0)
    assert stamp.parts_ns["latency"] == 3_000_000


def test_holdover_is_a_part_of_its_own(bench: Bench) -> None:
    timebase = LiveTimebase(RATE_HZ, QUIET, bench.clock)
    play(timebase, STREAM, 30.0)
    bench.machine.state = UNSYNCHRONISED
    bench.run(60)
    stamp = timebase.stamp(120 * 48_000, 0.0)
    assert stamp.source is ClockSource.HOLDOVER
    assert stamp.parts_ns["holdover"] > 0
    assert consistent(stamp)


def test_without_any_discipline_the_event_is_still_stamped_with_a_sigma_of_days() -> None:
    bench = Bench(Machine(kernel=None))
    timebase = LiveTimebase(RATE_HZ, QUIET, bench.clock)
    last = play(timebase, STREAM, 30.0)
    stamp = timebase.stamp(last, 1e-5)
    assert stamp.source is ClockSource.NONE
    assert stamp.sigma_ns > 86_400 * 10**9
    bench.clock.close()


def test_without_any_time_stamp_arrival_gives_a_time_with_a_large_sigma(bench: Bench) -> None:
    timebase = LiveTimebase(RATE_HZ, QUIET, bench.clock)
    empty = timebase.stamp(0, 0.0)
    timebase.observe(Block(0, np.zeros((1, 480), dtype=np.float32), 0))
    stamp = timebase.stamp(480, 0.0)
    assert empty.state == stamp.state == "acquiring"
    assert stamp.parts_ns["sample_clock"] >= 500_000_000
    assert timebase.report().state == "none"


@pytest.mark.parametrize(("lost", "gap"), [(480, 480), (0, 480)])
def test_lost_samples_and_index_jumps_open_an_epoch(bench: Bench, lost: int, gap: int) -> None:
    timebase = LiveTimebase(RATE_HZ, QUIET, bench.clock)
    last = play(timebase, STREAM, 30.0)
    assert timebase.report().state == "locked"
    block = np.zeros((1, STREAM.block), dtype=np.float32)
    first = last + STREAM.block + gap
    timebase.observe(Block(first, block, round(float(STREAM.true_ns(np.array([first]))[0])), lost))
    report = timebase.report()
    assert (report.epoch, report.state) == (1, "acquiring")
    assert report.ppm == pytest.approx(30.0, abs=0.5)
    stamp = timebase.stamp(first, 0.0)
    assert stamp.state == "acquiring"


def test_block_size_does_not_change_a_stamp(bench: Bench) -> None:
    """The same stamps in blocks of any length, here cut in two, give the same line."""
    whole = LiveTimebase(RATE_HZ, QUIET, bench.clock)
    last = play(whole, STREAM, 40.0)
    halves = LiveTimebase(RATE_HZ, QUIET, bench.clock)
    first, stamp_ns, _ = STREAM.blocks(40.0, np.random.default_rng(1))
    half = STREAM.block // 2
    for index, mono_ns in zip(first.tolist(), stamp_ns.tolist(), strict=True):
        halves.observe(Block(index, np.zeros((1, half), dtype=np.float32), mono_ns))
        halves.observe(Block(index + half, np.zeros((1, STREAM.block - half), dtype=np.float32), 0))
    assert halves.stamp(last, 0.0) == whole.stamp(last, 0.0)


def test_pulses_on_a_channel_replace_regression_and_latency(bench: Bench) -> None:
    """The pulse's seconds are 1.7 ms from NTP's and decide; latency no longer matters."""
    settings = TimingSettings(chrony="off", gpsd="none", pps_device="none", pps_channel=1)
    timebase = LiveTimebase(RATE_HZ, settings, bench.clock)
    began_ns = round(float(STREAM.true_ns(np.array([0.0]))[0])) + bench.machine.offset_ns
    to_second_s = (-began_ns % 10**9) / 1e9
    channel = PulseChannel(ppm=30.0, start_s=to_second_s + 0.0017)
    sound = channel.samples(12.0, np.random.default_rng(3))
    first, stamp_ns, _ = STREAM.blocks(11.9, np.random.default_rng(1))
    for index, mono_ns in zip(first.tolist(), stamp_ns.tolist(), strict=True):
        both = np.stack([np.zeros(STREAM.block, dtype=np.float32), sound[index : index + STREAM.block]])
        timebase.observe(Block(index, both, mono_ns))
    index = 10.5 * RATE_HZ
    stamp = timebase.stamp(index, 10e-6)
    truth_ns = began_ns + index / RATE_HZ / (1 + 30e-6) * 1e9 - 1_700_000
    assert stamp.source is ClockSource.PPS
    assert abs(stamp.utc_ns - truth_ns) < 2_000
    assert stamp.sigma_ns < 15_000
    assert consistent(stamp)
    report = timebase.report()
    assert report.via == "pulse channel"
    assert report.ppm == pytest.approx(30.0, abs=0.5)


def test_a_missing_pulse_channel_is_a_problem_in_words(bench: Bench) -> None:
    timebase = LiveTimebase(RATE_HZ, TimingSettings(pps_channel=3), bench.clock)
    play(timebase, STREAM, 2.0)
    assert any("2 channels" in item or "1 channels" in item for item in timebase.report().problems)


def test_a_file_without_a_start_begins_in_1970_with_source_none() -> None:
    stamp = FileTimebase(RATE_HZ, None).stamp(24_000.0, 12e-6)
    assert (stamp.utc_ns, stamp.source) == (500_000_000, ClockSource.NONE)
    assert stamp.parts_ns["pick"] == 12_000
    assert consistent(stamp)


def test_a_file_without_a_start_is_as_uncertain_as_a_node_whose_clock_stands_at_1970() -> None:
    """Its sample clock is locked all the same: times within the file are good."""
    lost = Bench(Machine(kernel=UNSYNCHRONISED, utc_ns=0))
    node = lost.clock.at(lost.machine.mono_ns)
    lost.clock.close()
    timebase = FileTimebase(RATE_HZ, None, 0.05)
    stamp = timebase.stamp(0.0, 12e-6)
    assert (stamp.source, stamp.state) == (node.source, "locked")
    assert stamp.parts_ns["clock_source"] == node.sigma_ns
    assert stamp.sigma_ns >= stamp.parts_ns["clock_source"]
    assert timebase.report().utc_sigma_ns == stamp.parts_ns["clock_source"]


def test_a_file_with_a_start_carries_its_sigma() -> None:
    start_ns = 1_700_000_000_123_456_789
    timebase = FileTimebase(RATE_HZ, start_ns, 0.003)
    timebase.observe(Block(0, np.zeros((1, 10), dtype=np.float32), 0))
    timebase.tick()
    stamp = timebase.stamp(0.0, 4e-3)
    assert (stamp.utc_ns, stamp.source, stamp.sigma_ns) == (start_ns, ClockSource.FILE, 5_000_000)
    assert timebase.report().source is ClockSource.FILE
    assert FileTimebase(RATE_HZ, start_ns).stamp(0.0, 0.0).sigma_ns == 1


@given(
    st.integers(0, 10**12),
    st.floats(0.0, 1.0, exclude_max=True),
    st.sampled_from([8000.0, 44_100.0, 48_000.0]),
)
def test_a_files_time_is_exact_to_a_nanosecond(whole: int, part: float, rate_hz: float) -> None:
    stamp = FileTimebase(rate_hz, 0).stamp(whole + part, 1e-6)
    fraction = (whole + part) - whole
    exact_ns = (
        whole * 10**9 // int(rate_hz) + (whole * 10**9 % int(rate_hz)) / rate_hz + fraction * 1e9 / rate_hz
    )
    assert abs(stamp.utc_ns - exact_ns) <= max(1.0, exact_ns * 2.0**-52)
