"""Settings of the timing stage."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Interval

GPSD = re.compile(r"(?!(on|off|yes|no|true|false)$)(auto|none|[^\s:]+(:[1-9]\d{0,4})?)")
"""``on`` is what somebody writes who means ``auto``, and no host."""
PPS_DEVICE = re.compile(r"auto|none|/dev/[\w-]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class TimingSettings:
    """Where UTC comes from and how the sampling rate is followed."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    window_s: Annotated[float, Interval(ge=20.0, le=600.0)] = 120.0
    """Span of the regression of sample index on the monotonic clock, s. Longer averages more jitter,
    shorter follows a crystal that warms up; 20 to 600."""
    latency_s: Annotated[float, Interval(ge=-0.1, le=1.0)] = 0.0
    """Constant delay from the microphone's membrane to the time stamp of the sample, s, used while no
    calibration is stored (scripts/calibrate_clock.py measures it); -0.1 to 1."""
    latency_sigma_s: Annotated[float, Interval(ge=0.0, le=1.0)] = 0.005
    """One sigma of ``latency_s``, s; 0 to 1. USB microphones delay 0 to 10 ms and do not say so."""
    kernel_ntp_sigma_s: Annotated[float, Interval(ge=0.0001, le=1.0)] = 0.005
    """Least sigma of UTC while only the kernel vouches for NTP, s; 0.0001 to 1. The kernel cannot see an
    asymmetric path (LTE, cable: 5 to 20 ms); with chrony the measured path delay is used instead."""
    chrony: Literal["auto", "on", "off"] = "auto"
    """Ask chronyd how good the clock is: ``auto`` when chronyc is there, ``on`` (its absence is reported),
    ``off``."""
    gpsd: str = "auto"
    """GPS daemon as ``host:port``, ``auto`` for 127.0.0.1:2947 where one listens, or ``none``."""
    pps_device: str = "auto"
    """Kernel PPS device such as ``/dev/pps0``, ``auto`` for the first one, or ``none``."""
    pps_channel: Annotated[int, Interval(ge=0, le=31)] | None = None
    """Audio channel, counted from 0, that carries the receiver's pulse per second; null for none. It
    replaces regression and latency calibration."""
    pps_cable_delay_s: Annotated[float, Interval(ge=-0.001, le=0.001)] = 0.0
    """Delay of the pulse on its way into that channel (antenna and cable, about 5 ns a metre), s."""
    holdover_ppm: Annotated[float, Interval(ge=0.001, le=100.0)] = 0.5
    """One sigma of the rate error that the computer's clock keeps when its source is lost, ppm;
    0.001 to 100. A Raspberry Pi disciplined for an hour keeps 0.1 to 1."""
    temperature_ppm_per_k: Annotated[float, Interval(ge=0.0, le=10.0)] = 0.2
    """Change of the computer's crystal with temperature, ppm per kelvin; 0 to 10."""
    temperature_swing_k: Annotated[float, Interval(ge=0.0, le=60.0)] = 5.0
    """One sigma of the enclosure's temperature over a day, K; with ``temperature_ppm_per_k`` it sets how
    holdover grows; 0 to 60."""

    def __post_init__(self) -> None:
        """Refuse names that nothing could ever answer to."""
        if not GPSD.fullmatch(self.gpsd):
            raise ValueError(f"gpsd {self.gpsd!r} is no address; write host:port, auto or none")
        if not PPS_DEVICE.fullmatch(self.pps_device):
            raise ValueError(f"pps_device {self.pps_device!r} is no device; write /dev/pps0, auto or none")
