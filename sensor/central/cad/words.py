"""An incident in words, the same in every alert: what, when, where, how sure, and what is not known."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from sensor.central.types import IncidentClass, IncidentVersion

CLASS_WORDS: dict[IncidentClass, str] = {
    "gunshot": "Gunshot",
    "probable_gunshot": "Probable gunshot",
    "fireworks": "Fireworks",
    "construction": "Construction noise",
    "backfire": "Backfire",
    "other": "Other impulse",
    "unknown": "Impulse of unknown kind",
}


def utc_words(utc_ns: int) -> str:
    """``2026-11-23 08:45:00.123 UTC``, cut (not rounded) to the millisecond."""
    return utc_iso(utc_ns, digits=3).replace("T", " ").replace("Z", " UTC")


def utc_iso(utc_ns: int, *, digits: int = 3, zone: str = "Z") -> str:
    """RFC 3339 in UTC with ``digits`` of the second (0 to 9), cut, not rounded."""
    rest_ns = utc_ns % 1_000_000_000
    text = utc_datetime(utc_ns).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest_ns:09d}"[: 20 + digits if digits else 19] + zone


def utc_datetime(utc_ns: int) -> datetime:
    """The whole second of ``utc_ns``, aware of its zone."""
    return datetime.fromtimestamp(utc_ns // 1_000_000_000, UTC)


def headline(version: IncidentVersion) -> str:
    """One line: exercise or retraction first, then what, how many rounds and how sure."""
    text = CLASS_WORDS[version.incident_class]
    text += f", {rounds_words(version)}" if version.rounds_hi else ""
    if version.place is None:
        text += ", heard but not located"
    else:
        text += f", confidence {version.confidence}"
    if version.state == "retracted":
        text = f"RETRACTED: {text}"
    return f"EXERCISE: {text}" if version.exercise else text


def rounds_words(version: IncidentVersion) -> str:
    """``1 round``, ``3 rounds`` or ``2 to 4 rounds``."""
    low, high = version.rounds_lo, version.rounds_hi
    if low == high:
        return f"{high} round{'' if high == 1 else 's'}"
    return f"{low} to {high} rounds"


def where_words(version: IncidentVersion) -> str:
    """Coordinates with the radius that holds the 95 % ellipse, or that there are none."""
    if version.place is None or version.ellipse_95 is None:
        return f"Not located: heard by {_nodes(version)}, and no point on a map would be honest."
    place, ellipse = version.place, version.ellipse_95
    where = (
        f"{abs(place.lat_deg):.5f} {'N' if place.lat_deg >= 0 else 'S'}, "
        f"{abs(place.lon_deg):.5f} {'E' if place.lon_deg >= 0 else 'W'}"
    )
    text = f"At {where}, within {math.ceil(ellipse.semi_major_m)} m at 95 %."
    if version.alternatives:
        odds = max(other.odds for other in version.alternatives)
        text += f" A second place fits the same arrivals (odds {odds:.2f})."
    return text


def how_sure_words(version: IncidentVersion) -> str:
    """What the statement rests on."""
    text = f"p(gunshot) {version.p_gunshot:.2f}, {_nodes(version)}, confidence {version.confidence}."
    if version.tags:
        text += " Tags: " + ", ".join(tag.name for tag in version.tags) + "."
    return text


def description(version: IncidentVersion) -> str:
    """A short paragraph for people: sensor-originated, not confirmed by a person unless it says so."""
    parts = [f"{headline(version)}.", f"First discharge {utc_words(version.utc_ns)}."]
    if version.place is None:
        parts[1] = f"First arrival {utc_words(version.utc_ns)}."
    parts += [where_words(version), how_sure_words(version)]
    if version.state == "retracted":
        parts.append(f"Retracted by {version.author}: {version.reason}.")
    elif version.author == "fusion":
        parts.append("Reported by acoustic sensors, not confirmed by a person.")
    else:
        parts.append(f"Reviewed by {version.author}: {version.reason}.")
    if version.related_to:
        parts.append(f"Related incidents: {', '.join(version.related_to)}.")
    parts.append(f"Incident {version.incident_id}, version {version.version}.")
    return " ".join(parts)


def _nodes(version: IncidentVersion) -> str:
    count = len(version.nodes)
    return f"{count} node{'' if count == 1 else 's'}"
