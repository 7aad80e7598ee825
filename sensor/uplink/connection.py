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

from sensor.errors import UplinkError
from sensor.uplink import reasons

if TYPE_CHECKING:
    import socket
    import threading

    from paho.mqtt.reasoncodes import ReasonCode

    from sensor.uplink.delivery import Message
    from sensor.uplink.settings import MqttSettings

_log = logging.getLogger(__name__)

_INCOMING_BYTES_MAX = 8192
_INCOMING_MAX = 10
_FAREWELL_S = 0.5
"""Longest wait for DISCONNECT to leave."""


class ConnectionLost(UplinkError):  # noqa: N818  named for what happened, as Overrun is
    """A connection did not come about or ended; ``code`` is the broker's MQTT 5 reason, 0 without one."""

    def __init__(self, message: str, *, code: int = 0) -> None:
        """Remember the broker's reason."""
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker answered the message ``mid`` with an MQTT 5 reason."""

    mid: int
    code: int
    name: str


@dataclass(frozen=True, slots=True)
class Received:
    """A message from a topic that was subscribed to."""

    topic: str
    payload: bytes
    retained: bool
    """It was there before we subscribed."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """What the broker said in CONNACK."""

    code: int
    name: str
    receive_maximum: int
    max_packet_bytes: int | None
    keepalive_s: int | None


def _publish_properties(kind: int, expiry_s: int) -> Properties:
    properties = Properties(kind)  # type: ignore[no-untyped-call]  # paho leaves it untyped
    properties.PayloadFormatIndicator = 1  # UTF-8
    properties.ContentType = "application/json"
    if expiry_s:
        properties.MessageExpiryInterval = expiry_s
    return properties


class Connection:
    """One MQTT connection, from CONNECT to its end. For one thread; its callbacks only take notes."""

    def __init__(self, settings: MqttSettings, client_id: str, will: Message, wake: socket.socket) -> None:
        """Prepare; nothing is sent yet. ``wake`` ends a wait when it becomes readable."""
        self._settings = settings
        self._client_id = client_id
        self._wake = wake
        self._notes: deque[Acknowledged | Received] = deque()
        self._greeting: Greeting | None = None
        self._ended: ConnectionLost | None = None
        self._last_fault = ""
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        client.max_inflight_messages_set(0)  # no queue inside paho: the window is kept by Delivery
        client.connect_timeout = settings.connect_timeout_s
        will_properties = _publish_properties(PacketTypes.WILLMESSAGE, 0)
        client.will_set(will.topic, will.body, qos=1, retain=True, properties=will_properties)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_log = self._on_log
        self._client = client

    # --- paho's callbacks: they run inside `_pump`, and only take notes ----------------------------------

    def _on_connect(
        self, _c: object, _u: object, _f: object, reason: ReasonCode, properties: Properties | None
    ) -> None:
        self._greeting = Greeting(
            code=reason.value,
            name=reason.getName(),
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

    def _on_message(self, _c: object, _u: object, message: paho.MQTTMessage) -> None:
        self._notes.append(Received(message.topic, bytes(message.payload), message.retain))

    def _on_log(self, _c: object, _u: object, level: int, text: str) -> None:
        if level == LogLevel.MQTT_LOG_ERR:
            self._last_fault = text

    # --- what the uplink thread calls --------------------------------------------------------------------

    def open(self, stopping: threading.Event, keepalive_s: int) -> Greeting:
        """Connect and return the broker's greeting; raise ConnectionLost with the reason if it fails."""
        context = reasons.tls_context(self._settings)
        if context is not None:
            self._client.tls_set_context(context)
        secret, warning = reasons.password(self._settings)
        if warning is not None:
            _log.warning("uplink: %s", warning)
        if self._settings.username is not None:
            self._client.username_pw_set(self._settings.username, secret)
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it untyped
        properties.ReceiveMaximum = _INCOMING_MAX
        properties.MaximumPacketSize = _INCOMING_BYTES_MAX
        try:
            self._client.connect(
                self._settings.host,
                self._settings.port_or_default,
                keepalive_s,
                clean_start=True,
                properties=properties,
            )
        except (OSError, ValueError) as error:
            raise ConnectionLost(reasons.connecting_failed(error, self._settings)) from error
        deadline_s = time.monotonic() + self._settings.connect_timeout_s
        while self._greeting is None and self._ended is None and not stopping.is_set():
            if time.monotonic() > deadline_s:
                raise ConnectionLost(
                    f"no MQTT greeting within {self._settings.connect_timeout_s:g} s: is it an MQTT broker?"
                )
            self._pump(0.1)
        greeting = self._greeting
        if greeting is None:
            raise self._unanswered()
        if greeting.code >= 0x80:
            text = reasons.greeting_refused(greeting.code, greeting.name, self._settings, self._client_id)
            raise ConnectionLost(text, code=greeting.code)
        return greeting

    def _unanswered(self) -> ConnectionLost:
        if self._ended is None:
            return ConnectionLost("stopped while connecting")
        if self._ended.code or reasons.alert(str(self._ended)):
            return self._ended
        return ConnectionLost(f"{reasons.ended_early(self._settings)} ({self._ended})")

    def keepalive_s(self) -> int:
        """Keep-alive in force, seconds: paho 2.1 does not take over the broker's."""
        return self._client.keepalive

    def subscribe(self, name: str) -> None:
        """Ask for what others publish on topic ``name``; a broker that refuses it sends nothing."""
        self._client.subscribe(name, options=SubscribeOptions(qos=1, noLocal=True))

    def publish(self, message: Message) -> int:
        """Send at QoS 1 and return the packet identifier; raise ConnectionLost if there is no connection."""
        if self._client.socket() is None:
            raise self._ended or ConnectionLost("connection lost")
        properties = _publish_properties(PacketTypes.PUBLISH, message.expiry_s)
        info = self._client.publish(
            message.topic, message.body, qos=1, retain=message.retain, properties=properties
        )
        return info.mid

    def wait(self, timeout_s: float) -> list[Acknowledged | Received]:
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
        link = self._client.socket()
        if link is None:
            self._ended = self._ended or ConnectionLost("connection lost")
            return
        pending = getattr(link, "pending", int)()  # bytes that TLS has read ahead of us
        poll = select.poll()
        poll.register(link.fileno(), select.POLLIN | (select.POLLOUT if self._client.want_write() else 0))
        poll.register(self._wake, select.POLLIN)
        ready = dict(poll.poll(0 if pending else timeout_s * 1000.0))
        if ready.pop(self._wake.fileno(), 0):
            with suppress(BlockingIOError):
                self._wake.recv(4096)
        events = next(iter(ready.values()), 0)
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
