"""Real chronyds that leave the system clock alone (-x), and what to feed them with."""

from __future__ import annotations

import contextlib
import heapq
import select
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

from tests.support.patience import wait_until


class Chronyd:
    """One chronyd with a folder, a command socket and a configuration of its own."""

    def __init__(self, folder: Path, *lines: str) -> None:
        folder.mkdir(mode=0o770, exist_ok=True)
        folder.chmod(0o770)  # or chronyd drops its command socket
        self._socket = folder / "cmd.sock"
        self.client = ("chronyc", "-h", str(self._socket))
        config = folder / "chrony.conf"
        own = ("cmdport 0", f"bindcmdaddress {self._socket}", f"pidfile {folder / 'pid'}", "user root")
        config.write_text("\n".join((*lines, *own)) + "\n", encoding="utf-8")
        self._process = subprocess.Popen(
            ["chronyd", "-x", "-d", "-f", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._socket.exists, what="chronyd's command socket is there")

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()


class ReferenceClock(threading.Thread):
    """Feeds a SOCK reference clock with samples of a fixed offset, five a second."""

    def __init__(self, path: Path, offset_s: float) -> None:
        super().__init__(daemon=True)
        self._path = path
        self._offset_s = offset_s
        self._over = threading.Event()

    def run(self) -> None:
        """Send samples until `stop`."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as feed:
            while not self._over.wait(0.2):
                now_ns = time.time_ns()
                seconds, micros = now_ns // 10**9, now_ns % 10**9 // 1000
                sample = struct.pack("qqdiiii", seconds, micros, self._offset_s, 0, 0, 0, 0x534F434B)
                with contextlib.suppress(OSError):
                    feed.sendto(sample, str(self._path))

    def stop(self) -> None:
        """Fall silent."""
        self._over.set()
        self.join(2.0)


class LopsidedPath(threading.Thread):
    """Relays NTP packets to a server, slower one way than the other."""

    def __init__(self, server_port: int, there_s: float, back_s: float) -> None:
        super().__init__(daemon=True)
        self._outer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._outer.bind(("127.0.0.1", 0))
        self.port = int(self._outer.getsockname()[1])
        self._inner = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._inner.connect(("127.0.0.1", server_port))
        self._delays_s = (there_s, back_s)
        self._over = threading.Event()

    def run(self) -> None:
        """Hold each packet back for its way's delay."""
        waiting: list[tuple[float, int, bool, bytes]] = []
        client: tuple[str, int] | None = None
        number = 0
        while not self._over.is_set():
            until_s = waiting[0][0] - time.monotonic() if waiting else 0.1
            ready, _, _ = select.select([self._outer, self._inner], [], [], max(0.0, min(until_s, 0.1)))
            for end in ready:
                with contextlib.suppress(OSError):
                    packet, sender = end.recvfrom(512)
                    outward = end is self._outer
                    client = sender if outward else client
                    due_s = time.monotonic() + self._delays_s[0 if outward else 1]
                    number += 1
                    heapq.heappush(waiting, (due_s, number, outward, packet))
            while waiting and waiting[0][0] <= time.monotonic():
                _, _, outward, packet = heapq.heappop(waiting)
                with contextlib.suppress(OSError):
                    if outward:
                        self._inner.send(packet)
                    elif client is not None:
                        self._outer.sendto(packet, client)

    def stop(self) -> None:
        """Cut the path."""
        self._over.set()
        self.join(2.0)
        self._outer.close()
        self._inner.close()
