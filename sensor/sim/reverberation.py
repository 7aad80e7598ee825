"""What a street adds to a sound: façade echoes and a tail that dies away exponentially."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Interval
from numpy.typing import NDArray

from sensor.physics import ratio_from_db
from sensor.sim.air import Air

_SEGMENTS_S = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, math.inf)
"""The reverberation is filtered piece by piece: a later piece has come a longer way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What stands round the source and the sensor."""

    detour_m: Annotated[float, Interval(ge=0.0, le=50.0)] = 0.0
    """Extra length of the shortest way over or round what blocks the line of sight, metres; 0 = clear view.
    It delays the first arrival by ``detour_m / c`` and damps it after Maekawa."""
    excess_db: Annotated[float, Interval(ge=0.0, le=60.0)] = 0.0
    """Further broadband loss of the first arrival (foliage, side streets, shadow), dB."""
    near_echo_db: Annotated[float, Interval(ge=-60.0, le=10.0)] = -3.0
    """Energy of the echoes from the nearest roofs and walls, within some 15 ms, re the first arrival, dB."""
    reverberation_db: Annotated[float, Interval(ge=-60.0, le=20.0)] = -17.0
    """Energy of echoes and tail re the free-field first arrival, dB."""
    reverberation_time_s: Annotated[float, Interval(ge=0.05, le=5.0)] = 1.0
    """Time in which the tail falls by 60 dB, seconds."""
    echoes_per_s: Annotated[float, Interval(ge=0.0, le=500.0)] = 40.0
    """Distinct echoes per second; they carry half of the energy, the diffuse tail the other half."""
    ground_reflection: Annotated[float, Interval(ge=0.0, le=1.0)] = 0.8
    """Pressure reflection coefficient of the ground: asphalt 0.9, grass 0.3 to 0.6."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}


def near_echo_response(
    random: np.random.Generator, frequency_hz: NDArray[np.float64], rate_hz: float, energy_db: float
) -> NDArray[np.complex128]:
    """What follows a first arrival of amplitude 1 from the surfaces next to source and sensor.

    Two to eight reflections, on average 5 ms late, each as dull as one bounce; together ``energy_db``.
    """
    count = int(random.integers(2, 9))
    delays_s = 0.4e-3 + random.exponential(5e-3, count)
    strengths = np.exp(-delays_s / 10e-3 + 0.4 * random.standard_normal(count))
    strengths *= random.choice((1.0, -1.0), count, p=(0.85, 0.15))
    strengths *= ratio_from_db(energy_db) / math.sqrt(float(strengths @ strengths))
    train = np.zeros(2 * (frequency_hz.size - 1))
    np.add.at(train, np.minimum(train.size - 1, np.rint(delays_s * rate_hz).astype(int)), strengths)
    return np.asarray(np.fft.rfft(train) * np.exp(-_wall_np(frequency_hz)), complex)


def _wall_np(frequency_hz: NDArray[np.float64]) -> NDArray[np.complex128]:
    """What one bounce off a rough façade takes, complex neper: a first-order low-pass at 1.6 kHz."""
    return np.asarray(np.log(1.0 + 1j * frequency_hz / 1600.0), complex)


def draw_surroundings(random: np.random.Generator) -> Surroundings:
    """Surroundings of one path through a built-up area, drawn as they were met on real streets.

    Medians and spreads make simulated shots lie where the recorded ones of a deployed network lie
    (``scripts/plot_simulated_shots`` shows it): near echoes nearly as strong as the first arrival, a tail
    some 14 dB below the free field that takes about a second to fall by 60 dB.
    """

    def normal(mean: float, spread: float, low: float, high: float) -> float:
        return float(np.clip(random.normal(mean, spread), low, high))

    return Surroundings(
        detour_m=math.exp(normal(0.0, 1.0, -4.0, 2.7)),
        excess_db=abs(normal(0.0, 5.0, -20.0, 20.0)),
        near_echo_db=normal(-1.0, 3.5, -12.0, 6.0),
        reverberation_db=normal(-14.0, 7.0, -40.0, 4.0),
        reverberation_time_s=math.exp(normal(0.0, 0.35, -0.9, 0.9)),
        echoes_per_s=float(random.uniform(10.0, 60.0)),
        ground_reflection=float(random.uniform(0.3, 0.9)),
    )


def reverberation_response(
    random: np.random.Generator,
    frequency_hz: NDArray[np.float64],
    rate_hz: float,
    air: Air,
    surroundings: Surroundings,
) -> NDArray[np.complex128]:
    """Spectrum (rfft grid) of echoes and tail after a first arrival of amplitude 1 at 0 s."""
    length = 2 * (frequency_hz.size - 1)
    train = _echo_train(random, length, rate_hz, surroundings)
    per_metre, per_bounce = air.propagation_np_m(frequency_hz), _wall_np(frequency_hz)
    response = np.zeros(frequency_hz.size, complex)
    time_s = np.arange(length) / rate_hz
    for start_s, end_s in pairwise(_SEGMENTS_S):
        inside = (time_s >= start_s) & (time_s < end_s)
        if not inside.any():
            break
        middle_s = 0.5 * (start_s + min(end_s, float(time_s[-1])))
        bounces = min(8.0, 1.0 + middle_s / 0.08)  # a street of about 25 m between its walls
        losses = per_bounce * bounces + per_metre * (air.sound_speed_m_s * middle_s)
        response += np.fft.rfft(np.where(inside, train, 0.0)) * np.exp(-losses)
    return np.asarray(response * ratio_from_db(surroundings.reverberation_db), complex)


def _echo_train(
    random: np.random.Generator, length: int, rate_hz: float, surroundings: Surroundings
) -> NDArray[np.float64]:
    """Impulse train of energy 1: half in Poisson echoes, half in exponentially decaying noise."""
    time_s = np.arange(length) / rate_hz
    decay = np.exp(-6.908 * time_s / surroundings.reverberation_time_s)  # ln(1000): 60 dB
    decay *= 1.0 - np.exp(-time_s / 8e-3)  # the nearest walls answer after some milliseconds
    decay[time_s > 1.5 * surroundings.reverberation_time_s] = 0.0
    diffuse = random.standard_normal(length) * decay
    echoes = np.zeros(length)
    window_s = min(1.5 * surroundings.reverberation_time_s, length / rate_hz)
    count = int(random.poisson(surroundings.echoes_per_s * window_s))
    places = random.integers(0, max(1, int(window_s * rate_hz)), count)
    strengths = np.exp(0.6 * random.standard_normal(count)) * random.choice((1.0, -1.0), count, p=(0.8, 0.2))
    np.add.at(echoes, places, strengths * decay[places])
    parts = [part / math.sqrt(energy) for part in (echoes, diffuse) if (energy := float(part @ part)) > 0.0]
    return np.asarray(sum(parts) / math.sqrt(max(1, len(parts))), float)
