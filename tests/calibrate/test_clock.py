"""Latency: right to microseconds from pulses a converter would deliver, or refused in words."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from sensor.calibrate.clock import (
    Emitter,
    LatencyMeasurement,
    Nanoseconds,
    colocated_offsets,
    judge,
    measure_latency,
    offsets_of_emissions,
    offsets_of_period,
)
from sensor.calibrate.findings import Finding, Verdict
from sensor.calibrate.pulses import find_pulses
from sensor.physics import speed_of_sound_m_s
from sensor.types import ClockSource
from tests.support.calibration_signals import Floats, pulse_per_second

START_NS = 1_767_225_600_300_000_000
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)


def from_file(mono: Floats, rate_hz: float, start_ns: int = START_NS) -> LatencyMeasurement:
    pulses = find_pulses(mono, rate_hz)
    stamps_ns = start_ns + np.round(pulses.index / rate_hz * 1e9).astype(np.int64)
    offset_s = offsets_of_period(stamps_ns) if stamps_ns.size else np.empty(0)
    return measure_latency(
        stamps_ns, offset_s, emitter=Emitter(), clock_sigma_s=0.0, edge_s=pulses.edge_s, anchor_ns=start_ns
    )


def codes(findings: tuple[Finding, ...]) -> dict[str, Verdict]:
    return {finding.code: finding.verdict for finding in findings}


@settings(max_examples=15, deadline=None, phases=PHASES)
@given(
    rate_hz=st.sampled_from((8_000, 44_100, 48_000, 96_000)),
    latency_s=st.floats(0.0, 0.2),
    ppm=st.floats(-150.0, 150.0),
    start_ms=st.integers(0, 999),
    inverted=st.booleans(),
    noise_fs=st.floats(1e-5, 5e-3),
)
def test_a_pulse_per_second_gives_the_latency_to_a_fraction_of_a_sample(
    *, rate_hz: int, latency_s: float, ppm: float, start_ms: int, inverted: bool, noise_fs: float
) -> None:
    start_ns = START_NS // 10**9 * 10**9 + start_ms * 10**6
    mono = pulse_per_second(
        rate_hz=rate_hz,
        start_ns=start_ns,
        latency_s=latency_s,
        rate_error_ppm=ppm,
        noise_fs=noise_fs,
        height_fs=-0.2 if inverted else 0.2,
    )
    measured = from_file(mono, rate_hz, start_ns)
    assert measured.latency_s == pytest.approx(latency_s, abs=0.1 / rate_hz + 3e-6)
    assert measured.latency_s is not None
    assert measured.sigma_s is not None
    assert abs(measured.latency_s - latency_s) < 4.0 * measured.sigma_s + 1e-6
    assert measured.drift_ppm == pytest.approx(ppm, abs=0.5)
    assert judge(measured, source=ClockSource.FILE, from_file=True) == ()


def test_a_click_in_front_of_the_microphone_is_corrected_for_its_way_through_the_air() -> None:
    emitter = Emitter(
        kind="acoustic", distance_m=0.1, distance_sigma_m=0.01, delay_s=0.002, temperature_c=20.0
    )
    stamps_ns = START_NS // 10**9 * 10**9 + np.arange(20, dtype=np.int64) * 10**9 + 9_000_000
    measured = measure_latency(stamps_ns, offsets_of_period(stamps_ns), emitter=emitter, clock_sigma_s=1e-4)
    assert measured.latency_s == pytest.approx(0.009 - 0.002 - 0.1 / speed_of_sound_m_s(20.0), abs=1e-9)
    assert measured.parts_s["path"] == pytest.approx(0.01 / speed_of_sound_m_s(20.0), rel=0.05)
    assert measured.sigma_s == pytest.approx(math.hypot(1e-4, measured.parts_s["path"]), rel=0.01)


def test_the_clocks_own_sigma_is_never_averaged_away() -> None:
    stamps_ns = START_NS // 10**9 * 10**9 + np.arange(500, dtype=np.int64) * 10**9 + 5_000_000
    measured = measure_latency(
        stamps_ns, offsets_of_period(stamps_ns), emitter=Emitter(), clock_sigma_s=0.005
    )
    assert measured.sigma_s is not None
    assert measured.sigma_s >= 0.005


@settings(max_examples=60, deadline=None)
@given(
    offset_ms=st.floats(-400.0, 400.0),
    jitter_us=st.floats(0.0, 300.0),
    seed=st.integers(0, 1000),
    bad=st.integers(0, 5),
)
def test_offsets_wrap_round_the_second_and_strays_do_not_move_them(
    offset_ms: float, jitter_us: float, seed: int, bad: int
) -> None:
    random = np.random.default_rng(seed)
    seconds = np.arange(40, dtype=np.int64) * 10**9 + START_NS // 10**9 * 10**9
    noise_ns = random.normal(0.0, jitter_us * 1e3, 40).astype(np.int64)
    stamps_ns = seconds + round(offset_ms * 1e6) + noise_ns
    stray = random.choice(40, bad, replace=False)
    stamps_ns[stray] += random.integers(-300_000_000, 300_000_000, bad)
    stamps_ns.sort()
    measured = measure_latency(stamps_ns, offsets_of_period(stamps_ns), emitter=Emitter(), clock_sigma_s=0.0)
    assert measured.latency_s == pytest.approx(offset_ms * 1e-3, abs=4e-6 + jitter_us * 1e-6)
    assert measured.found - measured.used <= bad + 3


def test_clicks_at_known_times_are_matched_whatever_their_rhythm() -> None:
    random = np.random.default_rng(5)
    emissions_ns: Nanoseconds = START_NS + np.cumsum(random.integers(3 * 10**8, 2 * 10**9, 60))
    heard = emissions_ns[random.random(60) > 0.2] + 12_345_000
    noise = START_NS + random.integers(0, 6 * 10**10, 15)
    stamps_ns = np.sort(np.concatenate([heard, noise]))
    matched_ns, offset_s = offsets_of_emissions(stamps_ns, emissions_ns)
    assert set(heard) <= set(matched_ns)
    measured = measure_latency(matched_ns, offset_s, emitter=Emitter(), clock_sigma_s=0.0)
    assert measured.latency_s == pytest.approx(0.012345, abs=1e-6)


def test_emissions_of_another_day_match_nothing() -> None:
    stamps_ns = START_NS + np.arange(20, dtype=np.int64) * 10**9
    matched_ns, offset_s = offsets_of_emissions(stamps_ns, stamps_ns + 86_400 * 10**9)
    assert matched_ns.size == 0
    measured = measure_latency(matched_ns, offset_s, emitter=Emitter(), clock_sigma_s=0.0)
    assert codes(judge(measured, source=ClockSource.PPS, from_file=False)) == {"too_few": Verdict.FAIL}


@pytest.mark.parametrize(
    "mono",
    [
        np.zeros(0),
        np.zeros(480_000),
        np.full(480_000, np.nan),
        np.random.default_rng(1).normal(0.0, 0.1, 480_000),
        np.sin(np.arange(480_000) * 0.13),
        np.ones(480_000),
    ],
)
def test_where_there_are_no_pulses_none_are_found(mono: Floats) -> None:
    measured = from_file(mono, 48_000)
    assert (
        measured.verdict is Verdict.FAIL
        or Verdict.FAIL in codes(judge(measured, source=ClockSource.FILE, from_file=True)).values()
    )


def test_too_few_pulses_are_refused() -> None:
    measured = from_file(pulse_per_second(seconds=8.0), 48_000)
    assert codes(measured.findings) == {"too_few": Verdict.FAIL}
    assert measured.latency_s is None


def test_irregular_bangs_are_refused() -> None:
    random = np.random.default_rng(3)
    mono = random.normal(0.0, 1e-3, 40 * 48_000)
    for second in range(1, 39):
        at = round((second + random.uniform(-0.25, 0.25)) * 48_000)
        mono[at : at + 100] += 0.3 * np.exp(-np.arange(100) / 20.0)
    findings = judge(from_file(mono, 48_000), source=ClockSource.FILE, from_file=True)
    assert Verdict.FAIL in codes(findings).values()


def a_measurement(offset_s: Floats) -> LatencyMeasurement:
    stamps_ns = START_NS + np.arange(offset_s.size, dtype=np.int64) * 10**9
    return measure_latency(stamps_ns, offset_s, emitter=Emitter(), clock_sigma_s=0.0)


@pytest.mark.parametrize(
    ("offset_s", "source", "is_file", "expected"),
    [
        (np.full(40, -0.05), ClockSource.PPS, False, {"impossible": Verdict.FAIL}),
        (np.full(40, 0.45), ClockSource.PPS, False, {"impossible": Verdict.FAIL}),
        (np.full(40, 0.004), ClockSource.NONE, False, {"no_clock": Verdict.FAIL}),
        (np.full(40, 0.004), ClockSource.NTP, False, {"clock": Verdict.WARN}),
        (np.full(40, 0.004), ClockSource.PPS, False, {}),
        (0.004 + np.arange(40) * 1e-4, ClockSource.PPS, False, {"drift": Verdict.WARN}),
        (0.004 + np.arange(40) * 1e-3, ClockSource.FILE, True, {"rate": Verdict.FAIL}),
        (0.01 + np.tile([-3e-3, 3e-3], 20), ClockSource.PPS, False, {"scatter": Verdict.WARN}),
        (0.02 + np.tile([-9e-3, 9e-3], 20), ClockSource.PPS, False, {"scatter": Verdict.FAIL}),
    ],
)
def test_nonsense_is_refused_with_a_reason(
    offset_s: Floats, source: ClockSource, *, is_file: bool, expected: dict[str, Verdict]
) -> None:
    measured = a_measurement(offset_s.astype(np.float64))
    assert codes(judge(measured, source=source, from_file=is_file)) == expected


def test_nodes_side_by_side_show_their_difference() -> None:
    random = np.random.default_rng(8)
    claps_ns: Nanoseconds = START_NS + np.cumsum(random.integers(10**9, 3 * 10**9, 20))
    late_ns = {"north": 0, "east": 1_500_000, "west": -2_500_000}
    arrivals = {
        name: claps_ns + late + random.integers(-20_000, 20_000, 20) for name, late in late_ns.items()
    }
    arrivals["east"] = np.append(arrivals["east"], START_NS)  # a sound that only one of them took
    offsets = colocated_offsets(arrivals)
    for name, late in late_ns.items():
        assert offsets[name][0] == pytest.approx(late * 1e-9, abs=2e-5)
        assert offsets[name][1] == 20
    assert colocated_offsets({"a": claps_ns, "b": claps_ns + 10**9 // 2}) == {}
