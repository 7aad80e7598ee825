"""What the options of the calibration commands may be; anything else is refused before the work begins."""

from __future__ import annotations

import re
from typing import Any

import click

from sensor.calibrate.record import LevelCalibration
from sensor.command_line import FiniteFloat
from sensor.timing.utc_text import utc_ns_from_iso

CALIBRATOR_DB_SPL = FiniteFloat(*LevelCalibration.RANGES["calibrator_level_db"])
CALIBRATOR_HZ = FiniteFloat(*LevelCalibration.RANGES["calibrator_frequency_hz"])
AIR_CELSIUS = FiniteFloat(*LevelCalibration.RANGES["temperature_c"])
SIGMA_DB = FiniteFloat(0.0, 10.0)
SIGMA_S = FiniteFloat(0.0, 0.5)
"""Pulses come once a second: what is known no better than to half of one says nothing of them."""
DELAY_S = FiniteFloat(-0.5, 0.5)
"""Of a pulse to its click; some receivers pulse early, to make up for their cable."""
DISTANCE_M = FiniteFloat(0.0, 100.0)
DISTANCE_SIGMA_M = FiniteFloat(0.0, 10.0)
OFFSET_M = FiniteFloat(-1000.0, 1000.0)
"""From antenna to microphone, along one axis."""

_ADDRESS = re.compile(r"(\[[^\s\[\]]+\]|[^\s\[\]]+):([1-9]\d{0,4})", re.ASCII)


class UtcStart(click.ParamType):  # type: ignore[type-arg]  # generic only from click 8.3 on
    """An ISO 8601 date and time with ``Z`` or an offset, as nanoseconds since 1970; keeps nine decimals."""

    name = "UTC"

    def convert(
        self,
        value: Any,  # noqa: ANN401  click's own
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> int:
        """Return the nanoseconds; fail when it is no time, does not say its zone, or is out of reach."""
        try:
            return utc_ns_from_iso(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class TcpAddress(click.ParamType):  # type: ignore[type-arg]  # generic only from click 8.3 on
    """``HOST:PORT``, as host and port; IPv6 with or without brackets."""

    name = "HOST:PORT"

    def convert(
        self,
        value: Any,  # noqa: ANN401  click's own
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, int]:
        """Return host and port; fail when no host could have that name, or no server that port."""
        match = _ADDRESS.fullmatch(str(value))
        if match is None or int(match[2]) > 65_535:
            self.fail(f"{value!r} is not HOST:PORT with a port of 1 to 65535", param, ctx)
        host = match[1].strip("[]")
        try:
            host.encode("idna")  # the socket does the same, and would end in a traceback
        except UnicodeError:
            self.fail(f"{value!r} is not HOST:PORT: no host can be called {host!r}", param, ctx)
        return host, int(match[2])


UTC_START = UtcStart()
TCP_ADDRESS = TcpAddress()
