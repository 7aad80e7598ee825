"""The centre's two connections to the broker.

Incoming: a message is acknowledged by hand once its content is committed, so that a centre that is killed
gets it again. The broker keeps the session, and how much it sends ahead is bounded by ReceiveMaximum.
Outgoing: a connection of its own, so that a slow receiver of ours never delays what comes in.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from sensor.broker.connection import (
    Acknowledged,
    Answered,
    Connection,
    ConnectionLost,
    Greeting,
    Received,
    Terms,
)
from sensor.central.settings import BrokerSettings
from sensor.errors import UplinkError

PACKET_BYTES_MAX = 1 << 20
_LEAVE_S = 5.0
_PUBLISH_S = 10.0
_TICK_S = 0.5
"""How often a connection that rests is looked after: well within the shortest keep-alive of 2 s."""


class Incoming:
    """One connection that receives; for one thread. Messages wait at the broker until `acknowledge`."""

    def __init__(self, settings: BrokerSettings, filters: Sequence[str]) -> None:
        """Prepare; nothing is sent yet. ``filters`` are topics, which may hold ``+`` and ``$share/...``."""
        self._settings = settings
        self._filters = filters
        terms = _terms(settings, settings.client_id)
        terms = replace(terms, session_expiry_s=settings.session_expiry_s, manual_ack=True)
        self._link = Connection(settings, terms)
        self._waiting: list[Received] = []

    def open(self, stopping: threading.Event) -> bool:
        """Connect and subscribe; return whether the broker had kept the session; raise UplinkError."""
        greeting = _open(self._link, self._settings, stopping)
        mid = self._link.subscribe(self._filters)
        answer = self._answer(mid, self._settings.connect_timeout_s, stopping)
        if answer is None:
            why = "stopped" if stopping.is_set() else "the broker does not answer SUBSCRIBE"
            raise ConnectionLost(f"{self._settings.where}: {why}")
        for name, refusal in zip(self._filters, answer.refusals, strict=False):
            if refusal is not None:
                raise ConnectionLost(
                    f"the broker does not let us subscribe to {name} ({refusal}): check its access rules"
                )
        return greeting.session_kept

    def _answer(self, mid: int, within_s: float, stopping: threading.Event) -> Answered | None:
        """What the broker answers to ``mid``; messages that come first wait their turn."""
        until_s = time.monotonic() + within_s
        while not stopping.is_set() and time.monotonic() < until_s:
            notes = self._link.wait(0.1)
            self._waiting += [note for note in notes if isinstance(note, Received)]
            for note in notes:
                if isinstance(note, Answered) and note.mid == mid:
                    return note
        return None

    def wait(self, timeout_s: float) -> list[Received]:
        """Let the network work for ``timeout_s`` at most; return what came; ConnectionLost after the last."""
        if not self._waiting:
            notes = self._link.wait(timeout_s)
            self._waiting = [note for note in notes if isinstance(note, Received)]
        messages, self._waiting = self._waiting, []
        return messages

    def acknowledge(self, messages: Sequence[Received]) -> None:
        """Tell the broker that these need not be sent again."""
        self._link.acknowledge(messages)

    def leave_group(self) -> None:
        """Take no more of what is shared: a broker may go on dividing it among workers that are away.

        What the broker had meant for us before still comes: call `wait` until nothing does.
        """
        shared = [name for name in self._filters if name.startswith("$share/")]
        if shared:
            with suppress(ConnectionLost):  # gone already; `wait` will say so
                self._answer(self._link.unsubscribe(shared), _LEAVE_S, threading.Event())

    def close(self) -> None:
        """End the connection; the broker keeps the session."""
        self._link.close(politely=True)


class Outgoing:
    """Publishes on a connection of its own, made when it is needed and made anew after a failure."""

    def __init__(self, settings: BrokerSettings) -> None:
        self._settings = settings
        self._link: Connection | None = None
        self._link_free = threading.Condition()
        """Held by whoever lets the network work; told when the connection is given up."""

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish at QoS 1; return once the broker has acknowledged; raise UplinkError within 10 s or so."""
        with self._link_free:
            self._look_after()
            link = self._link or self._connect()
            try:
                answer = _acknowledgement(link, link.publish(topic, payload, retain=retain))
            except ConnectionLost as error:
                self._drop()
                raise ConnectionLost(f"{topic}: the broker did not acknowledge: {error}") from error
            if answer is None:
                self._drop()
                raise ConnectionLost(f"{topic}: the broker did not acknowledge")
            if answer.refused:
                raise UplinkError(f"{topic}: the broker refuses: {answer.name}")

    def _connect(self) -> Connection:
        link = Connection(self._settings, _terms(self._settings, f"{self._settings.client_id}-out"))
        try:
            _open(link, self._settings, threading.Event())
        except UplinkError:
            link.close()
            raise
        self._link = link
        threading.Thread(target=self._keep, args=(link,), name="outgoing", daemon=True).start()
        return link

    def _keep(self, link: Connection) -> None:
        """Keep ``link`` alive between messages, until it is given up."""
        with self._link_free:
            while self._link is link:
                self._look_after()
                self._link_free.wait(_TICK_S)

    def _look_after(self) -> None:
        """Probe the connection when that is due, and see whether it has ended."""
        if self._link is not None:
            try:
                self._link.wait(0.0)
            except ConnectionLost:
                self._drop()

    def _drop(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close(politely=True)
            self._link_free.notify_all()

    def close(self) -> None:
        """End the connection."""
        with self._link_free:
            self._drop()


def _acknowledgement(link: Connection, mid: int) -> Acknowledged | None:
    until_s = time.monotonic() + _PUBLISH_S
    while time.monotonic() < until_s:
        for note in link.wait(0.1):
            if isinstance(note, Acknowledged) and note.mid == mid:
                return note
    return None


def _terms(settings: BrokerSettings, client_id: str) -> Terms:
    return Terms(
        client_id=client_id,
        keepalive_s=settings.keepalive_s,
        connect_timeout_s=settings.connect_timeout_s,
        receive_max=settings.receive_max,
        packet_bytes_max=PACKET_BYTES_MAX,
    )


def _open(link: Connection, settings: BrokerSettings, stopping: threading.Event) -> Greeting:
    """Connect; an error says where to."""
    try:
        return link.open(stopping)
    except UplinkError as error:
        raise ConnectionLost(f"{settings.where}: {error}", code=getattr(error, "code", 0)) from error


def try_broker(settings: BrokerSettings, filters: Sequence[str]) -> None:
    """Connect once under another name and subscribe, as `gunshot-central check` does."""
    link = Incoming(replace(settings, client_id=f"{settings.client_id}-check", session_expiry_s=60), filters)
    try:
        link.open(threading.Event())
    finally:
        with suppress(Exception):
            link.close()
