"""Nights of simulated towns through fusion, incidents and the watch over the nodes, held to the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scripts.simulated_towns import BEGIN_NS, Shooter, Town, TownSettings, volley
from sensor.central.fleet.fleet import Fleet
from sensor.central.fleet.settings import FleetSettings
from sensor.central.fusion import Fusion, Window
from sensor.central.incidents.machine import Incidents
from sensor.central.incidents.settings import IncidentSettings
from sensor.central.types import Arrival, IncidentVersion, Listener

_SECOND_NS = 1_000_000_000
_STEP_S = 20.0
_RIGHT_M = 25.0
_SMALL_M = 50.0
"""A 95 % ellipse shorter than this sends officers to one place."""
_SAME_TIME_S = 3.0


@dataclass(frozen=True, kw_only=True)
class Night:
    """What a town is like and what is fired in it."""

    town: TownSettings
    volleys: int = 4
    """One place each, twenty seconds apart."""
    pairs: int = 0
    """Two places at once, 60 to 250 m apart, firing in turns."""
    fireworks: int = 0
    """Bangs from five places over two minutes, told with ``p_gunshot`` about 0.35."""


_BASE = TownSettings(clock_sigma_s=50e-6, with_p=True, wind_m_s=(1.0, -0.5))
_NTP = replace(_BASE, clock_sigma_s=5e-3)
NIGHTS = {
    "GPS clocks, calm": Night(town=_BASE),
    "NTP clocks 5 ms": Night(town=_NTP),
    "NTP, wind 8 m/s": Night(town=replace(_NTP, wind_m_s=(7.0, -4.0))),
    "NTP, many echoes": Night(town=replace(_NTP, echoes=3.0, facades=14)),
    "NTP, 20 % of the nodes dead": Night(town=replace(_NTP, dead=0.2)),
    "one node 180 ms off": Night(town=replace(_NTP, wrong_clock_s=0.18), volleys=12),
    "two shooters": Night(town=_NTP, volleys=0, pairs=3),
    "fireworks night": Night(town=_NTP, volleys=1, fireworks=25),
}


def night(name: str, seed: int) -> dict[str, Any]:
    """One night of the kind ``name``: what was fired, what was told, who was quarantined."""
    chosen = NIGHTS[name]
    town = Town(settings=chosen.town, seed=seed)
    fired = list(_fired(chosen, np.random.default_rng([seed, 1])))
    last_s = max(shooter.rounds_s[-1] for shooter in fired) + 12.0
    arrivals = [arrival for shooter in fired for arrival in town.hear(shooter)] + town.clutter(last_s)
    watched = _Watched(town)
    told = watched.run(sorted(arrivals, key=lambda arrival: arrival.utc_ns))
    wrong = {f"n{town.wrong_node:04d}"} if chosen.town.wrong_clock_s else set()
    held = {state.node for state in watched.fleet.states() if state.quarantine_reason}
    return {
        **_judged(town, fired, told),
        "quarantined": len(held & wrong),
        "wrongly_quarantined": len(held - wrong),
        "fireworks_mode": int(watched.modes > 0),
    }


def _fired(chosen: Night, rng: np.random.Generator) -> list[Shooter]:
    found: list[Shooter] = []
    begin = 3.0
    for _ in range(chosen.volleys):
        found.append(_shooter(rng.uniform(-700, 700, 2), begin, rng))
        begin += 20.0
    for _ in range(chosen.pairs):
        at, turn = rng.uniform(-600, 600, 2), rng.uniform(0.0, 2.0 * np.pi)
        other = at + rng.uniform(60.0, 250.0) * np.array([np.cos(turn), np.sin(turn)])
        found += [_shooter(at, begin, rng), _shooter(other, begin + rng.uniform(0.1, 0.5), rng)]
        begin += 20.0
    places = rng.uniform(-600, 600, (5, 2))
    for moment in np.sort(rng.uniform(begin, begin + 120.0, chosen.fireworks)):
        at = places[rng.integers(len(places))] + rng.normal(0.0, 5.0, 2)
        found.append(Shooter(east_m=at[0], north_m=at[1], rounds_s=(float(moment),), p=0.35))
    return found


def _shooter(at: np.ndarray, begin_s: float, rng: np.random.Generator) -> Shooter:
    gaps = rng.uniform(0.25, 0.9, rng.integers(0, 5)).tolist()
    return Shooter(east_m=float(at[0]), north_m=float(at[1]), rounds_s=volley(begin_s, gaps))


class _Watched:
    """The centre without its daemon: fusion, incidents and fleet, stepped through a night."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.fleet = Fleet(FleetSettings())
        self.fusion = Fusion(air=town.air, listeners=self._listeners)
        self.incidents = Incidents(IncidentSettings())
        self.last: dict[str, IncidentVersion] = {}
        self.modes = 0

    def _listeners(self) -> list[Listener]:
        held = {state.node for state in self.fleet.states() if state.quarantine_reason}
        return [replace(one, quarantined=one.node in held) for one in self.town.listeners]

    def run(self, arrivals: Sequence[Arrival]) -> list[IncidentVersion]:
        """Every incident that stands in the end."""
        now_ns, index = BEGIN_NS, 0
        while index < len(arrivals):
            now_ns += int(_STEP_S * _SECOND_NS)
            while index < len(arrivals) and arrivals[index].utc_ns <= now_ns:
                self.fusion.push(arrivals[index])
                self.fleet.heard(arrivals[index], at_ns=now_ns)
                index += 1
            self._take(self.fusion.advance(now_ns), now_ns)
        self._take(self.fusion.flush(), now_ns)
        return [version for version in self.last.values() if version.state != "retracted"]

    def _take(self, windows: Sequence[Window], now_ns: int) -> None:
        for window in windows:
            written = self.incidents.update(window, now_ns)
            self.last |= {version.incident_id: version for version in written}
            if window.final:
                for source in window.sources:
                    self.fleet.learn(source, self.town.air, at_ns=now_ns)
        self.fleet.tick(now_ns)
        self.modes += sum(change.active for change in self.incidents.take_mode_changes(now_ns))


def _judged(town: Town, fired: Sequence[Shooter], told: Sequence[IncidentVersion]) -> dict[str, Any]:
    """Each located incident belongs to the nearest place that fired at its time; what is left is counted."""
    best: dict[int, tuple[float, IncidentVersion]] = {}
    heard_at: set[int] = set()
    small = large = heard_only = 0
    for version in told:
        moments = [(one.utc_ns - BEGIN_NS) / _SECOND_NS for one in version.rounds]
        near = [
            number
            for number, shooter in enumerate(fired)
            if shooter.rounds_s[0] - _SAME_TIME_S < moments[0] < shooter.rounds_s[-1] + _SAME_TIME_S
        ]
        heard_at |= set(near)
        if version.place is None or version.ellipse_95 is None:
            heard_only += 1
            continue
        east, north, _ = town.frame.enu(version.place)
        off = {n: float(np.hypot(east - fired[n].east_m, north - fired[n].north_m)) for n in near}
        number = min(off, key=lambda n: off[n]) if off else -1
        if off and off[number] < best.get(number, (np.inf, version))[0]:
            best[number] = (off[number], version)
        if not off or off[number] > _RIGHT_M:
            small += version.ellipse_95.semi_major_m <= _SMALL_M
            large += version.ellipse_95.semi_major_m > _SMALL_M
    exact = sum(len(best[n][1].rounds) == len(fired[n].rounds_s) for n in best)
    return {
        "fired": len(fired),
        "detected": len(heard_at),
        "errors_m": [off for off, _ in best.values()],
        "rounds_exact": exact,
        "incidents": len(told),
        "phantoms_small": small,
        "phantoms_large": large,
        "heard_only": heard_only,
    }
