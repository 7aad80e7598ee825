"""From pressure at the diaphragm to the samples a node records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Interval
from numpy.typing import NDArray

from sensor.physics import REFERENCE_PRESSURE_PA, ratio_from_db
from sensor.sim.spectra import Pressure, a_weighting_db


@dataclass(frozen=True, slots=True, kw_only=True)
class Microphone:
    """A microphone and its converter. The default is a common MEMS part (120 dB overload, 65 dBA SNR)."""

    full_scale_db_spl: Annotated[float, Interval(ge=60.0, le=180.0)] = 120.0
    """Level of a pressure that just reaches the rail, dB SPL: a peak of 20 uPa times 10^(this/20)."""
    noise_dba: Annotated[float, Interval(ge=-20.0, le=80.0)] = 29.0
    """Equivalent input noise, dB(A): 94 minus the data sheet's SNR."""
    low_hz: Annotated[float, Interval(ge=0.0, le=500.0)] = 50.0
    """Second-order low corner, Hz; 0 = none."""
    high_hz: Annotated[float, Interval(ge=1000.0, le=200_000.0)] = 15_000.0
    """First-order high corner, Hz; without effect above 0.45 of the rate."""
    gain_db: Annotated[float, Interval(ge=-60.0, le=60.0)] = 0.0
    """Gain between diaphragm and converter beyond what ``full_scale_db_spl`` says, dB."""
    bits: Annotated[int, Interval(ge=8, le=24)] = 16
    """Resolution of the converter."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    @property
    def rail_pa(self) -> float:
        """Pressure at which the samples reach ±1.0, pascal."""
        return REFERENCE_PRESSURE_PA * ratio_from_db(self.full_scale_db_spl - self.gain_db)


class MicrophoneChannel:
    """Turns consecutive stretches of pressure into samples; the result does not depend on their length."""

    def __init__(self, microphone: Microphone, rate_hz: int, random: np.random.Generator) -> None:
        """Design the filters for one rate and take over ``random`` for the self-noise."""
        from scipy.signal import butter  # noqa: PLC0415  the simulator alone pays for scipy

        self._microphone = microphone
        self._random = random
        sections = []
        if microphone.low_hz > 0.0:
            sections.append(butter(2, microphone.low_hz, "highpass", fs=rate_hz, output="sos"))
        if microphone.high_hz < 0.45 * rate_hz:
            sections.append(butter(1, microphone.high_hz, "lowpass", fs=rate_hz, output="sos"))
        self._sections = np.concatenate(sections) if sections else None
        self._state = np.zeros((0 if self._sections is None else self._sections.shape[0], 2))
        self._noise_pa = _white_noise_pa(microphone.noise_dba, rate_hz)

    def record(self, pressure_pa: Pressure) -> NDArray[np.float32]:
        """Samples in ±1.0 full scale, clipped at the rail and rounded to the converter's steps."""
        from scipy.signal import sosfilt  # noqa: PLC0415  the simulator alone pays for scipy

        heard = pressure_pa
        if self._sections is not None and heard.size:
            heard, self._state = sosfilt(self._sections, heard, zi=self._state)
        heard = heard + self._noise_pa * self._random.standard_normal(heard.size)
        steps = float(1 << (self._microphone.bits - 1))
        codes = np.clip(np.rint(heard * (steps / self._microphone.rail_pa)), -steps, steps - 1.0)
        return np.asarray(codes / steps, np.float32)


def noise_rms_pa(microphone: Microphone, rate_hz: int, low_hz: float, high_hz: float) -> float:
    """RMS of a microphone's own noise between two frequencies, or what the rate allows of them, pascal."""
    top_hz = rate_hz / 2.0
    share = max(0.0, min(high_hz, top_hz) - low_hz) / top_hz
    return _white_noise_pa(microphone.noise_dba, rate_hz) * share**0.5


def _white_noise_pa(level_dba: float, rate_hz: int) -> float:
    """RMS over the whole band of the white noise that measures ``level_dba``."""
    frequency_hz = np.linspace(0.0, rate_hz / 2.0, 4096)
    weighted = float(np.mean(10.0 ** (a_weighting_db(frequency_hz) / 10.0)))
    return REFERENCE_PRESSURE_PA * ratio_from_db(level_dba) / weighted**0.5
