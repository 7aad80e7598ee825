"""The thread that forwards what the outbox holds to the broker, and says that the node is there."""

from __future__ import annotations

import logging
import select
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sensor.broker.backoff import Backoff
from sensor.broker.connection import Acknowledged, Connection, ConnectionLost, Received, Will
from sensor.broker.reasons import SESSION_TAKEN_OVER
from sensor.complaints import Complaints
from sensor.errors import UplinkError, WireError
from sensor.events import decode, topic
from sensor.uplink.commands import Commands
from sensor.uplink.delivery import Delivery, Message
from sensor.uplink.terms import client_id, terms

if TYPE_CHECKING:
    from collections.abc import Callable

    from sensor.events import Health, Status
    from sensor.uplink.outbox import Outbox
    from sensor.uplink.settings import MqttSettings

_log = logging.getLogger(__name__)

HEALTHY_S = 10.0
"""A connection that lasted so long was good: the next wait is the shortest again."""
TICK_S = 1.0
"""Longest wait for the network or a new candidate before looking at time-outs."""
REBIRTH_S = 60.0
"""Least time between two births on one connection, so that namesakes do not answer each other for ever."""
ACKNOWLEDGED_WITHIN_S = 60.0
"""Longest wait for an acknowledgement on a connection that otherwise lives; less with a short keep-alive."""
_LAST_WORDS_S = 0.5
"""Kept back from the time for stopping, for the retained status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkStats:
    """How the uplink is; counts run from the start of the process."""

    connected: bool
    connects: int
    """Connections that the broker accepted."""
    published: int
    """Candidates that the broker acknowledged."""
    refused: int
    """Messages that the broker refused; candidates among them are sent again or held back."""
    quarantined: int
    """Candidates held back now."""
    takeovers: int
    """Connections lost to another client with our client id."""
    commands: int
    commands_refused: int
    window: int
    """Most unacknowledged messages on the present connection."""
    in_flight: int
    keepalive_s: int
    """Longest silence before the connection is probed, seconds; the broker may have asked for less."""
    last_error: str | None
    """What went wrong last, whether or not it is over."""
    problem: str | None
    """What is wrong now; None = connected, and nothing is refused."""


class Uplink:
    """Forwards candidates from the outbox to the broker, on a thread of its own."""

    def __init__(
        self,
        settings: MqttSettings,
        outbox: Outbox,
        site: str,
        node: str,
        *,
        birth: Callable[[], Status],
        will: Status,
        report: Callable[[], Health] | None = None,
    ) -> None:
        """Prepare; ``start`` begins.

        Args:
            settings: the broker.
            outbox: what to forward; the uplink deletes from it what the broker has acknowledged.
            site: name of the site, a topic level.
            node: name of this node, a topic level.
            birth: called on every connect, on the uplink thread; published and retained.
            will: left with the broker, which publishes it when the connection breaks; ``stop`` publishes
                it with the reason ``stopped``.
            report: called on every connect and for the command ``report``, on the uplink thread; None =
                the health given last is sent again.
        """
        self._settings = settings
        self._outbox = outbox
        self._birth = birth
        self._will = will
        self._report = report
        self._topics = {kind: topic(site, node, kind) for kind in ("status", "health", "command", "reply")}
        self._client_id = client_id(settings, site, node)
        self._commands = Commands(site, node, {"report": self._send_report})
        self._delivery = Delivery(
            outbox,
            window=settings.window,
            hold_min_s=settings.backoff_min_s,
            hold_max_s=settings.backoff_max_s,
            expiry_s=settings.candidate_expiry_s,
        )
        self._backoff = Backoff(settings.backoff_min_s, settings.backoff_max_s)
        self._complaints = Complaints(_log)
        self._health: bytes | None = None
        self._health_is_new = False
        self._keepalive_s = settings.keepalive_s
        self._connected = False
        self._connects = self._takeovers = 0
        self._namesake = False
        self._birth_at_s = 0.0
        self._where = settings.where
        self._last_error: str | None = None
        self._stopping = threading.Event()
        self._stop_at_s = 0.0
        self._wake, self._waker = socket.socketpair()
        self._wake.setblocking(False)
        self._waker.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="uplink", daemon=True)

    # --- any thread --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to connect and to forward; never raises for the broker's sake."""
        self._thread.start()

    def notify(self) -> None:
        """Say that the outbox has something new."""
        with suppress(OSError):  # full: a wake-up is under way already; closed: stopped
            self._waker.send(b"!")

    def publish_health(self, health: Health) -> None:
        """Send ``health``, retained, now if connected and on the next connect; the latest wins.

        Raises WireError when JSON cannot carry it.
        """
        self._health = health.to_json()
        self._health_is_new = True
        self.notify()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Forward what can be, publish the status ``offline``, ``stopped``, and disconnect.

        Returns after ``timeout_s`` at the latest; what was not forwarded stays in the outbox.
        """
        self._stop_at_s = time.monotonic() + 0.8 * timeout_s  # the rest is for the thread to end
        self._stopping.set()
        self.notify()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            _log.warning("uplink: still busy with the network after %g s, left behind", timeout_s)
            return
        self._wake.close()
        self._waker.close()

    def stats(self) -> UplinkStats:
        """How the uplink is now."""
        problem = None
        if not self._connected:
            problem = self._last_error or "not connected yet"
        elif self._namesake:
            problem = self._last_error
        elif self._delivery.held:
            problem = f"the broker refuses {self._delivery.last_refusal}"
        return UplinkStats(
            connected=self._connected,
            connects=self._connects,
            published=self._delivery.published,
            refused=self._delivery.refused,
            quarantined=self._outbox.stats().quarantined,
            takeovers=self._takeovers,
            commands=self._commands.done,
            commands_refused=self._commands.refused,
            window=self._delivery.window,
            in_flight=self._delivery.in_flight,
            keepalive_s=self._keepalive_s,
            last_error=self._last_error or self._delivery.last_refusal,
            problem=problem,
        )

    # --- the uplink thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            began_s = time.monotonic()
            try:
                self._session()
            except Exception as error:  # noqa: BLE001  this thread must outlive whatever a broker provokes
                if self._stopping.is_set():
                    break
                self._failed(error)
                self._pause(self._next_wait_s(time.monotonic() - began_s))

    def _failed(self, error: Exception) -> None:
        self._last_error = str(error)
        if not isinstance(error, UplinkError):
            _log.error("uplink to %s: unexpected fault", self._where, exc_info=error)
        elif self._namesake or getattr(error, "code", 0) == SESSION_TAKEN_OVER:
            self._namesake = True
            self._takeovers += 1
            self._complain_of_namesake()
        else:
            self._complaints.warn(f"uplink to {self._where}: {error}")

    def _next_wait_s(self, lasted_s: float) -> float:
        if self._namesake:
            return self._backoff.long_s()
        if lasted_s >= HEALTHY_S:
            self._backoff.reset()
        return self._backoff.next_s()

    def _pause(self, wait_s: float) -> None:
        """Wait without a connection, and look after the outbox meanwhile."""
        until_s = time.monotonic() + wait_s
        while not self._stopping.is_set() and (left_s := until_s - time.monotonic()) > 0.0:
            if select.select([self._wake], [], [], min(left_s, TICK_S))[0]:
                self._wake.recv(4096)
            self._outbox.tend()

    def _session(self) -> None:
        """One connection, from CONNECT until it is lost (raises UplinkError) or the uplink stops."""
        will = Will(self._topics["status"], self._will.to_json())
        offer = terms(self._settings, self._client_id, will, keepalive_s=self._keepalive_s)
        link = Connection(self._settings, offer, wake=self._wake)
        self._namesake = False
        try:
            self._welcome(link)
            while not self._stopping.is_set():
                self._round(link)
            self._farewell(link)
        except ConnectionLost as error:
            self._delivery.lost(str(error))
            raise
        finally:
            self._connected = False
            link.close()
            self._delivery.settle()

    def _welcome(self, link: Connection) -> None:
        greeting = link.open(self._stopping)
        self._keepalive_s = greeting.keepalive_s or self._keepalive_s
        if self._keepalive_s < link.keepalive_s():
            # paho 2.1 does not take over the broker's figure: connect again and offer that one.
            link.close(politely=True)
            raise UplinkError(f"the broker asks for a keep-alive of {self._keepalive_s} s; reconnecting")
        self._delivery.begin(
            time.monotonic(),
            receive_maximum=greeting.receive_maximum,
            max_packet_bytes=greeting.max_packet_bytes,
        )
        self._connects += 1
        _log.info(
            "uplink: connected to %s as %s, window %d", self._where, self._client_id, self._delivery.window
        )
        # Before our own status goes out: see `_status_of_another`. Who is refused a topic is sent nothing.
        link.subscribe([self._topics["command"], self._topics["status"]], no_local=True)
        self._send_birth()
        self._send_report()
        self._connected = True

    def _send_birth(self) -> None:
        self._birth_at_s = time.monotonic()
        self._delivery.post(Message(self._topics["status"], self._birth().to_json(), retain=True))

    def _send_report(self) -> None:
        if self._report is not None:
            self._health = self._report().to_json()
        self._health_is_new = self._health is not None

    def _round(self, link: Connection) -> None:
        """Send what may be sent, then wait for the network, a new candidate, or a tick."""
        self._outbox.tend()
        self._send(link)
        self._take(link, TICK_S)
        patience_s = min(ACKNOWLEDGED_WITHIN_S, 2.0 * self._keepalive_s)
        if self._delivery.oldest_s(time.monotonic()) > patience_s:
            raise ConnectionLost(f"no acknowledgement within {patience_s:g} s")

    def _send(self, link: Connection, *, candidates: bool = True) -> None:
        if self._health_is_new and self._health is not None:
            self._health_is_new = False
            self._delivery.post(Message(self._topics["health"], self._health, retain=True))
        now_s = time.monotonic()
        for message in self._delivery.sendable(now_s, candidates=candidates):
            mid = link.publish(message.topic, message.body, retain=message.retain, expiry_s=message.expiry_s)
            self._delivery.sent(mid, message, now_s)

    def _take(self, link: Connection, timeout_s: float) -> None:
        now_s = time.monotonic()
        for note in link.wait(timeout_s):
            if isinstance(note, Acknowledged):
                self._delivery.acknowledged(note.mid, note.code, note.name, now_s)
            elif isinstance(note, Received) and note.topic == self._topics["status"]:
                self._status_of_another(note)
            elif isinstance(note, Received):
                reply = self._commands.answer(note.payload, retained=note.retained)
                if reply is not None:
                    self._delivery.reply(Message(self._topics["reply"], reply.to_json()))
        self._delivery.settle()

    def _status_of_another(self, note: Received) -> None:
        """Somebody else published our status: a namesake, or the last will of an earlier run.

        Mosquitto 2.0 closes a connection that is taken over without a reason, so this is how two sensors
        of one name are found out: after a reconnection the retained status must still be this run's.
        """
        try:
            body = decode(note.payload)
        except WireError:
            body = {}
        if body.get("boot_id") == self._will.boot_id:
            return
        if self._connects > 1 if note.retained else body.get("state") == "online":
            self._namesake = True
            self._complain_of_namesake()
        if not note.retained and time.monotonic() - self._birth_at_s > REBIRTH_S:
            self._send_birth()

    def _complain_of_namesake(self) -> None:
        self._last_error = (
            f"another client speaks to the broker as {self._client_id!r}: is another sensor configured"
            " with the same site and node?"
        )
        self._complaints.error(f"uplink to {self._where}: {self._last_error}")

    def _farewell(self, link: Connection) -> None:
        """Forward for as long as the stop allows, then say that it is on purpose."""
        self._send(link)
        while self._delivery.in_flight and time.monotonic() < self._stop_at_s - _LAST_WORDS_S:
            self._take(link, 0.1)
            self._send(link)
        stopped = replace(self._will, reason="stopped")
        self._delivery.post(Message(self._topics["status"], stopped.to_json(), retain=True))
        while not self._delivery.idle and time.monotonic() < self._stop_at_s:
            self._send(link, candidates=False)
            self._take(link, 0.1)
        link.close(politely=True)
