"""Nodes on the roofs of a small town, and what they would say of a shot, as it crosses the wire."""

from __future__ import annotations

import json
import math
import random
import time
from dataclasses import dataclass, field
from typing import Any

from sensor import events
from sensor.central.frame import Frame
from sensor.central.types import Place
from sensor.physics import speed_of_sound_m_s
from tests.support.mosquitto import Subscriber

CHAIN = "6a9f3f0e-6f0c-4f0e-9a53-0a5a2c1f5d11"
TEMPERATURE_C = 15.0
PATH_SIGMA_S = 0.003
VERSIONS = {"software": "0.1.0", "model": "m", "config": "c", "calibration": None}


def grid(columns: int = 4, rows: int = 3, step_m: float = 300.0) -> dict[str, tuple[float, float]]:
    """Names and places of roofs, metres east and north; no two rows in line."""
    return {
        f"roof-{row}{column}": (step_m * (column + 0.3 * (row % 2)), step_m * row)
        for row in range(rows)
        for column in range(columns)
    }


@dataclass
class Rooftops:
    """A site whose nodes hear everything, each with a chain of numbers of its own."""

    site: str = "town"
    roofs: dict[str, tuple[float, float]] = field(default_factory=grid)
    lat_deg: float = 35.99
    lon_deg: float = -78.9
    seed: int = 1
    late_s: dict[str, float] = field(default_factory=dict)
    """Clock errors of nodes."""

    def __post_init__(self) -> None:
        self.frame = Frame(Place(lat_deg=self.lat_deg, lon_deg=self.lon_deg, height_m=100.0))
        self._luck = random.Random(self.seed)  # noqa: S311  paths, not secrets
        self.seq = dict.fromkeys(self.roofs, 0)

    def position(self, node: str) -> dict[str, float]:
        """Where a node says it is."""
        place = self.frame.place(*self.roofs[node], 10.0)
        return {
            "lat_deg": place.lat_deg,
            "lon_deg": place.lon_deg,
            "height_m": place.height_m,
            "sigma_m": 1.0,
        }

    def candidate(self, node: str, utc_ns: int, **changes: Any) -> dict[str, Any]:
        """The next candidate of a node."""
        self.seq[node] += 1
        seq = self.seq[node]
        body = {
            "schema": "gunshot.candidate.v1",
            "event_id": events.event_id(self.site, node, CHAIN, seq),
            "site": self.site,
            "node": node,
            "chain_id": CHAIN,
            "seq": seq,
            "utc_ns": utc_ns,
            "sigma_ns": 1_000_000,
            "clock": {"source": "ntp", "state": "locked", "parts_ns": {}, "ppm": None},
            "position": self.position(node),
            "p_gunshot": 0.95,
            "classes": {"gunshot": 0.95, "firework": 0.05},
            "peak_dbfs": -10.0,
            "peak_db_spl": None,
            "snr_db": 30.0,
            "rise_ms": 0.4,
            "duration_ms": 3.0,
            "clip_fraction": 0.0,
            "later_arrivals": [],
            "bearing_deg": None,
            "bearing_sigma_deg": None,
            "versions": VERSIONS,
            "prev_hash": None,
            "signature": None,
        }
        return body | changes

    def shot(
        self, east_m: float, north_m: float, utc_ns: int | None = None, *, nodes: int = 8
    ) -> list[dict[str, Any]]:
        """What the nearest ``nodes`` say of a shot, in the order in which it reaches them."""
        fired_ns = time.time_ns() if utc_ns is None else utc_ns
        speed_m_s = speed_of_sound_m_s(TEMPERATURE_C)
        ranges = sorted((math.dist((east_m, north_m), place), node) for node, place in self.roofs.items())
        return [
            self.candidate(
                node,
                fired_ns
                + round(
                    1e9
                    * (range_m / speed_m_s + self._luck.gauss(0.0, PATH_SIGMA_S) + self.late_s.get(node, 0.0))
                ),
            )
            for range_m, node in ranges[:nodes]
        ]

    def off_m(self, incident: dict[str, Any], east_m: float, north_m: float) -> float:
        """How far an incident's position is from where somebody fired, metres."""
        place = incident["position"]
        east, north, _ = self.frame.enu(
            Place(lat_deg=place["lat_deg"], lon_deg=place["lon_deg"], height_m=100.0)
        )
        return math.dist((east, north), (east_m, north_m))

    def status(self, node: str, state: str = "online", boot_id: str = "boot-1") -> dict[str, Any]:
        """A birth or a farewell."""
        return {
            "schema": "gunshot.status.v1",
            "site": self.site,
            "node": node,
            "state": state,
            "reason": "connected" if state == "online" else "stopped",
            "boot_id": boot_id,
            "position": self.position(node),
            "versions": VERSIONS,
            "topics": {},
        }

    def health(self, node: str, **changes: Any) -> dict[str, Any]:
        """A health message."""
        return {
            "schema": "gunshot.health.v1",
            "site": self.site,
            "node": node,
            "utc_ns": time.time_ns(),
            "clock": {"source": "ntp", "utc_sigma_ns": 1_000_000},
            "audio": {"noise_dbfs": -60.0},
            "outbox": {"depth": 0, "chain_id": CHAIN, "seq": self.seq[node]},
            "problems": [],
            "versions": VERSIONS,
        } | changes


def publish(link: Subscriber, bodies: list[dict[str, Any]], kind: str = "candidate") -> None:
    """Publish messages as their nodes do, at QoS 1."""
    for body in bodies:
        link.publish(
            events.topic(body["site"], body["node"], kind), json.dumps(body), retain=kind != "candidate"
        )
