"""How often the 95 % ellipse holds the place that fired, on simulated incidents of every kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from scripts.location_scenarios import SCENARIOS, Incident, incidents
from sensor.central.locate import Unlocatable, solve

HEARD_BY = (5, 6, 8, 12)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One simulated incident."""

    scenario: str
    heard_by: int
    error_m: float
    """Infinite where no place was told."""
    semi_major_m: float
    covered: bool
    inside: bool
    """The nodes that heard it surround the source."""


def simulated(per_case: int, seed: int) -> Iterator[Trial]:
    """``per_case`` incidents of each scenario and each number of nodes that hear."""
    for scenario in SCENARIOS:
        for heard_by in HEARD_BY:
            for incident in incidents(scenario, heard_by, per_case, seed):
                yield _judged(scenario.name, heard_by, incident)


def _judged(name: str, heard_by: int, incident: Incident) -> Trial:
    shared = np.full(heard_by, 1.0 / 337.0)
    try:
        found = solve(
            [incident.times_s], [incident.positions_m], [incident.sigmas_s], incident.air, shared_s=[shared]
        )
    except Unlocatable:
        return Trial(
            scenario=name,
            heard_by=heard_by,
            error_m=float("inf"),
            semi_major_m=float("nan"),
            covered=False,
            inside=incident.inside,
        )
    off = found.xy_m - incident.truth_m[:2]
    square = float(off @ np.linalg.solve(found.covariance_m2, off))
    return Trial(
        scenario=name,
        heard_by=heard_by,
        error_m=float(np.hypot(*off)),
        semi_major_m=found.ellipse_95.semi_major_m,
        covered=square <= found.squared_radius,
        inside=incident.inside,
    )
