"""A daemon of ours in a process of its own, as systemd would run it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.support.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]


class DaemonProcess(ABC):
    """One daemon and the socket on which it notifies systemd; a context manager.

    Args:
        folder: the daemon's folder; None = one of its own.
        environment: what the process sees; None = what the test sees.
    """

    def __init__(self, *, folder: Path | None = None, environment: Mapping[str, str] | None = None) -> None:
        self._own_folder = None if folder else tempfile.TemporaryDirectory(prefix="daemon-")
        self.folder = folder or Path(self._own_folder.name if self._own_folder else "")
        self.folder.mkdir(exist_ok=True)
        self.log = self.folder / "log"
        self.config = self.folder / "config.yaml"
        self.notified: list[str] = []
        """What systemd was told so far; grows when `told` is called."""
        self.process: subprocess.Popen[bytes] | None = None
        address = str(self.folder / "notify")
        self._environment = {**(os.environ if environment is None else environment), "NOTIFY_SOCKET": address}
        self._systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._systemd.bind(address)

    @abstractmethod
    def words(self) -> Sequence[str]:
        """What Python is told to run."""

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
        self.notified.clear()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.words()], cwd=ROOT, env=self._environment, stdout=log, stderr=log
            )

    @property
    def text(self) -> str:
        """What it logged."""
        return self.log.read_text()

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self.process is None or self.process.poll() is not None

    def told(self) -> list[str]:
        """Everything that systemd was told since the start."""
        while True:
            try:
                self.notified += self._systemd.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self.notified

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self, timeout_s: float = PATIENCE_S) -> int:
        """Wait for its own end; return its exit code."""
        assert self.process is not None
        return self.process.wait(timeout_s)

    def stop(self, timeout_s: float = PATIENCE_S) -> int:
        """Stop it as systemd does; return its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait(timeout_s)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
