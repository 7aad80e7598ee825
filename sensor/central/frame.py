"""Local coordinates of one neighbourhood: metres east, north and up of an origin, exact WGS 84.

A frame is a tangent plane. Within an acoustic neighbourhood (a few kilometres) the earth's curvature is
centimetres; two towns have two frames.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensor.central.types import Place
from sensor.errors import CentralError
from sensor.events import Position
from sensor.geodesy import Vector, ecef_from_llh, enu_from_llh, llh_from_ecef, llh_from_enu


class Frame:
    """East, north and up in metres of ``origin``, and back."""

    __slots__ = ("_llh", "_origin_ecef", "_rotation", "origin")

    def __init__(self, origin: Place) -> None:
        self.origin = origin
        self._llh: Vector = (origin.lat_deg, origin.lon_deg, origin.height_m)
        self._origin_ecef = np.array(ecef_from_llh(*self._llh))
        lat, lon = math.radians(origin.lat_deg), math.radians(origin.lon_deg)
        self._rotation = np.array(
            [
                [-math.sin(lon), math.cos(lon), 0.0],
                [-math.sin(lat) * math.cos(lon), -math.sin(lat) * math.sin(lon), math.cos(lat)],
                [math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)],
            ]
        )

    @classmethod
    def around(cls, positions: Iterable[Position | Place]) -> Frame:
        """A frame whose origin is the middle of ``positions``, also across the 180th meridian or a pole.

        Raises:
            CentralError: there is no position.
        """
        points = [ecef_from_llh(p.lat_deg, p.lon_deg, p.height_m) for p in positions]
        if not points:
            raise CentralError("a frame needs at least one position to lie around; none was given")
        lat_deg, lon_deg, height_m = llh_from_ecef(*np.mean(np.array(points), axis=0).tolist())
        return cls(Place(lat_deg=lat_deg, lon_deg=lon_deg, height_m=height_m))

    def enu(self, place: Position | Place) -> Vector:
        """Metres east, north and up of the origin."""
        return enu_from_llh((place.lat_deg, place.lon_deg, place.height_m), self._llh)

    def enu_many(self, places: Iterable[Position | Place]) -> NDArray[np.float64]:
        """The same for several places: an array of shape (n, 3)."""
        ecef = np.array([ecef_from_llh(p.lat_deg, p.lon_deg, p.height_m) for p in places], dtype=np.float64)
        if not ecef.size:
            return np.zeros((0, 3))
        local: NDArray[Any] = (ecef - self._origin_ecef) @ self._rotation.T
        return local

    def place(self, east_m: float, north_m: float, up_m: float = 0.0) -> Place:
        """The place that lies so many metres east, north and up of the origin."""
        lat_deg, lon_deg, height_m = llh_from_enu((float(east_m), float(north_m), float(up_m)), self._llh)
        return Place(lat_deg=lat_deg, lon_deg=lon_deg, height_m=height_m)
