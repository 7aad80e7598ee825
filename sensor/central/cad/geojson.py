"""Incidents as GeoJSON (RFC 7946): the point, and the 95 % ellipse; null geometry where not located."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sensor.central.cad.shape import ellipse_rings
from sensor.central.cad.words import headline, utc_iso
from sensor.central.types import IncidentVersion


def features(version: IncidentVersion) -> list[dict[str, Any]]:
    """One incident as two features, point and area, or as one without geometry where it was not located.

    Two, because many map programs cannot show a collection of geometries.
    """
    properties = _properties(version)
    if version.place is None or version.ellipse_95 is None:
        return [_feature(version.incident_id, None, properties)]
    place = version.place
    point = {"type": "Point", "coordinates": [place.lon_deg, place.lat_deg, place.height_m]}
    rings = ellipse_rings(place, version.ellipse_95)
    area: dict[str, Any] = {"type": "Polygon", "coordinates": [rings[0]]}
    if len(rings) > 1:
        area = {"type": "MultiPolygon", "coordinates": [[ring] for ring in rings]}
    return [
        _feature(version.incident_id, point, {**properties, "shape": "point"}),
        _feature(f"{version.incident_id}/area", area, {**properties, "shape": "ellipse_95"}),
    ]


def feed(versions: Iterable[IncidentVersion]) -> dict[str, Any]:
    """A FeatureCollection; retracted incidents are in it and say so, so that a map takes them away."""
    return {"type": "FeatureCollection", "features": [item for each in versions for item in features(each)]}


def _feature(name: str, geometry: dict[str, Any] | None, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "id": name, "geometry": geometry, "properties": properties}


def _properties(version: IncidentVersion) -> dict[str, Any]:
    ellipse = version.ellipse_95
    return {
        "incident_id": version.incident_id,
        "version": version.version,
        "state": version.state,
        "exercise": version.exercise,
        "headline": headline(version),
        "class": version.incident_class,
        "confidence": version.confidence,
        "p_gunshot": version.p_gunshot,
        "time": utc_iso(version.utc_ns),
        "utc_ns": version.utc_ns,
        "rounds_lo": version.rounds_lo,
        "rounds_hi": version.rounds_hi,
        "nodes": len(version.nodes),
        "semi_major_m": None if ellipse is None else ellipse.semi_major_m,
        "semi_minor_m": None if ellipse is None else ellipse.semi_minor_m,
        "azimuth_deg": None if ellipse is None else ellipse.azimuth_deg,
        "tags": [tag.name for tag in version.tags],
        "related_to": list(version.related_to),
        "updated": utc_iso(version.created_ns),
    }
