"""One receiver's thread: takes what is due from its queue, delivers, and backs off when that fails."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from sensor.central.notify.channel import Channel
from sensor.central.notify.failure import LaterError, RefusedError
from sensor.central.notify.rules import silence
from sensor.central.store import Delivery, Store
from sensor.central.store.values import DeliveryState
from sensor.central.types import IncidentVersion
from sensor.errors import ChainError, NotifyError, StoreError

log = logging.getLogger(__name__)

_LOOK_S = 30.0
"""Longest sleep: the clock that due times are told in may be set."""
_PAUSE_S = 5.0
"""Pause after the store refused."""
_STANDBY_S = 5.0
"""So often a worker that has not charge of the receiver looks whether the one that has it is gone."""
_CHARGE_MARGIN_S = 10.0
_REASON_MAX = 500
_OWED = frozenset({"waiting", "delivered"})
ACTOR = "notify"


class Worker:
    """Delivers to one channel, one message at a time, in a thread of its own."""

    def __init__(
        self,
        channel: Channel,
        store: Store,
        stopping: threading.Event,
        *,
        holder: str,
        clock_ns: Callable[[], int],
        chance: random.Random,
    ) -> None:
        self.channel = channel
        self.thread = threading.Thread(target=self._run, name=f"notify-{channel.name}", daemon=True)
        self._store = store
        self._stopping = stopping
        self._holder = holder
        self._charge = f"notify/{channel.name}"
        self._clock_ns = clock_ns
        self._chance = chance
        self._wake = threading.Event()
        self._delivered = 0
        self._dead = 0
        self._last_error = ""
        self._busy_since_s: float | None = None

    def start(self) -> None:
        """Start the thread."""
        self.thread.start()

    def wake(self) -> None:
        """Look at the queue now."""
        self._wake.set()

    def last_owed(self, version: IncidentVersion) -> IncidentVersion | None:
        """The newest version before ``version`` that the receiver knows, may know, or is about to be told."""
        numbers = [
            item.version for item in self._earlier(version) if item.state in _OWED or item.attempts > 0
        ]
        if not numbers:
            return None
        newest = max(numbers)
        try:
            versions = self._store.versions(version.incident_id)
        except ChainError:  # delivery will say so
            return None
        return next((v for v in versions if v.version == newest), None)

    def status(self) -> Mapping[str, Any]:
        """Counts since the start, what waits, and the last failure in words."""
        waiting = self._store.deliveries(channel=self.channel.name, state="waiting")
        busy_since_s = self._busy_since_s
        return {
            "waiting": len(waiting),
            "oldest_waiting_ns": min((item.created_ns for item in waiting), default=None),
            "delivered": self._delivered,
            "dead": self._dead,
            "last_error": self._last_error,
            "busy_s": 0.0 if busy_since_s is None else time.monotonic() - busy_since_s,
        }

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                wait_s = self.step()
            except StoreError as error:
                log.warning("%s: the queue cannot be read or written: %s", self.channel.name, error)
                wait_s = _PAUSE_S
            except Exception:
                log.exception("%s: a fault of this program; delivery goes on", self.channel.name)
                wait_s = _PAUSE_S
            if wait_s > 0.0:
                self._wake.wait(wait_s)
        with suppress(StoreError):  # it runs out by itself
            self._store.leave_charge(self._charge, self._holder)

    def step(self) -> float:
        """Deliver what is due first; return how long to wait before the next look, seconds.

        Raises:
            StoreError: the queue cannot be read or written.
        """
        name = self.channel.name
        next_ns = self._store.next_due_ns(name)
        if next_ns is None:
            return _LOOK_S
        now_ns = self._clock_ns()
        if next_ns - now_ns > self.channel.retry.backoff_max_s * 1e9 + 3.6e12:
            now_ns = next_ns  # the clock was set back since: no pause of ours is that long
        if next_ns > now_ns:
            return min((next_ns - now_ns) / 1e9, _LOOK_S)
        if not self._take_charge():
            return _STANDBY_S
        due = self._store.due_deliveries(name, now_ns, limit=1)
        if not due:
            return 0.0
        self._deliver(due[0])
        return 0.0

    def _take_charge(self) -> bool:
        """Whether this is the worker that delivers, for as long as an attempt can take.

        The margin is wide, since reaching a host with several addresses takes several times as long.
        """
        now_ns = self._clock_ns()
        lasting_s = 3.0 * self.channel.attempt_s + _CHARGE_MARGIN_S
        return self._store.take_charge(
            self._charge, self._holder, now_ns=now_ns, until_ns=now_ns + round(lasting_s * 1e9)
        )

    def _deliver(self, delivery: Delivery) -> None:
        """Attempt it, unless what made it worth telling was overtaken while it waited."""
        try:
            versions = {v.version: v for v in self._store.versions(delivery.incident_id)}
        except ChainError as error:
            self._failed(delivery, RefusedError(f"the record of this incident is damaged: {error}"))
            return
        version = versions.get(delivery.version)
        if version is None:
            self._settle(delivery, "dead", "the record holds no such version", count=False)
            return
        earlier = self._earlier(version)
        told = sorted(item.version for item in earlier if item.state == "delivered")
        known = told or sorted(item.version for item in earlier if item.attempts > 0)
        why = silence(
            version,
            versions[known[-1]] if known else None,
            self.channel.rule,
            now_ns=delivery.created_ns,
        )
        if why is not None:
            # What made it worth telling was overtaken while it waited, and nobody was told.
            self._settle(delivery, "superseded", f"nothing to tell any more: {why.value}", count=False)
            return
        if not self._begin(delivery):
            return
        former = known if version.state == "retracted" else told
        self._attempt(delivery, version, [versions[number] for number in former])

    def _begin(self, delivery: Delivery) -> bool:
        """Count the attempt before it is made, as the receiver may know even if a crash follows.

        Returns False where a later version took this one's place meanwhile.
        """
        self._settle(delivery, "waiting", "being delivered", count=True)
        found = self._store.deliveries(channel=self.channel.name, incident_id=delivery.incident_id)
        return any(item.delivery_id == delivery.delivery_id and item.state == "waiting" for item in found)

    def _attempt(self, delivery: Delivery, version: IncidentVersion, former: list[IncidentVersion]) -> None:
        self._busy_since_s = time.monotonic()
        try:
            answer = self.channel.notifier.deliver(version, former=former)
        except NotifyError as error:
            self._failed(delivery, error)
        except Exception as error:
            log.exception("%s: a fault of this program", self.channel.name)
            self._failed(delivery, NotifyError(f"a fault of this program: {type(error).__name__}: {error}"))
        else:
            self._delivered += 1
            self._last_error = ""
            self._settle(delivery, "delivered", answer, count=True)
        finally:
            self._busy_since_s = None

    def _earlier(self, version: IncidentVersion) -> list[Delivery]:
        found = self._store.deliveries(channel=self.channel.name, incident_id=version.incident_id)
        return [item for item in found if item.version < version.version]

    def _failed(self, delivery: Delivery, failure: NotifyError) -> None:
        """Try again after a random pause that grows; or set it aside, with an entry in the audit."""
        retry, error = self.channel.retry, _shown(str(failure))
        attempts = delivery.attempts + 1
        name, what = self.channel.name, f"{delivery.incident_id}/{delivery.version}"
        self._last_error = error
        if isinstance(failure, RefusedError) or attempts >= retry.attempts_max:
            self._dead += 1
            reason = error if isinstance(failure, RefusedError) else f"after {attempts} attempts: {error}"
            log.error("%s: %s is set aside as undeliverable: %s", name, what, reason)
            self._settle(delivery, "dead", reason, count=True)
            detail = {"channel": name, "reason": reason, "attempts": attempts}
            self._store.audit(
                actor=ACTOR, action="undeliverable", subject=what, detail=detail, at_ns=self._clock_ns()
            )
            return
        pause_s = min(retry.backoff_min_s * 2.0 ** min(attempts - 1, 40), retry.backoff_max_s)
        pause_s *= self._chance.uniform(0.5, 1.0)
        if isinstance(failure, LaterError):
            pause_s = max(pause_s, failure.after_s)
        log.warning("%s: %s not delivered, again in %.1f s: %s", name, what, pause_s, error)
        self._settle(delivery, "waiting", error, count=True, after_s=pause_s)

    def _settle(
        self, delivery: Delivery, state: DeliveryState, reason: str, *, count: bool, after_s: float = 0.0
    ) -> None:
        now_ns = self._clock_ns()
        self._store.settle_delivery(
            delivery.delivery_id,
            state=state,
            attempts=delivery.attempts + count,
            due_ns=now_ns + round(after_s * 1e9),
            reason=_shown(reason),
            at_ns=now_ns,
        )


def _shown(text: str) -> str:
    """A receiver's words as they may stand in a log and in any database: printable, and not too many."""
    return "".join(c if c.isprintable() else " " for c in text)[:_REASON_MAX].strip()
