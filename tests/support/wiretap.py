"""A TCP relay between node and broker that counts unacknowledged messages and cuts connections."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self

from tests.support.patience import PATIENCE_S

PUBLISH = 3
PUBACK = 4


class Wiretap:
    """Relays to a port of this machine; reads the MQTT packets that pass."""

    def __init__(self, target_port: int) -> None:
        self._target = ("127.0.0.1", target_port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self.connections = 0
        self.max_unacknowledged = 0
        self.swallows_acknowledgements = False
        self.poison: bytes | None = None
        """A node that sends these bytes loses its connection."""
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.cut()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def cut(self) -> None:
        """Break every connection, both ways.

        Only shut down here: a descriptor that is closed under a relaying thread may be given to the next
        connection while that thread still reads or writes its number. The threads close their own.
        """
        with self._lock:
            for end in self._open:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            self._open.clear()

    def swallow_acknowledgements(self) -> None:
        """From now on no PUBACK reaches the node."""
        self.swallows_acknowledgements = True

    def _accept(self) -> None:
        while True:
            try:
                node, _ = self._server.accept()
            except OSError:
                return
            try:
                broker = socket.create_connection(self._target, PATIENCE_S)
            except OSError:
                node.close()
                continue
            broker.settimeout(None)
            with self._lock:
                self.connections += 1
                self._open += [node, broker]
            thread = threading.Thread(target=self._connect, args=(node, broker), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _connect(self, node: socket.socket, broker: socket.socket) -> None:
        count = _Count(self)
        back = threading.Thread(target=_relay, args=(broker, node, PUBACK, count), daemon=True)
        back.start()
        _relay(node, broker, PUBLISH, count)
        back.join()
        with self._lock:
            self._open = [end for end in self._open if end not in (node, broker)]
        node.close()
        broker.close()


class _Count:
    """Messages of one connection that are not acknowledged."""

    def __init__(self, tap: Wiretap) -> None:
        self._tap = tap
        self._lock = threading.Lock()
        self._now = 0

    @property
    def swallows(self) -> bool:
        return self._tap.swallows_acknowledgements

    def is_poisoned(self, data: bytes) -> bool:
        return self._tap.poison is not None and self._tap.poison in data

    def add(self, kind: int) -> None:
        with self._lock:
            self._now += 1 if kind == PUBLISH else -1
            self._tap.max_unacknowledged = max(self._tap.max_unacknowledged, self._now)


def _relay(source: socket.socket, sink: socket.socket, kind: int, count: _Count) -> None:
    buffer = b""
    with suppress(OSError):
        while data := source.recv(65536):
            if count.is_poisoned(data):
                break
            passed, buffer = _read_packets(buffer + data, kind, count)
            sink.sendall(passed)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _read_packets(buffer: bytes, kind: int, count: _Count) -> tuple[bytes, bytes]:
    """Count the whole packets in ``buffer`` that are of ``kind``; return those to pass on, and the rest."""
    passed = b""
    while (length := _packet_length(buffer)) is not None and len(buffer) >= length:
        packet, buffer = buffer[:length], buffer[length:]
        if packet[0] >> 4 == PUBACK and count.swallows:
            continue
        if packet[0] >> 4 == kind:
            count.add(kind)
        passed += packet
    return passed, buffer


def _packet_length(buffer: bytes) -> int | None:
    """Length of the packet at the start of ``buffer``, header included; None while that is not known."""
    length = 0
    for used, byte in enumerate(buffer[1:5]):
        length |= (byte & 0x7F) << (7 * used)
        if byte < 0x80:
            return 2 + used + length
    return None
