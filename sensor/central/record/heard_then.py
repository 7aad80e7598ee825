"""What a node sent around one moment of the past, and which incidents there were."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from sensor.central.record.figures import GUNFIRE
from sensor.central.store import Store
from sensor.central.types import IncidentVersion
from sensor.geodesy import enu_from_llh

_S = 10**9
_TRAVEL_S = 10.0
"""A sound takes less to any node that can hear it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A sound that a node sent."""

    event_id: str
    offset_s: float
    """After the sound of the question should have been there."""
    p_gunshot: float | None
    snr_db: float | None
    incidents: tuple[str, ...]
    """Those that rest on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NearIncident:
    """An incident of that time."""

    incident_id: str
    utc_ns: int
    offset_s: float
    """After the time of the question."""
    distance_m: float | None
    """From the place of the question; None where it was not located."""
    said: str
    """Its class, or ``retracted``."""
    alert: bool
    """It was called gunfire in some version."""
    p_gunshot: float
    nodes: int
    reason: str


def heard_then(
    store: Store, site: str, node: str, arrives_ns: int, within_s: float, users: Mapping[str, list[str]]
) -> tuple[Heard, ...]:
    """Candidates of one node within the time that the question leaves open, oldest first.

    ``users`` is what `users_of` found.
    """
    reach_ns = round(within_s * _S)
    found = store.arrivals(
        since_ns=arrives_ns - reach_ns, until_ns=arrives_ns + reach_ns + 1, sites=[site], limit=100_000
    )
    mine = [item.arrival for item in found if item.arrival.node == node]
    return tuple(
        Heard(
            event_id=arrival.event_id,
            offset_s=(arrival.utc_ns - arrives_ns) / _S,
            p_gunshot=arrival.p_gunshot,
            snr_db=arrival.snr_db,
            incidents=tuple(users.get(arrival.event_id, ())),
        )
        for arrival in sorted(mine, key=lambda item: item.utc_ns)
    )


def near_incidents(
    store: Store, utc_ns: int, within_s: float, where: tuple[float, float]
) -> tuple[NearIncident, ...]:
    """Incidents within the time that the question leaves open, nearest first; exercises are left out."""
    found = [_near(store, version, utc_ns, where) for version in _around(store, utc_ns, within_s)]
    return tuple(sorted(found, key=lambda item: (item.distance_m is None, item.distance_m or 0.0)))


def _around(store: Store, utc_ns: int, within_s: float) -> list[IncidentVersion]:
    reach_ns = round((within_s + _TRAVEL_S) * _S)
    found = store.latest(since_ns=utc_ns - reach_ns, until_ns=utc_ns + reach_ns, limit=10_000)
    return [version for version in found if not version.exercise]


def users_of(store: Store, utc_ns: int, within_s: float) -> dict[str, list[str]]:
    """Candidate -> incidents of that time whose last version rests on it."""
    users: dict[str, list[str]] = {}
    # An incident's time is its first discharge, before the sound is anywhere; bursts last a while.
    for version in _around(store, utc_ns, within_s + 60.0):
        for event_id in version.event_ids:
            users.setdefault(event_id, []).append(version.incident_id)
    return users


def _near(store: Store, version: IncidentVersion, utc_ns: int, where: tuple[float, float]) -> NearIncident:
    distance_m = None
    if version.place is not None:
        here = (version.place.lat_deg, version.place.lon_deg, 0.0)
        distance_m = math.hypot(*enu_from_llh((*where, 0.0), here)[:2])
    history = store.versions(version.incident_id)
    return NearIncident(
        incident_id=version.incident_id,
        utc_ns=version.utc_ns,
        offset_s=(version.utc_ns - utc_ns) / _S,
        distance_m=distance_m,
        said="retracted" if version.state == "retracted" else version.incident_class,
        alert=any(item.incident_class in GUNFIRE for item in history),
        p_gunshot=version.p_gunshot,
        nodes=len(version.nodes),
        reason=version.reason,
    )
