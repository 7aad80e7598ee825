"""A small town for the web side: sensors, streets, an evening's incidents, users, and a real server over them."""

from __future__ import annotations

import json
import math
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from sensor.central.frame import Frame
from sensor.central.incidents.chain import incident_json, seal
from sensor.central.incidents.review import Action, ReviewConflict, is_judged, review
from sensor.central.store import NodeState, Store, User
from sensor.central.store.sqlite import SqliteStore
from sensor.central.types import (
    Alternative,
    Ellipse,
    IncidentClass,
    IncidentVersion,
    Place,
    RoundTime,
    Tag,
)
from sensor.central.web.app import create_app
from sensor.central.web.clips import FolderClips
from sensor.central.web.live import LiveFeed
from sensor.central.web.passwords import hash_password
from sensor.central.web.server import WebServer
from sensor.central.web.settings import WebSettings
from sensor.events import Position
from sensor.physics import speed_of_sound_m_s

FRAME = Frame(Place(lat_deg=36.0, lon_deg=-78.9, height_m=0.0))
SITE = "riverside"
PASSWORD = "correct horse battery"  # noqa: S105  a test's
ROLES = ("viewer", "officer", "dispatcher", "reviewer", "auditor", "admin")
NAMES = {
    "dispatcher": "kim",
    "reviewer": "ada",
    "officer": "lee",
    "viewer": "vic",
    "auditor": "otto",
    "admin": "root",
}


@cache
def password_hash() -> str:
    """One hash for all: each takes a fifth of a second."""
    return hash_password(PASSWORD)


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

    def add(kind: str, geometry: str, points: list[tuple[float, float]], name: str = "") -> None:
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

    xs = [float(x) for x in range(-1800, 1801, 60)]
    add("water", "Polygon", [(x, river(x) - 45) for x in xs] + [(x, river(x) + 45) for x in reversed(xs)])
    add("park", "Polygon", [(-760, 230), (-420, 260), (-400, 560), (-740, 540)])
    for index in range(-9, 10):
        bend = luck.uniform(-14, 14)
        line = [(index * 165.0 + bend * math.sin(y / 300), y) for y in range(-1500, 1501, 100)]
        add("major" if index in (-4, 3) else "street", "LineString", line)
        bend = luck.uniform(-14, 14)
        line = [(x, index * 150.0 + bend * math.sin(x / 350)) for x in range(-1700, 1701, 100)]
        add("major" if index == 1 else "street", "LineString", line)
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


def fired(
    name: str,
    east_m: float,
    north_m: float,
    *,
    utc_ns: int,
    rounds_s: tuple[float, ...] = (0.0,),
    incident_class: IncidentClass = "gunshot",
    p_gunshot: float = 0.97,
    hears_m: float = 720.0,
    echo: str | None = None,
    **changes: Any,
) -> IncidentVersion:
    """The first version of an incident, with residuals that its sensors would show; ``echo`` heard a detour."""
    luck = random.Random(name)  # noqa: S311
    near = {
        node: distance_m
        for node, spot in spots().items()
        if (distance_m := math.dist(spot, (east_m, north_m))) < hears_m and node not in ("roof-06", "roof-15")
    }
    lines = []
    for node, distance_m in sorted(near.items(), key=lambda item: item[1]):
        residual_ms = 43.7 if node == echo else luck.gauss(0, 3.0)
        lines.append(
            {
                "event_id": f"00000000-0000-5000-8000-{luck.getrandbits(48):012x}",
                "node": node,
                "round": 0,
                "residual_ms": round(residual_ms, 3),
                "sigma_ms": 7.1,
                "weight": 0.02 if node == echo else round(luck.uniform(0.85, 1), 3),
                "distance_m": round(distance_m, 1),
                "snr_db": round(60 - 20 * math.log10(distance_m), 1),
                "why": "late by 44 ms: an echo, a detour or a wrong clock" if node == echo else "",
            }
        )
    rounds = tuple(RoundTime(utc_ns=utc_ns + round(at * 1e9), sigma_ns=1_800_000) for at in rounds_s)
    version = IncidentVersion(
        incident_id=name,
        version=1,
        state="classified",
        site=SITE,
        utc_ns=utc_ns,
        place=rounded(FRAME.place(east_m, north_m, 92.0)),
        ellipse_95=Ellipse(semi_major_m=9.4, semi_minor_m=6.1, azimuth_deg=round(luck.uniform(0, 180), 1)),
        rounds=rounds,
        rounds_lo=len(rounds),
        rounds_hi=len(rounds),
        p_gunshot=p_gunshot,
        incident_class=incident_class,
        nodes=tuple(sorted(near)),
        residuals_ms={line["node"]: line["residual_ms"] for line in lines},  # type: ignore[misc]
        event_ids=tuple(str(line["event_id"]) for line in lines),
        confidence="high",
        card={
            "arrivals": lines,
            "leave_one_out": [
                {"node": node, "shift_m": round(luck.uniform(0.4, 5.5), 2)} for node in sorted(near)
            ],
            "class_factors": [
                {"name": "sound", "effect": 2.9, "words": f"{len(near)} sensors, median p 0.94"},
                {"name": "cadence", "effect": 0.6, "words": "uneven intervals of an aimed weapon"},
                {"name": "level", "effect": 0.4, "words": "158 dB at one metre"},
                {"name": "place", "effect": -0.2, "words": "no incident here in 30 days"},
            ],
            "air": {
                "temperature_c": 18.4,
                "wind_east_m_s": 1.2,
                "wind_north_m_s": -0.4,
                "speed_m_s": round(speed_of_sound_m_s(18.4), 2),
                "source": "metar",
            },
            "n_effective": float(len(near) - (echo in near)),
        },
        reason=f"heard by {len(near)} sensors",
        created_ns=utc_ns + 4_000_000_000,
    )
    return seal(replace(version, **changes), None)


def rounded(place: Place) -> Place:
    """To a centimetre, as fusion writes places."""
    return Place(
        lat_deg=round(place.lat_deg, 7), lon_deg=round(place.lon_deg, 7), height_m=round(place.height_m, 2)
    )


def following(last: IncidentVersion, **changes: Any) -> IncidentVersion:
    """The version after ``last``."""
    plain = replace(last, version=last.version + 1, prev_hash=last.hash, hash=None)
    return seal(replace(plain, **changes), None)


def evening(now_ns: int) -> list[IncidentVersion]:
    """Versions of seven incidents of the last hours, oldest first."""

    def ago(seconds: float) -> int:
        return now_ns - round(seconds * 1e9)

    works = fired(
        "inc-construction", -120, -310, utc_ns=ago(9100), rounds_s=(0, 1.0, 2.0, 3.1), p_gunshot=0.31,
        incident_class="construction", tags=(Tag(name="same_place_before", evidence={"incidents_in_7_days": 14}),),
    )  # fmt: skip
    crackers = fired(
        "inc-fireworks", 410, 350, utc_ns=ago(5200), rounds_s=tuple(i * 0.06 for i in range(9)), p_gunshot=0.12,
        incident_class="fireworks", rounds_lo=7, rounds_hi=24, confidence="medium",
        ellipse_95=Ellipse(semi_major_m=21.0, semi_minor_m=14.0, azimuth_deg=75.0),
    )  # fmt: skip
    mirror = fired(
        "inc-two-places", 560, -420, utc_ns=ago(2400), rounds_s=(0, 0.5), p_gunshot=0.81, hears_m=560, confidence="low",
        ellipse_95=Ellipse(semi_major_m=46.0, semi_minor_m=13.0, azimuth_deg=52.0),
        alternatives=(
            Alternative(
                place=rounded(FRAME.place(760, -640, 92.0)),
                ellipse_95=Ellipse(semi_major_m=58.0, semi_minor_m=16.0, azimuth_deg=47.0),
                odds=0.34,
            ),
        ),
    )  # fmt: skip
    heard = fired("inc-heard", -560, -260, utc_ns=ago(1500), hears_m=330, p_gunshot=0.64)
    where = FRAME.place(-520, -230)
    heard = seal(
        replace(
            heard, place=None, ellipse_95=None, state="open", incident_class="unknown", confidence="low", nodes=heard.nodes[:2],
            residuals_ms={}, event_ids=heard.event_ids[:2], reason="heard by 2 nodes, 4 are needed", hash=None,
            card={
                "near": {"lat_deg": where.lat_deg, "lon_deg": where.lon_deg, "radius_m": 240.0},
                "words": ["heard by 2 nodes, 4 are needed"],
            },
        ),
        None,
    )  # fmt: skip
    burst = fired(
        "inc-automatic", -330, 130, utc_ns=ago(620), rounds_s=tuple(i * 0.086 for i in range(8)), p_gunshot=0.99,
        tags=(Tag(name="full_auto", evidence={"per_minute": 697, "interval_cv": 0.012}),), rounds_hi=9, echo="roof-10",
    )  # fmt: skip
    first = fired("inc-first", 60, 145, utc_ns=ago(42), rounds_s=(0, 0.41, 0.83), rounds_hi=4, echo="roof-07")
    backfire = fired(
        "inc-backfire", 300, 40, utc_ns=ago(7300), p_gunshot=0.42, incident_class="probable_gunshot", confidence="medium"
    )  # fmt: skip
    return [
        works,
        backfire,
        following(backfire, state="closed", reason="nothing more has been heard", created_ns=ago(7280)),
        crackers,
        mirror,
        heard,
        burst,
        following(
            burst,
            place=rounded(FRAME.place(-326.5, 127.2, 92.0)),
            reason="two more sensors",
            created_ns=ago(610),
        ),
        first,
    ]


class Keeper:
    """What the centre's daemon does with a review: append the version unless a person was faster."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()

    def review(
        self,
        incident_id: str,
        *,
        action: Action,
        author: str,
        reason: str,
        incident_class: IncidentClass | None = None,
        expected_version: int | None = None,
        at_ns: int,
    ) -> IncidentVersion:
        """Append the version that a decision makes."""
        with self._lock:
            versions = self._store.versions(incident_id)
            since = versions[expected_version or 0 :]
            if any(each.author != "fusion" for each in since):
                raise ReviewConflict(f"incident {incident_id}: somebody was faster")
            version = review(
                versions[-1],
                action=action,
                author=author,
                reason=reason,
                at_ns=at_ns,
                incident_class=incident_class,
            )
            self._store.append_version(version)
        assert is_judged(version) or action in ("restore", "acknowledge")
        return version


@dataclass(frozen=True, kw_only=True)
class Site:
    """A served town."""

    url: str
    store: SqliteStore
    live: LiveFeed
    settings: WebSettings

    def happens(self, version: IncidentVersion) -> None:
        """A version is stored and told, as the daemon does it."""
        self.store.append_version(version)
        self.live.publish("incident", incident_json(version))


def seed(store: Store, now_ns: int, *, incidents: bool = True) -> None:
    """Users of all roles, sensors, and the evening."""
    for role in ROLES:
        store.put_user(User(name=NAMES[role], role=role, password_hash=password_hash(), created_ns=now_ns))
    for state in node_states(now_ns):
        store.put_node(state)
    for version in evening(now_ns) if incidents else []:
        store.append_version(version)


@contextmanager
def served(
    folder: Path, *, incidents: bool = True, now_ns: int | None = None, **changes: Any
) -> Iterator[Site]:
    """A real server on a port of its own, with a real store in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "streets.geojson").write_text(json.dumps(streets()), encoding="utf-8")
    clips = folder / "clips"
    clips.mkdir(exist_ok=True)
    store = SqliteStore(folder / "record.db")
    seed(store, now_ns or time.time_ns(), incidents=incidents)
    settings = WebSettings(
        **{
            "port": 0,
            "title": "Riverside",
            "map_streets": str(folder / "streets.geojson"),
            "beat_s": 1.0,
            "secret_path": str(folder / "key"),
            **changes,
        }
    )
    live = LiveFeed()
    app = create_app(store, live, settings, reviewer=Keeper(store), clips=FolderClips(clips))
    try:
        with WebServer(app, settings) as server:
            yield Site(url=server.url, store=store, live=live, settings=settings)
    finally:
        store.close()
