"""Physical constants and level arithmetic; each number is defined here once, with its source."""

from __future__ import annotations

import math

REFERENCE_PRESSURE_PA = 20e-6
"""0 dB SPL in air (IEC 61672-1)."""


def speed_of_sound_m_s(temperature_c: float) -> float:
    """Speed of sound in dry air, m/s, for -40 to +60 °C: 331.3 * sqrt(1 + T/273.15)."""
    return 331.3 * math.sqrt(1.0 + temperature_c / 273.15)


def db_from_ratio(ratio: float, *, floor_db: float = -200.0) -> float:
    """20 log10 of an amplitude ratio; ``floor_db`` where the ratio is not positive."""
    return max(floor_db, 20.0 * math.log10(ratio)) if ratio > 0.0 else floor_db


def ratio_from_db(level_db: float) -> float:
    """Amplitude ratio of a level difference in dB."""
    return float(10.0 ** (level_db / 20.0))


def spl_db_from_dbfs(level_dbfs: float, full_scale_db_spl: float) -> float:
    """Sound pressure level of a level re full scale, given the calibrated SPL of full scale."""
    return level_dbfs + full_scale_db_spl
