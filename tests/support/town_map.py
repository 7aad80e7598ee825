"""A small town: its sensors and their state, its streets; nobody's town."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

from sensor.central.frame import Frame
from sensor.central.store import NodeState
from sensor.central.types import Place
from sensor.events import Position

FRAME = Frame(Place(lat_deg=36.0, lon_deg=-78.9, height_m=0.0))
SITE = "riverside"
TREES = "Oak Elm Ash Birch Cedar Maple Pine Willow Linden Beech Hazel Rowan Alder Spruce Larch Holly Yew Fir"


def spots() -> dict[str, tuple[float, float]]:
    """Names and places of the sensors, metres east and north: a grid of some 330 m that roofs have bent."""
    luck = random.Random(7)  # noqa: S311  a town, not a secret
    return {
        f"roof-{4 * row + column + 1:02d}": (
            (column - 1.5) * 330.0 + luck.uniform(-60, 60),
            (row - 1.5) * 330.0 + luck.uniform(-60, 60),
        )
        for row in range(4)
        for column in range(4)
    }


def node_states(now_ns: int) -> list[NodeState]:
    """Sixteen sensors; one silent, one in quarantine, one without calibration."""
    luck = random.Random(11)  # noqa: S311
    states = []
    for number, (name, (east, north)) in enumerate(spots().items(), 1):
        place = FRAME.place(east, north, 95.0 + luck.uniform(0, 12))
        states.append(
            NodeState(
                site=SITE,
                node=name,
                state={6: "silent", 15: "quarantined"}.get(number, "alive"),  # type: ignore[arg-type]
                utc_ns=now_ns - round(luck.uniform(1, 55) * 1e9) - (1_500_000_000_000 if number == 6 else 0),
                position=Position(
                    lat_deg=round(place.lat_deg, 7),
                    lon_deg=round(place.lon_deg, 7),
                    height_m=round(place.height_m, 1),
                    sigma_m=1.0,
                ),
                clock_source="ntp" if number == 12 else "pps",
                clock_sigma_ns=4_200_000 if number == 12 else 900,
                noise_db_spl=None if number == 3 else round(luck.uniform(44, 60), 1),
                problems=("UTC is disciplined by NTP alone",) if number == 12 else (),
                quarantine_reason="its clock is 180 ms late against its neighbours" if number == 15 else "",
            )
        )
    return states


def streets() -> dict[str, Any]:
    """Streets, a river and a park as the map's ground; nobody's town."""
    luck = random.Random(3)  # noqa: S311
    shapes: list[dict[str, Any]] = []

    def add(kind: str, geometry: str, points: Sequence[tuple[float, float]], name: str = "") -> None:
        spread = [[round(p.lon_deg, 6), round(p.lat_deg, 6)] for p in (FRAME.place(*each) for each in points)]
        coordinates: Any = {"Point": spread[0], "LineString": spread, "Polygon": [[*spread, spread[0]]]}[
            geometry
        ]
        shapes.append(
            {
                "type": "Feature",
                "properties": {"kind": kind, "name": name},
                "geometry": {"type": geometry, "coordinates": coordinates},
            }
        )

    def river(x: float) -> float:
        return -690.0 + 120.0 * math.sin(x / 420.0) + 0.12 * x

    trees = TREES.split()
    xs = [float(x) for x in range(-1800, 1801, 60)]
    add("water", "Polygon", [(x, river(x) - 45) for x in xs] + [(x, river(x) + 45) for x in reversed(xs)])
    add("park", "Polygon", [(-760, 230), (-420, 260), (-400, 560), (-740, 540)])
    for index in range(-9, 10):
        bend = luck.uniform(-14, 14)
        upward = [(index * 165.0 + bend * math.sin(y / 300), y) for y in range(-1500, 1501, 100)]
        add(
            "major" if index in (-4, 3) else "street",
            "LineString",
            upward,
            f"{trees[index % len(trees)]} Street",
        )
        bend = luck.uniform(-14, 14)
        across = [(x, index * 150.0 + bend * math.sin(x / 350)) for x in range(-1700, 1701, 100)]
        add("major" if index == 1 else "street", "LineString", across, f"Avenue {index + 10}")
    for east, north in ((east, north) for east in range(-9, 9) for north in range(-9, 9)):
        for _ in range(3):
            x, y = (east + luck.uniform(0.15, 0.6)) * 165.0, (north + luck.uniform(0.15, 0.6)) * 150.0
            if abs(y - river(x)) < 90 or (-770 < x < -400 and 220 < y < 560):
                continue
            wide, deep = luck.uniform(18, 42), luck.uniform(14, 34)
            add("building", "Polygon", [(x, y), (x + wide, y), (x + wide, y + deep), (x, y + deep)])
    for name, point in {
        "Mill Hill": (-250, 700),
        "Riverside": (120, -560),
        "Linden Park": (-580, 400),
    }.items():
        add("label", "Point", [point], name)
    return {"type": "FeatureCollection", "features": shapes}
