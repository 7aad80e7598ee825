from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from sensor.capture.settings import CaptureSettings


@pytest.mark.parametrize(
    "device",
    [
        "auto",
        "name:USB Mic",
        "card:Device",
        "card:Mic_1,1",
        "usb:0d8c:0014",
        "usb:0D8C:0014:A:1 b",
        "port:1-1.3",
    ],
)
def test_selections_are_accepted(device: str) -> None:
    assert CaptureSettings(device=device).device == device


@pytest.mark.parametrize(
    "device", ["", "hw:0,0", "0", "usb:0d8c", "usb:xyz0:0014", "port:1", "card:", "name:"]
)
def test_what_could_select_nothing_is_a_fault_of_the_configuration(device: str) -> None:
    with pytest.raises(ValueError, match="gunshot-sensor devices"):
        CaptureSettings(device=device)
    with pytest.raises(ValidationError, match="gunshot-sensor devices"):
        TypeAdapter(CaptureSettings).validate_python({"device": device})


@pytest.mark.parametrize(
    ("key", "value"),
    [("rate_hz", 1), ("channels", 0), ("block_s", 3.0), ("ring_s", 0.1), ("stall_s", 0.0), ("gain", 1)],
)
def test_out_of_range_and_unknown_keys_are_refused(key: str, value: float) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(CaptureSettings).validate_python({key: value})
