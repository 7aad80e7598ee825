"""UTC as believed over steps, leap seconds, losses and lies, on a machine whose clocks the test moves."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.timing.vote import SOFTWARE_MADE_S, UNDISCIPLINED_SIGMA_NS, Vote
from sensor.types import ClockSource
from tests.support.simulated_clocks import NOON_NS, SYNCHRONISED, UNSYNCHRONISED, Bench, Machine

SECOND_NS = 10**9
HOUR_NS = 3600 * SECOND_NS


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.clock.close()


def test_a_synchronised_kernel_becomes_ntp_only_after_three_polls(bench: Bench) -> None:
    assert bench.clock.report().source is ClockSource.NONE
    bench.run(1)
    assert bench.clock.report().source is ClockSource.NONE
    bench.run(1)
    report = bench.clock.report()
    assert report.source is ClockSource.NTP
    assert 4_000_000 < report.sigma_ns < 10_000_000


@pytest.mark.parametrize("kernel", [None, UNSYNCHRONISED])
def test_an_undisciplined_or_silent_kernel_gives_none_with_a_sigma_of_days(kernel: object) -> None:
    bench = Bench(Machine(kernel=kernel))  # type: ignore[arg-type]  # parametrised
    bench.run(10)
    stamp = bench.clock.at(bench.machine.mono_ns)
    assert stamp.source is ClockSource.NONE
    assert stamp.utc_ns == bench.machine.mono_ns + bench.machine.offset_ns
    assert stamp.sigma_ns >= UNDISCIPLINED_SIGMA_NS


def test_a_clock_that_shows_the_past_admits_decades() -> None:
    bench = Bench(Machine(kernel=UNSYNCHRONISED, utc_ns=0))
    bench.run(3)
    assert bench.clock.at(bench.machine.mono_ns).sigma_ns >= (SOFTWARE_MADE_S - 4) * SECOND_NS


@pytest.mark.parametrize("step_ns", [HOUR_NS, -HOUR_NS, 900_000_000, -900_000_000])
def test_a_step_does_not_move_time_stamps(bench: Bench, step_ns: int) -> None:
    bench.run(60)
    truth_ns = bench.machine.offset_ns
    bench.machine.offset_ns += step_ns
    bench.machine.state = UNSYNCHRONISED
    bench.run(10)
    stamp = bench.clock.at(bench.machine.mono_ns)
    assert stamp.source is ClockSource.HOLDOVER
    assert stamp.utc_ns - bench.machine.mono_ns == truth_ns
    assert stamp.holdover_ns > 0
    assert bench.clock.report().steps == 1


def test_a_daemon_that_insists_on_the_stepped_time_is_doubted_and_then_followed(bench: Bench) -> None:
    bench.run(40)
    truth_ns = bench.machine.offset_ns
    bench.machine.offset_ns += HOUR_NS
    bench.run(20)
    doubted = bench.clock.at(bench.machine.mono_ns)
    assert doubted.utc_ns - bench.machine.mono_ns == truth_ns
    assert doubted.sigma_ns >= HOUR_NS, "while two times are possible sigma spans both"
    assert bench.clock.report().problems
    bench.run(40)
    followed = bench.clock.at(bench.machine.mono_ns)
    assert followed.source is ClockSource.NTP
    assert followed.utc_ns - bench.machine.mono_ns == truth_ns + HOUR_NS


def test_a_time_that_was_held_long_is_not_given_up_after_a_minute(bench: Bench) -> None:
    bench.run(1200)
    bench.machine.offset_ns += HOUR_NS
    bench.run(600)
    stamp = bench.clock.at(bench.machine.mono_ns)
    assert stamp.utc_ns - bench.machine.mono_ns == bench.machine.offset_ns - HOUR_NS


def test_an_event_is_stamped_with_the_clock_as_it_was(bench: Bench) -> None:
    bench.run(20)
    heard_ns = bench.machine.mono_ns - 300_000_000
    before = bench.clock.at(heard_ns)
    bench.machine.state = UNSYNCHRONISED
    bench.machine.offset_ns += HOUR_NS
    bench.run(30)
    assert bench.clock.at(heard_ns) == before


def test_history_reaches_ten_minutes_back_and_no_further(bench: Bench) -> None:
    bench.run(1000)
    assert len(bench.clock._history) <= 602
    assert bench.clock.at(bench.machine.mono_ns - 599 * SECOND_NS).source is ClockSource.NTP


def test_holdover_grows_and_ends_when_the_source_is_back(bench: Bench) -> None:
    bench.run(20)
    bench.machine.state = UNSYNCHRONISED
    bench.run(60)
    early = bench.clock.at(bench.machine.mono_ns)
    bench.run(600)
    late = bench.clock.at(bench.machine.mono_ns)
    assert early.source is late.source is ClockSource.HOLDOVER
    assert late.holdover_ns > 5 * early.holdover_ns
    bench.machine.state = SYNCHRONISED
    bench.run(3)
    assert bench.clock.report().source is ClockSource.NTP


def test_a_clock_thread_that_died_shows_as_holdover(bench: Bench) -> None:
    bench.run(10)
    stamp = bench.clock.at(bench.machine.mono_ns + 600 * SECOND_NS)
    assert stamp.source is ClockSource.HOLDOVER
    assert stamp.holdover_ns > 100_000


def test_a_machine_that_slept_must_be_synchronised_anew(bench: Bench) -> None:
    bench.run(20)
    bench.machine.suspended_ns += 100 * SECOND_NS
    bench.machine.state = UNSYNCHRONISED
    bench.run(1)
    assert bench.clock.report().source is ClockSource.NONE


@pytest.mark.parametrize(("leap_ns", "state"), [(-SECOND_NS, "insert"), (SECOND_NS, "delete")])
def test_a_leap_second_is_no_step(leap_ns: int, state: str) -> None:
    day_ns = 86_400 * SECOND_NS
    midnight_ns = (NOON_NS // day_ns + 1) * day_ns - (SECOND_NS if leap_ns > 0 else 0)
    bench = Bench(Machine(utc_ns=midnight_ns - 20 * SECOND_NS - SECOND_NS // 3))
    bench.machine.state = replace(SYNCHRONISED, state=state)
    bench.run(20)
    offset_ns = bench.machine.offset_ns
    leap_mono_ns = midnight_ns - offset_ns
    assert 0 < leap_mono_ns - bench.machine.mono_ns < SECOND_NS
    bench.machine.offset_ns += leap_ns
    bench.machine.state = replace(SYNCHRONISED, state="leaping")
    bench.run(1)
    report = bench.clock.report()
    assert (report.steps, report.leaps, report.source) == (0, 1, ClockSource.NTP)
    before, after = bench.clock.at(leap_mono_ns - 1000), bench.clock.at(leap_mono_ns + 1000)
    assert before.utc_ns == midnight_ns - 1000
    assert after.utc_ns == midnight_ns + leap_ns + 1000
    bench.clock.close()


def test_the_better_of_two_agreeing_sources_is_followed(bench: Bench) -> None:
    machine = bench.machine
    machine.extra_votes = [machine.vote(Vote(ClockSource.PPS, 1_500_000, 4_000, "pulse"))]
    bench.run(10)
    stamp = bench.clock.at(machine.mono_ns)
    assert stamp.source is ClockSource.PPS
    assert stamp.utc_ns - machine.mono_ns == machine.offset_ns + 1_500_000
    assert stamp.sigma_ns < 10_000


def test_a_lost_pulse_falls_back_to_ntp_and_then_to_holdover(bench: Bench) -> None:
    machine = bench.machine
    machine.extra_votes = [machine.vote(Vote(ClockSource.PPS, 0, 4_000, "pulse"))]
    bench.run(10)
    machine.extra_votes = []
    bench.run(1)
    assert bench.clock.report().source is ClockSource.NTP
    machine.state = UNSYNCHRONISED
    bench.run(1)
    assert bench.clock.report().source is ClockSource.HOLDOVER


def test_a_flapping_source_is_never_followed(bench: Bench) -> None:
    machine = bench.machine
    pulse = machine.vote(Vote(ClockSource.PPS, 0, 4_000, "pulse"))
    bench.run(5)
    seen = set()
    for _ in range(30):
        machine.extra_votes = [] if machine.extra_votes else [pulse]
        bench.run(1)
        seen.add(bench.clock.report().source)
    assert seen == {ClockSource.NTP}


def test_gps_and_ntp_that_disagree_raise_an_alarm_and_the_held_time_decides(bench: Bench) -> None:
    machine = bench.machine
    bench.run(40)
    machine.extra_votes = [machine.vote(Vote(ClockSource.PPS, HOUR_NS, 4_000, "gpsd pulse"))]
    bench.run(20)
    report = bench.clock.report()
    assert report.source is ClockSource.NTP
    assert any("3600.000 s apart" in problem for problem in report.problems)
    assert bench.clock.at(machine.mono_ns).utc_ns - machine.mono_ns == machine.offset_ns


def test_sources_that_disagree_from_the_start_leave_a_sigma_that_spans_both() -> None:
    bench = Bench()
    machine = bench.machine
    machine.extra_votes = [machine.vote(Vote(ClockSource.PPS, 18 * SECOND_NS, 4_000, "gpsd pulse"))]
    bench.run(10)
    stamp = bench.clock.at(machine.mono_ns)
    assert stamp.sigma_ns >= 18 * SECOND_NS
    bench.clock.close()


def test_nmea_time_is_never_better_than_ntp(bench: Bench) -> None:
    machine = bench.machine
    machine.extra_votes = [machine.vote(Vote(ClockSource.GPS, 0, 400_000_000, "gpsd sentence"))]
    bench.run(30)
    assert bench.clock.report().source is ClockSource.NTP


@settings(max_examples=40, deadline=None)
@given(
    begin=st.integers(0, 300),
    length=st.integers(1, 120),
    source=st.sampled_from([ClockSource.PPS, ClockSource.GPS]),
    lie_ns=st.integers(-(10**13), 10**13),
    sigma_ns=st.integers(1_000, 10**9),
    outages=st.lists(st.tuples(st.integers(0, 300), st.integers(1, 60)), max_size=3),
)
def test_one_liar_never_makes_time_wrong_with_a_small_sigma(
    begin: int, length: int, source: ClockSource, lie_ns: int, sigma_ns: int, outages: list[tuple[int, int]]
) -> None:
    """NTP is honest, was there first and may be away for a while; another source says what it likes.

    What lies within three sigmas of NTP cannot be told from the truth; anything beyond must show.
    """
    bench = Bench()
    machine = bench.machine
    bench.run(120)
    lie = machine.vote(Vote(source, lie_ns, sigma_ns, "liar"))
    believable_ns = 3.0 * math.hypot(6e6, sigma_ns)
    for second in range(400):
        away = any(start <= second < start + lasting for start, lasting in outages)
        machine.state = UNSYNCHRONISED if away else SYNCHRONISED
        machine.extra_votes = [lie] if begin <= second < begin + length else []
        bench.run(1)
        stamp = bench.clock.at(machine.mono_ns)
        error_ns = abs(stamp.utc_ns - machine.mono_ns - machine.offset_ns)
        assert error_ns <= max(3 * stamp.total_ns, believable_ns)
    bench.clock.close()
