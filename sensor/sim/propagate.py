"""From 1 m at the source to the microphone: the response of one path, and sounds carried along it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensor.sim.air import Air
from sensor.sim.reverberation import Surroundings, near_echo_response, reverberation_response
from sensor.sim.spectra import Pressure, minimum_phase, rfft_grid_hz

SYNTHESIS_RATE_HZ = 96_000
"""Sound is synthesised at the smallest multiple of the node's rate that reaches this."""
TAIL_S = 2.0
"""Longest reverberation that is rendered after a sound, seconds."""

_LEAD_S = 0.02
"""Room before the first arrival for the converter's symmetrical ringing, seconds."""
_BLAST_LENGTH_M = 0.03
"""Fansler's scaling length of a pistol that makes 160 dB at 1 m; rifles differ by less than 0.3 dB here."""


@dataclass(frozen=True, slots=True, eq=False)  # eq: arrays do not compare to one truth value
class Carried:
    """A sound as it reaches one microphone."""

    first: int
    """The node's sample index of ``pressure_pa[0]``."""
    pressure_pa: Pressure
    """At the node's rate, pascal; the first arrival lies some milliseconds inside."""


def oversampling(rate_hz: int) -> int:
    """By how much synthesis runs faster than a node of this rate."""
    return max(1, math.ceil(SYNTHESIS_RATE_HZ / rate_hz))


def weak_shock_gain(distance_m: float) -> float:
    """What a blast loses beyond 1/r between 1 m and ``distance_m`` (Fansler's decay): 0.6 dB a decade."""

    def slow(metres: float) -> float:
        return math.sqrt(math.log(33119.0 * metres / _BLAST_LENGTH_M))

    return slow(1.0) / slow(max(distance_m, 1.0))


def directivity_db(front_db: float, back_db: float, off_axis_rad: float) -> float:
    """Level re 90° off the muzzle: ``front_db`` straight ahead, ``back_db`` behind, cosine between."""
    cosine = math.cos(off_axis_rad)
    return front_db * cosine if cosine >= 0.0 else -back_db * cosine


def diffraction_response(
    frequency_hz: NDArray[np.float64], detour_m: float, sound_speed_m_s: float
) -> NDArray[np.complex128]:
    """Minimum-phase response of one edge after Maekawa: 10 log10(3 + 20 N), N = 2 f detour / c."""
    if detour_m == 0.0:
        return np.ones(frequency_hz.size, complex)
    fresnel = 2.0 * frequency_hz * detour_m / sound_speed_m_s
    return minimum_phase((3.0 + 20.0 * fresnel) ** -0.5)


def ground_response(
    frequency_hz: NDArray[np.float64],
    source_m: NDArray[np.float64],
    sensor_m: NDArray[np.float64],
    coefficient: float,
    sound_speed_m_s: float,
) -> NDArray[np.complex128]:
    """Direct sound plus its mirror image in the plane z = 0; the rougher the ground the duller the image."""
    image_m = source_m * np.array([1.0, 1.0, -1.0])
    direct_m = float(np.linalg.norm(sensor_m - source_m))
    mirrored_m = float(np.linalg.norm(sensor_m - image_m))
    if source_m[2] <= 0.0 or sensor_m[2] <= 0.0 or direct_m == 0.0:
        return np.ones(frequency_hz.size, complex)
    delay_s = (mirrored_m - direct_m) / sound_speed_m_s
    dull = 1.0 / np.sqrt(1.0 + (frequency_hz / 6000.0) ** 2)
    turn = np.exp(-2j * np.pi * frequency_hz * delay_s)
    return np.asarray(1.0 + coefficient * direct_m / mirrored_m * dull * turn, complex)


def anti_alias(frequency_hz: NDArray[np.float64], rate_hz: float) -> NDArray[np.float64]:
    """The converter's linear-phase low-pass: flat to 0.42 of the rate, raised cosine to 0.5."""
    place = np.clip((frequency_hz / rate_hz - 0.42) / 0.08, 0.0, 1.0)
    return 0.5 * (1.0 + np.cos(np.pi * place))


def path_response(
    random: np.random.Generator,
    frequency_hz: NDArray[np.float64],
    synthesis_hz: float,
    source_m: NDArray[np.float64],
    sensor_m: NDArray[np.float64],
    air: Air,
    surroundings: Surroundings,
) -> NDArray[np.complex128]:
    """Spectrum of everything one path does to a sound at 1 m, first arrival at 0 s.

    The reverberation hangs on the free-field level: what blocks the direct way does not block the rest.
    """
    distance_m = max(1.0, float(np.linalg.norm(sensor_m - source_m)))
    travelled = np.exp(-air.propagation_np_m(frequency_hz) * distance_m) / distance_m
    direct = diffraction_response(frequency_hz, surroundings.detour_m, air.sound_speed_m_s)
    direct *= 10.0 ** (-surroundings.excess_db / 20.0)
    direct *= ground_response(
        frequency_hz, source_m, sensor_m, surroundings.ground_reflection, air.sound_speed_m_s
    )
    direct = direct + direct * near_echo_response(
        random, frequency_hz, synthesis_hz, surroundings.near_echo_db
    )
    tail = reverberation_response(random, frequency_hz, synthesis_hz, air, surroundings)
    return np.asarray(travelled * (direct + tail), complex)


class Path:
    """One way from a place to a microphone, ready to carry sounds; the same for every sound from there."""

    def __init__(
        self,
        random: np.random.Generator,
        rate_hz: int,
        source_m: NDArray[np.float64],
        sensor_m: NDArray[np.float64],
        air: Air,
        surroundings: Surroundings,
        longest_s: float,
    ) -> None:
        """Compute the response for sounds of at most ``longest_s``."""
        self._factor = oversampling(rate_hz)
        self._rate_hz = rate_hz
        tail_s = min(TAIL_S, 1.5 * surroundings.reverberation_time_s)
        self.distance_m = float(np.linalg.norm(sensor_m - source_m))
        detour_s = surroundings.detour_m / air.sound_speed_m_s
        self.travel_s = air.travel_time_s(source_m, sensor_m) + detour_s
        self._count = 1 << math.ceil(math.log2(rate_hz * (longest_s + tail_s + 3.0 * _LEAD_S)))
        synthesis_hz = float(rate_hz * self._factor)
        self._frequency_hz = rfft_grid_hz(self._count * self._factor, synthesis_hz)
        self._response = path_response(
            random, self._frequency_hz, synthesis_hz, source_m, sensor_m, air, surroundings
        ) * anti_alias(self._frequency_hz, rate_hz)

    def carry(self, sound: Pressure, arrival: float, gain: float = 1.0) -> Carried:
        """``sound`` (1 m, synthesis rate), times ``gain``, arriving at the fractional sample ``arrival``."""
        lead = _LEAD_S * self._rate_hz
        first = math.floor(arrival - lead)
        spectrum = np.fft.rfft(sound, self._count * self._factor)[: self._count // 2 + 1]
        turn = np.exp(-2j * np.pi * self._frequency_hz[: spectrum.size] * (arrival - first) / self._rate_hz)
        pressure = np.fft.irfft(spectrum * self._response[: spectrum.size] * turn, self._count)
        return Carried(first=first, pressure_pa=np.asarray(pressure * gain / self._factor, float))
