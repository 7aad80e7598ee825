"""Servers that are no broker: said, waited for, and nothing is lost or left open."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import contextmanager

import pytest

from sensor.uplink.mqtt import Uplink
from sensor.uplink.outbox import Outbox
from tests.support.messages import candidate
from tests.support.mosquitto import tcp_server, wait_until

UplinkTo = Callable[..., Uplink]
server = contextmanager(tcp_server)

CONNACK_OK = bytes([0x20, 3, 0, 0, 0])


def says(answer: bytes) -> Callable[[socket.socket], None]:
    def handle(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(answer)

    return handle


def closes(connection: socket.socket) -> None:
    connection.close()


def is_silent(_connection: socket.socket) -> None:
    pass


@pytest.mark.parametrize(
    "handle",
    [
        closes,
        is_silent,
        says(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        says(b"SSH-2.0-OpenSSH_9.2\r\n"),
        says(bytes([0x20, 2, 0, 1])),  # MQTT 3.1.1: unacceptable protocol version
        says(bytes([0x20, 2, 0, 0])),  # MQTT 3.1.1: accepted, without the properties that 5 demands
        says(bytes([0x20, 3, 0, 0x84, 0])),  # MQTT 5: unsupported protocol version
        says(bytes([0x20, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F])),  # a length that MQTT does not know
        says(bytes([0x20, 0])),
        says(bytes([0xF0, 0])),
        says(bytes([0x30, 0xFF, 0xFF, 0x7F])),  # a message of 2 MB announced, and then nothing
        says(bytes(300)),
        says(os.urandom(300)),
    ],
)
def test_before_the_greeting(
    outbox: Outbox, uplink_to: UplinkTo, handle: Callable[[socket.socket], None]
) -> None:
    with server(handle) as port:
        outbox.append(candidate())
        uplink = uplink_to(port, connect_timeout_s=0.3)
        wait_until(lambda: uplink.stats().last_error)
        assert not uplink.stats().connected
        assert uplink.stats().connects == 0
        assert outbox.stats().depth == 1
        assert uplink._thread.is_alive()


@pytest.mark.parametrize(
    "rubbish",
    [
        b"\x00" * 100,
        os.urandom(200),
        bytes([0x40, 0]),  # PUBACK without an identifier
        bytes([0x40, 4, 0, 1, 0x87, 0xFF]),  # PUBACK with broken properties
        bytes([0x90, 1, 0]),
        bytes([0xE0, 1, 0x8E]),  # DISCONNECT: session taken over
        bytes([0x20, 3, 0, 0, 0]),  # a second greeting
        bytes([0x30, 5, 0, 1, 0xFF, 0, 0xFF]),  # a topic that is no text
    ],
)
def test_after_the_greeting(outbox: Outbox, uplink_to: UplinkTo, rubbish: bytes) -> None:
    seen = []

    def handle(connection: socket.socket) -> None:
        seen.append(connection)
        connection.recv(4096)
        connection.sendall(CONNACK_OK + rubbish)
        connection.shutdown(socket.SHUT_WR)

    with server(handle) as port:
        outbox.append(candidate())
        uplink = uplink_to(port)
        wait_until(lambda: len(seen) >= 3)
        assert uplink._thread.is_alive()
        assert outbox.stats().depth == 1
        assert outbox.stats().quarantined == 0


def test_an_unknown_host_is_said(uplink_to: UplinkTo) -> None:
    uplink = uplink_to(1, host="no-such-broker.invalid")
    wait_until(lambda: uplink.stats().last_error)
    assert "cannot be resolved" in str(uplink.stats().last_error)


def test_a_host_that_is_no_name_is_said(uplink_to: UplinkTo) -> None:
    uplink = uplink_to(1, host="a..b")
    wait_until(lambda: uplink.stats().last_error)
    assert uplink._thread.is_alive()
