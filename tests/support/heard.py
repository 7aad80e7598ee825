"""Arrivals of a small network at a source whose place is known, without noise unless asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sensor.central.frame import Frame
from sensor.central.types import Air, Arrival, Listener, Place
from sensor.events import Position
from sensor.physics import speed_of_sound_m_s

BEGIN_NS = 1_760_000_000_000_000_000
PLACE = Place(lat_deg=35.99, lon_deg=-78.9, height_m=100.0)
AIR = Air(temperature_c=10.0, source="manual")
SOUND_M_S = speed_of_sound_m_s(10.0)
NODES_M = np.array(
    [
        [-420.0, -300.0],
        [10.0, -380.0],
        [450.0, -250.0],
        [-480.0, 120.0],
        [30.0, 60.0],
        [430.0, 160.0],
        [-260.0, 470.0],
        [240.0, 500.0],
        [-850.0, -80.0],
        [880.0, 20.0],
    ]
)
"""Ten nodes on about two square kilometres."""


class Street:
    """Nodes on flat ground round ``place``."""

    def __init__(self, nodes_m: np.ndarray = NODES_M, place: Place = PLACE, tag: str = "n") -> None:
        self.nodes_m, self.frame, self.tag = nodes_m, Frame(place), tag
        self.positions = [self._position(east, north) for east, north in nodes_m]
        self.count = 0

    def _position(self, east_m: float, north_m: float) -> Position:
        place = self.frame.place(east_m, north_m, 8.0)
        return Position(lat_deg=place.lat_deg, lon_deg=place.lon_deg, height_m=place.height_m, sigma_m=0.5)

    def arrival(self, node: int, after_s: float, *, p: float | None = 0.9) -> Arrival:
        """What one node says of a sound that reached it ``after_s`` after the beginning."""
        self.count += 1
        return Arrival(
            event_id=f"{self.tag}-{self.count}",
            site="town",
            node=f"{self.tag}{node}",
            utc_ns=BEGIN_NS + round(after_s * 1e9),
            sigma_ns=100_000,
            position=self.positions[node],
            p_gunshot=p,
        )

    def travel_s(self, node: int, at_m: tuple[float, float]) -> float:
        """How long sound takes from ``at_m`` to the node."""
        return float(np.hypot(*(self.nodes_m[node] - at_m)) / SOUND_M_S)

    def hear(
        self,
        at_m: tuple[float, float],
        rounds_s: Sequence[float],
        *,
        nodes: Sequence[int] | None = None,
        late_s: float = 0.0,
        p: float | None = 0.9,
    ) -> list[Arrival]:
        """Every round at each of ``nodes``, ``late_s`` after the straight way."""
        heard = range(len(self.nodes_m)) if nodes is None else nodes
        return [
            self.arrival(node, fired + self.travel_s(node, at_m) + late_s, p=p)
            for node in heard
            for fired in rounds_s
        ]

    @property
    def listeners(self) -> list[Listener]:
        """All nodes, alive."""
        return [
            Listener(site="town", node=f"{self.tag}{number}", position=position)
            for number, position in enumerate(self.positions)
        ]

    def off_m(self, place: Place, at_m: tuple[float, float]) -> float:
        """How far ``place`` lies from ``at_m``."""
        east, north, _ = self.frame.enu(place)
        return float(np.hypot(east - at_m[0], north - at_m[1]))
