"""A client of gpsd: fix, time offsets and position; it never waits and always comes back.

The protocol is newline-delimited JSON over TCP (gpsd_json(5)). Every field is optional: gpsd's first
reports carry a fix without a time, a receiver without a sky reports a time without a fix, and a
receiver that falls silent is not reported at all, so freshness is watched here.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import socket
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

logger = logging.getLogger(__name__)

DEFAULT_PORT = 2947
FRESH_S = 5.0
"""A receiver reports every second; older reports say nothing of now."""
KEPT_OFFSETS = 16
_CONNECT_WITHIN_S = 0.5
_SILENT_S = 30.0
_BACKOFF_S = (1.0, 60.0)
_MAX_LINE_BYTES = 65_536
_MAX_READ_BYTES = 1_048_576
_WATCH = b'?WATCH={"enable":true,"json":true,"pps":true};\n'
_SPAN_S = 4_102_444_800
"""2100-01-01; no receiver of ours speaks of later times."""


@dataclass(frozen=True, slots=True)
class GpsFix:
    """The newest position report."""

    at_s: float
    """CLOCK_MONOTONIC of its arrival, s."""
    mode: int
    """1 no fix, 2 two-dimensional, 3 three-dimensional."""
    lat_deg: float | None = None
    lon_deg: float | None = None
    height_m: float | None = None
    """Above the ellipsoid."""
    horizontal_sigma_m: float | None = None
    vertical_sigma_m: float | None = None


@dataclass(frozen=True, slots=True)
class GpsOffset:
    """True time minus the system clock, at one pulse (PPS) or one sentence (TOFF)."""

    at_s: float
    utc_s: int
    offset_ns: int
    precision_s: float


@dataclass(slots=True)
class _Offsets:
    kept: deque[GpsOffset] = field(default_factory=lambda: deque(maxlen=KEPT_OFFSETS))

    def fresh(self, now_s: float) -> list[GpsOffset]:
        """All kept ones that belong together, when the newest is fresh."""
        if not self.kept or now_s - self.kept[-1].at_s > FRESH_S:
            return []
        return [item for item in self.kept if now_s - item.at_s <= 2.0 * KEPT_OFFSETS]


class Gpsd:
    """Holds a connection to gpsd and the newest of what it said.

    :meth:`poll` reads what has come and returns at once (a lost connection is tried again after 1 s,
    doubling to 60 s; one attempt waits half a second at most). Malformed lines are counted in
    ``rubbish`` and passed over.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = DEFAULT_PORT) -> None:
        self._address = (host, port)
        self._socket: socket.socket | None = None
        self._buffer = b""
        self._skipping = False
        self._wait_s = _BACKOFF_S[0]
        self._next_try_s = -math.inf
        self._heard_s = -math.inf
        self._pulses = _Offsets()
        self._sentences = _Offsets()
        self._fix: GpsFix | None = None
        self.rubbish = 0
        """Lines that were no report."""
        self.satellites_used: int | None = None
        self.error: str | None = "not tried yet"
        """Why there is no connection; None while there is one."""

    def poll(self) -> None:
        """Read what has come; connect when it is time."""
        now_s = time.monotonic()
        if self._socket is None:
            if now_s < self._next_try_s:
                return
            self._connect(now_s)
        if self._socket is not None:
            self._receive(now_s)

    def fix(self) -> GpsFix | None:
        """The newest report of a fix (2D or 3D) while it is fresh."""
        fix = self._fix
        if fix is None or fix.mode < 2 or time.monotonic() - fix.at_s > FRESH_S:
            return None
        return fix

    def pulses(self) -> list[GpsOffset]:
        """The last pulses, oldest first; empty when none is fresh."""
        return self._pulses.fresh(time.monotonic())

    def sentences(self) -> list[GpsOffset]:
        """The last time sentences, oldest first; empty when none is fresh."""
        return self._sentences.fresh(time.monotonic())

    def forget_offsets(self) -> None:
        """The system clock was set: offsets measured against it mean nothing any more."""
        self._pulses.kept.clear()
        self._sentences.kept.clear()

    def close(self) -> None:
        """Drop the connection."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
        self._socket = None

    # The connection

    def _connect(self, now_s: float) -> None:
        try:
            self._socket = socket.create_connection(self._address, timeout=_CONNECT_WITHIN_S)
            self._socket.sendall(_WATCH)
            self._socket.setblocking(False)
        except OSError as error:
            self._lose(f"gpsd at {self._address[0]}:{self._address[1]}: {error}", now_s)
            return
        self._buffer, self._skipping = b"", False
        self._heard_s = now_s
        self.error = None

    def _lose(self, why: str, now_s: float) -> None:
        if self.error is None:
            logger.warning("%s", why)
        self.close()
        self.error = why
        self._next_try_s = now_s + self._wait_s
        self._wait_s = min(2.0 * self._wait_s, _BACKOFF_S[1])

    def _receive(self, now_s: float) -> None:
        """Take what has come, a bounded piece; a link that closed, failed or fell silent is given up."""
        assert self._socket is not None  # noqa: S101  only called while connected
        taken = 0
        try:
            while taken < _MAX_READ_BYTES:
                chunk = self._socket.recv(65_536)
                if not chunk:
                    self._lose("gpsd closed the connection", now_s)
                    return
                taken += len(chunk)
                self._heard_s = now_s
                self._split(chunk, now_s)
        except BlockingIOError:
            pass
        except OSError as error:
            self._lose(f"gpsd: {error}", now_s)
            return
        if now_s - self._heard_s > _SILENT_S:
            # A receiver that was unplugged: gpsd keeps quiet, and a half-dead link would too.
            self._lose(f"gpsd said nothing for {_SILENT_S:.0f} s", now_s)

    def _split(self, chunk: bytes, now_s: float) -> None:
        self._buffer += chunk
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            if self._skipping:
                self._skipping = False
            elif line.strip():
                self._take(line, now_s)
        if len(self._buffer) > _MAX_LINE_BYTES:
            self.rubbish += 1
            self._buffer, self._skipping = b"", True

    # The reports

    def _take(self, line: bytes, now_s: float) -> None:
        try:
            report = json.loads(line)
            kind = report["class"]
            if kind == "TPV":
                self._fix = _fix_of(report, now_s)
            elif kind == "PPS":
                self._pulses.kept.append(_offset_of(report, now_s))
            elif kind == "TOFF":
                self._sentences.kept.append(_offset_of(report, now_s))
            elif kind == "SKY":
                self._take_sky(report)
            self._wait_s = _BACKOFF_S[0]
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            self.rubbish += 1

    def _take_sky(self, report: dict[str, Any]) -> None:
        if "uSat" in report:
            self.satellites_used = int(report["uSat"])
        elif "satellites" in report:
            self.satellites_used = sum(bool(item.get("used")) for item in report["satellites"])


def number_of(report: dict[str, Any], *names: str) -> float | None:
    """The first of these fields that is there and a finite number."""
    for name in names:
        value = report.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    return None


def _fix_of(report: dict[str, Any], now_s: float) -> GpsFix:
    mode = report.get("mode", 0)
    if not isinstance(mode, int) or isinstance(mode, bool):
        raise TypeError("mode is no integer")
    lat_deg, lon_deg = number_of(report, "lat"), number_of(report, "lon")
    if lat_deg is not None and lon_deg is not None and not (abs(lat_deg) <= 90.0 and abs(lon_deg) <= 180.0):
        raise ValueError("no place on Earth")
    errors = [number_of(report, name) for name in ("epx", "epy")]
    known = [value for value in errors if value is not None]
    return GpsFix(
        at_s=now_s,
        mode=mode,
        lat_deg=lat_deg,
        lon_deg=lon_deg,
        height_m=number_of(report, "altHAE"),
        horizontal_sigma_m=max(known) if known else number_of(report, "eph"),
        vertical_sigma_m=number_of(report, "epv"),
    )


def _offset_of(report: dict[str, Any], now_s: float) -> GpsOffset:
    names = ("real_sec", "real_nsec", "clock_sec", "clock_nsec")
    real_s, real_ns, clock_s, clock_ns = (report[name] for name in names)
    if not all(isinstance(value, int) for value in (real_s, real_ns, clock_s, clock_ns)):
        raise TypeError("a time is no integer")
    if not (0 <= real_s < _SPAN_S and 0 <= clock_s < _SPAN_S):
        raise ValueError("a time beyond this century")
    precision = number_of(report, "precision")
    return GpsOffset(
        at_s=now_s,
        utc_s=real_s,
        offset_ns=(real_s - clock_s) * 10**9 + real_ns - clock_ns,
        precision_s=2.0 ** max(-30.0, min(precision, 0.0)) if precision is not None else 1e-6,
    )
