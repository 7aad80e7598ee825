"""Arrivals in, windows of sources out: the same, pure, for the live network and for a file.

No thread, no clock of its own, no I/O. What comes out depends on which arrivals went in and on the time that
`advance` was told, not on their order nor on how often it was asked.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, ClassVar

from annotated_types import Interval

from sensor.central.associate.analyse import Answer, analyse, until
from sensor.central.associate.cells import Cells, Key
from sensor.central.associate.cuts import cuts_of
from sensor.central.associate.settings import AssociateSettings
from sensor.central.locate.settings import LocateSettings
from sensor.central.types import Air, Arrival, Listener, Source

_SECOND_NS = 1_000_000_000
_MINUTE_NS = 60 * _SECOND_NS
_WINDOWS = uuid.uuid5(uuid.NAMESPACE_URL, "https://gunshot-sensor.example/windows/v1")
_SLOWEST_M_S = 300.0


class Refusal(StrEnum):
    """Why an arrival takes no part."""

    DUPLICATE = "duplicate"
    """Its ``event_id`` is there already."""
    FLOOD = "flood"
    """Its node said more than ``node_per_minute_max`` in that minute."""
    TOO_LATE = "too_late"
    """It is older than ``keep_s``: it belongs to a time that is closed. The record still keeps it."""
    FUTURE = "future"
    """Its time is further ahead of now than ``ahead_s``: the node's clock is wrong."""


@dataclass(frozen=True, kw_only=True)
class FusionSettings:
    """How arrivals are gathered into bursts, and for how long they may change."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    close_s: Annotated[float, Interval(ge=1.0, le=120.0)] = 10.0
    """An incident is closed so long after its last round, seconds, 1 to 120."""

    keep_s: Annotated[float, Interval(ge=30.0, le=86400.0)] = 600.0
    """Arrivals that come later than this after their time are not fused any more, seconds, 30 to 86400."""

    ahead_s: Annotated[float, Interval(ge=1.0, le=3600.0)] = 60.0
    """Arrivals further ahead of now than this have a wrong clock, seconds, 1 to 3600."""

    slot_s: Annotated[float, Interval(ge=20.0, le=600.0)] = 60.0
    """A burst that does not end is cut near multiples of this, seconds, 20 to 600."""

    node_per_minute_max: Annotated[int, Interval(ge=10, le=100000)] = 600
    """Candidates of one node in one minute that take part, 10 to 100000; the rest is refused and counted. A
    node's own ceiling is a burst of 400 and 120 a minute."""

    associate: AssociateSettings = field(default_factory=AssociateSettings)
    """What association believes."""

    locate: LocateSettings = field(default_factory=LocateSettings)
    """What the solver believes."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """The complete present answer about one burst of activity in one acoustic neighbourhood."""

    window_id: str
    sources: tuple[Source, ...]
    single: tuple[Arrival, ...]
    """Heard, belongs to nothing."""
    final: bool
    """Nothing changes any more, except by arrivals that come very late."""


@dataclass(eq=False, slots=True)
class _Stretch:
    """What was last said of one stretch of a burst."""

    window_id: str
    first_ns: int
    last_ns: int
    version: object
    """Equal as long as nothing that the answer depends on has changed."""
    answer: Answer
    taken_after: frozenset[str]
    """Arrivals after its end that its sources explain."""
    final: bool = False


class Fusion:
    """Gathers arrivals into bursts and says which places fired."""

    def __init__(
        self,
        settings: FusionSettings | None = None,
        *,
        air: Callable[[int], Air] | Air | None = None,
        listeners: Callable[[], Sequence[Listener]] | None = None,
    ) -> None:
        """``air`` says what carried the sound at a time (ns UTC); ``listeners`` which nodes could hear."""
        self._settings = settings or FusionSettings()
        self._air = air if air is not None else Air()
        self._listeners = listeners
        reach_s = 2.0 * self._settings.associate.reach_m / _SLOWEST_M_S
        self._reach_ns = int(reach_s * _SECOND_NS)
        self._gap_ns = int(self._settings.close_s * _SECOND_NS) + self._reach_ns
        self._cells = Cells(cube_m=2.0 * self._settings.associate.reach_m, gap_ns=self._gap_ns)
        self._dirty: set[Key] = set()
        self._stretches: dict[str, _Stretch] = {}
        self._of_event: dict[str, str] = {}
        self._per_minute: Counter[tuple[str, int]] = Counter()
        self._now_ns: int | None = None
        self._forgotten_ns = 0
        self._quarantined: frozenset[str] = frozenset()
        self.refused: Counter[Refusal] = Counter()
        """How many arrivals took no part, by reason."""

    def __len__(self) -> int:
        """Arrivals held."""
        return len(self._cells)

    def push(self, arrival: Arrival) -> Refusal | None:
        """Take one arrival; None when it takes part, else why not (which is counted as well)."""
        reason = self._refusal(arrival)
        if reason is None:
            key = self._cells.add(arrival)
            if key is None:
                reason = Refusal.DUPLICATE
            else:
                self._dirty.add(key)
                self._per_minute[arrival.key, arrival.utc_ns // _MINUTE_NS] += 1
        if reason is not None:
            self.refused[reason] += 1
        return reason

    def _refusal(self, arrival: Arrival) -> Refusal | None:
        settings = self._settings
        if self._now_ns is not None:
            age_ns = self._now_ns - arrival.utc_ns
            if age_ns > settings.keep_s * _SECOND_NS:
                return Refusal.TOO_LATE
            if -age_ns > settings.ahead_s * _SECOND_NS:
                return Refusal.FUTURE
        minute = (arrival.key, arrival.utc_ns // _MINUTE_NS)
        return Refusal.FLOOD if self._per_minute[minute] >= settings.node_per_minute_max else None

    def advance(self, now_ns: int) -> list[Window]:
        """Windows whose answer changed since last asked, earliest first; ``now_ns`` is UTC, not falling.

        Cheap when nothing new arrived. A window is told at once, again whenever its answer changes, and a
        last time as ``final``.
        """
        self._now_ns = max(now_ns, self._now_ns or 0)
        windows = self._refresh()
        closed = self._close(self._now_ns)
        self._forget(self._now_ns - int(self._settings.keep_s * _SECOND_NS))
        last = {window.window_id for window in closed}
        return [window for window in windows if window.window_id not in last] + closed

    def flush(self) -> list[Window]:
        """All windows that were not told as final, as final: nothing more will come."""
        self._refresh()
        windows = []
        for stretch in sorted(self._stretches.values(), key=lambda s: (s.first_ns, s.window_id)):
            if not stretch.final:
                stretch.final = True
                windows.append(_window(stretch))
        return windows

    def _refresh(self) -> list[Window]:
        """Answer anew what new arrivals touch."""
        if not self._dirty:
            return []
        dirty, self._dirty = self._dirty, set()
        listeners = list(self._listeners()) if self._listeners is not None else []
        self._quarantined = frozenset(one.key for one in listeners if one.quarantined)
        changed: list[_Stretch] = []
        gone: list[_Stretch] = []
        for burst in self._cells.bursts(dirty):
            self._refresh_burst(burst, listeners, changed, gone)
        empty = Answer(sources=(), single=())
        changed.sort(key=lambda s: (s.first_ns, s.window_id))
        return [
            *(_window(stretch) for stretch in changed),
            *(
                Window(window_id=s.window_id, sources=(), single=(), final=True)
                for s in gone
                if s.answer != empty
            ),
        ]

    def _refresh_burst(
        self, burst: list[Key], listeners: list[Listener], changed: list[_Stretch], gone: list[_Stretch]
    ) -> None:
        arrivals = [
            arrival
            for key in burst
            for arrival in self._cells[key].arrivals.values()
            if arrival.key not in self._quarantined
        ]
        arrivals.sort(key=lambda a: (a.utc_ns, a.event_id))
        times = [arrival.utc_ns for arrival in arrivals]
        edges = [0, *cuts_of(times, int(self._settings.slot_s * _SECOND_NS)), times[-1] + 1] if times else []
        oldest = (self._now_ns or 0) - int(self._settings.keep_s * _SECOND_NS)
        taken: frozenset[str] = frozenset()
        before: set[str] = set()
        told: set[str] = set()
        for low, high in pairwise(edges):
            inside = [a for a in arrivals if low <= a.utc_ns < high]
            if not inside or inside[-1].utc_ns < oldest:
                continue
            margin = [a for a in arrivals if high <= a.utc_ns < high + self._reach_ns]
            before |= {self._of_event[a.event_id] for a in inside if a.event_id in self._of_event}
            old = self._known(inside, told)
            stretch = self._stretch(inside, margin, high, taken, listeners, old)
            taken = stretch.taken_after
            told.add(stretch.window_id)
            if old is None or old.answer != stretch.answer:
                changed.append(stretch)
        gone.extend(self._stretches.pop(window_id) for window_id in sorted(before - told))

    def _stretch(
        self,
        inside: list[Arrival],
        margin: list[Arrival],
        end_ns: int,
        taken: frozenset[str],
        listeners: list[Listener],
        old: _Stretch | None,
    ) -> _Stretch:
        """The answer about ``inside``; ``margin`` are arrivals that its last rounds may reach into."""
        version = (frozenset(a.event_id for a in (*inside, *margin)), taken, self._quarantined)
        if old is not None and old.version == version:
            return old
        answer = analyse(
            [a for a in (*inside, *margin) if a.event_id not in taken],
            air=self._air(inside[0].utc_ns) if callable(self._air) else self._air,
            listeners=listeners,
            settings=self._settings.associate,
            locating=self._settings.locate,
        )
        answer, taken_after = until(answer, end_ns) if margin else (answer, frozenset())
        stretch = _Stretch(
            window_id=old.window_id if old else str(uuid.uuid5(_WINDOWS, inside[0].event_id)),
            first_ns=inside[0].utc_ns,
            last_ns=inside[-1].utc_ns,
            version=version,
            answer=answer,
            taken_after=taken_after,
            final=old is not None and old.final and old.answer == answer,
        )
        self._stretches[stretch.window_id] = stretch
        self._of_event.update((arrival.event_id, stretch.window_id) for arrival in inside)
        return stretch

    def _known(self, inside: list[Arrival], told: set[str]) -> _Stretch | None:
        """The stretch that most of these arrivals belonged to, unless it was told already this time."""
        votes = Counter(self._of_event[a.event_id] for a in inside if a.event_id in self._of_event)
        for window_id, _ in sorted(votes.items(), key=lambda vote: (-vote[1], vote[0])):
            if window_id not in told and window_id in self._stretches:
                return self._stretches[window_id]
        return None

    def _close(self, now_ns: int) -> list[Window]:
        """Stretches that have been quiet long enough, told a last time."""
        quiet_ns = int(self._settings.close_s * _SECOND_NS)
        windows = []
        for stretch in sorted(self._stretches.values(), key=lambda s: (s.first_ns, s.window_id)):
            if not stretch.final and now_ns - stretch.last_ns > quiet_ns:
                stretch.final = True
                windows.append(_window(stretch))
        return windows

    def _forget(self, before_ns: int) -> None:
        """Let go of what is too old to change."""
        margin_ns = 2 * int(self._settings.slot_s * _SECOND_NS)
        if before_ns - self._forgotten_ns < margin_ns:
            return
        self._forgotten_ns = before_ns
        for arrival in self._cells.forget_before(before_ns - margin_ns):
            self._of_event.pop(arrival.event_id, None)
        for window_id in [key for key, s in self._stretches.items() if s.last_ns < before_ns - margin_ns]:
            del self._stretches[window_id]
        minute = (before_ns - margin_ns) // _MINUTE_NS
        for key in [key for key in self._per_minute if key[1] < minute]:
            del self._per_minute[key]


def _window(stretch: _Stretch) -> Window:
    return Window(
        window_id=stretch.window_id,
        sources=stretch.answer.sources,
        single=stretch.answer.single,
        final=stretch.final,
    )
