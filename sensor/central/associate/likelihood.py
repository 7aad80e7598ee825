"""How likely an arrival is so early or so late, and a node to hear at all. Densities are per second.

The mixture is that of measured streets: most arrivals straight, some late round a corner, a few echoes in
place of a missed first arrival, and rarely anything, such as a node with a wrong clock.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, log_ndtr

from sensor.central.associate.settings import AssociateSettings

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STEP_S = 0.0005
_EARLY_S = 0.5
_LATE_S = 1.0
_CLASSES = 40
_SIGMA_MIN_S = 0.0005
_RATIO = 1.3
HALF_WAY_M = np.array([200.0, 300.0, 450.0, 650.0, 900.0, 1200.0])
"""Distances at which hearing is even odds: from a suppressed pistol to a rifle."""


def emg(lateness_s: Floats, sigma_s: float, tau_s: float) -> Floats:
    """Density of a normal error plus an exponential delay (exponentially modified Gaussian)."""
    z = (sigma_s / tau_s - lateness_s / sigma_s) / np.sqrt(2.0)
    gauss = -0.5 * (lateness_s / sigma_s) ** 2
    small = z < 5.0
    with np.errstate(over="ignore", under="ignore"):
        by_tail = np.exp(0.5 * (sigma_s / tau_s) ** 2 - lateness_s / tau_s + log_ndtr(-z * np.sqrt(2.0)))
        by_core = 0.5 * np.exp(gauss) * erfcx(np.maximum(z, 5.0))
    density: Floats = np.where(small, by_tail, by_core) / tau_s
    return density


@lru_cache(maxsize=8)
def bias_table(settings: AssociateSettings) -> Floats:
    """(classes, steps) density of an arrival's lateness, one row per class of sigma."""
    lateness = np.arange(-_EARLY_S, _LATE_S, STEP_S)
    straight = 1.0 - settings.late_share - settings.echo_share - settings.stray_share
    rows = []
    for number in range(_CLASSES):
        sigma = _SIGMA_MIN_S * _RATIO**number
        row = straight * np.exp(-0.5 * (lateness / sigma) ** 2) / (sigma * np.sqrt(2.0 * np.pi))
        row += settings.late_share * emg(lateness, sigma, settings.late_s)
        row += settings.echo_share * emg(lateness, sigma, settings.echo_s)
        stray = np.abs(lateness) <= settings.stray_s
        rows.append(row + np.where(stray, settings.stray_share / (2.0 * settings.stray_s), 0.0))
    table = np.array(rows)
    table[:, 0] = table[:, -1] = 0.0
    return table


def sigma_class(sigmas_s: Floats, settings: AssociateSettings) -> Ints:
    """Row of `bias_table` for arrivals whose own sigma is ``sigmas_s``; the path's is added here."""
    total = np.hypot(sigmas_s, settings.path_sigma_s)
    number = np.rint(np.log(total / _SIGMA_MIN_S) / np.log(_RATIO))
    return np.clip(number, 0, _CLASSES - 1).astype(np.int64)


def bias_density(lateness_s: Floats, rows: Ints, settings: AssociateSettings) -> Floats:
    """Density of ``lateness_s`` (..., T) for arrivals of the classes ``rows`` (T,)."""
    table = bias_table(settings)
    width = table.shape[1]
    column = np.clip((lateness_s + (_EARLY_S + STEP_S / 2)) * (1.0 / STEP_S), 0, width - 1).astype(np.int32)
    column += (rows * width).astype(np.int32)
    taken: Floats = table.ravel().take(column)
    return taken


def hearing(distances_m: Floats, half_way_m: Floats | float, settings: AssociateSettings) -> Floats:
    """Probability that a live node at each distance reports a source with even odds at ``half_way_m``."""
    with np.errstate(over="ignore"):
        fade = 1.0 + np.exp((distances_m - half_way_m) / settings.heard_slope_m)
    return settings.heard_max / fade


def interval_density(off_s: Floats, settings: AssociateSettings) -> Floats:
    """Density of the error of an interval at one node: mostly exact, sometimes another pick."""
    sigma = settings.interval_sigma_s
    wide = 0.010
    root = np.sqrt(2.0 * np.pi)
    near = np.exp(-0.5 * (off_s / sigma) ** 2) / (sigma * root)
    far = np.exp(-0.5 * (off_s / wide) ** 2) / (wide * root)
    return 0.85 * near + 0.15 * far
