"""TCP and UDP ports for servers that tests start."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

BELOW_EPHEMERAL = range(10_000, 32_768)
"""Linux gives outgoing connections ports above these, and might do so between the choice and the use."""


def free_port() -> int:
    """A port of the loopback interface that nobody listens on at present."""
    chance = random.SystemRandom()
    while True:
        port = chance.choice(BELOW_EPHEMERAL)
        with suppress(OSError), socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", port))
            udp.bind(("127.0.0.1", port))
            return port
