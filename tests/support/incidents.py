"""Arrivals and incident versions as tests want them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from sensor.central.arrivals import read_arrival
from sensor.central.incidents.chain import seal
from sensor.central.store import ArrivalRow
from sensor.central.types import Ellipse, IncidentVersion, Place, RoundTime, Tag

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
