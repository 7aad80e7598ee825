"""Blocks that meet every phase of a USB host's frames."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sensor.capture.stream import block_frames


@given(st.floats(0.005, 1.0), st.sampled_from([8_000, 16_000, 44_100, 48_000, 96_000, 192_000]))
def test_usb_block_is_no_whole_number_of_milliseconds(block_s: float, rate_hz: int) -> None:
    frames = block_frames(block_s, rate_hz, usb=True)
    assert frames * 1000 % rate_hz != 0
    assert abs(frames - block_s * rate_hz) <= 1.5


def test_other_devices_get_the_length_that_was_asked_for() -> None:
    assert block_frames(0.1, 48_000.0, usb=False) == 4800
    assert block_frames(0.1, 48_000.0, usb=True) == 4799
