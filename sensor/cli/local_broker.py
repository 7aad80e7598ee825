"""A private Mosquitto on a free loopback port, for a first try without a broker of one's own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sensor.errors import UplinkError

START_S = 30.0
ATTEMPTS = 3


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def local_broker() -> Iterator[int]:
    """Run Mosquitto for as long as the context lasts; yields its port.

    Raises:
        UplinkError: Mosquitto is not installed or does not start.
    """
    # Debian keeps daemons in /usr/sbin, which an ordinary user's PATH leaves out.
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise UplinkError("no broker is configured and mosquitto is not installed: apt-get install mosquitto")
    with tempfile.TemporaryDirectory(prefix="gunshot-broker-") as folder:
        port, process = _start(program, Path(folder))
        try:
            yield port
        finally:
            _end(process)


def _start(program: str, folder: Path) -> tuple[int, subprocess.Popen[bytes]]:
    """Start on a port that is free; another program may take it in between, so three are tried."""
    settings = folder / "mosquitto.conf"
    for attempt in range(1, ATTEMPTS + 1):
        port = _free_port()
        settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n", encoding="ascii")
        process = subprocess.Popen(  # noqa: S603  the program that was found, on our own settings
            [program, "-c", str(settings)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the daemon, which still has candidates to deliver
        )
        try:
            _wait_for(port, process)
        except UplinkError:
            _end(process)
            if attempt == ATTEMPTS:
                raise
        else:
            break
    return port, process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(START_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + START_S
    while time.monotonic() < deadline_s:
        if process.poll() is not None:
            raise UplinkError(
                f"mosquitto ended at once with code {process.returncode}; try it by hand: mosquitto -v"
            )
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1.0):
                return
        except OSError:
            time.sleep(0.02)
    raise UplinkError(f"mosquitto did not listen on port {port} within {START_S:.0f} s")
