"""Sounds that several nodes heard, kept so that the nodes can be compared with one another."""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from sensor.central.fleet import cross_node
from sensor.central.fleet.settings import FleetSettings
from sensor.central.types import Air, Arrival, Source
from sensor.events import Position
from sensor.geodesy import enu_from_llh
from sensor.physics import speed_of_sound_m_s

PATH_SIGMA_S = 0.007
"""What a city street adds to an arrival, one sigma (SCIENCE 5.3: 7 to 8 ms on live fire)."""
SOUNDS_KEPT = 60
"""Per site: the least squares grow with them, and a fault that is older than these is history."""
_FIRST_CLOCK_SIGMA_S = 0.002
"""A clock's offset that is not worth finding: below the path's own spread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Residuals:
    """What located sounds said against one node."""

    count: int
    median_ms: float
    spread_ms: float
    """1.4826 times the median absolute deviation: one sigma where it is normal."""
    outliers: float
    """Share of sounds in which the node was given less than half its weight."""

    @classmethod
    def of(cls, entries: Sequence[tuple[float, float]]) -> Residuals:
        """From (residual in ms, weight) of each sound."""
        late = [entry[0] for entry in entries]
        middle = statistics.median(late)
        return cls(
            count=len(late),
            median_ms=middle,
            spread_ms=1.4826 * statistics.median(abs(value - middle) for value in late),
            outliers=sum(weight < 0.5 for _, weight in entries) / len(entries),
        )


class SharedSounds:
    """One site's memory of located sounds."""

    def __init__(self, settings: FleetSettings) -> None:
        self._settings = settings
        self._sounds: deque[tuple[Arrival, ...]] = deque(maxlen=SOUNDS_KEPT)
        self._residuals: dict[str, deque[tuple[float, float]]] = {}
        self._speed_m_s = speed_of_sound_m_s(15.0)

    def learn(self, source: Source, air: Air) -> None:
        """Take in a located source: residuals of every round, arrivals of the first."""
        if source.fix is None:
            return
        for item in source.fix.residuals:
            self._keep(item.node, item.residual_s * 1e3, item.weight)
        for node, late_s in strays(source).items():
            self._keep(node, late_s * 1e3, 0.0)
        # Rounds of one burst share their paths: one of them says what all say.
        first = max(source.association.rounds, key=len)
        if len(first) >= cross_node.FEWEST_NODES:
            self._sounds.append(first)
            self._speed_m_s = speed_of_sound_m_s(air.temperature_c)

    def _keep(self, node: str, late_ms: float, weight: float) -> None:
        kept = self._residuals.setdefault(node, deque(maxlen=self._settings.residuals_kept))
        kept.append((late_ms, weight))

    def forget(self, node: str) -> None:
        """Begin anew with a node that was moved, repaired or released."""
        self._residuals.pop(node, None)
        kept = [tuple(item for item in sound if item.node != node) for sound in self._sounds]
        self._sounds = deque((sound for sound in kept if len(sound) > 1), maxlen=SOUNDS_KEPT)

    def residuals(self) -> dict[str, Residuals]:
        """Statistics of every node that was part of a fix."""
        return {node: Residuals.of(tuple(kept)) for node, kept in self._residuals.items() if kept}

    def estimates(self) -> dict[str, cross_node.NodeEstimate]:
        """Clock and position offset of each node heard in enough of the sounds; empty when there are none."""
        sounds = [sound for sound in self._sounds if len(sound) >= cross_node.FEWEST_NODES]
        if len(sounds) < cross_node.FEWEST_EVENTS:
            return {}
        places = {item.node: item.position for sound in sounds for item in sound}
        names = sorted(places)
        number = {name: index for index, name in enumerate(names)}
        origin = _llh(places[names[0]])
        nodes = []
        for name in names:
            east_m, north_m, _ = enu_from_llh(_llh(places[name]), origin)
            position_sigma_m = max(1.0, places[name].sigma_m)
            nodes.append(
                cross_node.Node(
                    east_m=east_m,
                    north_m=north_m,
                    position_sigma_m=position_sigma_m,
                    clock_sigma_s=_clock_sigma_s(name, sounds),
                )
            )
        arrivals = [
            cross_node.Arrival(
                event=event,
                node=number[item.node],
                time_s=(item.utc_ns - sound[0].utc_ns) * 1e-9,
                sigma_s=PATH_SIGMA_S,
            )
            for event, sound in enumerate(sounds)
            for item in sound
        ]
        found = cross_node.estimate(nodes, arrivals, self._speed_m_s)
        enough = self._settings.shared_sounds_min
        return {name: found[number[name]] for name in names if found[number[name]].events >= enough}


def strays(source: Source) -> dict[str, float]:
    """Nodes that heard a located source but are in no round of it, and how late their first arrival was, s.

    Most are echoes, each as late as its own wall is far. A clock that is wrong by a fifth of a second looks
    the same once, and gives itself away by being late by the same every time.
    """
    if source.fix is None:
        return {}
    joined = {arrival.node for volley in source.association.rounds for arrival in volley}
    first: dict[str, Arrival] = {}
    for arrival in source.association.echoes:
        if arrival.node not in joined and (
            arrival.node not in first or arrival.utc_ns < first[arrival.node].utc_ns
        ):
            first[arrival.node] = arrival
    place, air = source.fix.place, source.fix.air
    here = (place.lat_deg, place.lon_deg, place.height_m)
    speed_m_s = speed_of_sound_m_s(air.temperature_c)
    late: dict[str, float] = {}
    for node, arrival in first.items():
        east_m, north_m, up_m = enu_from_llh(_llh(arrival.position), here)
        far_m = max(1.0, math.hypot(east_m, north_m, up_m))
        along_m_s = (east_m * air.wind_east_m_s + north_m * air.wind_north_m_s) / far_m
        heard_s = (arrival.utc_ns - source.fix.rounds[0].utc_ns) * 1e-9
        late[node] = heard_s - far_m / (speed_m_s + along_m_s)
    return late


def _clock_sigma_s(node: str, sounds: Sequence[Sequence[Arrival]]) -> float:
    """What the node admits of its own clock."""
    stated = [item.sigma_ns * 1e-9 for sound in sounds for item in sound if item.node == node]
    return math.hypot(_FIRST_CLOCK_SIGMA_S, statistics.median(stated))


def _llh(position: Position) -> tuple[float, float, float]:
    return position.lat_deg, position.lon_deg, position.height_m
