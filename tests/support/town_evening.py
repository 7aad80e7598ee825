"""What happens in the town of an evening, as versions of incidents."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any

from sensor.central.incidents.chain import seal
from sensor.central.types import (
    Alternative,
    Ellipse,
    IncidentClass,
    IncidentVersion,
    Place,
    RoundTime,
    Tag,
)
from sensor.physics import speed_of_sound_m_s
from tests.support.town_map import FRAME, SITE, spots


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
    """The first version of an incident, with the residuals of its sensors; ``echo`` heard a detour."""
    luck = random.Random(name)  # noqa: S311
    near = {
        node: distance_m
        for node, spot in spots().items()
        if (distance_m := math.dist(spot, (east_m, north_m))) < hears_m and node not in ("roof-06", "roof-15")
    }
    lines = _arrivals(near, echo, luck)
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
        residuals_ms={line["node"]: line["residual_ms"] for line in lines},
        event_ids=tuple(str(line["event_id"]) for line in lines),
        confidence="high",
        card=_card(lines, sorted(near), luck, len(near) - (echo in near)),
        reason=f"heard by {len(near)} sensors",
        created_ns=utc_ns + 4_000_000_000,
    )
    return seal(replace(version, **changes), None)


def _arrivals(near: dict[str, float], echo: str | None, luck: random.Random) -> list[dict[str, Any]]:
    """What the card says of each node's arrival, the nearest first."""
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
    return lines


def _card(
    lines: list[dict[str, Any]], nodes: list[str], luck: random.Random, effective: int
) -> dict[str, Any]:
    """The card that explains the incident."""
    return {
        "arrivals": lines,
        "leave_one_out": [{"node": node, "shift_m": round(luck.uniform(0.4, 5.5), 2)} for node in nodes],
        "class_factors": [
            {"name": "sound", "effect": 2.9, "words": f"{len(nodes)} sensors, median p 0.94"},
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
        "n_effective": float(effective),
    }


def rounded(place: Place) -> Place:
    """To a centimetre, as fusion writes places."""
    return Place(
        lat_deg=round(place.lat_deg, 7), lon_deg=round(place.lon_deg, 7), height_m=round(place.height_m, 2)
    )


def following(last: IncidentVersion, **changes: Any) -> IncidentVersion:
    """The version after ``last``."""
    plain = replace(last, version=last.version + 1, prev_hash=last.hash, hash=None)
    return seal(replace(plain, **changes), None)


def _two_places(utc_ns: int) -> IncidentVersion:
    """Four arrivals at the edge of the network, for which two places do."""
    return fired(
        "inc-two-places",
        560,
        -420,
        utc_ns=utc_ns,
        rounds_s=(0, 0.5),
        p_gunshot=0.81,
        hears_m=560,
        confidence="low",
        ellipse_95=Ellipse(semi_major_m=46.0, semi_minor_m=13.0, azimuth_deg=52.0),
        alternatives=(
            Alternative(
                place=rounded(FRAME.place(760, -640, 92.0)),
                ellipse_95=Ellipse(semi_major_m=58.0, semi_minor_m=16.0, azimuth_deg=47.0),
                odds=0.34,
            ),
        ),
    )


def _heard_by_two(utc_ns: int) -> IncidentVersion:
    """Heard, and not located."""
    heard = fired("inc-heard", -560, -260, utc_ns=utc_ns, hears_m=330, p_gunshot=0.64)
    where = FRAME.place(-520, -230)
    return seal(
        replace(
            heard,
            place=None,
            ellipse_95=None,
            state="open",
            incident_class="unknown",
            confidence="low",
            nodes=heard.nodes[:2],
            residuals_ms={},
            event_ids=heard.event_ids[:2],
            reason="heard by 2 nodes, 4 are needed",
            hash=None,
            card={
                "near": {"lat_deg": where.lat_deg, "lon_deg": where.lon_deg, "radius_m": 240.0},
                "words": ["heard by 2 nodes, 4 are needed"],
            },
        ),
        None,
    )


def _ago(now_ns: int, seconds: float) -> int:
    return now_ns - round(seconds * 1e9)


def _no_shots(now_ns: int) -> list[IncidentVersion]:
    """What is past and was no shot, or hardly: works, a backfire, crackers."""
    works = fired(
        "inc-construction",
        -120,
        -310,
        utc_ns=_ago(now_ns, 9100),
        rounds_s=(0, 1.0, 2.0, 3.1),
        p_gunshot=0.31,
        incident_class="construction",
        tags=(Tag(name="same_place_before", evidence={"incidents_in_7_days": 14}),),
    )
    crackers = fired(
        "inc-fireworks",
        410,
        350,
        utc_ns=_ago(now_ns, 5200),
        rounds_s=tuple(i * 0.06 for i in range(9)),
        p_gunshot=0.12,
        incident_class="fireworks",
        rounds_lo=7,
        rounds_hi=24,
        confidence="medium",
        ellipse_95=Ellipse(semi_major_m=21.0, semi_minor_m=14.0, azimuth_deg=75.0),
    )
    backfire = fired(
        "inc-backfire",
        300,
        40,
        utc_ns=_ago(now_ns, 7300),
        p_gunshot=0.42,
        incident_class="probable_gunshot",
        confidence="medium",
    )
    closed = following(
        backfire, state="closed", reason="nothing more has been heard", created_ns=_ago(now_ns, 7280)
    )
    return [works, backfire, closed, crackers]


def evening(now_ns: int) -> list[IncidentVersion]:
    """Versions of seven incidents of the last hours, oldest first."""
    burst = fired(
        "inc-automatic",
        -330,
        130,
        utc_ns=_ago(now_ns, 620),
        rounds_s=tuple(i * 0.086 for i in range(8)),
        p_gunshot=0.99,
        tags=(Tag(name="full_auto", evidence={"per_minute": 697, "interval_cv": 0.012}),),
        rounds_hi=9,
        echo="roof-10",
    )
    first = fired(
        "inc-first", 60, 145, utc_ns=_ago(now_ns, 42), rounds_s=(0, 0.41, 0.83), rounds_hi=4, echo="roof-07"
    )
    return [
        *_no_shots(now_ns),
        _two_places(_ago(now_ns, 2400)),
        _heard_by_two(_ago(now_ns, 1500)),
        burst,
        following(
            burst,
            place=rounded(FRAME.place(-326.5, 127.2, 92.0)),
            reason="two more sensors",
            created_ns=_ago(now_ns, 610),
        ),
        first,
    ]
