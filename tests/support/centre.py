"""A real central daemon in a process of its own, as systemd would run it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.daemon_process import DaemonProcess
from tests.support.mosquitto import Broker, Subscriber
from tests.support.patience import wait_until


class CentreProcess(DaemonProcess):
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
        super().__init__(folder=folder)
        self.record = self.folder / "record.db"
        self.config.write_text(
            f"mqtt: {{host: {broker.host}, port: {broker.port}, client_id: {name}, "
            f"backoff_min_s: 0.1, backoff_max_s: 0.5, share_group: '{shared}'}}\n"
            f"paths: {{state_dir: {self.folder}}}\n"
            f"{settings}" + ("" if "web:" in settings else "web: {enabled: false}\n")
        )

    def words(self) -> Sequence[str]:
        """The daemon as its unit starts it."""
        return ("-m", "sensor.central", "run", "-c", str(self.config))

    def wait_ready(self) -> None:
        """Return once it listens at the broker."""
        wait_until(
            lambda: self.ended or ("READY=1" in self.told() and "listening at" in self.text),
            what="the centre is ready",
        )
        assert not self.ended, self.text

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
