"""The notifier speaks sd_notify(3) to a real datagram socket and never hurts the daemon."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor.systemd import Notifier
from tests.support.patience import PATIENCE_S


class Manager:
    """The service manager's end of the socket."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(name.replace("@", "\0", 1) if name.startswith("@") else name)
        self.socket.settimeout(PATIENCE_S)

    def heard(self) -> list[str]:
        return self.socket.recv(4096).decode().split("\n")


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    name = (
        str(tmp_path / "notify")
        if request.param == "path"
        else f"@gunshot-{os.getpid()}-{time.monotonic_ns()}"
    )
    manager = Manager(name)
    yield manager
    manager.socket.close()


def test_ready_stopping_watchdog_and_status_are_heard(manager: Manager) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.name})
    assert notifier.active
    notifier.ready("listening")
    assert manager.heard() == ["READY=1", "STATUS=listening"]
    notifier.watchdog()
    assert manager.heard() == ["WATCHDOG=1"]
    notifier.status("3 candidates")
    assert manager.heard() == ["STATUS=3 candidates"]
    notifier.extend_timeout(1.5)
    assert manager.heard() == ["EXTEND_TIMEOUT_USEC=1500000"]
    notifier.stopping()
    assert manager.heard() == ["STOPPING=1"]


def test_reloading_carries_the_monotonic_time_that_systemd_asks_for(manager: Manager) -> None:
    before = time.monotonic_ns() // 1000
    Notifier({"NOTIFY_SOCKET": manager.name}).reloading()
    state, stamp = manager.heard()
    assert state == "RELOADING=1"
    name, _, value = stamp.partition("=")
    assert name == "MONOTONIC_USEC"
    assert before <= int(value) <= time.monotonic_ns() // 1000


def test_a_status_cannot_smuggle_in_another_assignment(manager: Manager) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.name})
    notifier.status("fine\nSTOPPING=1")
    assert manager.heard() == ["STATUS=fine STOPPING=1"]


@pytest.mark.parametrize("name", ["", "/", "@", "vsock:2:1234", "relative"])
def test_without_a_usable_socket_nothing_happens(name: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": name} if name else {})
    assert not notifier.active
    notifier.ready()
    notifier.watchdog()


def test_a_manager_that_went_away_costs_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            notifier.watchdog()
    assert len(caplog.records) == 1
    assert "WATCHDOG=1" in caplog.text


def test_a_manager_that_does_not_read_cannot_stall_the_sensor(manager: Manager) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.name})
    for _ in range(100_000):  # far beyond any queue of the kernel: a blocking send would hang here
        notifier.watchdog()
        if notifier._warned:
            break
    assert notifier._warned


@pytest.mark.parametrize(
    ("environment", "period_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_period_is_this_process_own(environment: dict[str, str], period_s: float | None) -> None:
    assert Notifier(environment).watchdog_s == period_s
