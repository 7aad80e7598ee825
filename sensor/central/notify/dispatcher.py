"""Brings what the record holds to whoever is to be told: a queue on disk and a thread for each receiver.

What is owed is read from the record itself, from a mark that moves with the queue's entries, so an
incident stored before a crash is told after it. Delivery is at least once: the key ``incident_id/version``
tells a receiver what it has had. Per receiver and incident the order is kept, and a later version takes the
place of one that was not delivered yet. A receiver that hangs holds up its own queue and no other. Of several
workers on one record, one at a time has charge of a receiver.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sensor.central.notify.channel import Channel
from sensor.central.notify.rules import silence
from sensor.central.notify.worker import Worker
from sensor.central.store import Store
from sensor.central.types import IncidentVersion
from sensor.errors import ChainError, StoreError

log = logging.getLogger(__name__)

MARK = "notify/row"
"""Under this name the store keeps how far the record has been turned into deliveries."""
_BATCH = 200
_LOOK_S = 30.0
"""So often the record is looked at unasked: another process may write to it."""
_PAUSE_S = 5.0
"""Pause after the store refused."""
_CHANCE = random.Random()  # noqa: S311  spreads attempts, keeps no secret


class Dispatcher:
    """Owns the threads. ``publish`` may be called from any thread and returns at once."""

    def __init__(
        self,
        channels: Iterable[Channel],
        store: Store,
        *,
        holder: str = "gunshot-central",
        clock_ns: Callable[[], int] = time.time_ns,
        chance: random.Random | None = None,
    ) -> None:
        self._store = store
        self._clock_ns = clock_ns
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._silences: dict[str, Counter[str]] = {}
        self._workers: dict[str, Worker] = {}
        for channel in channels:
            self._silences[channel.name] = Counter()
            self._workers[channel.name] = Worker(
                channel, store, self._stopping, holder=holder, clock_ns=clock_ns, chance=chance or _CHANCE
            )
        self._intake = threading.Thread(target=self._run, name="notify", daemon=True)

    def start(self) -> None:
        """Start the threads; what was owed before a restart goes out first."""
        for worker in self._workers.values():
            worker.start()
        self._intake.start()

    def publish(self, version: IncidentVersion | None = None) -> None:  # noqa: ARG002  the record says what is new
        """Say that the record has grown."""
        self._wake.set()

    def stop(self, timeout_s: float = 5.0) -> bool:
        """Stop; what is not delivered stays owed. Return whether every thread ended within ``timeout_s``."""
        self._stopping.set()
        self._wake.set()
        deadline_s = time.monotonic() + timeout_s
        for worker in self._workers.values():
            worker.wake()
        threads = [self._intake, *(worker.thread for worker in self._workers.values())]
        for thread in threads:
            if thread.ident is not None:
                thread.join(max(0.0, deadline_s - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    def status(self) -> Mapping[str, Any]:
        """Per receiver: what waits, what was delivered, what failed last, and why it was not told."""
        return {
            name: {**worker.status(), "silences": dict(self._silences[name])}
            for name, worker in self._workers.items()
        }

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                while self.take_in() and not self._stopping.is_set():
                    pass
            except StoreError as error:
                log.warning("notifications: the record cannot be read: %s", error)
                self._stopping.wait(_PAUSE_S)
                continue
            except Exception:
                log.exception("notifications: a fault of this program; they go on after a pause")
                self._stopping.wait(_PAUSE_S)
                continue
            self._wake.wait(_LOOK_S)

    def take_in(self) -> bool:
        """Turn the next stored versions into deliveries; return whether there were any.

        Raises:
            StoreError: the record cannot be read or written; nothing is lost, it can be called again.
        """
        mark = self._store.mark(MARK) or 0
        try:
            rows = self._store.versions_after(mark, _BATCH)
        except ChainError:
            return self._take_one(mark)
        return self._enter(rows)

    def _take_one(self, mark: int) -> bool:
        """The next version alone; one that is damaged is named and passed over, lest it hold up others."""
        try:
            rows = self._store.versions_after(mark, 1)
        except ChainError as error:
            log.error(  # noqa: TRY400  the words say it
                "notifications: place %d of the record is damaged, nobody is told of it: %s; "
                "see `gunshot-central verify`",
                mark + 1,
                error,
            )
            self._store.put_mark(MARK, mark + 1)
            return True
        return self._enter(rows)

    def _enter(self, rows: list[tuple[int, IncidentVersion]]) -> bool:
        for row, version in rows:
            for name, worker in self._workers.items():
                self._owe(name, worker, version)
            self._store.put_mark(MARK, row)
        return bool(rows)

    def _owe(self, name: str, worker: Worker, version: IncidentVersion) -> None:
        now_ns = self._clock_ns()
        known = worker.last_owed(version)
        why = silence(version, known, worker.channel.rule, now_ns=now_ns)
        if why is not None:
            self._silences[name][why.value] += 1
            return
        self._store.add_delivery(name, version.incident_id, version.version, due_ns=now_ns)
        worker.wake()
