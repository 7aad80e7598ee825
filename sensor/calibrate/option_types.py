"""What the options of the calibration commands may be; anything else is refused before the work begins."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import click

from sensor.calibrate.record import LevelCalibration
from sensor.command_line import FiniteFloat

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

_LAST_YEAR = 2261
"""The last whole year whose nanoseconds since 1970 fit into 64 bits."""
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?\s*(Z|z|[+-]\d\d:?\d\d)?", re.ASCII
)
"""As for ``gunshot-sensor replay --start``, which is another stage's."""
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
        match = _ISO.fullmatch(str(value).strip())
        if match is None:
            example = "2026-06-14T21:04:00Z or 2026-06-14T17:04:00-04:00"
            self.fail(f"{value!r} is no ISO 8601 date and time; write {example}", param, ctx)
        day, clock, second, fraction, zone = match.groups()
        if zone is None:
            advice = "end it with Z for UTC, or with an offset like -04:00"
            self.fail(f"{value} does not say its time zone; {advice}", param, ctx)
        zone = "+00:00" if zone in "Zz" else zone
        try:
            moment = datetime.fromisoformat(f"{day}T{clock}:{second or '00'}{zone}")
        except ValueError as error:
            self.fail(f"{value} is no ISO 8601 date and time: {error}", param, ctx)
        since = moment - datetime(1970, 1, 1, tzinfo=UTC)
        if since.days < 0 or moment.year > _LAST_YEAR:
            self.fail(f"{value} is not between 1970 and {_LAST_YEAR}", param, ctx)
        return (since.days * 86_400 + since.seconds) * 10**9 + int((fraction or "").ljust(9, "0"))


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
