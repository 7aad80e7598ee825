"""Which arrivals could have anything to do with each other: cells of space and time, joined where they touch.

Space is cut into cubes of the earth-centred frame, so that any two nodes that can hear one source lie in the
same or in adjacent cubes, everywhere on earth; time into slots as long as a burst may be silent. Cells that
touch and whose arrivals are close enough in time belong to one burst. All of it depends only on what arrived,
not on the order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product

from sensor.central.types import Arrival
from sensor.geodesy import ecef_from_llh

Key = tuple[int, int, int, int]
_AROUND = [step for step in product((-1, 0, 1), repeat=4) if any(step)]


@dataclass(eq=False, slots=True)
class Cell:
    """The arrivals of one cube in one slot of time."""

    arrivals: dict[str, Arrival] = field(default_factory=dict)
    first_ns: int = 0
    last_ns: int = 0
    version: int = 0
    """Grows with every change."""


class Cells:
    """Arrivals by cube and slot."""

    def __init__(self, *, cube_m: float, gap_ns: int) -> None:
        self._cube_m = cube_m
        self._gap_ns = gap_ns
        self._cells: dict[Key, Cell] = {}
        self._cubes: dict[tuple[float, float, float], tuple[int, int, int]] = {}

    def __len__(self) -> int:
        """Arrivals held."""
        return sum(len(cell.arrivals) for cell in self._cells.values())

    def __getitem__(self, key: Key) -> Cell:
        """The cell at ``key``."""
        return self._cells[key]

    def add(self, arrival: Arrival) -> Key | None:
        """Keep ``arrival`` and return its cell; None when it was there already."""
        key = (*self._cube(arrival), arrival.utc_ns // self._gap_ns)
        cell = self._cells.setdefault(key, Cell(first_ns=arrival.utc_ns, last_ns=arrival.utc_ns))
        if arrival.event_id in cell.arrivals:
            return None
        cell.arrivals[arrival.event_id] = arrival
        cell.first_ns = min(cell.first_ns, arrival.utc_ns)
        cell.last_ns = max(cell.last_ns, arrival.utc_ns)
        cell.version += 1
        return key

    def _cube(self, arrival: Arrival) -> tuple[int, int, int]:
        where = arrival.position
        place = (where.lat_deg, where.lon_deg, where.height_m)
        known = self._cubes.get(place)
        if known is None:
            if len(self._cubes) > 100_000:
                self._cubes.clear()
            # Height is left out: a node on a tower and one in the street are neighbours.
            x, y, z = (int(axis // self._cube_m) for axis in ecef_from_llh(place[0], place[1], 0.0))
            known = self._cubes[place] = (x, y, z)
        return known

    def bursts(self, keys: Iterable[Key]) -> Iterator[list[Key]]:
        """The bursts that the cells ``keys`` belong to, each once, its cells sorted."""
        seen: set[Key] = set()
        for start in sorted(keys):
            if start in seen or start not in self._cells:
                continue
            seen.add(start)
            burst, open_keys = [], [start]
            while open_keys:
                key = open_keys.pop()
                burst.append(key)
                for other in self._touching(key):
                    if other not in seen:
                        seen.add(other)
                        open_keys.append(other)
            yield sorted(burst)

    def _touching(self, key: Key) -> Iterator[Key]:
        here = self._cells[key]
        for step in _AROUND:
            other = (key[0] + step[0], key[1] + step[1], key[2] + step[2], key[3] + step[3])
            there = self._cells.get(other)
            if there is None:
                continue
            early, late = (here, there) if here.first_ns <= there.first_ns else (there, here)
            if late.first_ns - early.last_ns <= self._gap_ns:
                yield other

    def forget_before(self, utc_ns: int) -> list[Arrival]:
        """Drop cells that ended before ``utc_ns``; return what they held."""
        old = [key for key, cell in self._cells.items() if cell.last_ns < utc_ns]
        return [arrival for key in old for arrival in self._cells.pop(key).arrivals.values()]
