"""What carries the sound, from the settings."""

from __future__ import annotations

from sensor.central.settings import AirSettings
from sensor.central.types import Air


def air_of(settings: AirSettings) -> Air:
    """The air that the settings state; ``default`` where they state nothing of their own."""
    return Air(
        temperature_c=settings.temperature_c,
        wind_east_m_s=settings.wind_east_m_s,
        wind_north_m_s=settings.wind_north_m_s,
        source="default" if settings == AirSettings() else "manual",
    )
