"""Incidents as a table, for programs that are not ours."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from sensor.central.cad.words import utc_iso

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


def as_csv(found: Iterable[Mapping[str, Any]]) -> str:
    """A table, one incident a line (RFC 4180, UTF-8 with the mark that spreadsheets look for).

    Args:
        found: incidents as the pages get them, with ``desk``.
    """
    text = io.StringIO()
    text.write("\ufeff")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for incident in found:
        line = _line(incident)
        writer.writerow([cell(line[column]) for column in COLUMNS])
    return text.getvalue()


def _line(incident: Mapping[str, Any]) -> dict[str, object]:
    desk = incident["desk"]
    decision = desk["decision"] or {}
    place, ellipse = incident["position"] or {}, incident["ellipse_95"] or {}
    kept = ("incident_id", "version", "utc_ns", "site", "state", "class", "confidence", "author", "reason")
    return {
        **{key: incident[key] for key in (*kept, "rounds_lo", "rounds_hi", "hash")},
        "utc": utc_iso(incident["utc_ns"]),
        "p_gunshot": round(incident["p_gunshot"], 4),
        "rounds": len(incident["rounds"]),
        **{key: _rounded(place, key, 7) for key in ("lat_deg", "lon_deg")},
        **{key: _rounded(ellipse, key, 1) for key in ("semi_major_m", "semi_minor_m", "azimuth_deg")},
        "nodes": len(incident["nodes"]),
        "tags": " ".join(str(tag["name"]) for tag in incident["tags"]),
        "acknowledged_by": " ".join(str(each["by"]) for each in desk["acknowledged"]),
        "decision": decision.get("label"),
        "decided_by": decision.get("by"),
        "decision_reason": decision.get("reason"),
    }


def _rounded(values: Mapping[str, Any], key: str, digits: int) -> float | None:
    return round(values[key], digits) if key in values else None
