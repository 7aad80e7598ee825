"""The kernel's PPS device, read from files laid out as the kernel's."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.timing.kernel import read_clocks
from sensor.timing.pps import PpsDevice, parse
from sensor.timing.vote import Vote
from sensor.types import ClockSource


class FakeKernel:
    """Pulses in sysfs, as a receiver whose seconds begin ``error_ns`` after the system clock's."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "pps0" / "assert"
        self._file.parent.mkdir()
        self._sequence = 0
        self.silent()

    def silent(self) -> None:
        self._file.write_text("0.000000000#0\n", encoding="ascii")

    def pulse(self, real_ns: int) -> None:
        self._sequence += 1
        text = f"{real_ns // 10**9}.{real_ns % 10**9:09d}#{self._sequence}\n"
        self._file.write_text(text, encoding="ascii")


def fed(folder: Path, errors_ns: list[int]) -> PpsDevice:
    kernel = FakeKernel(folder)
    device = PpsDevice("auto", folder)
    second_ns = time.time_ns() // 10**9 * 10**9
    for error_ns in errors_ns:
        kernel.pulse(second_ns + error_ns)
        device.poll()
    return device


def whole(sigma_ns: int = 5_000_000, error_ns: int = 0) -> Vote:
    return Vote(ClockSource.NTP, read_clocks().offset_ns + error_ns, sigma_ns, "kernel")


def test_pulses_correct_the_clock_within_the_second(tmp_path: Path) -> None:
    device = fed(tmp_path, [2_000_000, 2_001_000, 1_999_000, 2_000_000, 2_000_500])
    reading = read_clocks()
    vote = device.vote(reading, replace(whole(), offset_ns=reading.offset_ns))
    assert vote is not None
    assert vote.source is ClockSource.PPS
    assert vote.offset_ns - reading.offset_ns == -2_000_000
    assert vote.sigma_ns < 10_000


def test_the_whole_second_comes_from_the_other_source(tmp_path: Path) -> None:
    """Pulses meet this machine's seconds; the other source says the machine is 20 ms behind."""
    device = fed(tmp_path, [0] * 6)
    reading = read_clocks()
    vote = device.vote(reading, replace(whole(), offset_ns=reading.offset_ns + 20_000_000))
    assert vote is not None
    assert vote.offset_ns == reading.offset_ns


def test_a_source_that_is_not_sure_of_the_second_is_not_enough(tmp_path: Path) -> None:
    assert fed(tmp_path, [0] * 6).vote(read_clocks(), whole(sigma_ns=400_000_000)) is None


def test_a_pulse_far_from_the_named_second_is_refused(tmp_path: Path) -> None:
    assert fed(tmp_path, [480_000_000] * 6).vote(read_clocks(), whole()) is None


def test_scattering_pulses_are_no_clock(tmp_path: Path) -> None:
    device = fed(tmp_path, [0, 9_000_000, -7_000_000, 30_000_000, -12_000_000, 2_000_000])
    assert device.vote(read_clocks(), whole()) is None
    assert "scatter" in (device.error or "")


def test_one_false_pulse_among_many_does_not_matter(tmp_path: Path) -> None:
    device = fed(tmp_path, [0, 500, 300_000_000, -500, 100, 0, 200])
    reading = read_clocks()
    vote = device.vote(reading, replace(whole(), offset_ns=reading.offset_ns))
    assert vote is not None
    assert abs(vote.offset_ns - reading.offset_ns) < 1000


def test_a_clock_that_was_set_voids_the_pulses_seen_before(tmp_path: Path) -> None:
    device = fed(tmp_path, [0] * 6)
    device.forget()
    assert device.vote(read_clocks(), whole()) is None


def test_a_device_that_never_pulsed_gives_nothing(tmp_path: Path) -> None:
    FakeKernel(tmp_path)
    device = PpsDevice("/dev/pps0", tmp_path)
    device.poll()
    assert device.vote(read_clocks(), whole()) is None
    assert "no pulse" in (device.error or "")


def test_a_network_cards_clock_is_never_taken_for_a_receiver(tmp_path: Path) -> None:
    (tmp_path / "pps0").mkdir()
    (tmp_path / "pps0" / "name").write_text("ptp0\n", encoding="ascii")
    (tmp_path / "pps0" / "assert").write_text("1800000000.000000000#7\n", encoding="ascii")
    device = PpsDevice("auto", tmp_path)
    device.poll()
    assert not device.fresh()
    assert "none in" in (device.error or "")


def test_an_absent_device_is_an_error_in_words(tmp_path: Path) -> None:
    device = PpsDevice("auto", tmp_path / "none")
    device.poll()
    assert device.error is not None
    assert not device.fresh()


@pytest.mark.parametrize(
    "text", ["", "1700000000.5#3", "x.000000000#1", "1700000000.000000000", "-1.000000000#2"]
)
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="PPS"):
        parse(text)


@given(st.integers(0, 4 * 10**18), st.integers(0, 2**32))
def test_every_stamp_the_kernel_prints_is_read_back(real_ns: int, sequence: int) -> None:
    assert parse(f"{real_ns // 10**9}.{real_ns % 10**9:09d}#{sequence}\n") == (real_ns, sequence)
