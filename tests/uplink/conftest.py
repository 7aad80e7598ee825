"""An outbox and an uplink to whatever broker a test brings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sensor.uplink.mqtt import Uplink
from sensor.uplink.outbox import Outbox
from sensor.uplink.settings import MqttSettings, OutboxSettings
from tests.support.messages import NODE, SITE, status
from tests.support.patience import PATIENCE_S

FAST = {
    "host": "127.0.0.1",
    "keepalive_s": 60,  # on a busy machine a shorter one ends connections that are well
    "connect_timeout_s": PATIENCE_S,
    "backoff_min_s": 0.02,
    "backoff_max_s": 0.2,
}


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(OutboxSettings(path=tmp_path / "outbox.db"), SITE, NODE) as opened:
        yield opened


@pytest.fixture
def uplink_to(outbox: Outbox) -> Iterator[Callable[..., Uplink]]:
    """Starts an uplink to a port; keyword arguments are settings. Stops it after the test."""
    started: list[Uplink] = []

    def start(port: int, *, report: Any = None, boot_id: str = "boot-1", **changes: Any) -> Uplink:
        uplink = Uplink(
            MqttSettings(**{**FAST, "port": port, **changes}),
            outbox,
            SITE,
            NODE,
            birth=lambda: status(boot_id=boot_id),
            will=status("offline", "lost", boot_id),
            report=report,
        )
        uplink.start()
        started.append(uplink)
        return uplink

    yield start
    for uplink in started:
        uplink.stop(2.0)
