"""From an association to a fix: arrivals become arrays, the solution becomes a place on the earth."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sensor.central.locate.refine import Bearings
from sensor.central.locate.solver import Solution, solve
from sensor.central.types import Air, Alternative, Arrival, Association, Confidence, Fix, Residual, RoundTime
from sensor.physics import speed_of_sound_m_s

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sensor.central.frame import Frame
    from sensor.central.locate.settings import LocateSettings

    Floats = NDArray[np.float64]

_SURE_NODES, _SURE_M = 6.0, 25.0
_FAIR_NODES, _FAIR_M = 5.0, 100.0


def locate(
    association: Association,
    *,
    frame: Frame,
    air: Air,
    settings: LocateSettings,
) -> Fix:
    """Where and when the rounds of ``association`` were fired.

    Raises:
        Unlocatable: the arrivals allow no place; the message says why, ``why`` is the reason to count by.
    """
    rounds = [list(volley) for volley in association.rounds]
    base_ns = min((arrival.utc_ns for volley in rounds for arrival in volley), default=0)
    keys = sorted({arrival.key for volley in rounds for arrival in volley})
    number = {key: index for index, key in enumerate(keys)}
    speed = speed_of_sound_m_s(air.temperature_c)
    solution = solve(
        [np.array([(arrival.utc_ns - base_ns) * 1e-9 for arrival in volley]) for volley in rounds],
        [frame.enu_many([arrival.position for arrival in volley]) for volley in rounds],
        [np.array([arrival.sigma_ns * 1e-9 for arrival in volley]) for volley in rounds],
        air,
        settings=settings,
        start_m=association.start_m,
        shared_s=[np.array([arrival.position.sigma_m / speed for arrival in volley]) for volley in rounds],
        nodes=[np.array([number[arrival.key] for arrival in volley]) for volley in rounds],
        bearings=_bearings(rounds, frame),
    )
    return _fix(solution, rounds, base_ns, frame, air)


def _bearings(rounds: list[list[Arrival]], frame: Frame) -> Bearings | None:
    """The directions among the arrivals; a node's rounds share its error, so the best one speaks for it."""
    best: dict[str, Arrival] = {}
    for arrival in (arrival for volley in rounds for arrival in volley):
        if arrival.bearing_deg is None or not arrival.bearing_sigma_deg:
            continue
        known = best.get(arrival.key)
        if known is None or arrival.bearing_sigma_deg < (known.bearing_sigma_deg or 360.0):
            best[arrival.key] = arrival
    if not best:
        return None
    return Bearings(
        positions_m=frame.enu_many([arrival.position for arrival in best.values()])[:, :2],
        angles_rad=np.radians([arrival.bearing_deg or 0.0 for arrival in best.values()]),
        sigmas_rad=np.radians([arrival.bearing_sigma_deg or 360.0 for arrival in best.values()]),
    )


def _fix(solution: Solution, rounds: list[list[Arrival]], base_ns: int, frame: Frame, air: Air) -> Fix:
    east, north = (float(value) for value in solution.xy_m)
    covariance = solution.covariance_m2
    return Fix(
        place=frame.place(east, north, solution.height_m),
        ellipse_95=solution.ellipse_95,
        covariance_m2=(
            (float(covariance[0, 0]), float(covariance[0, 1])),
            (float(covariance[1, 0]), float(covariance[1, 1])),
        ),
        rounds=tuple(
            RoundTime(utc_ns=base_ns + round(fired * 1e9), sigma_ns=max(1, round(sigma * 1e9)))
            for fired, sigma in zip(solution.fired_s.tolist(), solution.fired_sigma_s.tolist(), strict=True)
        ),
        residuals=tuple(_residuals(solution, rounds)),
        air=_air(solution, air),
        n_effective=solution.n_effective,
        confidence=confidence(solution),
        alternatives=tuple(
            Alternative(
                place=frame.place(float(other.xy_m[0]), float(other.xy_m[1]), other.height_m),
                ellipse_95=other.ellipse_95,
                odds=odds,
            )
            for odds, other in solution.alternatives
        ),
        card=_card(solution),
    )


def _residuals(solution: Solution, rounds: list[list[Arrival]]) -> list[Residual]:
    return [
        Residual(
            event_id=arrival.event_id,
            node=arrival.node,
            round=index,
            residual_s=float(solution.residuals_s[index][place]),
            sigma_s=float(solution.sigmas_s[index][place]),
            weight=float(solution.weights[index][place]),
            distance_m=float(solution.distances_m[index][place]),
        )
        for index, volley in enumerate(rounds)
        for place, arrival in enumerate(volley)
    ]


def _air(solution: Solution, air: Air) -> Air:
    """The air as the arrivals corrected it; the temperature is the one that carries sound at that speed."""
    temperature_c = ((solution.speed_m_s / 331.3) ** 2 - 1.0) * 273.15
    return replace(
        air,
        temperature_c=float(temperature_c),
        wind_east_m_s=solution.wind_m_s[0],
        wind_north_m_s=solution.wind_m_s[1],
    )


def confidence(solution: Solution) -> Confidence:
    """``high`` and ``medium`` want six and five nodes' votes, a short ellipse and no second place."""
    if solution.alternatives or solution.n_effective < _FAIR_NODES - 0.5:
        return "low"
    if solution.n_effective >= _SURE_NODES - 0.5 and solution.ellipse_95.semi_major_m <= _SURE_M:
        return "high"
    return "medium" if solution.ellipse_95.semi_major_m <= _FAIR_M else "low"


def _card(solution: Solution) -> dict[str, Any]:
    return {
        "start": solution.start,
        "iterations": solution.iterations,
        "condition": solution.condition,
        "gdop": solution.gdop,
    }
