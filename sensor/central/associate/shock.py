"""Arrivals ahead of the blast: the ballistic shock wave of a bullet that is faster than sound.

The wave leaves the bullet's path at the Mach angle, so it reaches only nodes on the side it is fired to, and
by how much it leads the blast follows from line of fire and bullet speed alone (SCIENCE 1.2). One early
arrival proves nothing; several that one line of fire explains do.
"""

from __future__ import annotations

import numpy as np

from sensor.central.associate.likelihood import Floats, Ints
from sensor.central.associate.pulses import Pulses
from sensor.central.associate.search import Medium
from sensor.central.associate.sources import Found

_SPEEDS_M_S = 1.0 / np.arange(1.0 / 950.0, 1.0 / 360.0, 3e-5)
"""Mean over the way: from a rifle's down to a pistol's just above sound; 24 ms apart at 800 m."""
_AZIMUTHS = np.radians(np.arange(0.0, 360.0, 0.5))
_LEAD_MIN_S = 0.01
"""A smaller lead is a pick's spread."""
_LEAD_MAX_S = 2.5
"""A kilometre ahead of the muzzle."""
_FIT_S = 0.02
_NODES_MIN = 2
_ARRIVALS_MIN = 3
"""Line of fire and speed explain any two."""
_EXPLAINED_MIN = 0.6
"""Share of all early arrivals: among many, chance offers three that fit."""


def shock_waves(pulses: Pulses, found: Found, used: np.ndarray, medium: Medium) -> Ints:
    """Indices of pulses not ``used`` that one line of fire from ``found`` explains; none if too few do."""
    lead, node, index = _early(pulses, found, used)
    if np.unique(node).size < _NODES_MIN or np.unique(index).size < _ARRIVALS_MIN:
        return np.zeros(0, dtype=np.int64)
    way = pulses.node_places_m[node] - np.array([found.spot.east_m, found.spot.north_m])
    distance, towards = np.hypot(way[:, 0], way[:, 1]), np.arctan2(way[:, 0], way[:, 1])
    fits = np.abs(_leads(distance, towards, medium.speed_m_s) - lead) < _FIT_S
    best = fits[np.unravel_index(int(fits.sum(axis=2).argmax()), fits.shape[:2])]
    waves = np.unique(index[best])
    enough = waves.size >= max(_ARRIVALS_MIN, _EXPLAINED_MIN * np.unique(index).size)
    if not enough or np.unique(node[best]).size < _NODES_MIN:
        return np.zeros(0, dtype=np.int64)
    return waves


def _early(pulses: Pulses, found: Found, used: np.ndarray) -> tuple[Floats, Ints, Ints]:
    """Lead (E,), node and pulse of each pulse before each round that it may be the wave of, at its node."""
    leads, nodes, indices = [], [], []
    for node in np.flatnonzero(~np.isnan(found.begin_s)):
        mine = np.flatnonzero((pulses.node == node) & ~used & pulses.likely)
        rounds = found.begin_s[node] + found.pattern_s
        for pulse in mine:
            ahead = rounds - pulses.times_s[pulse]
            for lead in ahead[(ahead > _LEAD_MIN_S) & (ahead < _LEAD_MAX_S)]:
                leads.append(float(lead))
                nodes.append(int(node))
                indices.append(int(pulse))
    return np.array(leads), np.array(nodes, dtype=np.int64), np.array(indices, dtype=np.int64)


def _leads(distance_m: Floats, towards_rad: Floats, sound_m_s: float) -> Floats:
    """(azimuths, speeds, E) lead of the shock wave over the blast; not a number outside the wave's reach."""
    off = np.abs((towards_rad[None, :] - _AZIMUTHS[:, None] + np.pi) % (2.0 * np.pi) - np.pi)[:, None, :]
    slower = (sound_m_s / _SPEEDS_M_S)[None, :, None]
    along = np.cos(off) * slower
    across = np.sin(off) * np.sqrt(1.0 - slower**2)
    lead = distance_m / sound_m_s * (1.0 - along - across)
    return np.where(off < np.pi / 2.0 - np.arcsin(slower), lead, np.nan)
