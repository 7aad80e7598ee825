"""Closed-form places from arrival times: starts for the search, and what others ship as the answer.

Two-dimensional. The air is still in these formulas; one speed for all paths.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_SINGULAR = 1e-9


def mlg(times_s: Floats, places_m: Floats, speed_m_s: float) -> Floats | None:
    """Place (2,) by Mathias, Leonardi and Galati's linear form; None where it has no solution.

    Rows ``[x, y, -c t, -1/2]`` against ``(x² + y² - (c t)²) / 2``, centred first; needs four arrivals.
    """
    if len(times_s) < 4:
        return None
    centre, middle = places_m[:, :2].mean(axis=0), times_s.mean()
    xy, ct = places_m[:, :2] - centre, speed_m_s * (times_s - middle)
    rows = np.column_stack([xy, -ct, np.full(len(ct), -0.5)])
    right = 0.5 * ((xy**2).sum(axis=1) - ct**2)
    try:
        solved, _, rank, _ = np.linalg.lstsq(rows, right, rcond=None)
    except np.linalg.LinAlgError:
        return None
    if rank < 4 or not np.isfinite(solved).all():
        return None
    return solved[:2] + centre


def from_triples(times_s: Floats, places_m: Floats, speed_m_s: float) -> Floats:
    """Places (S, 2) that explain three arrivals each exactly, both roots.

    Schau and Robinson's spherical intersection for triples ``times_s`` (T, 3), ``places_m`` (T, 3, 2).
    Where noise leaves no real root, the place of closest approach stands in. Triples on a line are left out.
    """
    base = places_m[:, 0]
    side = 2.0 * (places_m[:, 1:] - base[:, None])
    determinant = side[:, 0, 0] * side[:, 1, 1] - side[:, 0, 1] * side[:, 1, 0]
    size = np.hypot(side[..., 0], side[..., 1]).prod(axis=1)
    usable = np.abs(determinant) > np.maximum(1e-3 * size, _SINGULAR)
    if not usable.any():
        return np.empty((0, 2))
    base, side, determinant = base[usable], side[usable], determinant[usable]
    lead = speed_m_s * (times_s[usable, 1:] - times_s[usable, :1])
    constant = (side**2).sum(axis=2) / 4.0 - lead**2
    u = _solve2(side, determinant, constant)
    v = _solve2(side, determinant, -2.0 * lead)
    a = (v**2).sum(axis=1) - 1.0
    b = 2.0 * (u * v).sum(axis=1)
    c = (u**2).sum(axis=1)
    a = np.where(np.abs(a) < _SINGULAR, _SINGULAR, a)
    root = np.sqrt(np.maximum(b * b - 4.0 * a * c, 0.0))
    ranges = np.stack([(-b + root) / (2.0 * a), (-b - root) / (2.0 * a)])
    found = base + u + v * ranges[..., None]
    keep = (ranges >= 0.0) & (ranges < 1e5)
    return found[keep]


def _solve2(side: Floats, determinant: Floats, right: Floats) -> Floats:
    """Solve the 2 × 2 systems ``side`` (T, 2, 2) for ``right`` (T, 2)."""
    first = right[:, 0] * side[:, 1, 1] - right[:, 1] * side[:, 0, 1]
    second = side[:, 0, 0] * right[:, 1] - side[:, 1, 0] * right[:, 0]
    return np.stack([first, second], axis=1) / determinant[:, None]
