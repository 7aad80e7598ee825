"""The thread that keeps watch: the fleet's rules, once a second, over what the other threads have told.

`Fleet` knows no thread, no clock and no record; all three are here. What the record refuses is kept, bounded,
and written when it answers again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, get_args

from sensor.central.fleet.alarms import AlarmKind, FleetAlarm
from sensor.central.fleet.fleet import RULES, WHOLE_SITE, Fleet
from sensor.central.fleet.settings import FleetSettings
from sensor.central.store.protocol import Store
from sensor.central.store.values import NodeSample, NodeState
from sensor.central.types import Arrival, Listener, Source
from sensor.errors import CentralError

logger = logging.getLogger(__name__)
TICK_S = 1.0
REFRESH_NS = 30 * 10**9
"""A node that only went on speaking is written so often, so that silence counts on over a restart."""
SAMPLES_KEPT = 100_000
ORDERS_NS = 3600 * 10**9
"""Older orders were obeyed by an earlier run: quarantine and release are in the record."""
ORDER = "order"


class Window(Protocol):
    """What is needed of fusion's answer."""

    @property
    def sources(self) -> tuple[Source, ...]:
        """Places that fired."""
        ...


def order(store: Store, key: str, *, action: str, author: str, reason: str, at_ns: int) -> None:
    """Leave word for the daemon: ``quarantine`` or ``release`` a node; it obeys within a second or two.

    Raises:
        CentralError: there is no such node, no reason, or another action.
        StoreError: the record refuses.
    """
    site, _, node = key.partition("/")
    if action not in ("quarantine", "release"):
        raise CentralError(f"{action}: a node can be put in quarantine or released")
    if not reason.strip():
        raise CentralError(f"{key}: {action} needs a reason; the record keeps it")
    if store.node(site, node) is None:
        known = ", ".join(state.key for state in store.nodes()) or "none"
        raise CentralError(f"{key}: no such node; there are {known}")
    values = {"action": action, "author": author, "reason": reason.strip()}
    store.add_node_samples([NodeSample(site=site, node=node, utc_ns=at_ns, kind=ORDER, values=values)])
    store.audit(
        actor=author, action=f"node {action}", subject=key, detail={"reason": reason.strip()}, at_ns=at_ns
    )


class Patrol:
    """Owns the fleet. Its methods may be called from any thread and never wait for the record.

    Args:
        store: where states, history and orders are kept.
        settings: the rules.
        on_alarm: told of each alarm that comes or goes.
        on_node: told of each node whose state has changed.
    """

    def __init__(
        self,
        store: Store,
        settings: FleetSettings,
        *,
        on_alarm: Callable[[FleetAlarm], None] = lambda _alarm: None,
        on_node: Callable[[NodeState], None] = lambda _state: None,
    ) -> None:
        self._store = store
        self._fleet = Fleet(settings)
        self._on_alarm = on_alarm
        self._on_node = on_node
        self._lock = threading.Lock()
        self._samples: deque[NodeSample] = deque(maxlen=SAMPLES_KEPT)
        self._written: dict[str, NodeState] = {}
        self._orders_ns = 0
        self._obeyed: set[tuple[str, int]] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fleet", daemon=True)
        self.progress = 0
        """Grows as long as the thread is alive."""
        self.problem = ""

    def start(self) -> None:
        """Go on from the record, then keep watch; raise StoreError when the record cannot be read."""
        with self._lock:
            states = self._store.nodes()
            self._fleet.restore(states, self._store.node_samples(kind="release"), self._standing())
            self._written = {state.key: state for state in states}
        self._orders_ns = time.time_ns() - ORDERS_NS
        self._obeyed = {(item.node, item.utc_ns) for item in self._orders()}
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> bool:
        """Write what is in hand and end; whether it did in time."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    # ---- what the other threads tell

    def heard(self, arrivals: Iterable[Arrival], *, at_ns: int) -> None:
        """Candidates that are stored."""
        with self._lock:
            for arrival in arrivals:
                self._fleet.heard(arrival, at_ns=at_ns)

    def note(
        self, kind: str, site: str, node: str, body: Mapping[str, Any], *, at_ns: int, retained: bool
    ) -> None:
        """What a node says of itself: ``health`` or ``status``."""
        with self._lock:
            if kind == "health":
                self._fleet.health(site, node, body, at_ns=at_ns, retained=retained)
            else:
                self._fleet.status(site, node, body, at_ns=at_ns)

    def reading(self, site: str, node: str, kind: str, values: Mapping[str, Any], *, at_ns: int) -> None:
        """Something else for a node's history, such as numbers that never came."""
        self._samples.append(NodeSample(site=site, node=node, utc_ns=at_ns, kind=kind, values=values))

    def doubt(self, site: str, node: str, text: str, *, at_ns: int) -> None:
        """Two machines seem to speak under one name."""
        with self._lock:
            self._fleet.doubt(site, node, text, at_ns=at_ns)

    def learn(self, window: Window) -> None:
        """Learn from sources that are final."""
        with self._lock:
            for source in window.sources:
                if source.fix is not None and source.fix.rounds:
                    self._fleet.learn(source, source.fix.air, at_ns=source.fix.rounds[0].utc_ns)

    # ---- what the other threads ask

    def listeners(self) -> list[Listener]:
        """Every node whose place is known."""
        with self._lock:
            return self._fleet.listeners()

    def states(self) -> list[NodeState]:
        """Every node."""
        with self._lock:
            return self._fleet.states()

    # ---- the thread

    def _run(self) -> None:
        while True:
            last = self._stopping.is_set()
            try:
                self.step(time.time_ns())
                self.problem = ""
            except CentralError as error:
                self.problem = str(error)
                logger.warning("fleet: %s", error)
            except Exception as error:
                self.problem = f"unexpected: {error!r}"
                logger.exception("fleet: unexpected; going on")
            self.progress += 1
            if last:
                return
            self._stopping.wait(TICK_S)

    def step(self, now_ns: int) -> None:
        """One look at everything; raise StoreError when the record refuses, with nothing forgotten."""
        with self._lock:
            news = self._fleet.tick(now_ns)
            self._samples.extend(self._fleet.samples())
            states = self._fleet.states()
        for alarm in news:
            self._tell(alarm)
        changed = [state for state in states if self._is_news(state)]
        for state in changed:
            before = self._written.get(state.key)
            if before is None or _essence(before) != _essence(state):
                self._on_node(state)
        self._write(changed)
        self._obey(now_ns)

    def _tell(self, alarm: FleetAlarm) -> None:
        values = {**alarm.values, "raised": alarm.raised, "text": alarm.text}
        self.reading(alarm.site, alarm.node or WHOLE_SITE, f"alarm/{alarm.kind}", values, at_ns=alarm.utc_ns)
        log = logger.warning if alarm.raised else logger.info
        log("%s, %s %s: %s", alarm.subject, alarm.kind, "raised" if alarm.raised else "over", alarm.text)
        self._on_alarm(alarm)

    def _is_news(self, state: NodeState) -> bool:
        before = self._written.get(state.key)
        return (
            before is None
            or _essence(before) != _essence(state)
            or state.utc_ns - before.utc_ns >= REFRESH_NS
        )

    def _write(self, changed: Sequence[NodeState]) -> None:
        batch = list(self._samples)
        if batch:
            self._store.add_node_samples(batch)
            for _ in batch:
                self._samples.popleft()
        for state in changed:
            self._store.put_node(state)
            self._written[state.key] = state

    def _standing(self) -> list[FleetAlarm]:
        """Alarms that stood when the last run ended."""
        last: dict[tuple[str, str, str], NodeSample] = {}
        for kind in get_args(AlarmKind):
            if kind == "fireworks":
                continue  # told by the incidents, which know when it ends
            for item in self._store.node_samples(kind=f"alarm/{kind}", limit=1_000_000):
                last[kind, item.site, item.node] = item
        return [
            FleetAlarm(
                kind=kind,  # type: ignore[arg-type]  # one of get_args
                site=item.site,
                node=None if item.node == WHOLE_SITE else item.node,
                raised=True,
                utc_ns=item.utc_ns,
                text=str(item.values.get("text", "")),
            )
            for (kind, _, _), item in last.items()
            if item.values.get("raised")
        ]

    def _orders(self) -> list[NodeSample]:
        return self._store.node_samples(kind=ORDER, since_ns=self._orders_ns)

    def _obey(self, now_ns: int) -> None:
        """Do what people left word of since the last look."""
        for item in self._orders():
            if (item.node, item.utc_ns) in self._obeyed:
                continue
            self._obeyed.add((item.node, item.utc_ns))
            words = {name: str(item.values.get(name, "")) for name in ("action", "author", "reason")}
            act = self._fleet.release if words["action"] == "release" else self._fleet.quarantine
            try:
                with self._lock:
                    act(
                        f"{item.site}/{item.node}",
                        author=words["author"] or RULES,
                        reason=words["reason"],
                        at_ns=now_ns,
                    )
            except CentralError as error:
                logger.warning("fleet: %s", error)


def _essence(state: NodeState) -> NodeState:
    """What a person would call a change of a node: not each sign of life."""
    return replace(
        state, utc_ns=0, health={}, clock_sigma_ns=None, noise_dbfs=None, noise_db_spl=_tens(state)
    )


def _tens(state: NodeState) -> float | None:
    return None if state.noise_db_spl is None else round(state.noise_db_spl / 3.0) * 3.0
