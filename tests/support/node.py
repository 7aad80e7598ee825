"""A real daemon in a process of its own, as systemd would run it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Self

from tests.support.mosquitto import Broker
from tests.support.patience import PATIENCE_S, wait_until

ROOT = Path(__file__).parents[2]

CORRUPT_CLOCK = """
from sensor.timing.sample_clock import SampleClock
honest = SampleClock.predict
SampleClock.predict = lambda self, index: (honest(self, index)[0] + {by_ns}, honest(self, index)[1])
"""
MAIN = """
import sys
{patch}
from sensor.cli.main import main
sys.argv = ["gunshot-sensor", "run", *sys.argv[1:]]
main()
"""


class Node:
    """One ``gunshot-sensor run``; a context manager.

    Args:
        broker: where it publishes; None = nowhere.
        environment: what the process sees, such as a virtual microphone's ``env``.
        options: further words of the command line.
        settings: lines appended to its configuration.
        clock_off_ns: corrupt the sample clock by so much, to prove that a test would notice.
    """

    def __init__(
        self,
        broker: Broker | None,
        *,
        environment: dict[str, str] | None = None,
        options: tuple[str, ...] = (),
        settings: str = "",
        clock_off_ns: int = 0,
        folder: Path | None = None,
    ) -> None:
        self._own_folder = None if folder else tempfile.TemporaryDirectory(prefix="node-")
        self.folder = folder or Path(self._own_folder.name if self._own_folder else "")
        self.log = self.folder / "log"
        self.config = self.folder / "config.yaml"
        self._options = options
        self._patch = CORRUPT_CLOCK.format(by_ns=clock_off_ns) if clock_off_ns else ""
        self._environment = {**(environment or os.environ), "NOTIFY_SOCKET": str(self.folder / "notify")}
        self._systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._systemd.bind(str(self.folder / "notify"))
        self.notified: list[str] = []
        """What systemd was told so far; grows when `told` is called."""
        self.process: subprocess.Popen[bytes] | None = None
        mqtt = f"mqtt: {{host: {broker.host}, port: {broker.port}}}\n" if broker is not None else ""
        self.config.write_text(
            "site: test\nnode: roof\n"
            f"{mqtt}"
            f"paths: {{state_dir: {self.folder}, runtime_dir: {self.folder}}}\n"
            f"{settings}"
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._systemd.close()
        if self._own_folder is not None:
            self._own_folder.cleanup()

    def start(self) -> None:
        """Start it; not yet ready when this returns."""
        code = MAIN.format(patch=self._patch)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code, "-c", str(self.config), *self._options],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=log,
            )

    def wait_ready(self, timeout_s: float = PATIENCE_S) -> None:
        """Return once it told systemd that the first block went through."""
        wait_until(lambda: self.ended or "READY=1" in self.told(), timeout_s, "the daemon is ready")
        assert not self.ended, self.log.read_text()

    def told(self) -> list[str]:
        """Everything that systemd was told since the start."""
        while True:
            try:
                self.notified += self._systemd.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self.notified

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self.process is None or self.process.poll() is not None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self, timeout_s: float = PATIENCE_S) -> int:
        """Stop it as systemd does; return its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait(timeout_s)

    def wait(self, timeout_s: float = PATIENCE_S) -> int:
        """Wait for its own end; return its exit code."""
        assert self.process is not None
        return self.process.wait(timeout_s)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def health(self) -> dict[str, Any]:
        """What it last left for ``gunshot-sensor status``; empty before."""
        try:
            found: dict[str, Any] = json.loads((self.folder / "health.json").read_text())
        except FileNotFoundError:
            return {}
        return found
