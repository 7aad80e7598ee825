"""Incident versions as the centre makes them, for tests of what is done with them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sensor.central.types import Alternative, Ellipse, IncidentVersion, Place, RoundTime, Tag

SECOND_NS = 1_000_000_000
FIRED_NS = 1_764_045_153_123_456_789
"""2025-11-25 04:32:33.123456789 UTC."""

PLACE = Place(lat_deg=35.98765432, lon_deg=-78.90123456, height_m=110.0)
ELLIPSE = Ellipse(semi_major_m=14.5, semi_minor_m=6.25, azimuth_deg=37.0)

LOCATED = IncidentVersion(
    incident_id="0c5ad6b8-3f6e-5f0e-9d0e-5b7b6a1b0001",
    version=1,
    state="located",
    site="durham",
    utc_ns=FIRED_NS,
    place=PLACE,
    ellipse_95=ELLIPSE,
    rounds=(
        RoundTime(utc_ns=FIRED_NS, sigma_ns=900_000),
        RoundTime(utc_ns=FIRED_NS + 412_000_000, sigma_ns=950_000),
    ),
    rounds_lo=2,
    rounds_hi=3,
    p_gunshot=0.94,
    incident_class="gunshot",
    nodes=("roof-01", "roof-02", "roof-03", "roof-04", "roof-05", "roof-06"),
    residuals_ms={"roof-01": 0.4, "roof-02": -1.1},
    event_ids=("a" * 36, "b" * 36),
    tags=(Tag(name="several_shooters", evidence={"gap_m": 41.0}),),
    confidence="high",
    created_ns=FIRED_NS + 6 * SECOND_NS,
)


def located(**changes: Any) -> IncidentVersion:
    """A located gunshot of six nodes, with ``changes``."""
    return replace(LOCATED, **changes)


def heard_only(**changes: Any) -> IncidentVersion:
    """An impulse that two nodes heard and nobody can place."""
    plain = replace(
        LOCATED,
        incident_id="0c5ad6b8-3f6e-5f0e-9d0e-5b7b6a1b0002",
        state="open",
        place=None,
        ellipse_95=None,
        rounds=(),
        rounds_lo=1,
        rounds_hi=1,
        p_gunshot=0.45,
        incident_class="unknown",
        nodes=("roof-01", "roof-02"),
        residuals_ms={},
        tags=(),
        confidence="low",
    )
    return replace(plain, **changes)


def later(version: IncidentVersion, **changes: Any) -> IncidentVersion:
    """The next version of the same incident, 10 s later, with ``changes``."""
    after = {"version": version.version + 1, "created_ns": version.created_ns + 10 * SECOND_NS, **changes}
    return replace(version, **after)


def retracted(version: IncidentVersion) -> IncidentVersion:
    """The next version takes the incident back."""
    return later(version, state="retracted", author="reviewer-7", reason="fireworks seen on camera")


AWKWARD = "Ümlaut <b>&amp; \"quotes\" ]]> \x00\x0b 'and' emoji 🔊"
"""Words that have broken XML, HTML and mail headers before."""

SECOND_PLACE = Alternative(
    place=Place(lat_deg=35.98, lon_deg=-78.91, height_m=110.0), ellipse_95=ELLIPSE, odds=0.2
)
