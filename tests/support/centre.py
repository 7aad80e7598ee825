"""A real central daemon in a process of its own, as systemd would run it."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Self

from tests.support.mosquitto import Broker, Subscriber, wait_until

ROOT = Path(__file__).parents[2]
START_S = 90.0
"""Imports alone take seconds on a busy machine."""


class CentreProcess:
    """One ``gunshot-central run``; a context manager.

    Args:
        broker: where candidates come from.
        settings: lines appended to its configuration.
        folder: its state folder; None = one of its own.
        name: its client identifier.
        shared: the group of workers among which the broker divides candidates; empty = it gets all.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        settings: str = "",
        folder: Path | None = None,
        name: str = "centre",
        shared: str = "",
    ) -> None:
        self._own_folder = None if folder else tempfile.TemporaryDirectory(prefix="centre-")
        self.folder = folder or Path(self._own_folder.name if self._own_folder else "")
        self.folder.mkdir(exist_ok=True)
        self.log = self.folder / "log"
        self.config = self.folder / "central.yaml"
        self.record = self.folder / "record.db"
        self._systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._systemd.bind(str(self.folder / "notify"))
        self.notified: list[str] = []
        self.process: subprocess.Popen[bytes] | None = None
        self.config.write_text(
            f"mqtt: {{host: {broker.host}, port: {broker.port}, client_id: {name}, "
            f"backoff_min_s: 0.1, backoff_max_s: 0.5, share_group: '{shared}'}}\n"
            f"paths: {{state_dir: {self.folder}}}\n"
            f"{settings}" + ("" if "web:" in settings else "web: {enabled: false}\n")
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
        self.notified.clear()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "sensor.central", "run", "-c", str(self.config)],
                cwd=ROOT,
                env={**os.environ, "NOTIFY_SOCKET": str(self.folder / "notify")},
                stdout=log,
                stderr=log,
            )

    def wait_ready(self) -> None:
        """Return once it listens at the broker."""
        wait_until(
            lambda: self.ended or ("READY=1" in self.told() and "listening at" in self.text),
            START_S,
            "the centre is ready",
        )
        assert not self.ended, self.text

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

    def stop(self, timeout_s: float = 60.0) -> int:
        """Stop it as systemd does; return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def rows(self, sql: str) -> list[Any]:
        """What the record holds, read beside the daemon."""
        with sqlite3.connect(f"file:{self.record}?mode=ro", uri=True, timeout=10.0) as connection:
            return connection.execute(sql).fetchall()

    def stored(self) -> int:
        """How many candidates the record holds."""
        return int(self.rows("SELECT count(*) FROM arrival")[0][0])

    def versions(self) -> list[dict[str, Any]]:
        """Every incident version in the record, oldest first."""
        return [json.loads(body) for (body,) in self.rows("SELECT body FROM version ORDER BY number")]


def incidents(link: Subscriber) -> dict[str, dict[str, Any]]:
    """The latest version of each incident that the broker was told of."""
    found: dict[str, dict[str, Any]] = {}
    for got in list(link.got):
        if "/incident/" in got.topic and got.body:
            body = json.loads(got.body)
            if body["version"] >= found.get(body["incident_id"], body)["version"]:
                found[body["incident_id"]] = body
    return found
