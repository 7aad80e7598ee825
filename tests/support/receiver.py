"""A GPS receiver on a pseudo-terminal, a real gpsd behind it, and a gpsd that says what it is told."""

from __future__ import annotations

import contextlib
import datetime as dt
import math
import os
import pty
import select
import socket
import subprocess
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path

from tests.support.patience import PATIENCE_S
from tests.support.ports import free_port

LAT_DEG, LON_DEG, HEIGHT_MSL_M = 35.994034, -78.898619, 123.0


def sentence(body: str) -> bytes:
    """An NMEA 0183 sentence with its checksum."""
    check = 0
    for character in body:
        check ^= ord(character)
    return f"${body}*{check:02X}\r\n".encode()


def _degrees(value: float, digits: int) -> str:
    whole = int(abs(value))
    return f"{whole:0{digits}d}{(abs(value) - whole) * 60.0:07.4f}"


class Receiver(threading.Thread):
    """Sends one NMEA cycle a second, 50 ms after the second, the way the test's ``mode`` says.

    Modes: ``3d``, ``2d``, ``nofix`` (time, no place), ``silent``, ``garbage``, ``rollover`` (1024 weeks
    early).
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.mode = "3d"
        self._master, slave = pty.openpty()
        tty.setraw(self._master)
        tty.setraw(slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(slave)
        self._slave = slave
        self._over = threading.Event()

    def run(self) -> None:
        """One cycle of sentences in each second, 50 ms late as receivers are."""
        while not self._over.is_set():
            now_s = time.time()
            due_s = math.floor(now_s - 0.05) + 1.05
            while (left_s := due_s - time.time()) > 0 and not self._over.is_set():
                readable, _, _ = select.select([self._master], [], [], min(left_s, 0.1))
                if readable:  # gpsd's own words to the receiver must not fill the terminal up
                    with contextlib.suppress(OSError):
                        os.read(self._master, 4096)
            if self.mode != "silent" and not self._over.is_set():
                with contextlib.suppress(BlockingIOError, OSError):
                    os.write(self._master, self._cycle(int(due_s)))

    def stop(self) -> None:
        """Pull the plug."""
        self._over.set()
        self.join(5.0)
        os.close(self._master)
        os.close(self._slave)

    def _cycle(self, utc_s: int) -> bytes:
        if self.mode == "garbage":
            return os.urandom(200) + b"\r\n$GPRMC,not,even,close*00\r\n"
        when = dt.datetime.fromtimestamp(utc_s, dt.UTC)
        if self.mode == "rollover":
            when -= dt.timedelta(weeks=1024)
        clock, date = when.strftime("%H%M%S.00"), when.strftime("%d%m%y")
        fixed = self.mode != "nofix"
        lat, lon = f"{_degrees(LAT_DEG, 2)},N", f"{_degrees(LON_DEG, 3)},W"
        place = f"{lat},{lon}" if fixed else ",,,"
        kind = {"nofix": 1, "2d": 2}.get(self.mode, 3)
        used = "03,07,11,17,22,28,,,,,," if fixed else ",,,,,,,,,,,"
        satellites = "03,60,120,42,07,45,200,40,11,30,080,38,17,70,010,45"
        flag = "A" if fixed else "V"
        return b"".join(
            (
                sentence(f"GPRMC,{clock},{flag},{place},0.02,0.0,{date},,,{flag if fixed else 'N'}"),
                sentence(
                    f"GPGGA,{clock},{place},{1 if fixed else 0},06,1.2,"
                    + (f"{HEIGHT_MSL_M:.1f},M,-33.0,M,," if kind == 3 else ",,,,,")
                ),
                sentence(f"GPGSA,A,{kind},{used},2.1,1.2,1.7"),
                sentence(f"GPGSV,2,1,06,{satellites}"),
                sentence("GPGSV,2,2,06,22,20,310,30,28,50,260,41"),
                sentence(f"GPGST,{clock},2.1,1.5,1.2,30.0,1.4,1.3,2.5") if fixed else b"",
                sentence(f"GPZDA,{clock},{when.strftime('%d,%m,%Y')},00,00"),
            )
        )


class RealGpsd:
    """gpsd on a port of its own. Always with -b: without it gpsd probes the terminal for long."""

    def __init__(self, device: str, folder: Path) -> None:
        self.port = free_port()
        self._command = ["gpsd", "-N", "-n", "-b", "-S", str(self.port), "-F", str(folder / "ctl"), device]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it may not listen yet."""
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class ScriptedGpsd:
    """Accepts one client after the other and sends it whatever the test wants."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._client: socket.socket | None = None

    def accept(self) -> None:
        """Wait for the next client."""
        self._listener.settimeout(PATIENCE_S)
        self._client, _ = self._listener.accept()

    def send(self, data: bytes) -> None:
        """Send the client these bytes as they are."""
        assert self._client is not None
        self._client.sendall(data)

    def hang_up(self) -> None:
        """Close the connection, and go on listening."""
        assert self._client is not None
        self._client.close()
        self._client = None

    def close(self) -> None:
        """Stop listening."""
        if self._client is not None:
            self._client.close()
        self._listener.close()


@contextlib.contextmanager
def scripted_gpsd() -> Iterator[ScriptedGpsd]:
    """A ScriptedGpsd that is closed again."""
    server = ScriptedGpsd()
    try:
        yield server
    finally:
        server.close()
