"""The 95 % ellipse on the ground as polygons that maps and CAP can draw.

Rings are lists of (longitude, latitude) in degrees, closed (first = last) and counter-clockwise as seen
from above, as RFC 7946 section 3.1.6 wants it. An ellipse across the antimeridian becomes two rings
(RFC 7946 section 3.1.9), and one round a pole a ring along the pole.
"""

from __future__ import annotations

import math

from sensor.central.types import Ellipse, Place
from sensor.geodesy import llh_from_enu

Ring = list[tuple[float, float]]

POINTS = 72
"""Corners of the polygon: one each 5 degrees."""
_DIGITS = 7
"""A ten-millionth of a degree is 1 cm."""


def ellipse_rings(place: Place, ellipse: Ellipse, *, points: int = POINTS) -> list[Ring]:
    """Polygons of the ellipse round ``place``: one as a rule, two across the antimeridian.

    The corners lie as far outside the ellipse as gives the polygon the ellipse's own area, so that "95 %"
    stays true of what is drawn.
    """
    corners = _corners(place, ellipse, points)
    turn_deg = corners[-1][0] + _wrap(corners[0][0] - corners[-1][0]) - corners[0][0]
    if abs(turn_deg) > 180.0:
        return [_rounded(_round_pole(corners, north=place.lat_deg > 0.0))]
    parts = [
        [(lon + shift, lat) for lon, lat in _between(corners, -180.0 - shift, 180.0 - shift)]
        for shift in (0.0, -360.0, 360.0)
    ]
    return [ring for ring in map(_rounded, parts) if len(ring) > 3]


def circle_radius_m(ellipse: Ellipse) -> float:
    """Radius of the circle that holds the whole ellipse."""
    return ellipse.semi_major_m


def _corners(place: Place, ellipse: Ellipse, points: int) -> Ring:
    """Corners counter-clockwise; longitudes run on without jumps, beyond 180 where need be."""
    step = math.tau / points
    outward = math.sqrt(step / math.sin(step))
    azimuth = math.radians(ellipse.azimuth_deg)
    origin = (place.lat_deg, place.lon_deg, place.height_m)
    corners: Ring = []
    for index in range(points):
        along_m = outward * ellipse.semi_major_m * math.cos(index * step)
        left_m = outward * ellipse.semi_minor_m * math.sin(index * step)
        east_m = along_m * math.sin(azimuth) - left_m * math.cos(azimuth)
        north_m = along_m * math.cos(azimuth) + left_m * math.sin(azimuth)
        lat_deg, lon_deg, _ = llh_from_enu((east_m, north_m, 0.0), origin)
        before_deg = corners[-1][0] if corners else place.lon_deg
        corners.append((before_deg + _wrap(lon_deg - before_deg), lat_deg))
    return corners


def _wrap(lon_deg: float) -> float:
    """The same angle in [-180, 180)."""
    return (lon_deg + 180.0) % 360.0 - 180.0


def _between(corners: Ring, west_deg: float, east_deg: float) -> Ring:
    """The part of a convex polygon between two meridians."""
    kept = _one_side(corners, west_deg, 1.0)
    return _one_side(kept, east_deg, -1.0)


def _one_side(corners: Ring, lon_deg: float, sign: float) -> Ring:
    """The part of a convex polygon east (``sign`` 1) or west (-1) of a meridian."""
    kept: Ring = []
    for index, (lon, lat) in enumerate(corners):
        lon_before, lat_before = corners[index - 1]
        inside, inside_before = sign * (lon - lon_deg) >= 0.0, sign * (lon_before - lon_deg) >= 0.0
        if inside != inside_before:
            share = (lon_deg - lon_before) / (lon - lon_before)
            kept.append((lon_deg, lat_before + share * (lat - lat_before)))
        if inside:
            kept.append((lon, lat))
    return kept


def _round_pole(corners: Ring, *, north: bool) -> Ring:
    """A ring that goes once round the globe and comes back along the pole."""
    pole_deg = 90.0 if north else -90.0
    around = sorted((_wrap(lon), lat) for lon, lat in corners)
    first, last = around[0], around[-1]
    share = (180.0 - last[0]) / (first[0] + 360.0 - last[0])
    seam_deg = last[1] + share * (first[1] - last[1])
    line = [(-180.0, seam_deg), *around, (180.0, seam_deg)]
    if north:
        return [*line, (180.0, pole_deg), (-180.0, pole_deg)]
    return [*reversed(line), (-180.0, pole_deg), (180.0, pole_deg)]


def _rounded(ring: Ring) -> Ring:
    """Closed, with as many digits as mean something, and no corner twice in a row."""
    corners: Ring = []
    for lon, lat in ring:
        corner = (round(lon, _DIGITS), round(lat, _DIGITS))
        if not corners or corner != corners[-1]:
            corners.append(corner)
    if corners and corners[0] != corners[-1]:
        corners.append(corners[0])
    return corners
