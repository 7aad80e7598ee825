"""Incidents over time: fusion's answers in, versions out.

A source is the same incident as long as it shares arrivals with it. A version is written only when something
changed; what fusion no longer finds is withdrawn; what a person has judged is theirs. No threads, no I/O, no
wall clock: ``propose`` says what should be written, ``adopt`` is told what was.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from sensor.central.incidents.chain import Signer, seal
from sensor.central.incidents.changes import changes, is_worth_a_version
from sensor.central.incidents.draft import Draft, apart_m, draft_of
from sensor.central.incidents.factors import Setting
from sensor.central.incidents.fireworks import Calendar, FireworksMode, ModeChange
from sensor.central.incidents.review import STICKY, closed_by_fusion, is_judged, reviewed_by_fusion
from sensor.central.incidents.rounds import shooters_tag
from sensor.central.incidents.settings import IncidentSettings
from sensor.central.incidents.states import FUSION, check_transition
from sensor.central.types import Arrival, IncidentVersion, Place, Source, Tag

INCIDENT_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://gunshot-sensor.example/incidents/v1")
KEPT_NS = 3_600 * 10**9
"""How long an incident that is closed or withdrawn is remembered after its last round."""
RELATED_NS = 10 * 10**9
"""Incidents of one burst whose rounds are no further apart than this belong together."""

History = Callable[[Place, int], Mapping[str, int]]


class WindowLike(Protocol):
    """What is needed of fusion's answer about one burst of activity."""

    @property
    def sources(self) -> tuple[Source, ...]:
        """Places that fired."""
        ...

    @property
    def single(self) -> tuple[Arrival, ...]:
        """Heard, belongs to nothing."""
        ...

    @property
    def final(self) -> bool:
        """Nothing more can change."""
        ...


def incident_id_of(source: Source, taken: Container[str]) -> str:
    """The id of a new incident: from its first arrival, so that live and replay give it the same one."""
    first = min(
        (arrival for volley in source.association.rounds for arrival in volley),
        key=lambda arrival: (arrival.utc_ns, arrival.event_id),
    )
    number = 0
    while True:
        name = f"{first.site}/{first.event_id}" + (f"/{number}" if number else "")
        found = str(uuid.uuid5(INCIDENT_NAMESPACE, name))
        if found not in taken:
            return found
        number += 1


class Incidents:
    """All incidents that may still change.

    Args:
        settings: thresholds.
        signer: signs each version; None leaves them unsigned.
        history: what people said of earlier incidents near a place, by class, at a time.
    """

    def __init__(
        self, settings: IncidentSettings, *, signer: Signer | None = None, history: History | None = None
    ) -> None:
        self._settings = settings
        self._signer = signer
        self._history = history
        self._calendar = Calendar(settings.fireworks)
        self._modes: dict[str, FireworksMode] = {}
        self._mode_changes: list[ModeChange] = []
        self._last: dict[str, IncidentVersion] = {}
        """Incident id -> its last version."""
        self._owner: dict[str, str] = {}
        """Event id -> incident that explains it, or last did."""

    def update(self, window: WindowLike, now_ns: int) -> list[IncidentVersion]:
        """Versions that this answer of fusion brings about, taken as written."""
        written = self.propose(window, now_ns)
        for version in written:
            self.adopt(version)
        return written

    def propose(self, window: WindowLike, now_ns: int) -> list[IncidentVersion]:
        """Versions that this answer brings about, sealed; nothing is remembered until `adopt`."""
        drafts = [
            draft_of(source, self._setting_of(source), self._settings)
            for source in window.sources
            if self._makes_an_incident(source)
        ]
        named = self._identify(drafts)
        drafts_by_id = dict(zip(named, drafts, strict=True))
        written: list[IncidentVersion] = []
        for name, draft in sorted(drafts_by_id.items(), key=lambda item: (item[1].utc_ns, item[0])):
            others = {other: found for other, found in drafts_by_id.items() if other != name}
            written += self._next(name, draft, others, final=window.final, now_ns=now_ns)
        for name in self._vanished(window, drafts_by_id):
            written += self._withdraw(name, window, drafts_by_id, now_ns)
        return written

    def adopt(self, version: IncidentVersion) -> None:
        """Take a version as the last of its incident: one that was written, or read from the record."""
        known = self._last.get(version.incident_id)
        if known is not None and known.version > version.version:
            return
        self._last[version.incident_id] = version
        for event_id in version.event_ids:
            self._owner[event_id] = version.incident_id
        if known is None:
            self._count(version)

    def resume(self, versions: Iterable[IncidentVersion]) -> None:
        """Take up incidents from the record, oldest first, so that what comes late finds them."""
        for version in sorted(versions, key=lambda item: (item.utc_ns, item.incident_id)):
            self.adopt(version)

    def last(self, incident_id: str) -> IncidentVersion | None:
        """The last version of an incident that is remembered."""
        return self._last.get(incident_id)

    @property
    def unfinished(self) -> list[IncidentVersion]:
        """Incidents that fusion has not closed or withdrawn."""
        return [item for item in self._last.values() if item.state not in ("closed", "retracted")]

    def take_mode_changes(self, now_ns: int | None = None) -> list[ModeChange]:
        """Fireworks modes that began or ended since the last call; ``now_ns`` lets them end in silence."""
        if now_ns is not None:
            for mode in self._modes.values():
                self._note(mode.advance(now_ns))
        found, self._mode_changes = self._mode_changes, []
        return found

    def forget(self, before_ns: int) -> None:
        """Let go of what ended longer ago than KEPT_NS before ``before_ns``; the record keeps it."""
        old = [
            name
            for name, item in self._last.items()
            if item.state in ("closed", "retracted", "reviewed") and _end_ns(item) < before_ns - KEPT_NS
        ]
        gone = {name: self._last.pop(name) for name in old}
        for item in gone.values():
            for event_id in item.event_ids:
                if self._owner.get(event_id) == item.incident_id:
                    del self._owner[event_id]

    # ---- which source is which incident

    def _makes_an_incident(self, source: Source) -> bool:
        heard = {arrival.key for volley in source.association.rounds for arrival in volley}
        return bool(heard) and (source.fix is not None or len(heard) >= self._settings.nodes_min)

    def _identify(self, drafts: Sequence[Draft]) -> list[str]:
        """An incident for each draft: the one it shares most arrivals with, or a new one."""
        shares: list[tuple[int, int, str]] = []
        for index, draft in enumerate(drafts):
            owned: dict[str, int] = {}
            for event_id in draft.event_ids:
                name = self._owner.get(event_id)
                if name is not None:
                    owned[name] = owned.get(name, 0) + 1
            shares += [(-count, index, name) for name, count in owned.items()]
        found: dict[int, str] = {}
        for _, index, name in sorted(shares):
            if index not in found and name not in found.values():
                found[index] = name
        for index, draft in enumerate(drafts):
            if index not in found:
                found[index] = incident_id_of(draft.source, {*self._last, *found.values()})
        return [found[index] for index in range(len(drafts))]

    def _vanished(self, window: WindowLike, found: Mapping[str, Draft]) -> list[str]:
        """Incidents of this burst that no source stands for any more."""
        events = [arrival.event_id for arrival in window.single]
        for source in window.sources:
            association = source.association
            events += [arrival.event_id for volley in association.rounds for arrival in volley]
            events += [arrival.event_id for arrival in (*association.echoes, *association.shock_waves)]
        names = dict.fromkeys(self._owner[item] for item in events if item in self._owner)
        return [name for name in names if name not in found and self._last[name].state != "retracted"]

    # ---- what is written

    def _next(
        self, name: str, draft: Draft, others: Mapping[str, Draft], *, final: bool, now_ns: int
    ) -> list[IncidentVersion]:
        """Versions of one incident that is found: the news, if any, and its closing."""
        last = self._last.get(name)
        if last is not None and last.state == "retracted" and is_judged(last):
            return []  # a person has withdrawn it
        wanted = self._versioned(name, draft, others, last, now_ns)
        written: list[IncidentVersion] = []
        if last is None or is_worth_a_version(last, wanted, self._settings):
            if last is not None:
                wanted = replace(wanted, reason=changes(last, wanted))
            written.append(self._sealed(wanted, last))
            last = written[-1]
        if final and last.state not in ("closed", "retracted"):
            written.append(self._sealed(closed_by_fusion(last, now_ns), last))
        return written

    def _versioned(
        self,
        name: str,
        draft: Draft,
        others: Mapping[str, Draft],
        last: IncidentVersion | None,
        now_ns: int,
    ) -> IncidentVersion:
        """The version that the draft asks for, with what it stands in relation to and what people said."""
        related = {
            other: found
            for other, found in others.items()
            if _gap_ns(draft, found) <= RELATED_NS and not self._is_withdrawn(other)
        }
        tags = list(draft.tags)
        shooters = _shooters(draft, related)
        if shooters is not None and all(tag.name != shooters.name for tag in tags):
            tags.append(shooters)
        kept = () if last is None else tuple(tag for tag in last.tags if tag.name in STICKY)
        version = IncidentVersion(
            incident_id=name,
            version=1 if last is None else last.version,
            **(draft.fields() | {"tags": (*tags, *kept)}),
            related_to=tuple(sorted(related)),
            author=FUSION,
            reason="first arrivals" if last is None else "",
            created_ns=now_ns,
        )
        return version if last is None else reviewed_by_fusion(last, version)

    def _withdraw(
        self, name: str, window: WindowLike, found: Mapping[str, Draft], now_ns: int
    ) -> list[IncidentVersion]:
        """The version that withdraws an incident; one that a person judged is marked and kept."""
        last = self._last[name]
        reason = _why_vanished(last, window, found)
        version = replace(last, author=FUSION, reason=reason, created_ns=now_ns)
        if is_judged(last):
            if any(tag.name == "unsupported" for tag in last.tags):
                return []
            tag = Tag(name="unsupported", evidence={"why": reason})
            return [self._sealed(replace(version, tags=(*last.tags, tag)), last)]
        return [self._sealed(replace(version, state="retracted", related_to=()), last)]

    def _sealed(self, version: IncidentVersion, last: IncidentVersion | None) -> IncidentVersion:
        """``version`` as the one after ``last``; raise IllegalTransition if it may not follow."""
        number = 1 if last is None else last.version + 1
        if last is None or last.state != version.state:
            check_transition(version.incident_id, last.state if last else None, version.state, version.author)
        linked = replace(
            version, version=number, prev_hash=None if last is None else last.hash, hash=None, signature=None
        )
        return seal(linked, self._signer)

    # ---- what is known beside the sound

    def _setting_of(self, source: Source) -> Setting:
        arrivals = [arrival for volley in source.association.rounds for arrival in volley]
        utc_ns = min((arrival.utc_ns for arrival in arrivals), default=0)
        site = arrivals[0].site if arrivals else ""
        fireworks, mode = self._settings.fireworks, self._modes.get(site)
        history: Mapping[str, int] = {}
        if self._history is not None and source.fix is not None:
            history = self._history(source.fix.place, utc_ns)
        return Setting(
            calendar=self._calendar.reason(utc_ns),
            calendar_log_odds=fireworks.calendar_log_odds,
            fireworks_mode=mode is not None and mode.active,
            mode_log_odds=fireworks.mode_log_odds,
            history=history,
        )

    def _count(self, version: IncidentVersion) -> None:
        mode = self._modes.setdefault(version.site, FireworksMode(self._settings.fireworks, version.site))
        self._note(mode.add(version.incident_id, version.utc_ns))

    def _note(self, change: ModeChange | None) -> None:
        if change is not None:
            self._mode_changes.append(change)

    def _is_withdrawn(self, name: str) -> bool:
        last = self._last.get(name)
        return last is not None and last.state == "retracted" and is_judged(last)


def _end_ns(version: IncidentVersion) -> int:
    return max((item.utc_ns for item in version.rounds), default=version.utc_ns)


def _gap_ns(one: Draft, other: Draft) -> int:
    """Time between the rounds of two sources; negative where they overlap."""
    first = [item.utc_ns for item in one.rounds]
    second = [item.utc_ns for item in other.rounds]
    return max(min(first), min(second)) - min(max(first), max(second))


def _shooters(draft: Draft, related: Mapping[str, Draft]) -> Tag | None:
    if draft.source.fix is None:
        return None
    others = [(name, found.source.fix, apart_m(draft, found)) for name, found in related.items()]
    located = [(name, fix, metres) for name, fix, metres in others if fix is not None]
    return shooters_tag(
        draft.source.fix, [(name, fix) for name, fix, _ in located], [metres for _, _, metres in located]
    )


def _why_vanished(last: IncidentVersion, window: WindowLike, found: Mapping[str, Draft]) -> str:
    """Where the arrivals of a withdrawn incident have gone, in words."""
    mine = set(last.event_ids)
    for name, draft in found.items():
        if mine & set(draft.event_ids):
            return f"its arrivals belong to incident {name}"
        association = draft.source.association
        for items, what in ((association.echoes, "echoes"), (association.shock_waves, "shock waves")):
            if mine & {arrival.event_id for arrival in items}:
                return f"its arrivals are {what} of incident {name}"
    if mine & {arrival.event_id for arrival in window.single}:
        return "its arrivals do not agree on a place any more"
    return "it is not found any more"
