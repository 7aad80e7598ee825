"""The centre's connections to the broker; the only file of the central side that imports paho.

Incoming: paho's network loop runs on the calling thread and its callbacks only take notes; a message is
acknowledged by hand once its content is committed, so that a centre that is killed gets it again. The
broker keeps the session, and how much it sends ahead is bounded by ReceiveMaximum. Outgoing: a connection
of its own, so that a slow receiver of ours never delays what comes in. Each connection is a fresh
``paho.Client``.
"""

from __future__ import annotations

import logging
import select
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from sensor.central.settings import BrokerSettings
from sensor.errors import UplinkError

logger = logging.getLogger(__name__)
PACKET_BYTES_MAX = 1 << 20
_FAREWELL_S = 0.5
_PUBLISH_S = 10.0


class BrokerLost(UplinkError):  # noqa: N818  named for what happened, as Overrun is
    """A connection did not come about or ended."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message, not yet acknowledged."""

    topic: str
    payload: bytes
    retained: bool
    mid: int
    qos: int


class Incoming:
    """One connection that receives; for one thread. Messages wait at the broker until `acknowledge`."""

    def __init__(self, settings: BrokerSettings, filters: list[str]) -> None:
        """Prepare; nothing is sent yet. ``filters`` are topics, which may hold ``+`` and ``$share/...``."""
        self._settings = settings
        self._filters = filters
        self._notes: list[Received] = []
        self._greeting: ReasonCode | None = None
        self._session_kept = False
        self._granted: list[ReasonCode] | None = None
        self._left = False
        self._ended: BrokerLost | None = None
        client = _client(settings, settings.client_id, manual_ack=True)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_unsubscribe = self._on_unsubscribe
        client.on_message = self._on_message
        self._client = client

    def _on_connect(self, _c: object, _u: object, flags: Any, reason: ReasonCode, _p: object) -> None:  # noqa: ANN401  paho's flags
        self._greeting = reason
        self._session_kept = bool(flags.session_present)

    def _on_disconnect(
        self,
        _c: object,
        _u: object,
        flags: Any,  # noqa: ANN401  paho's flags
        reason: ReasonCode,
        _p: object,
    ) -> None:
        if self._ended is None:
            who = (
                "the broker closed the connection"
                if flags.is_disconnect_packet_from_server
                else "connection lost"
            )
            self._ended = BrokerLost(f"{who}: {reason.getName()}")

    def _on_subscribe(self, _c: object, _u: object, _m: int, reasons: list[ReasonCode], _p: object) -> None:
        self._granted = reasons

    def _on_unsubscribe(self, _c: object, _u: object, _m: int, _r: list[ReasonCode], _p: object) -> None:
        self._left = True

    def _on_message(self, _c: object, _u: object, message: paho.MQTTMessage) -> None:
        self._notes.append(
            Received(message.topic, bytes(message.payload), message.retain, message.mid, message.qos)
        )

    def open(self, stopping: threading.Event) -> bool:
        """Connect and subscribe; return whether the broker had kept the session; raise BrokerLost."""
        _connect(self._client, self._settings, clean_start=False, expiry_s=self._settings.session_expiry_s)
        self._await(stopping, lambda: self._greeting is not None, "no MQTT greeting: is it an MQTT 5 broker?")
        greeting = self._greeting
        if greeting is None or greeting.is_failure:
            raise BrokerLost(f"the broker refuses: {greeting.getName() if greeting else 'no answer'}")
        self._client.subscribe([(name, _options()) for name in self._filters])
        self._await(stopping, lambda: self._granted is not None, "the broker does not answer SUBSCRIBE")
        for name, reason in zip(self._filters, self._granted or [], strict=False):
            if reason.is_failure:
                raise BrokerLost(
                    f"the broker does not let us subscribe to {name} ({reason.getName()}): "
                    "check its access rules"
                )
        return self._session_kept

    def _await(self, stopping: threading.Event, done: Any, otherwise: str) -> None:  # noqa: ANN401  a predicate
        deadline_s = time.monotonic() + self._settings.connect_timeout_s
        while not done() and self._ended is None and not stopping.is_set():
            if time.monotonic() > deadline_s:
                raise BrokerLost(otherwise)
            self._pump(0.1)
        if self._ended is not None:
            raise self._ended
        if stopping.is_set():
            raise BrokerLost("stopped while connecting")

    def wait(self, timeout_s: float) -> list[Received]:
        """Let the network work for ``timeout_s`` at most; return what came; BrokerLost after the last."""
        if not self._notes:
            self._pump(timeout_s)
        notes, self._notes = self._notes, []
        if not notes and self._ended is not None:
            raise self._ended
        return notes

    def acknowledge(self, messages: list[Received]) -> None:
        """Tell the broker that these need not be sent again."""
        for message in messages:
            if message.qos > 0 and self._client.socket() is not None:
                self._client.ack(message.mid, message.qos)

    def _pump(self, timeout_s: float) -> None:
        link = self._client.socket()
        if link is None:
            self._ended = self._ended or BrokerLost("connection lost")
            return
        pending = getattr(link, "pending", int)()  # bytes that TLS has read ahead of us
        poll = select.poll()
        poll.register(link.fileno(), select.POLLIN | (select.POLLOUT if self._client.want_write() else 0))
        events = dict(poll.poll(0 if pending else timeout_s * 1000.0)).get(link.fileno(), 0)
        try:
            if pending or events & ~select.POLLOUT:
                self._client.loop_read()
            if events & select.POLLOUT and self._client.socket() is not None:
                self._client.loop_write()
            if self._client.socket() is not None:
                self._client.loop_misc()
        except Exception as error:  # noqa: BLE001  paho 2.1 lets whatever a malformed packet provokes through
            self._ended = BrokerLost(f"the broker sent what is not MQTT 5 ({error!r})")

    def leave_group(self) -> None:
        """Take no more of what is shared: a broker may go on dividing it among workers that are away.

        What the broker had meant for us before still comes: call `wait` until nothing does.
        """
        shared = [name for name in self._filters if name.startswith("$share/")]
        if not shared or self._ended is not None or self._client.socket() is None:
            return
        self._left = False
        self._client.unsubscribe(shared)
        deadline_s = time.monotonic() + _FAREWELL_S * 10
        while not self._left and self._ended is None and time.monotonic() < deadline_s:
            self._pump(0.1)

    def close(self) -> None:
        """End the connection; the broker keeps the session."""
        if self._ended is None:
            self._client.disconnect()
            deadline_s = time.monotonic() + _FAREWELL_S
            while self._client.socket() is not None and time.monotonic() < deadline_s:
                self._pump(0.05)
        link = self._client.socket()
        if link is not None:
            link.close()


class Outgoing:
    """Publishes on a connection of its own, made when it is needed and made anew after a failure."""

    def __init__(self, settings: BrokerSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._client: paho.Client | None = None

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish at QoS 1; return once the broker has acknowledged; raise UplinkError within 10 s or so."""
        with self._lock:
            if self._client is not None and not self._client.is_connected():
                self._drop()
            client = self._client or self._connect()
            reasons: dict[int, ReasonCode] = {}
            done = threading.Event()

            def note(_c: object, _u: object, mid: int, reason: ReasonCode, _p: object) -> None:
                reasons[mid] = reason
                done.set()

            client.on_publish = note
            info = client.publish(topic, payload, qos=1, retain=retain, properties=_json_properties())
            deadline_s = time.monotonic() + _PUBLISH_S
            while info.mid not in reasons and client.is_connected() and time.monotonic() < deadline_s:
                done.wait(0.1)
                done.clear()
            reason = reasons.get(info.mid)
            if reason is None:
                self._drop()
                raise BrokerLost(f"{topic}: the broker did not acknowledge")
            if reason.is_failure:
                raise UplinkError(f"{topic}: the broker refuses: {reason.getName()}")

    def _connect(self) -> paho.Client:
        client = _client(self._settings, f"{self._settings.client_id}-out", manual_ack=False)
        greeted = threading.Event()
        said: list[ReasonCode] = []

        def greet(_c: object, _u: object, _f: object, reason: ReasonCode, _p: object) -> None:
            said.append(reason)
            greeted.set()

        client.on_connect = greet
        _connect(client, self._settings, clean_start=True, expiry_s=0)
        client.loop_start()
        self._client = client
        if not greeted.wait(self._settings.connect_timeout_s) or said[0].is_failure:
            self._drop()
            raise BrokerLost(f"the broker refuses: {said[0].getName() if said else 'no MQTT greeting'}")
        return client

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()  # first: loop_stop() alone would wait for what is not acknowledged
            client.loop_stop()

    def close(self) -> None:
        """End the connection."""
        with self._lock:
            self._drop()


def _client(settings: BrokerSettings, client_id: str, *, manual_ack: bool) -> paho.Client:
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        protocol=MQTTProtocolVersion.MQTTv5,
        reconnect_on_failure=False,
        manual_ack=manual_ack,
    )
    client.connect_timeout = settings.connect_timeout_s
    return client


def _connect(client: paho.Client, settings: BrokerSettings, *, clean_start: bool, expiry_s: int) -> None:
    """Send CONNECT; raise BrokerLost when there is nobody to send it to."""
    if settings.tls is not None:
        client.tls_set_context(_tls_context(settings))
    if settings.username is not None:
        client.username_pw_set(settings.username, _password(settings))
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it untyped
    properties.ReceiveMaximum = settings.receive_max
    properties.MaximumPacketSize = PACKET_BYTES_MAX
    properties.SessionExpiryInterval = expiry_s
    where = f"{settings.host}:{settings.port_or_default}"
    try:
        client.connect(
            settings.host,
            settings.port_or_default,
            settings.keepalive_s,
            clean_start=clean_start,
            properties=properties,
        )
    except ssl.SSLError as error:
        raise BrokerLost(f"{where}: TLS: {error.reason or error}: check port, tls and ca_file") from error
    except OSError as error:
        text = error.strerror or str(error) or type(error).__name__
        raise BrokerLost(f"{where}: {text}: is the broker running, and are host and port right?") from error
    except ValueError as error:
        raise BrokerLost(f"{where}: {error}") from error


def _options() -> Any:  # noqa: ANN401  paho's class is untyped
    from paho.mqtt.subscribeoptions import SubscribeOptions  # noqa: PLC0415  needed once per connection

    return SubscribeOptions(qos=1)


def _json_properties() -> Properties:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho leaves it untyped
    properties.PayloadFormatIndicator = 1  # UTF-8
    properties.ContentType = "application/json"
    return properties


def _tls_context(settings: BrokerSettings) -> ssl.SSLContext:
    tls = settings.tls
    assert tls is not None  # noqa: S101  the caller looked
    try:
        context = ssl.create_default_context(cafile=None if tls.ca_file is None else str(tls.ca_file))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if tls.cert_file is not None:
            context.load_cert_chain(tls.cert_file, tls.key_file, password=lambda: "")
    except OSError as error:  # ssl.SSLError is one
        raise BrokerLost(
            f"TLS: {tls.ca_file}, {tls.cert_file}, {tls.key_file}: {error.strerror or error}"
        ) from error
    return context


def _password(settings: BrokerSettings) -> str | None:
    if settings.password_file is None:
        return None
    try:
        with settings.password_file.open(encoding="utf-8") as file:
            secret = file.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BrokerLost(f"password_file {settings.password_file}: {error}") from error
    if not secret:
        raise BrokerLost(f"password_file {settings.password_file}: the first line is empty")
    return secret


def try_broker(settings: BrokerSettings, filters: list[str]) -> None:
    """Connect once under another name and subscribe, as `gunshot-central check` does."""
    from dataclasses import replace  # noqa: PLC0415  for the check alone

    link = Incoming(replace(settings, client_id=f"{settings.client_id}-check", session_expiry_s=60), filters)
    try:
        link.open(threading.Event())
    finally:
        with suppress(Exception):
            link.close()
