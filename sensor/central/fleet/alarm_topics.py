"""Alarms on the broker: ``gunshot/v1/{site}/alarm/{kind}``, or ``.../{kind}/{node}``; the latest is kept."""

from __future__ import annotations

import logging
import threading
from typing import Protocol

from sensor.central.fleet.alarms import FleetAlarm
from sensor.central.incidents.chain import canonical
from sensor.errors import SensorError
from sensor.events import TOPIC_ROOT

logger = logging.getLogger(__name__)
SCHEMA = "gunshot.alarm.v1"
PAUSE_S = 5.0
"""Before the next attempt after the broker failed."""


class Publish(Protocol):
    """Publishes on the broker: returns once it has acknowledged, raises an error of ours else."""

    def __call__(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish at QoS 1."""
        ...


def alarm_topic(alarm: FleetAlarm) -> str:
    """Where an alarm and its end are published."""
    base = f"{TOPIC_ROOT}/{alarm.site}/alarm/{alarm.kind}"
    return base if alarm.node is None else f"{base}/{alarm.node}"


def alarm_message(alarm: FleetAlarm) -> bytes:
    """An alarm as JSON."""
    return canonical(
        {
            "schema": SCHEMA,
            "kind": alarm.kind,
            "site": alarm.site,
            "node": alarm.node,
            "raised": alarm.raised,
            "utc_ns": alarm.utc_ns,
            "text": alarm.text,
            "values": dict(alarm.values),
        }
    )


class AlarmTopics:
    """A thread that publishes, so that nobody waits for the broker; of each topic only the latest waits."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._lock = threading.Lock()
        self._waiting: dict[str, bytes] = {}
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alarms", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def tell(self, alarm: FleetAlarm) -> None:
        """Publish soon; from any thread."""
        with self._lock:
            self._waiting[alarm_topic(alarm)] = alarm_message(alarm)
        self._wake.set()

    def stop(self, timeout_s: float = 5.0) -> bool:
        """End, after one more attempt at what waits; whether it did in time."""
        self._stopping.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            last = self._stopping.is_set()
            self._wake.clear()
            try:
                self._send()
            except SensorError as error:
                logger.warning("alarms wait: %s", error)
                self._stopping.wait(PAUSE_S)
                self._wake.set()
            if last:
                return
            self._wake.wait()

    def _send(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    return
                topic, payload = next(iter(self._waiting.items()))
            self._publish(topic, payload, retain=True)
            with self._lock:
                if self._waiting.get(topic) == payload:
                    del self._waiting[topic]
