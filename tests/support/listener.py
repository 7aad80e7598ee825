"""A receiver in the test's own process, clocks that obey, and a dispatcher between them and a record."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from typing import Any

from sensor.central.notify.channel import Channel, key_of
from sensor.central.notify.dispatcher import Dispatcher
from sensor.central.notify.settings import RetrySettings, RuleSettings
from sensor.central.notify.worker import Worker
from sensor.central.store.sqlite import SqliteStore
from sensor.central.types import IncidentVersion
from tests.support.incident_examples import FIRED_NS

SECOND_NS = 10**9
FAST = RetrySettings(attempts_max=4, backoff_min_s=0.01, backoff_max_s=0.05)


class Listener:
    """A receiver in this process that remembers what it was told, and fails on demand."""

    def __init__(self, failures: Sequence[Exception] = ()) -> None:
        self.got: list[tuple[str, tuple[int, ...]]] = []
        self.attempts: list[str] = []
        self.failures = list(failures)
        self.gate = threading.Event()
        self.gate.set()

    def deliver(self, version: IncidentVersion, *, former: Sequence[IncidentVersion] = ()) -> str:
        """Fail as demanded, else remember the version and those told before it."""
        self.attempts.append(key_of(version))
        self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        self.got.append((key_of(version), tuple(item.version for item in former)))
        return "heard"


class Clock:
    """UTC as the test says."""

    def __init__(self) -> None:
        self.now_ns = FIRED_NS + 8 * SECOND_NS

    def __call__(self) -> int:
        return self.now_ns


class Ticking(Clock):
    """The same, going on by itself."""

    def __init__(self) -> None:
        super().__init__()
        self._start_ns = time.monotonic_ns()

    def __call__(self) -> int:
        return self.now_ns + time.monotonic_ns() - self._start_ns


def channel(listener: Listener, name: str = "here", *, retry: RetrySettings = FAST, **rule: Any) -> Channel:
    """A channel to ``listener``; ``rule`` as its settings say it."""
    return Channel(name=name, notifier=listener, rule=RuleSettings(**rule), retry=retry)


def dispatching(store: SqliteStore, *channels: Channel, clock: Clock | None = None) -> Dispatcher:
    """A dispatcher that has not been started."""
    return Dispatcher(channels, store, clock_ns=clock or Clock(), chance=random.Random(1))  # noqa: S311  spreads attempts


def worker_of(dispatcher: Dispatcher, name: str = "here") -> Worker:
    """The worker of one channel."""
    return dispatcher._workers[name]


def id_of(version: IncidentVersion) -> str:
    """Which incident it is a version of."""
    return version.incident_id
