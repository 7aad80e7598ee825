from __future__ import annotations

import math

import pytest

from sensor.capture.adctime import AdcClock, Header, arrival_ns

RATE_HZ = 48_000.0
FRAMES = 4_800
BOOT_NS = 5_000_000_000_000
UTC_NS = 1_795_000_000_000_000_000
LATENCY_NS = 300_000
BLOCK_NS = 100_000_000
DOMAINS = {"monotonic": 0.0, "realtime": (UTC_NS - BOOT_NS) * 1e-9, "relative": -BOOT_NS * 1e-9}


def header(number: int, *, offset_s: float, callback_ns: int = LATENCY_NS, utc_ns: int = UTC_NS) -> Header:
    """The callback after block ``number``, in a clock that reads monotonic plus ``offset_s``."""
    taken_ns = BOOT_NS + (number + 1) * BLOCK_NS  # when the driver read its clock
    current_s = taken_ns * 1e-9 + offset_s
    return Header(
        first=number * FRAMES,
        frames=FRAMES,
        adc_s=current_s - BLOCK_NS * 1e-9,
        current_s=current_s,
        mono_ns=taken_ns + callback_ns,
        real_ns=taken_ns + callback_ns + utc_ns - BOOT_NS,
        overflow=False,
    )


@pytest.mark.parametrize("domain", ["monotonic", "realtime"])
def test_a_clock_of_the_system_is_recognised_and_gives_the_true_time(domain: str) -> None:
    clock = AdcClock(RATE_HZ)
    for number in range(5):
        late_ns = LATENCY_NS * (1 + number % 3)
        time_ns = clock.first_sample_ns(header(number, offset_s=DOMAINS[domain], callback_ns=late_ns))
        # The driver read UTC when the callback was still to come; only that much may remain.
        assert 0 <= BOOT_NS + number * BLOCK_NS - time_ns + 1_000 <= 2_000
    assert clock.domain == domain


def test_a_clock_of_its_own_is_tied_to_the_promptest_callback() -> None:
    clock = AdcClock(RATE_HZ)
    for number, late_ns in enumerate([9_000_000, 2_000_000, 400_000, 5_000_000]):
        time_ns = clock.first_sample_ns(header(number, offset_s=DOMAINS["relative"], callback_ns=late_ns))
    assert clock.domain == "relative"
    assert time_ns - (BOOT_NS + 3 * BLOCK_NS) == pytest.approx(400_000, abs=2_000)


@pytest.mark.parametrize("step_ns", [-3_600_000_000_000, -50_000_000, 50_000_000, 3_600_000_000_000])
def test_a_step_of_utc_costs_one_block_its_precision_and_no_more(step_ns: int) -> None:
    """The driver's clock is UTC and is stepped between two callbacks, or between driver and callback."""
    for seen_by_driver in (True, False):
        clock = AdcClock(RATE_HZ)
        for number in range(3):
            clock.first_sample_ns(header(number, offset_s=DOMAINS["realtime"]))
        after_s = DOMAINS["realtime"] + (step_ns * 1e-9 if seen_by_driver else 0.0)
        time_ns = clock.first_sample_ns(header(3, offset_s=after_s, utc_ns=UTC_NS + step_ns))
        assert 0 <= time_ns - (BOOT_NS + 3 * BLOCK_NS) <= LATENCY_NS
        assert clock.domain == "arrival"
        stepped_s = DOMAINS["realtime"] + step_ns * 1e-9
        time_ns = clock.first_sample_ns(header(4, offset_s=stepped_s, utc_ns=UTC_NS + step_ns))
        assert abs(time_ns - (BOOT_NS + 4 * BLOCK_NS)) <= 2_000
        assert clock.domain == "realtime"


def test_the_first_utc_after_a_boot_without_a_clock_is_a_step_too() -> None:
    """A Raspberry Pi without network starts in 1970: both clocks read almost the same until NTP comes."""
    clock = AdcClock(RATE_HZ)
    clock.first_sample_ns(header(0, offset_s=0.2, utc_ns=BOOT_NS + 200_000_000))
    clock.first_sample_ns(header(1, offset_s=DOMAINS["realtime"]))
    time_ns = clock.first_sample_ns(header(2, offset_s=DOMAINS["realtime"]))
    assert clock.domain == "realtime"
    assert abs(time_ns - (BOOT_NS + 2 * BLOCK_NS)) <= 2_000


@pytest.mark.parametrize(
    ("adc_s", "current_s"), [(0.0, 0.0), (math.nan, math.nan), (1.0, 0.0), (math.inf, 1.0)]
)
def test_without_a_usable_time_the_arrival_stands_in_and_says_so(adc_s: float, current_s: float) -> None:
    clock = AdcClock(RATE_HZ)
    rubbish = Header(
        first=0,
        frames=FRAMES,
        adc_s=adc_s,
        current_s=current_s,
        mono_ns=BOOT_NS,
        real_ns=UTC_NS,
        overflow=False,
    )
    assert clock.first_sample_ns(rubbish) == arrival_ns(rubbish, RATE_HZ) == BOOT_NS - BLOCK_NS
    assert clock.domain == "arrival"


def test_a_delay_of_a_day_is_not_believed() -> None:
    clock = AdcClock(RATE_HZ)
    odd = Header(
        first=0,
        frames=FRAMES,
        adc_s=BOOT_NS * 1e-9 - 89_478.0,
        current_s=BOOT_NS * 1e-9,
        mono_ns=BOOT_NS,
        real_ns=UTC_NS,
        overflow=False,
    )
    assert clock.first_sample_ns(odd) == BOOT_NS - BLOCK_NS
