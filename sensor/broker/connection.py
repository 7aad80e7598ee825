"""One MQTT connection to the broker; the only file that imports paho.

paho's network loop runs on the calling thread, through its interface for external event loops: no second
thread, hence none that dies unnoticed, no lock to hold in a callback, and no race between sending and
being acknowledged. Each connection is a fresh ``paho.Client``, so paho never holds a backlog.
"""

from __future__ import annotations

import logging
import select
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, LogLevel, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from sensor.broker import credentials, reasons
from sensor.errors import UplinkError

if TYPE_CHECKING:
    import socket
    import threading
    from collections.abc import Sequence

    from paho.mqtt.reasoncodes import ReasonCode

    from sensor.broker.settings import BrokerAccess

_log = logging.getLogger(__name__)

_FAREWELL_S = 0.5
"""Longest wait for DISCONNECT to leave."""
_FAILURE = 0x80
"""MQTT 5 reason codes from here on are refusals."""


class ConnectionLost(UplinkError):  # noqa: N818  named for what happened, as Overrun is
    """A connection did not come about or ended; ``code`` is the broker's MQTT 5 reason, 0 without one."""

    def __init__(self, message: str, *, code: int = 0) -> None:
        """Remember the broker's reason."""
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes, retained, when the connection breaks."""

    topic: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is asked of the broker in CONNECT, and how long its answer may take."""

    client_id: str
    keepalive_s: int
    connect_timeout_s: float
    """Longest wait for TCP, for TLS and for the greeting, each, seconds."""
    receive_max: int
    """Most messages that the broker sends ahead of being acknowledged."""
    packet_bytes_max: int
    session_expiry_s: int = 0
    """How long the broker keeps what is missed, seconds; 0 = nothing is kept, nor taken up again."""
    manual_ack: bool = False
    """A message counts as received only once `Connection.acknowledge` says so."""
    will: Will | None = None


@dataclass(frozen=True, slots=True)
class Greeting:
    """What the broker said in CONNACK."""

    code: int
    name: str
    session_kept: bool
    """The broker has kept what was missed."""
    receive_maximum: int
    max_packet_bytes: int | None
    keepalive_s: int | None


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker answered the message ``mid`` with an MQTT 5 reason."""

    mid: int
    code: int
    name: str

    @property
    def refused(self) -> bool:
        """The broker has not taken it."""
        return self.code >= _FAILURE


@dataclass(frozen=True, slots=True)
class Answered:
    """The broker answered SUBSCRIBE or UNSUBSCRIBE ``mid``."""

    mid: int
    refusals: tuple[str | None, ...]
    """For each topic filter, in the order asked, why it is refused; None = it is not."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message from a topic that was subscribed to."""

    topic: str
    payload: bytes
    retained: bool
    """It was there before we subscribed."""
    mid: int
    qos: int


Note = Acknowledged | Answered | Received


def _publish_properties(kind: int, expiry_s: int) -> Properties:
    properties = Properties(kind)  # type: ignore[no-untyped-call]  # paho leaves it untyped
    properties.PayloadFormatIndicator = 1  # UTF-8
    properties.ContentType = "application/json"
    if expiry_s:
        properties.MessageExpiryInterval = expiry_s
    return properties


class Connection:
    """One MQTT connection, from CONNECT to its end. For one thread; its callbacks only take notes."""

    def __init__(self, access: BrokerAccess, terms: Terms, *, wake: socket.socket | None = None) -> None:
        """Prepare; nothing is sent yet. ``wake`` ends a wait when it becomes readable."""
        self._access = access
        self._terms = terms
        self._wake = wake
        self._notes: deque[Note] = deque()
        self._greeting: Greeting | None = None
        self._ended: ConnectionLost | None = None
        self._last_fault = ""
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=terms.client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=terms.manual_ack,
        )
        client.max_inflight_messages_set(0)  # no queue inside paho: who sends keeps the window
        client.connect_timeout = terms.connect_timeout_s
        if terms.will is not None:
            properties = _publish_properties(PacketTypes.WILLMESSAGE, 0)
            client.will_set(terms.will.topic, terms.will.body, qos=1, retain=True, properties=properties)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_subscribe = client.on_unsubscribe = self._on_answer
        client.on_message = self._on_message
        client.on_log = self._on_log
        self._client = client

    # --- paho's callbacks: they run inside `_pump`, and only take notes ----------------------------------

    def _on_connect(
        self,
        _c: object,
        _u: object,
        flags: paho.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        self._greeting = Greeting(
            code=reason.value,
            name=reason.getName(),
            session_kept=bool(flags.session_present),
            receive_maximum=getattr(properties, "ReceiveMaximum", 65535),
            max_packet_bytes=getattr(properties, "MaximumPacketSize", None),
            keepalive_s=getattr(properties, "ServerKeepAlive", None),
        )

    def _on_disconnect(
        self,
        _c: object,
        _u: object,
        flags: paho.DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if self._ended is None:
            by_broker = flags.is_disconnect_packet_from_server
            detail = getattr(properties, "ReasonString", "") or self._last_fault
            name = reasons.alert(detail) or reason.getName() + (f" ({detail})" if detail else "")
            text = f"the broker closed the connection: {name}" if by_broker else f"connection lost: {name}"
            self._ended = ConnectionLost(text, code=reason.value if by_broker else 0)

    def _on_publish(self, _c: object, _u: object, mid: int, reason: ReasonCode, _p: object) -> None:
        self._notes.append(Acknowledged(mid, reason.value, reason.getName()))

    def _on_answer(self, _c: object, _u: object, mid: int, answers: list[ReasonCode], _p: object) -> None:
        refusals = (answer.getName() if answer.value >= _FAILURE else None for answer in answers)
        self._notes.append(Answered(mid, tuple(refusals)))

    def _on_message(self, _c: object, _u: object, message: paho.MQTTMessage) -> None:
        payload = bytes(message.payload)
        self._notes.append(Received(message.topic, payload, message.retain, message.mid, message.qos))

    def _on_log(self, _c: object, _u: object, level: int, text: str) -> None:
        if level == LogLevel.MQTT_LOG_ERR:
            self._last_fault = text

    # --- what the thread that owns it calls --------------------------------------------------------------

    def open(self, stopping: threading.Event) -> Greeting:
        """Connect and return the broker's greeting.

        Raises:
            ConnectionLost: it failed, with the reason, or ``stopping`` was set meanwhile.
            UplinkError: a file of the credentials cannot be used.
        """
        self._send_connect()
        deadline_s = time.monotonic() + self._terms.connect_timeout_s
        while self._greeting is None and self._ended is None and not stopping.is_set():
            if time.monotonic() > deadline_s:
                raise ConnectionLost(
                    f"no MQTT greeting within {self._terms.connect_timeout_s:g} s: is it an MQTT broker?"
                )
            self._pump(0.1)
        greeting = self._greeting
        if greeting is None:
            raise self._unanswered()
        if greeting.code >= _FAILURE:
            text = reasons.greeting_refused(greeting.code, greeting.name, self._access, self._terms.client_id)
            raise ConnectionLost(text, code=greeting.code)
        return greeting

    def _send_connect(self) -> None:
        """Read the credentials anew and send CONNECT; raises as `open`."""
        access, terms = self._access, self._terms
        context = credentials.tls_context(access)
        if context is not None:
            self._client.tls_set_context(context)
        secret, warning = credentials.password(access)
        if warning is not None:
            _log.warning("%s", warning)
        if access.username is not None:
            self._client.username_pw_set(access.username, secret)
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it untyped
        properties.ReceiveMaximum = terms.receive_max
        properties.MaximumPacketSize = terms.packet_bytes_max
        properties.SessionExpiryInterval = terms.session_expiry_s
        try:
            self._client.connect(
                access.host,
                access.port_or_default,
                terms.keepalive_s,
                clean_start=terms.session_expiry_s == 0,
                properties=properties,
            )
        except (OSError, ValueError) as error:
            text = reasons.connecting_failed(error, access, terms.connect_timeout_s)
            raise ConnectionLost(text) from error

    def _unanswered(self) -> ConnectionLost:
        """Why there is no greeting: the reason that was given, or else a guess that helps."""
        if self._ended is None:
            return ConnectionLost("stopped while connecting")
        if self._ended.code or reasons.alert(str(self._ended)):
            return self._ended
        return ConnectionLost(f"{reasons.ended_early(self._access)} ({self._ended})")

    def keepalive_s(self) -> int:
        """Keep-alive in force, seconds: paho 2.1 does not take over the broker's."""
        return self._client.keepalive

    def subscribe(self, filters: Sequence[str], *, no_local: bool = False) -> int:
        """Ask for what is published on the topics ``filters``; `Answered` bears the number returned.

        With ``no_local`` what we publish ourselves does not come back. Raises ConnectionLost if there is no
        connection.
        """
        self._demand_link()
        options = SubscribeOptions(qos=1, noLocal=no_local)
        return self._client.subscribe([(name, options) for name in filters])[1] or 0

    def unsubscribe(self, filters: Sequence[str]) -> int:
        """Ask for no more of ``filters``; `Answered` bears the number returned; raises as `subscribe`."""
        self._demand_link()
        return self._client.unsubscribe(list(filters))[1] or 0

    def publish(self, topic: str, body: bytes, *, retain: bool = False, expiry_s: int = 0) -> int:
        """Send JSON at QoS 1; `Acknowledged` bears the number returned; raises as `subscribe`.

        The broker keeps it for a subscriber that is away for ``expiry_s`` seconds; 0 = for ever.
        """
        self._demand_link()
        properties = _publish_properties(PacketTypes.PUBLISH, expiry_s)
        return self._client.publish(topic, body, qos=1, retain=retain, properties=properties).mid

    def _demand_link(self) -> None:
        if self._client.socket() is None:
            raise self._ended or ConnectionLost("connection lost")

    def acknowledge(self, messages: Sequence[Received]) -> None:
        """Tell the broker that these need not be sent again; without a connection they will be."""
        for message in messages:
            if message.qos > 0 and self._client.socket() is not None:
                self._client.ack(message.mid, message.qos)

    def wait(self, timeout_s: float) -> list[Note]:
        """Let the network work for at most ``timeout_s`` and return what came of it.

        Raises ConnectionLost, but only when everything that came before the end has been returned.
        """
        if not self._notes:
            self._pump(timeout_s)
        notes = list(self._notes)
        self._notes.clear()
        if not notes and self._ended is not None:
            raise self._ended
        return notes

    def _pump(self, timeout_s: float) -> None:
        """Let paho read, write and look at its timers; what it cannot make sense of ends the connection."""
        link = self._client.socket()
        if link is None:
            self._ended = self._ended or ConnectionLost("connection lost")
            return
        pending = getattr(link, "pending", int)()  # bytes that TLS has read ahead of us
        poll = select.poll()
        poll.register(link.fileno(), select.POLLIN | (select.POLLOUT if self._client.want_write() else 0))
        if self._wake is not None:
            poll.register(self._wake, select.POLLIN)
        ready = dict(poll.poll(0 if pending else timeout_s * 1000.0))
        events = ready.pop(link.fileno(), 0)
        if ready and self._wake is not None:
            with suppress(BlockingIOError):
                self._wake.recv(4096)
        try:
            if pending or events & ~select.POLLOUT:
                self._client.loop_read()
            if events & select.POLLOUT and self._client.socket() is not None:
                self._client.loop_write()
            if self._client.socket() is not None:
                self._client.loop_misc()
        except Exception as error:  # noqa: BLE001  paho 2.1 lets whatever a malformed packet provokes through
            self._ended = ConnectionLost(f"the broker sent what is not MQTT 5 ({error!r})")

    def close(self, *, politely: bool = False) -> None:
        """End the connection; without ``politely`` the broker publishes the last will."""
        if politely and self._ended is None:
            self._client.disconnect()
            deadline_s = time.monotonic() + _FAREWELL_S
            while self._client.socket() is not None and time.monotonic() < deadline_s:
                self._pump(0.05)
        link = self._client.socket()
        if link is not None:
            link.close()
