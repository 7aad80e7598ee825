"""Towns of nodes that hear shots, echoes and clutter: candidates with known truth, without any audio.

What is physics: travel with wind, detours that only make late, facades that mirror a source (the same echo
after every round, and a false place that many nodes agree on), echoes from everywhere, clocks of each kind,
hearing that fades with distance, clutter. What is drawn, is drawn from one seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sensor.central.frame import Frame
from sensor.central.types import Air, Arrival, Listener, Place
from sensor.events import Position
from sensor.physics import speed_of_sound_m_s

BEGIN_NS = 1_760_000_000_000_000_000
SITE = "town"


@dataclass(frozen=True, kw_only=True)
class TownSettings:
    """A town as it is, not as the centre believes it to be."""

    per_km2: float = 8.0
    side_m: float = 2400.0
    temperature_c: float = 12.0
    wind_m_s: tuple[float, float] = (2.5, -1.5)
    clock_sigma_s: float = 0.005
    """Of most nodes; every fourth has a pulse per second and 50 µs."""
    wrong_clock_s: float = 0.0
    """One node is off by so much."""
    dead: float = 0.0
    """Share of nodes that hear nothing and say they are well."""
    pick_sigma_s: float = 0.0005
    corner_share: float = 0.3
    corner_s: float = 0.015
    facades: int = 6
    echoes: float = 1.2
    """Diffuse echoes per node and round."""
    clutter_hz: float = 0.05
    half_way_m: float = 650.0
    """Distance at which every second node hears."""
    with_p: bool = False


@dataclass(frozen=True, kw_only=True)
class Shooter:
    """A place and its rounds."""

    east_m: float
    north_m: float
    rounds_s: tuple[float, ...]
    """After the beginning."""
    half_way_m: float | None = None
    p: float = 0.9
    """About what the nodes' classifiers say."""


@dataclass(eq=False)
class Town:
    """Nodes, walls and paths; `hear` may be called for many shooters."""

    settings: TownSettings
    seed: int
    place: Place = field(default_factory=lambda: Place(lat_deg=35.99, lon_deg=-78.9, height_m=100.0))
    tag: str = ""

    def __post_init__(self) -> None:
        """Build the town."""
        rng = np.random.default_rng(self.seed)
        chosen = self.settings
        count = max(4, round(chosen.per_km2 * (chosen.side_m / 1000.0) ** 2))
        self.rng = rng
        self.nodes_m = _spread(rng, count, chosen.side_m)
        self.frame = Frame(self.place)
        self.clock_s = np.where(np.arange(count) % 4 == 0, 50e-6, chosen.clock_sigma_s)
        self.clock_off_s = rng.normal(0.0, self.clock_s)
        self.wrong_node = int(np.hypot(*self.nodes_m.T).argmin())
        self.clock_off_s[self.wrong_node] += chosen.wrong_clock_s
        self.dead = rng.random(count) < chosen.dead
        if chosen.wrong_clock_s:
            self.dead[self.wrong_node] = False
        self.walls_m = rng.uniform(-0.4, 0.4, (chosen.facades, 2)) * chosen.side_m
        self.wall_angle = rng.uniform(0.0, np.pi, chosen.facades)
        places = [self.frame.place(e, n, 8.0) for e, n in self.nodes_m]
        self.positions = [
            Position(lat_deg=p.lat_deg, lon_deg=p.lon_deg, height_m=p.height_m, sigma_m=1.0) for p in places
        ]
        self.count = 0

    @property
    def air(self) -> Air:
        """What the weather station says: a little off."""
        wind = self.settings.wind_m_s
        return Air(
            temperature_c=self.settings.temperature_c + 1.0,
            wind_east_m_s=wind[0] + 1.0,
            wind_north_m_s=wind[1] - 0.7,
            source="manual",
        )

    @property
    def listeners(self) -> list[Listener]:
        """All nodes, the dead ones as alive as the others."""
        return [
            Listener(site=SITE, node=f"{self.tag}n{i:04d}", position=position)
            for i, position in enumerate(self.positions)
        ]

    def hear(self, shooter: Shooter) -> list[Arrival]:
        """What the nodes say of ``shooter``: arrivals and echoes."""
        chosen, rng = self.settings, self.rng
        at = np.array([shooter.east_m, shooter.north_m])
        far, travel = self._travel(at)
        chance = self._chance(far, shooter.half_way_m or chosen.half_way_m)
        hears = (rng.random(far.size) < chance) & ~self.dead
        corner = np.where(
            rng.random(far.size) < chosen.corner_share, rng.exponential(chosen.corner_s, far.size), 0.0
        )
        found: list[Arrival] = []
        for node in np.flatnonzero(hears):
            extra = [0.0, *np.cumsum(rng.exponential(0.35, rng.poisson(chosen.echoes))).tolist()]
            extra += self._mirrored(at, int(node), float(travel[node]))
            for fired in shooter.rounds_s:
                for number, echo in enumerate(extra):
                    if rng.random() < (0.95 if number == 0 else 0.75):
                        heard = fired + travel[node] + corner[node] + echo
                        found.append(self._arrival(int(node), heard, shooter.p, -6.0 * (number > 0)))
        return found

    @staticmethod
    def _chance(far_m: np.ndarray | float, half_way_m: float) -> np.ndarray:
        """Probability of hearing over that way."""
        return np.asarray(0.95 / (1.0 + np.exp((np.asarray(far_m) - half_way_m) / 80.0)))

    def _travel(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        way = self.nodes_m - at
        far = np.hypot(*way.T)
        along = way @ np.array(self.settings.wind_m_s) / np.maximum(far, 1.0)
        return far, far / (speed_of_sound_m_s(self.settings.temperature_c) + along)

    def _mirrored(self, at: np.ndarray, node: int, direct_s: float) -> list[float]:
        """Delays of the echoes that facades send to one node: those of mirrored sources."""
        delays = []
        for wall, angle in zip(self.walls_m, self.wall_angle, strict=True):
            normal = np.array([np.cos(angle), np.sin(angle)])
            behind = (at - wall) @ normal
            ahead = (self.nodes_m[node] - wall) @ normal
            if behind * ahead <= 0.0:
                continue
            image = at - 2.0 * behind * normal
            way = self.nodes_m[node] - image
            struck = image + way * abs(behind) / (abs(behind) + abs(ahead))
            if np.hypot(*(struck - wall)) < 120.0:
                far = float(np.hypot(*way))
                delay = far / speed_of_sound_m_s(self.settings.temperature_c) - direct_s
                if delay > 0.04 and self.rng.random() < self._chance(far, self.settings.half_way_m):
                    delays.append(float(delay))
        return delays

    def clutter(self, seconds: float, *, p: float = 0.3) -> list[Arrival]:
        """What belongs to nothing."""
        often = self.settings.clutter_hz * seconds
        return [
            self._arrival(int(node), float(moment), p, -10.0)
            for node in np.flatnonzero(~self.dead)
            for moment in self.rng.uniform(0, seconds, self.rng.poisson(often))
        ]

    def _arrival(self, node: int, heard_s: float, p: float, level_db: float) -> Arrival:
        self.count += 1
        stated = heard_s + self.clock_off_s[node] + self.rng.normal(0.0, self.settings.pick_sigma_s)
        said = float(np.clip(self.rng.normal(p, 0.1), 0.01, 0.99))
        return Arrival(
            event_id=f"{self.tag}e{self.count}",
            site=SITE,
            node=f"{self.tag}n{node:04d}",
            utc_ns=BEGIN_NS + round(stated * 1e9),
            sigma_ns=round(float(np.hypot(self.clock_s[node], self.settings.pick_sigma_s)) * 1e9),
            position=self.positions[node],
            p_gunshot=said if self.settings.with_p else None,
            snr_db=20.0 + level_db + float(self.rng.normal(0, 3.0)) if self.settings.with_p else None,
        )


def _spread(rng: np.random.Generator, count: int, side_m: float) -> np.ndarray:
    """Places that keep some distance, as planned networks do."""
    places = [rng.uniform(-0.5, 0.5, 2) * side_m]
    while len(places) < count:
        tries = rng.uniform(-0.5, 0.5, (12, 2)) * side_m
        gaps = np.hypot(*(tries[:, None, :] - np.array(places)[None, :, :]).transpose(2, 0, 1)).min(axis=1)
        places.append(tries[int(gaps.argmax())])
    return np.array(places)


def volley(begin_s: float, intervals_s: Sequence[float]) -> tuple[float, ...]:
    """Rounds that begin at ``begin_s``."""
    return (begin_s, *(begin_s + np.cumsum(intervals_s)).tolist())
