"""What of an incident a role gets to see: without the permission ``nodes``, no sensor has a name or a place.

Distances to three named sensors would give their places away, so they go as well. The names become
``sensor 1``, ``sensor 2``, ... within one incident. What is hashed and signed is the whole record; the pages
say so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_PLACES = frozenset(
    {
        "position",
        "place",
        "lat_deg",
        "lon_deg",
        "height_m",
        "distance_m",
        "distances_m",
        "bearing_deg",
        "azimuth_deg",
        "east_m",
        "north_m",
        "enu_m",
        "xy_m",
        "event_id",
        "event_ids",
    }
)
"""Keys of the card and of tags that would tell where a sensor is, or which."""
_COARSE_DEG = 0.0025
"""Some 250 m: where an incident was heard, to those who may not know where the sensors are."""


def redacted(incident: Mapping[str, Any]) -> dict[str, Any]:
    """``incident`` (as `incident_json` writes it) without what tells where the sensors are."""
    site = str(incident.get("site", ""))
    names = [str(name) for name in incident.get("nodes", ())]
    names += [str(name) for name in incident.get("residuals_ms", {}) if str(name) not in names]
    alias = {name: f"sensor {number}" for number, name in enumerate(dict.fromkeys(names), 1)}
    alias |= {f"{site}/{name}": told for name, told in alias.items() if "/" not in name}
    alias |= {name.partition("/")[2]: told for name, told in alias.items() if "/" in name}
    hide = _Hider(alias)
    card = dict(incident.get("card") or {})
    near = card.pop("near", None)
    shown = hide(card)
    if isinstance(near, Mapping):
        shown["near"] = coarse(near)
    return {
        **incident,
        "nodes": [alias.get(str(name), "sensor") for name in incident.get("nodes", ())],
        "residuals_ms": {
            alias.get(str(name), "sensor"): value
            for name, value in dict(incident.get("residuals_ms", {})).items()
        },
        "tags": [
            {"name": tag.get("name"), "evidence": hide(tag.get("evidence", {}))}
            for tag in incident.get("tags", ())
        ],
        "reason": hide(incident.get("reason", "")),
        "card": shown,
        "redacted": True,
    }


def coarse(near: Mapping[str, Any]) -> dict[str, Any]:
    """A place and its radius, rounded to a grid of some 250 m."""
    lat, lon, radius = (near.get(key) for key in ("lat_deg", "lon_deg", "radius_m"))
    if not isinstance(lat, int | float) or not isinstance(lon, int | float):
        return {}
    wide = float(radius) if isinstance(radius, int | float) else 500.0
    return {
        "lat_deg": round(round(lat / _COARSE_DEG) * _COARSE_DEG, 6),
        "lon_deg": round(round(lon / _COARSE_DEG) * _COARSE_DEG, 6),
        "radius_m": max(500.0, round(wide / 250.0 + 0.5) * 250.0),
    }


class _Hider:
    """Walks plain JSON values and leaves names and places out.

    Args:
        alias: name of a node -> what it is called instead.
    """

    def __init__(self, alias: Mapping[str, str]) -> None:
        self._alias = alias
        ordered = sorted((name for name in alias if name), key=len, reverse=True)
        words = "|".join(re.escape(name) for name in ordered)
        self._pattern = re.compile(rf"(?<![\w-])(?:{words})(?![\w-])") if words else None

    def __call__(self, value: Any) -> Any:  # noqa: ANN401  any JSON value
        if isinstance(value, str):
            return self._words(value)
        if isinstance(value, Mapping):
            return {
                self._words(str(key)): self(item) for key, item in value.items() if str(key) not in _PLACES
            }
        if isinstance(value, Sequence):
            return [self(item) for item in value]
        return value

    def _words(self, text: str) -> str:
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda found: self._alias[found.group()], text)
