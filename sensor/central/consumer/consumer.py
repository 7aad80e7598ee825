"""The thread between broker and record: take, judge, commit, acknowledge, in this order."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sensor.broker.backoff import Backoff
from sensor.broker.connection import Received
from sensor.central.consumer.chain import Beside, broken_link
from sensor.central.consumer.intake import Intake, Note, Refused
from sensor.central.consumer.message import read_message
from sensor.central.consumer.refusals import Refusal
from sensor.central.mqtt import Incoming
from sensor.central.settings import BrokerSettings
from sensor.central.store.protocol import Store
from sensor.central.store.values import ArrivalRow
from sensor.errors import StoreError, UplinkError, WireError
from sensor.events import TOPIC_ROOT

logger = logging.getLogger(__name__)
WAIT_S = 0.25
BATCH_MAX = 500
WEATHER = "/weather"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Numbers of a node's chain that never came."""

    site: str
    node: str
    chain_id: str
    missing: int


def topic_filters(settings: BrokerSettings) -> list[str]:
    """What to subscribe to: candidates, shared if there is a group, the nodes' own state, and weather."""
    share = f"$share/{settings.share_group}/" if settings.share_group else ""
    filters = []
    for site in settings.sites or ("+",):
        base = f"{TOPIC_ROOT}/{site}/+"
        filters += [f"{share}{base}/candidate", f"{base}/health", f"{base}/status"]
        filters.append(f"{TOPIC_ROOT}/{site}{WEATHER}")
    return filters


class Consumer:
    """Owns the incoming connection.

    Args:
        settings: where the broker is.
        store: where candidates go.
        intake: judges them.
        on_stored: called with the new candidates of a batch, once they are committed.
        on_note: called with what nodes say of themselves.
        on_gap: called when numbers of a chain turn out to be missing for good.
        on_doubt: called with ``site/node`` and why, when two machines seem to speak under one name.
        on_weather: called with the site and what is said of its weather; None = nobody asks.
    """

    def __init__(  # noqa: PLR0913  each thing that is told has a name of its own
        self,
        settings: BrokerSettings,
        store: Store,
        intake: Intake,
        *,
        on_stored: Callable[[Sequence[ArrivalRow]], None],
        on_note: Callable[[Note], None],
        on_gap: Callable[[Gap], None] = lambda _gap: None,
        on_doubt: Callable[[str, str], None] = lambda _key, _why: None,
        on_weather: Callable[[str, Mapping[str, object]], None] | None = None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._intake = intake
        self._on_stored = on_stored
        self._on_note = on_note
        self._on_gap = on_gap
        self._on_doubt = on_doubt
        self._on_weather = on_weather
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="consumer", daemon=True)
        self._gaps: dict[tuple[str, str, str], int] = {}
        self.connected = False
        self.problem = "not connected yet"
        """Why nothing comes in, in words; empty when all is well."""
        self.progress = 0
        """Grows as long as the thread is alive."""
        self.stored = 0
        self.repeated = 0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> bool:
        """Finish the batch in hand and disconnect; whether it ended in time."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        backoff = Backoff(self._settings.backoff_min_s, self._settings.backoff_max_s)
        while not self._stopping.is_set():
            began_s = time.monotonic()
            try:
                self._serve()
            except (UplinkError, StoreError) as error:
                self.problem = str(error)
                if not self._stopping.is_set():
                    logger.warning("consumer: %s", error)
            except Exception as error:
                # Whatever it was, the broker still has what was not acknowledged.
                self.problem = f"unexpected: {error!r}"
                logger.exception("consumer: unexpected; connecting anew")
            self.connected = False
            if time.monotonic() - began_s > 60.0:
                backoff.reset()
            self._idle(backoff.next_s())

    def _idle(self, wait_s: float) -> None:
        """Wait without looking dead."""
        until_s = time.monotonic() + wait_s
        while not self._stopping.is_set() and time.monotonic() < until_s:
            self.progress += 1
            self._stopping.wait(min(WAIT_S, wait_s))

    def _serve(self) -> None:
        link = Incoming(self._settings, topic_filters(self._settings))
        try:
            kept = link.open(self._stopping)
            self.connected, self.problem = True, ""
            logger.info(
                "listening at %s, %s",
                self._settings.where,
                "the broker kept what was missed" if kept else "a new session",
            )
            while not self._stopping.is_set():
                self._receive(link)
            link.leave_group()
            while self._settings.share_group and self._receive(link):
                pass
        finally:
            link.close()

    def _receive(self, link: Incoming) -> int:
        """Take what came within WAIT_S, and say that it need not come again; return how much that was."""
        self.progress += 1
        messages = link.wait(WAIT_S)
        for start in range(0, len(messages), BATCH_MAX):
            batch = messages[start : start + BATCH_MAX]
            self._take(batch)
            link.acknowledge(batch)
        return len(messages)

    def _take(self, batch: Sequence[Received]) -> None:
        """Judge and commit a batch; raise StoreError, with nothing acknowledged, when the record refuses."""
        now_ns = time.time_ns()
        rows, notes = self._read(batch, now_ns)
        beside = Beside(self._store)
        rows = [row for row in rows if self._fits(row, beside)]
        if rows:
            new = self._store.append_arrivals(rows, received_ns=now_ns)
            self.stored += len(new)
            self._look_at_repeats([row for row in rows if row.arrival.event_id not in new])
            if new:
                self._on_stored([row for row in rows if row.arrival.event_id in new])
        for key in self._intake.take_doubts():
            self._on_doubt(key, "its numbers come from two outboxes in turn: two machines have this name")
        for note in notes:
            self._on_note(note)
            if note.kind == "health" and not note.retained:
                self._look_for_gaps(note)

    def _read(self, batch: Sequence[Received], now_ns: int) -> tuple[list[ArrivalRow], list[Note]]:
        """What a batch says; refusals are counted and logged."""
        rows: list[ArrivalRow] = []
        notes: list[Note] = []
        for message in batch:
            if message.topic.endswith(WEATHER) and message.topic.count("/") == 3:
                self._take_weather(message)
                continue
            try:
                found = self._intake.read(
                    message.topic, message.payload, retained=message.retained, now_ns=now_ns
                )
            except Refused as refused:
                if refused.reason is not Refusal.OTHER_SCHEMA:
                    logger.warning("refused (%s): %s", refused.reason.value, refused)
                continue
            if isinstance(found, Note):
                notes.append(found)
            else:
                rows.append(found)
        return rows, notes

    def _take_weather(self, message: Received) -> None:
        if self._on_weather is None:
            return
        try:
            self._on_weather(message.topic.split("/")[2], read_message(message.payload)[1])
        except WireError as error:
            self._intake.refused[Refusal.MALFORMED] += 1
            logger.warning("refused (malformed): %s: %s", message.topic[:120], error)

    def _fits(self, row: ArrivalRow, beside: Beside) -> bool:
        """Whether a candidate can stand beside what is held of its node's chain; then it is held as well."""
        batched = beside.batched(row.arrival.event_id)
        if batched is not None:
            if batched == row.body:
                self.repeated += 1
            else:
                self._refuse_twofold(row, f"{row.arrival.event_id} came twice with different content")
            return False
        known = None if row.seq is None else beside.holder(row, row.seq)
        if known is not None and known != row.arrival.event_id:
            self._refuse_twofold(row, f"number {row.seq} of its chain belongs to another candidate")
            return False
        broken = broken_link(beside, row) if known is None else ""
        if broken:
            self._intake.refused[Refusal.BROKEN_CHAIN] += 1
            logger.error("refused (broken_chain): %s: %s", row.arrival.key, broken)
            return False
        beside.add(row)
        return True

    def _look_at_repeats(self, rows: Sequence[ArrivalRow]) -> None:
        """A candidate that comes again is the same to the letter; another text is another machine's."""
        stored = self._store.arrival_bodies([row.arrival.event_id for row in rows]) if rows else {}
        for row in rows:
            if stored.get(row.arrival.event_id, row.body) == row.body:
                self.repeated += 1
            else:
                self._refuse_twofold(row, f"{row.arrival.event_id} is in the record with another content")

    def _refuse_twofold(self, row: ArrivalRow, why: str) -> None:
        self._intake.refused[Refusal.TWO_NODES] += 1
        logger.error("refused (two_nodes): %s: %s", row.arrival.key, why)
        self._on_doubt(row.arrival.key, f"{why}: two machines have this name")

    def _look_for_gaps(self, note: Note) -> None:
        """A node whose outbox is empty has nothing more to send: what is missing now is lost."""
        outbox = note.body.get("outbox")
        if not isinstance(outbox, dict) or outbox.get("depth") != 0:
            return
        chain_id, seq = outbox.get("chain_id"), outbox.get("seq")
        if not isinstance(chain_id, str) or not isinstance(seq, int):
            return
        lo, _, count = self._store.chain_extent(note.site, note.node, chain_id)
        # What came before the first one that we hold may be older than the record.
        missing = max(0, seq - lo + 1 - count) if count else 0
        key = (note.site, note.node, chain_id)
        if missing != self._gaps.get(key, 0):
            self._gaps[key] = missing
            self._on_gap(Gap(site=note.site, node=note.node, chain_id=chain_id, missing=missing))
