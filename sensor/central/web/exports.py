"""Incidents as tables and as GeoJSON, for programs that are not ours."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from sensor.central.cad.geojson import feed
from sensor.central.cad.words import utc_iso
from sensor.central.types import IncidentVersion

COLUMNS = (
    "incident_id",
    "version",
    "utc",
    "utc_ns",
    "site",
    "state",
    "class",
    "confidence",
    "p_gunshot",
    "rounds_lo",
    "rounds",
    "rounds_hi",
    "lat_deg",
    "lon_deg",
    "semi_major_m",
    "semi_minor_m",
    "azimuth_deg",
    "nodes",
    "tags",
    "author",
    "reason",
    "acknowledged_by",
    "decision",
    "decided_by",
    "decision_reason",
    "hash",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def cell(value: object) -> object:
    """A value as a cell. Text that a spreadsheet would take for a formula gets an apostrophe before it.

    Numbers stay numbers: a longitude of -79 is no formula.
    """
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA):
        return f"'{value}"
    return value


def as_csv(found: Iterable[tuple[IncidentVersion, Mapping[str, Any]]]) -> str:
    """A table, one incident a line (RFC 4180, UTF-8 with the mark that spreadsheets look for)."""
    text = io.StringIO()
    text.write("\ufeff")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for version, desk in found:
        line = _line(version, desk)
        writer.writerow([cell(line[column]) for column in COLUMNS])
    return text.getvalue()


def as_geojson(found: Iterable[tuple[IncidentVersion, Mapping[str, Any]]]) -> dict[str, Any]:
    """The same feed as the CAD side's: a point and an area for each incident."""
    return feed(version for version, _ in found)


def _line(version: IncidentVersion, desk: Mapping[str, Any]) -> dict[str, object]:
    place, ellipse, decision = version.place, version.ellipse_95, desk["decision"] or {}
    return {
        "incident_id": version.incident_id,
        "version": version.version,
        "utc": utc_iso(version.utc_ns),
        "utc_ns": version.utc_ns,
        "site": version.site,
        "state": version.state,
        "class": version.incident_class,
        "confidence": version.confidence,
        "p_gunshot": round(version.p_gunshot, 4),
        "rounds_lo": version.rounds_lo,
        "rounds": len(version.rounds),
        "rounds_hi": version.rounds_hi,
        "lat_deg": None if place is None else round(place.lat_deg, 7),
        "lon_deg": None if place is None else round(place.lon_deg, 7),
        "semi_major_m": None if ellipse is None else round(ellipse.semi_major_m, 1),
        "semi_minor_m": None if ellipse is None else round(ellipse.semi_minor_m, 1),
        "azimuth_deg": None if ellipse is None else round(ellipse.azimuth_deg, 1),
        "nodes": len(version.nodes),
        "tags": " ".join(tag.name for tag in version.tags),
        "author": version.author,
        "reason": version.reason,
        "acknowledged_by": " ".join(str(each["by"]) for each in desk["acknowledged"]),
        "decision": decision.get("label"),
        "decided_by": decision.get("by"),
        "decision_reason": decision.get("reason"),
        "hash": version.hash,
    }
