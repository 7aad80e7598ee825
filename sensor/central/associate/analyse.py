"""One burst of activity, whole: its arrivals in, sources and what belongs to nothing out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sensor.central.associate.alerts import alerts_of
from sensor.central.associate.likelihood import hearing
from sensor.central.associate.pulses import Pulses, pulses_of
from sensor.central.associate.search import Medium
from sensor.central.associate.settings import AssociateSettings
from sensor.central.associate.shock import shock_waves
from sensor.central.associate.sources import Found, find_sources
from sensor.central.frame import Frame
from sensor.central.locate.failure import Unlocatable
from sensor.central.locate.locate import locate
from sensor.central.locate.settings import LocateSettings
from sensor.central.types import Air, Arrival, Association, Listener, Source

_ECHO_S = 3.0
_EARLY_S = 0.005
_STRAY_S = 0.06
"""Ten times what a street scatters the arrivals of one sound."""
_SILENT_P = 0.7
"""A live node that hears a source so surely and did not is told as silent."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one burst says."""

    sources: tuple[Source, ...]
    single: tuple[Arrival, ...]
    """Heard, belongs to nothing."""


def analyse(
    arrivals: Sequence[Arrival],
    *,
    air: Air,
    listeners: Sequence[Listener],
    settings: AssociateSettings,
    locating: LocateSettings,
) -> Answer:
    """Sources of one burst, earliest first; the order of ``arrivals`` does not matter."""
    if not arrivals:
        return Answer(sources=(), single=())
    arrivals = sorted(arrivals, key=lambda arrival: (arrival.utc_ns, arrival.event_id))
    frame = Frame.around(arrival.position for arrival in arrivals)
    could_hear = _could_hear(arrivals, listeners, frame, settings)
    pulses = pulses_of(arrivals, frame, could_hear, p_join=settings.p_join)
    medium = Medium.of(air)
    found = find_sources(pulses, medium, settings) if pulses.nodes >= settings.nodes_min else []
    sources: list[Source] = []
    used = np.zeros(len(pulses.arrivals), dtype=bool)
    for one in found:
        used[one.members[one.members >= 0]] = True
    for one in found:
        ahead = shock_waves(pulses, one, used, medium)
        used[ahead] = True
        echoes = _echoes(pulses, one, used, medium)
        used[echoes] = True
        sources.extend(
            _source(association, frame, air, locating)
            for association in _associations(pulses, one, echoes, ahead, medium, settings)
        )
    left = [pulses.arrivals[index] for index in np.flatnonzero(~used)]
    alerts, single = alerts_of(left, bool(found), listeners, frame, medium, settings)
    ordered = sorted([*sources, *alerts], key=_moment)
    return Answer(sources=tuple(ordered), single=tuple(sorted(single, key=lambda a: (a.utc_ns, a.event_id))))


def _moment(source: Source) -> tuple[int, str]:
    first = min(source.association.rounds[0], key=lambda a: (a.utc_ns, a.event_id))
    return (source.fix.rounds[0].utc_ns if source.fix else first.utc_ns), first.event_id


def _could_hear(
    arrivals: Sequence[Arrival], listeners: Sequence[Listener], frame: Frame, settings: AssociateSettings
) -> list[Listener]:
    """Live listeners near what was heard."""
    if not listeners:
        return []
    places = frame.enu_many([arrival.position for arrival in arrivals])[:, :2]
    span = float(np.abs(places).max()) + 2.0 * settings.reach_m
    live = [one for one in listeners if one.alive and not one.quarantined]
    at = frame.enu_many([one.position for one in live])
    near = [bool((np.abs(place) < (span, span, 20_000.0)).all()) for place in at]
    return [one for one, close in zip(live, near, strict=True) if close]


def _echoes(pulses: Pulses, found: Found, used: np.ndarray, medium: Medium) -> np.ndarray:
    """Pulses not used that follow a round of ``found`` on their node.

    A node that is in no round may be early as well: its one arrival missed the round's tolerance by a little.
    One out of reach must be on time. Told on its own, either would be an alert beside the shot that it heard.
    """
    here = np.array([[found.spot.east_m, found.spot.north_m]])
    far = np.isnan(found.begin_s)
    on_time = found.spot.fired_s + medium.travel(here, pulses.node_places_m[: pulses.nodes])[0][0]
    begin = np.where(far, on_time, found.begin_s)
    member = (found.members >= 0).any(axis=1)
    early_s = np.where(member, _EARLY_S, _STRAY_S)[pulses.node][:, None]
    late_s = np.where(far, _STRAY_S, _ECHO_S)[pulses.node][:, None]
    lag = pulses.times_s[:, None] - begin[pulses.node][:, None] - found.pattern_s[None, :]
    return np.flatnonzero(((lag > -early_s) & (lag < late_s)).any(axis=1) & ~used)


def _associations(
    pulses: Pulses,
    found: Found,
    echoes: np.ndarray,
    ahead: np.ndarray,
    medium: Medium,
    settings: AssociateSettings,
) -> list[Association]:
    """The rounds of ``found``; a silence longer than ``volley_gap_s`` begins another incident."""
    here = np.array([[found.spot.east_m, found.spot.north_m]])
    _, distance = medium.travel(here, pulses.node_places_m)
    sure = hearing(distance[0], _half_way(found, distance[0]), settings) > _SILENT_P
    heard = np.zeros(distance.shape[1], dtype=bool)
    heard[: pulses.nodes] = (found.members >= 0).any(axis=1)
    silent = tuple(pulses.node_keys[index] for index in np.flatnonzero(sure & ~heard))
    volleys: list[list[tuple[Arrival, ...]]] = []
    begins: list[float] = []
    last = -np.inf
    for number, after in enumerate(found.pattern_s):
        column = found.members[:, number]
        arrivals = tuple(pulses.arrivals[index] for index in column[column >= 0])
        if not arrivals:
            continue
        if after - last > settings.volley_gap_s:
            volleys.append([])
            begins.append(float(after))
        volleys[-1].append(arrivals)
        last = float(after)
    fired = np.array(begins) + found.spot.fired_s
    echo_of = _volley_of(pulses, echoes, here, fired, medium)
    wave_of = _volley_of(pulses, ahead, here, fired, medium)
    return [
        Association(
            rounds=tuple(volley),
            start_m=(found.spot.east_m, found.spot.north_m),
            score=found.spot.score,
            silent=silent,
            echoes=tuple(pulses.arrivals[i] for i in echoes[echo_of == number]),
            shock_waves=tuple(pulses.arrivals[i] for i in ahead[wave_of == number]),
        )
        for number, volley in enumerate(volleys)
    ]


def _volley_of(
    pulses: Pulses, index: np.ndarray, here_m: np.ndarray, fired_s: np.ndarray, medium: Medium
) -> np.ndarray:
    """Which of the volleys that began at ``fired_s`` each pulse of ``index`` goes with."""
    if not index.size:
        return np.zeros(0, dtype=np.int64)
    travel, _ = medium.travel(here_m, pulses.places_m[index])
    # A shock wave comes up to as much too early as its sound takes; volleys are seconds apart.
    return np.maximum(np.searchsorted(fired_s, pulses.times_s[index] - travel[0] + 1.0) - 1, 0)


def _half_way(found: Found, distances_m: np.ndarray) -> float:
    """How far this source surely carried: a third more than the middle one of the distances heard."""
    heard = (found.members >= 0).any(axis=1)
    return float(np.median(distances_m[: heard.size][heard])) * 1.3 if heard.any() else 0.0


def _source(association: Association, frame: Frame, air: Air, locating: LocateSettings) -> Source:
    try:
        return Source(
            association=association, fix=locate(association, frame=frame, air=air, settings=locating)
        )
    except Unlocatable as error:
        return Source(association=association, fix=None, reason=str(error))


def until(answer: Answer, end_ns: int) -> tuple[Answer, frozenset[str]]:
    """The part of ``answer`` that fired before ``end_ns``, and the ids of later arrivals that it explains."""
    sources = tuple(source for source in answer.sources if _moment(source)[0] < end_ns)
    explained = frozenset(
        arrival.event_id
        for source in sources
        for volley in (*source.association.rounds, source.association.echoes, source.association.shock_waves)
        for arrival in volley
        if arrival.utc_ns >= end_ns
    )
    single = tuple(arrival for arrival in answer.single if arrival.utc_ns < end_ns)
    return Answer(sources=sources, single=single), explained
