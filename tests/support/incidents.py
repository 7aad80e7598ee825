"""Arrivals and incident versions as tests want them."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

from sensor.central.arrivals import read_arrival
from sensor.central.frame import Frame
from sensor.central.incidents.chain import seal
from sensor.central.store import ArrivalRow
from sensor.central.types import Ellipse, IncidentVersion, Place, RoundTime, Tag
from sensor.events import Position
from sensor.physics import speed_of_sound_m_s

T0_NS = 1_790_000_000_000_000_000


def candidate(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A candidate as a node sends it."""
    return {
        "schema": "gunshot.candidate.v1",
        "event_id": f"event-{number}",
        "site": "town",
        "node": f"roof-{number}",
        "utc_ns": T0_NS + number * 1_000_000,
        "sigma_ns": 400_000,
        "position": {"lat_deg": 36.0, "lon_deg": -78.9 + number * 1e-3, "height_m": 90.0, "sigma_m": 2.0},
        "p_gunshot": 0.9,
        "classes": {"gunshot": 0.9, "firework": 0.1},
        "seq": number,
        "chain_id": "chain",
        **changes,
    }


def arrival_row(number: int = 1, **changes: Any) -> ArrivalRow:
    """The same as the store takes it."""
    body = candidate(number, **changes)
    return ArrivalRow(read_arrival(body), json.dumps(body), body["seq"], body["chain_id"])


def incident_version(number: int = 1, **changes: Any) -> IncidentVersion:
    """A first, sealed version of incident ``number``; ``changes`` replace fields before it is sealed."""
    plain = IncidentVersion(
        incident_id=f"incident-{number}",
        version=1,
        state="located",
        site="town",
        utc_ns=T0_NS + number * 1_000_000_000,
        place=Place(lat_deg=36.0, lon_deg=-78.9, height_m=91.5),
        ellipse_95=Ellipse(semi_major_m=12.0, semi_minor_m=5.0, azimuth_deg=30.0),
        rounds=(RoundTime(utc_ns=T0_NS, sigma_ns=900_000),),
        rounds_lo=1,
        rounds_hi=2,
        p_gunshot=0.93,
        incident_class="gunshot",
        nodes=("roof-1", "roof-2"),
        residuals_ms={"roof-1": 0.25, "roof-2": -0.5},
        event_ids=("event-1", "event-2"),
        tags=(Tag(name="elevated", evidence={"height_m": 30.5}),),
        card={"words": ["six nodes agree"], "n_effective": 2.0},
        created_ns=T0_NS,
    )
    return seal(replace(plain, **changes), None)


def next_version(last: IncidentVersion, **changes: Any) -> IncidentVersion:
    """The version after ``last``, sealed."""
    plain = replace(last, version=last.version + 1, prev_hash=last.hash, hash=None, signature=None)
    return seal(replace(plain, **changes), None)


def town(
    nodes: int = 7, *, lat_deg: float = 36.0, lon_deg: float = -78.9, prefix: str = "roof"
) -> list[dict[str, Any]]:
    """Names and positions of nodes on a ring of 350 m, one in its middle, at slightly different heights."""
    frame = Frame(Place(lat_deg=lat_deg, lon_deg=lon_deg, height_m=100.0))
    points = [(0.0, 0.0)]
    for index in range(nodes - 1):
        angle = 2.0 * math.pi * index / (nodes - 1) + 0.2
        points.append((350.0 * math.cos(angle), 350.0 * math.sin(angle)))
    found = []
    for index, (east, north) in enumerate(points):
        place = frame.place(east, north, 3.0 * (index % 3))
        found.append(
            {
                "node": f"{prefix}-{index}",
                "position": {
                    "lat_deg": place.lat_deg,
                    "lon_deg": place.lon_deg,
                    "height_m": place.height_m,
                    "sigma_m": 1.0,
                },
            }
        )
    return found


def heard(
    nodes: list[dict[str, Any]],
    shots: list[float],
    *,
    east_m: float = 90.0,
    north_m: float = 60.0,
    start_ns: int = T0_NS,
    p_gunshot: float = 0.9,
    name: str = "shot",
    **changes: Any,
) -> list[dict[str, Any]]:
    """Candidates of a source ``east_m``, ``north_m`` of the first node that fires at ``shots`` seconds."""
    middle = Place(**{key: nodes[0]["position"][key] for key in ("lat_deg", "lon_deg", "height_m")})
    frame = Frame(middle)
    source = (east_m, north_m, 0.0)
    found = []
    for number, node in enumerate(nodes):
        at = frame.enu(Position(**node["position"]))
        delay_s = math.dist(at, source) / speed_of_sound_m_s(15.0)
        for index, shot_s in enumerate(shots):
            found.append(
                candidate(
                    number,
                    **node,
                    event_id=f"{name}-{index}-{node['node']}",
                    utc_ns=start_ns + round(1e9 * (shot_s + delay_s)),
                    p_gunshot=p_gunshot,
                    classes={"gunshot": p_gunshot, "other_impulse": 1.0 - p_gunshot},
                    snr_db=30.0,
                    seq=index + 1,
                    chain_id=f"{name}-{node['node']}",
                    **changes,
                )
            )
    return sorted(found, key=lambda item: item["utc_ns"])
