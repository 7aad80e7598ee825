"""WGS 84: latitude, longitude and height to metres east, north and up of an origin, and back.

Heights are above the ellipsoid. Good to a micrometre within thousands of kilometres of the origin.
"""

from __future__ import annotations

import math

SEMI_MAJOR_M = 6_378_137.0
"""Equatorial radius of WGS 84 (NGA.STND.0036)."""
FLATTENING = 1.0 / 298.257223563
"""Flattening of WGS 84 (NGA.STND.0036)."""

_ECCENTRICITY_2 = FLATTENING * (2.0 - FLATTENING)

Vector = tuple[float, float, float]


def ecef_from_llh(lat_deg: float, lon_deg: float, height_m: float) -> Vector:
    """Earth-centred, earth-fixed x, y, z in metres."""
    lat, lon = math.radians(lat_deg), math.radians(lon_deg)
    normal_m = SEMI_MAJOR_M / math.sqrt(1.0 - _ECCENTRICITY_2 * math.sin(lat) ** 2)
    across_m = (normal_m + height_m) * math.cos(lat)
    up_m = (normal_m * (1.0 - _ECCENTRICITY_2) + height_m) * math.sin(lat)
    return across_m * math.cos(lon), across_m * math.sin(lon), up_m


def llh_from_ecef(x_m: float, y_m: float, z_m: float) -> Vector:
    """Latitude and longitude in degrees and height in metres; Bowring's formula, iterated to the end."""
    across_m = math.hypot(x_m, y_m)
    minor_m = SEMI_MAJOR_M * (1.0 - FLATTENING)
    second_2 = _ECCENTRICITY_2 / (1.0 - _ECCENTRICITY_2)
    reduced = math.atan2(z_m * SEMI_MAJOR_M, across_m * minor_m)
    lat = reduced
    for _ in range(3):
        lat = math.atan2(
            z_m + second_2 * minor_m * math.sin(reduced) ** 3,
            across_m - _ECCENTRICITY_2 * SEMI_MAJOR_M * math.cos(reduced) ** 3,
        )
        reduced = math.atan((1.0 - FLATTENING) * math.tan(lat))
    normal_m = SEMI_MAJOR_M / math.sqrt(1.0 - _ECCENTRICITY_2 * math.sin(lat) ** 2)
    # Both terms stay well-behaved at the poles, where across / cos(lat) would not.
    height_m = across_m * math.cos(lat) + z_m * math.sin(lat) - SEMI_MAJOR_M**2 / normal_m
    return math.degrees(lat), math.degrees(math.atan2(y_m, x_m)), height_m


def _rotation(lat_deg: float, lon_deg: float) -> tuple[Vector, Vector, Vector]:
    """Unit vectors east, north and up at a place, in ECEF."""
    lat, lon = math.radians(lat_deg), math.radians(lon_deg)
    return (
        (-math.sin(lon), math.cos(lon), 0.0),
        (-math.sin(lat) * math.cos(lon), -math.sin(lat) * math.sin(lon), math.cos(lat)),
        (math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)),
    )


def enu_from_llh(llh: Vector, origin_llh: Vector) -> Vector:
    """Metres east, north and up of ``origin_llh``, on its tangent plane."""
    here, origin = ecef_from_llh(*llh), ecef_from_llh(*origin_llh)
    way = [a - b for a, b in zip(here, origin, strict=True)]
    east, north, up = (
        sum(u * w for u, w in zip(axis, way, strict=True)) for axis in _rotation(*origin_llh[:2])
    )
    return east, north, up


def llh_from_enu(enu_m: Vector, origin_llh: Vector) -> Vector:
    """Latitude, longitude and height of a point given in metres east, north and up of ``origin_llh``."""
    origin = ecef_from_llh(*origin_llh)
    axes = _rotation(*origin_llh[:2])
    x_m, y_m, z_m = (
        origin[i] + sum(axis[i] * along for axis, along in zip(axes, enu_m, strict=True)) for i in range(3)
    )
    return llh_from_ecef(x_m, y_m, z_m)
