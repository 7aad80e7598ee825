"""The thread between record and incidents: reads what was stored, fuses, writes versions.

It reads from the record and not from the broker, so a restart begins where the record says, and several
workers may share what comes in. What arrives too late for live fusion is fused again with its neighbours in
time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from sensor.central.fusion import Fusion, FusionSettings, Refusal, Window
from sensor.central.incidents.fireworks import ModeChange
from sensor.central.incidents.machine import Incidents
from sensor.central.incidents.recorder import Recorder
from sensor.central.store.protocol import Store
from sensor.central.store.values import Numbered
from sensor.central.types import Air, Arrival, IncidentVersion, Listener
from sensor.errors import CentralError, StoreError

logger = logging.getLogger(__name__)
MARK = "fusion"
TICK_S = 0.5
GATHER_S = 0.1
"""After the first news it waits so long for more: the nodes of one shot hear it within a second or two."""
LATE_MARGIN_NS = 60 * 10**9
LATE_SPAN_NS = 600 * 10**9
"""Most time that is fused again at once."""
LATE_PAUSE_S = 1.0
LATE_WAIT_S = 30.0
"""Late arrivals come in floods, as an outbox is emptied: a minute is fused again once, not for each."""
RESUMED_NS = 2 * 3600 * 10**9
_REAL = {"exercise": False}
"""Fusion never meets an exercise."""
PAGE = 5000


class Fusing:
    """Owns fusion.

    Args:
        store: where arrivals come from.
        recorder: writes what comes of them.
        incidents: told of what the record holds at the start.
        settings: of fusion.
        air: what carried the sound at a time.
        listeners: which nodes could hear.
        on_window: told of each final answer; nodes are judged by it.
        on_heard: told of each candidate of its sites, whichever worker took it in.
        on_mode: told when fireworks mode begins or ends in a site.
        sites: those this worker fuses; none = all.
        worker: its name, under which it keeps how far it has read.
    """

    def __init__(  # noqa: PLR0913  it joins record, fusion and incidents
        self,
        store: Store,
        recorder: Recorder,
        incidents: Incidents,
        settings: FusionSettings,
        *,
        air: Callable[[int], Air] | Air,
        listeners: Callable[[], Sequence[Listener]],
        on_window: Callable[[Window], None] = lambda _window: None,
        on_heard: Callable[[Sequence[Arrival]], None] = lambda _arrivals: None,
        on_mode: Callable[[ModeChange], None] = lambda _change: None,
        sites: Sequence[str] = (),
        worker: str = "",
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._incidents = incidents
        self._settings = settings
        self._air = air
        self._listeners = listeners
        self._on_window = on_window
        self._on_heard = on_heard
        self._on_mode = on_mode
        self._sites = list(sites) or None
        self._mark = f"{MARK}/{worker}" if worker else MARK
        self._fusion = self._new_fusion()
        self._pending: dict[str, Window] = {}
        """Answers that are not yet in the record, by window."""
        self._late: list[Arrival] = []
        self._late_first_s = self._late_last_s = 0.0
        """When the first and the last of them were read."""
        self._row = 0
        self._marked = 0
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fusion", daemon=True)
        self.progress = 0
        """Grows as long as the thread is alive."""
        self.problem = ""
        self.unwritten = 0
        """Answers that could not be written, whatever was tried; the log says why."""

    def start(self) -> None:
        """Take up what the record holds, then follow it."""
        self._thread.start()

    def notify(self) -> None:
        """Something new is in the record."""
        self._wake.set()

    @property
    def refused(self) -> Mapping[str, int]:
        """How many candidates took no part in live fusion, by reason."""
        return {reason.value: count for reason, count in self._fusion.refused.copy().items()}

    def stop(self, timeout_s: float = 10.0) -> bool:
        """Write what is in hand and end; whether it did in time."""
        self._stopping.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _new_fusion(self) -> Fusion:
        return Fusion(self._settings, air=self._air, listeners=self._listeners)

    def _run(self) -> None:
        """Take up the record, then step until told to stop; after an error the next step tries again."""
        resumed = False
        while True:
            last = self._stopping.is_set()
            try:
                if not resumed:
                    self._resume(time.time_ns())
                    resumed = True
                self._step(time.time_ns())
                self.problem = ""
            except CentralError as error:
                self.problem = str(error)
                logger.warning("fusion waits: %s", error)
            except Exception as error:
                self.problem = f"unexpected: {error!r}"
                logger.exception("fusion: unexpected; going on")
            self.progress += 1
            if last:
                return
            if self._is_late_due() and not self.problem:
                continue  # a backlog is worked off in pieces, between looks at what is new
            if self._wake.wait(TICK_S):
                self._wake.clear()
                self._stopping.wait(GATHER_S)

    def _resume(self, now_ns: int) -> None:
        """Take up incidents and recent arrivals, so that nothing is lost and nothing written twice."""
        keep_ns = round(self._settings.keep_s * 1e9)
        recent = self._store.latest(since_ns=now_ns - RESUMED_NS, limit=100_000, filters=_REAL)
        self._incidents.resume(recent)
        self._marked = self._row = self._store.mark(self._mark) or 0
        for item in self._pages(since_ns=now_ns - keep_ns):
            self._fusion.push(item.arrival)
        # What was open when we went down and is too old for live fusion is looked at once more and closed.
        for version in self._incidents.unfinished:
            if version.utc_ns < now_ns - keep_ns and self._is_ours(version.site):
                self._fuse_again(version.utc_ns, version.utc_ns, now_ns)

    def _is_ours(self, site: str) -> bool:
        return self._sites is None or site in self._sites

    def _pages(
        self, *, after_row: int | None = None, since_ns: int | None = None, until_ns: int | None = None
    ) -> Iterator[Numbered]:
        """Arrivals of our sites in the order in which they were stored, page by page."""
        while True:
            rows = self._store.arrivals(
                after_row=after_row, since_ns=since_ns, until_ns=until_ns, sites=self._sites, limit=PAGE
            )
            yield from rows
            if len(rows) < PAGE:
                return
            after_row = rows[-1].row

    def _step(self, now_ns: int) -> None:
        """Read what is new, fuse, write; the mark moves once everything that came of it is in the record."""
        heard = []
        for item in self._pages(after_row=self._row):
            if self._fusion.push(item.arrival) is Refusal.TOO_LATE:
                self._late_last_s = time.monotonic()
                self._late_first_s = self._late_first_s if self._late else self._late_last_s
                self._late.append(item.arrival)
            heard.append(item.arrival)
            self._row = item.row
        if heard:
            self._on_heard(heard)
        self._pending |= {window.window_id: window for window in self._fusion.advance(now_ns)}
        self._write_pending(now_ns)
        self._fuse_late(now_ns)
        if self._row != self._marked and not self._late:
            self._store.put_mark(self._mark, self._row)
            self._marked = self._row
        self._incidents.forget(now_ns)
        for change in self._incidents.take_mode_changes(now_ns):
            self._on_mode(change)

    def _write_pending(self, now_ns: int) -> None:
        for window_id, window in list(self._pending.items()):
            try:
                self._recorder.update(window, now_ns)
                if window.final:
                    self._on_window(window)
            except StoreError:
                raise  # not now; everything that is not written stays pending
            except Exception:
                # One answer that cannot be written must not hold up those behind it.
                self.unwritten += 1
                logger.exception("fusion: the answer about %s cannot be written", window_id)
            del self._pending[window_id]

    def _is_late_due(self) -> bool:
        """Whether the backlog that comes in has paused, or has been waited for long enough."""
        now_s = time.monotonic()
        paused = now_s - self._late_last_s >= LATE_PAUSE_S or now_s - self._late_first_s >= LATE_WAIT_S
        return bool(self._late) and paused

    def _fuse_late(self, now_ns: int) -> None:
        """Fuse again some minutes into which late arrivals fall, with everything that was heard then."""
        if not self._is_late_due():
            return
        times = sorted(arrival.utc_ns for arrival in self._late)
        last_ns = times[0]
        for utc_ns in times:
            if utc_ns - last_ns > LATE_MARGIN_NS or utc_ns - times[0] > LATE_SPAN_NS:
                break
            last_ns = utc_ns
        self._fuse_again(times[0], last_ns, now_ns)
        self._late = [item for item in self._late if item.utc_ns > last_ns]

    def _fuse_again(self, first_ns: int, last_ns: int, now_ns: int) -> list[IncidentVersion]:
        since_ns, until_ns = first_ns - LATE_MARGIN_NS, last_ns + LATE_MARGIN_NS
        known = self._store.latest(since_ns=since_ns, until_ns=until_ns, limit=100_000, filters=_REAL)
        self._incidents.resume(known)
        again = self._new_fusion()
        for item in self._pages(since_ns=since_ns, until_ns=until_ns):
            again.push(item.arrival)
        written: list[IncidentVersion] = []
        for window in again.flush():
            # Windows at the edges lack their own neighbours: only those that were asked for are written.
            if _touches(window, first_ns, last_ns):
                written += self._recorder.update(window, now_ns)
        return written


def _touches(window: Window, first_ns: int, last_ns: int) -> bool:
    """Whether a window holds arrivals of this time, travel time allowed for."""
    times = [arrival.utc_ns for arrival in window.single]
    for source in window.sources:
        times += [arrival.utc_ns for volley in source.association.rounds for arrival in volley]
    return bool(times) and min(times) <= last_ns + 10**10 and max(times) >= first_ns - 10**10
