"""What fusion would say, made by hand: sources whose truth is known."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any

from sensor.central.arrivals import read_arrival
from sensor.central.frame import Frame
from sensor.central.types import (
    Air,
    Arrival,
    Association,
    Ellipse,
    Fix,
    Place,
    Residual,
    RoundTime,
    Source,
)
from sensor.events import Position
from tests.support.incidents import heard, town

NODES = town()
MIDDLE = Place(**{key: NODES[0]["position"][key] for key in ("lat_deg", "lon_deg", "height_m")})


@dataclass(frozen=True, kw_only=True)
class FakeWindow:
    """Stands in for fusion's window: the same fields."""

    sources: tuple[Source, ...]
    single: tuple[Arrival, ...] = ()
    final: bool = False


def source(
    shots: tuple[float, ...] = (0.0,),
    *,
    nodes: int = 7,
    east_m: float = 90.0,
    north_m: float = 60.0,
    located: bool = True,
    ellipse_m: float = 10.0,
    **changes: Any,
) -> Source:
    """A source of ``shots`` as ``nodes`` nodes heard it, with the fix that it should have."""
    lines = heard(NODES[:nodes], list(shots), east_m=east_m, north_m=north_m, **changes)
    rounds: dict[int, list[Arrival]] = defaultdict(list)
    for line in lines:
        rounds[int(line["seq"]) - 1].append(read_arrival(line))
    volleys = tuple(tuple(rounds[index]) for index in sorted(rounds))
    association = Association(rounds=volleys, score=9.0)
    if not located:
        return Source(association=association, fix=None, reason=f"heard by {nodes} nodes, 4 are needed")
    frame = Frame(MIDDLE)
    distances = {node["node"]: _distance_m(frame, node, east_m, north_m) for node in NODES}
    start_ns = int(
        changes.get(
            "start_ns", lines[0]["utc_ns"] - round(1e9 * (shots[0] + min(distances.values()) / 340.3))
        )
    )
    fix = Fix(
        place=frame.place(east_m, north_m),
        ellipse_95=Ellipse(semi_major_m=ellipse_m, semi_minor_m=ellipse_m / 2.0, azimuth_deg=20.0),
        covariance_m2=((ellipse_m, 0.0), (0.0, ellipse_m)),
        rounds=tuple(RoundTime(utc_ns=start_ns + round(1e9 * shot), sigma_ns=1_000_000) for shot in shots),
        residuals=tuple(
            Residual(
                event_id=arrival.event_id,
                node=arrival.node,
                round=index,
                residual_s=1e-3 * number,
                sigma_s=0.013,
                weight=1.0,
                distance_m=distances[arrival.node],
            )
            for index, volley in enumerate(volleys)
            for number, arrival in enumerate(volley)
        ),
        air=Air(),
        n_effective=float(nodes),
        confidence="high",
        card={"words": ["made by hand"]},
    )
    return Source(association=association, fix=fix)


def _distance_m(frame: Frame, node: dict[str, Any], east_m: float, north_m: float) -> float:
    east, north, _ = frame.enu(Position(**node["position"]))
    return float(((east - east_m) ** 2 + (north - north_m) ** 2) ** 0.5)


def moved(found: Source, east_m: float, north_m: float = 60.0) -> Source:
    """The same source with its fix elsewhere."""
    assert found.fix is not None
    return replace(found, fix=replace(found.fix, place=Frame(MIDDLE).place(east_m, north_m)))


def with_echoes(found: Source, echoes: tuple[Arrival, ...]) -> Source:
    """The same source, which explains further arrivals as its echoes."""
    return replace(found, association=replace(found.association, echoes=echoes))


def arrivals(found: Source) -> tuple[Arrival, ...]:
    """All arrivals of its rounds."""
    return tuple(arrival for volley in found.association.rounds for arrival in volley)
