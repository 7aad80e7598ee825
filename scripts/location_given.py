"""The publisher's own pulse sets, a few sensors at a time: solver beside closed form on the same draws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from scripts.location_corpus import SIGMA_NS, Trial
from sensor.central.locate import LocateSettings, Unlocatable, solve
from sensor.central.locate.closed_form import mlg
from sensor.physics import speed_of_sound_m_s

_BELIEFS = LocateSettings(sampled_votes_max=0.0)
"""The usual ones; the ellipse, which is not judged here, is not refined by sampling."""


@dataclass(frozen=True, kw_only=True)
class Draw:
    """One discharge, located from some of the sensors that heard it."""

    position: str
    sensors: int
    error_m: float
    """Of our solver; infinite where it told no place."""
    closed_form_m: float
    """Of Mathias, Leonardi and Galati's linear form in two dimensions, the publisher's own choice."""


def draws(trials: Sequence[Trial], sensors: int, count: int, seed: int) -> Iterator[Draw]:
    """``count`` draws of so many sensors of every shot that as many heard; each test has its own seed."""
    for trial in trials:
        rng = np.random.default_rng([seed, sensors, *trial.name.encode()])
        for chosen in trial.selected:
            if len(chosen) >= sensors:
                for _ in range(count):
                    yield _draw(trial, rng.choice(chosen, sensors, replace=False))


def _draw(trial: Trial, chosen: np.ndarray) -> Draw:
    base_ns = min(trial.utc_ns)
    times = np.array([(trial.utc_ns[index] - base_ns) * 1e-9 for index in chosen])
    places = trial.places_m[chosen]
    middle = places.mean(axis=0)
    truth = (trial.truth_m - middle)[:2]
    linear = mlg(times, places - middle, speed_of_sound_m_s(trial.air.temperature_c))
    try:
        sigmas = np.full(len(times), SIGMA_NS * 1e-9)
        found = solve([times], [places - middle], [sigmas], trial.air, settings=_BELIEFS)
    except Unlocatable:
        error_m = float("inf")
    else:
        error_m = float(np.hypot(*(found.xy_m - truth)))
    return Draw(
        position=trial.position,
        sensors=len(chosen),
        error_m=error_m,
        closed_form_m=float("inf") if linear is None else float(np.hypot(*(linear - truth))),
    )
