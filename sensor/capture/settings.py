"""Settings of the capture stage."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Interval

SELECTION = re.compile(
    r"auto|name:.+|card:[\w-]+(,\d+)?|usb:[0-9a-fA-F]{4}:[0-9a-fA-F]{4}(:.+)?|port:\d+-\d+(\.\d+)*",
)
"""What ``device`` may say; ``sensor.capture.devices`` gives it its meaning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureSettings:
    """Which microphone, in which format, and when it counts as lost."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    device: str = "auto"
    """``auto`` (the only microphone), ``card:ID[,PCM]`` (ALSA card id), ``usb:VVVV:PPPP[:SERIAL]``,
    ``port:1-1.3`` (USB socket) or ``name:PART`` (part of the name). ``gunshot-sensor devices`` lists them."""
    rate_hz: Annotated[int | None, Interval(ge=8_000, le=192_000)] = None
    """Sampling rate, Hz; null = 48000 if the device offers it, else the device's own."""
    channels: Annotated[int, Interval(ge=1, le=64)] = 1
    """How many channels to take, from the first one on."""
    listen_channels: tuple[Annotated[int, Interval(ge=0, le=63)], ...] | None = None
    """Channels whose mean is listened to, counted from 0; null = all. Keep a PPS channel out of it."""
    block_s: Annotated[float, Interval(ge=0.005, le=1.0)] = 0.1
    """Length of the blocks PortAudio hands over, s: shorter = less delay, more CPU."""
    ring_s: Annotated[float, Interval(ge=2.0, le=120.0)] = 10.0
    """How long the detector may lag behind before samples are lost, s (memory: 0.2 MB per s and channel)."""
    stall_s: Annotated[float, Interval(ge=0.5, le=60.0)] = 2.0
    """Silence of the driver, s, after which the device is closed and opened again."""
    close_timeout_s: Annotated[float, Interval(ge=1.0, le=60.0)] = 5.0
    """How long closing a dead device may take, s; after that only a restart of the process helps."""
    open_timeout_s: Annotated[float, Interval(ge=5.0, le=600.0)] = 60.0
    """The same for listing and opening devices, s."""
    retry_max_s: Annotated[float, Interval(ge=0.5, le=300.0)] = 10.0
    """Longest pause between attempts to open an absent device, s; the first is 0.25 s, then it doubles."""

    def __post_init__(self) -> None:
        """Refuse a device selection that no device could ever match."""
        if not SELECTION.fullmatch(self.device):
            message = (
                f"device {self.device!r} is no selection; use auto, card:ID, usb:VVVV:PPPP[:SERIAL], "
                "port:1-1.3 or name:PART; gunshot-sensor devices lists what there is"
            )
            raise ValueError(message)
