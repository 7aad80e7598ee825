"""From an information matrix to an honest 95 % ellipse."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import fdtri

from sensor.central.types import Ellipse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sensor.central.locate.settings import LocateSettings

    Floats = NDArray[np.float64]


@lru_cache(maxsize=4096)
def quantile(dof_tenths: int, level: float = 0.95) -> float:
    """2 F(level; 2, dof), the squared radius that holds ``level`` of the places; dof in tenths."""
    return 2.0 * float(fdtri(2.0, max(dof_tenths, 1) / 10.0, level))


def scale_of(chi2: float, spare: float, settings: LocateSettings) -> tuple[float, float]:
    """Factor on the covariance and degrees of freedom behind it.

    The residuals' own scatter (``chi2`` over ``spare``) is weighed against ``prior_scale``, believed as
    firmly as ``prior_dof`` residuals: with none to spare the belief stands alone, with many the data speak.
    """
    spare = max(spare, 0.0)
    dof = settings.prior_dof + spare
    return (settings.prior_dof * settings.prior_scale + chi2) / dof, dof


def ellipse_of(covariance_m2: Floats, squared_radius: float) -> Ellipse:
    """The ellipse at that squared Mahalanobis radius; azimuth of the major axis clockwise from north."""
    values, vectors = np.linalg.eigh(covariance_m2)
    minor, major = np.sqrt(np.maximum(values, 0.0) * squared_radius)
    azimuth = math.degrees(math.atan2(vectors[0, 1], vectors[1, 1])) % 180.0
    return Ellipse(semi_major_m=float(major), semi_minor_m=float(minor), azimuth_deg=azimuth)
