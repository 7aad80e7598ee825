"""The air between a source and a microphone: speed of sound, absorption, wind."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Interval
from numpy.typing import NDArray

from sensor.physics import speed_of_sound_m_s

_ZERO_C_K = 273.15
_REFERENCE_K = 293.15
_TRIPLE_POINT_K = 273.16
_REFERENCE_KPA = 101.325
_DB_PER_NEPER = 20.0 / math.log(10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Air:
    """Weather, taken as the same everywhere in a scene."""

    temperature_c: Annotated[float, Interval(ge=-40.0, le=60.0)] = 15.0
    """Air temperature, °C."""
    humidity_percent: Annotated[float, Interval(ge=1.0, le=100.0)] = 60.0
    """Relative humidity, percent."""
    pressure_kpa: Annotated[float, Interval(ge=50.0, le=110.0)] = _REFERENCE_KPA
    """Static pressure, kPa."""
    wind_east_ms: Annotated[float, Interval(ge=-40.0, le=40.0)] = 0.0
    """Component of the wind that blows towards the east, m/s."""
    wind_north_ms: Annotated[float, Interval(ge=-40.0, le=40.0)] = 0.0
    """Component of the wind that blows towards the north, m/s."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    @property
    def sound_speed_m_s(self) -> float:
        """Speed of sound in still air, m/s."""
        return speed_of_sound_m_s(self.temperature_c)

    def travel_time_s(self, source_m: NDArray[np.float64], sensor_m: NDArray[np.float64]) -> float:
        """Seconds from one point to another (east, north, up in metres), wind along the path added to c."""
        way = np.asarray(sensor_m, float) - np.asarray(source_m, float)
        distance_m = float(np.linalg.norm(way))
        if distance_m == 0.0:
            return 0.0
        tail_wind = (way[0] * self.wind_east_ms + way[1] * self.wind_north_ms) / distance_m
        return distance_m / (self.sound_speed_m_s + float(tail_wind))

    def _relaxation(self) -> tuple[float, float, float, float, float]:
        """ISO 9613-1: classical coefficient (Np s²/m), then amplitude (Np s/m) and frequency of O2 and N2."""
        kelvin = self.temperature_c + _ZERO_C_K
        ratio = kelvin / _REFERENCE_K
        pressure = self.pressure_kpa / _REFERENCE_KPA
        saturation = 10.0 ** (-6.8346 * (_TRIPLE_POINT_K / kelvin) ** 1.261 + 4.6151)
        water = self.humidity_percent * saturation / pressure
        oxygen_hz = pressure * (24.0 + 4.04e4 * water * (0.02 + water) / (0.391 + water))
        nitrogen_hz = (
            pressure * ratio**-0.5 * (9.0 + 280.0 * water * math.exp(-4.170 * (ratio ** (-1 / 3) - 1.0)))
        )
        classical = 1.84e-11 / pressure * math.sqrt(ratio)
        oxygen = ratio**-2.5 * 0.01275 * math.exp(-2239.1 / kelvin)
        nitrogen = ratio**-2.5 * 0.1068 * math.exp(-3352.0 / kelvin)
        return classical, oxygen, oxygen_hz, nitrogen, nitrogen_hz

    def propagation_np_m(self, frequency_hz: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Complex attenuation per metre: ``exp(-distance * this)`` is the air's response.

        The real part is ISO 9613-1's coefficient in neper. Its two relaxations are causal, so their
        dispersion follows in closed form: ``A f x / (1 + x²)`` with x = f/f_r is the real part of
        ``i A f / (1 + i x)``. The phase is referred to air in which nitrogen is frozen and oxygen in
        equilibrium, which is its state round 2 kHz: there the phase velocity is the speed of sound.
        """
        classical, oxygen, oxygen_hz, nitrogen, nitrogen_hz = self._relaxation()
        frequency = np.asarray(frequency_hz, float)
        relaxed_oxygen = 1j * oxygen * frequency * (1.0 / (1.0 + 1j * frequency / oxygen_hz) - 1.0)
        relaxed_nitrogen = 1j * nitrogen * frequency / (1.0 + 1j * frequency / nitrogen_hz)
        return np.asarray(classical * frequency**2 + relaxed_oxygen + relaxed_nitrogen, complex)

    def absorption_db_m(self, frequency_hz: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pure-tone absorption of ISO 9613-1:1993, dB per metre."""
        return _DB_PER_NEPER * self.propagation_np_m(frequency_hz).real
