"""Which format a device is opened with; the devices are what their drivers are known to offer."""

from __future__ import annotations

import pytest

from sensor.capture.devices import InputDevice
from sensor.capture.stream import pick_format
from sensor.errors import DeviceAbsent, DeviceError

DEVICE = InputDevice(index=0, name="mic", host_api="ALSA", channels=8, rate_hz=44_100.0)


def pick(offered: set[tuple[int, int]], channels: int = 1, rate_hz: int | None = None) -> tuple[int, float]:
    return pick_format(lambda count, rate: (count, rate) in offered, DEVICE, channels, rate_hz)


def test_48_khz_comes_first_then_the_devices_own_rate() -> None:
    assert pick({(1, 44_100), (1, 48_000), (1, 96_000)}) == (1, 48_000)
    assert pick({(1, 44_100), (1, 96_000)}) == (1, 44_100)
    assert pick({(1, 16_000)}) == (1, 16_000)


def test_a_stereo_only_microphone_gives_its_first_channel() -> None:
    assert pick({(2, 48_000), (2, 44_100)}) == (2, 48_000)


def test_a_rate_that_is_not_offered_is_refused_naming_those_that_are() -> None:
    with pytest.raises(
        DeviceError, match=r"not offer 48000 Hz; set audio.rate_hz to one of 16000, 44100"
    ) as no:
        pick({(1, 16_000), (1, 44_100)}, rate_hz=48_000)
    assert not isinstance(no.value, DeviceAbsent)


def test_too_many_channels_are_refused_naming_how_many_there_are() -> None:
    with pytest.raises(DeviceError, match="it has 8 at most"):
        pick({(1, 48_000)}, channels=9)
