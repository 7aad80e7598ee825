"""What the daemon tells systemd: sd_notify(3) over its datagram socket, and the watchdog's period.

Without systemd (no ``NOTIFY_SOCKET``) every call does nothing. A message that cannot be sent is no
reason to stop listening: it is logged once and the supervisor draws its own conclusion.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Mapping

logger = logging.getLogger(__name__)


class Notifier:
    """Sends state changes to the service manager named by ``NOTIFY_SOCKET``."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self.watchdog_s = _watchdog_s(environ)
        """Seconds after which systemd kills a silent daemon; None without a watchdog for this process."""
        self._warned = False

    @property
    def active(self) -> bool:
        """Whether a service manager listens."""
        return self._address is not None

    def ready(self, status: str = "") -> None:
        """The first block went through the pipeline, or a reload is complete."""
        self._send("READY=1", *_status(status))

    def reloading(self) -> None:
        """A reload begins; ``ready`` ends it. systemd pairs the two by the monotonic time."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str = "") -> None:
        """The daemon begins to stop."""
        self._send("STOPPING=1", *_status(status))

    def watchdog(self) -> None:
        """Samples have passed the whole pipeline since the last call; never call it on a timer alone."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for ``systemctl status``."""
        self._send(*_status(text))

    def extend_timeout(self, seconds: float) -> None:
        """Ask for ``seconds`` more, from now, to start, reload or stop."""
        self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}")

    def _send(self, *lines: str) -> None:
        if self._address is None or not lines:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)  # a stuck service manager must not stall the sensor
                sender.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            if not self._warned:
                logger.warning("systemd cannot be told %s: %s", lines[0], error)
            self._warned = True


def _status(text: str) -> list[str]:
    """The STATUS line; line breaks would begin another assignment."""
    return [f"STATUS={' '.join(text.split())}"] if text.split() else []


def _address(name: str) -> bytes | None:
    """Socket address for the kernel; ``@`` marks Linux' abstract namespace. Other kinds are not ours."""
    if not name.startswith(("/", "@")) or len(name) < 2:
        return None
    return (b"\0" + os.fsencode(name[1:])) if name[0] == "@" else os.fsencode(name)


def _watchdog_s(environ: Mapping[str, str]) -> float | None:
    """Watchdog period; None when unset, unreadable or meant for another process."""
    try:
        period_s = int(environ.get("WATCHDOG_USEC", "0")) / 1e6
        meant_for = int(environ.get("WATCHDOG_PID", os.getpid()))
    except ValueError:
        return None
    return period_s if period_s > 0.0 and meant_for == os.getpid() else None
