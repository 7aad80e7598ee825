"""How far a clock may have wandered since its source was lost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sensor.timing.settings import TimingSettings

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Oscillator:
    """A crystal left to itself: a rate error that stays, and one that follows the temperature.

    The second takes the temperature as a daily sinusoid whose phase at the moment of the loss is
    unknown. The time gained since is the integral of its change; its mean square over the phase is, for
    a sinusoid of unit variance and w = 2 pi / day, t^2 + 2 (1 - cos wt) / w^2 - 2 t sin(wt) / w.
    """

    rate_ppm: float
    """One sigma of the rate error at the moment of the loss, ppm."""
    daily_ppm: float
    """One sigma over a day of the rate, from temperature alone, ppm."""

    @classmethod
    def of(cls, settings: TimingSettings) -> Oscillator:
        """The oscillator that the settings describe."""
        return cls(settings.holdover_ppm, settings.temperature_ppm_per_k * settings.temperature_swing_k)

    def sigma_ns(self, age_s: float) -> float:
        """One sigma of the time gained or lost in ``age_s`` seconds without a source, ns."""
        age_s = max(0.0, age_s)
        turn = 2.0 * math.pi / _DAY_S
        phase = turn * age_s
        square = age_s**2 + 2.0 * (1.0 - math.cos(phase)) / turn**2 - 2.0 * age_s * math.sin(phase) / turn
        wander_s = math.sqrt(max(square, 0.0))
        return 1e3 * math.hypot(self.rate_ppm * age_s, self.daily_ppm * wander_s)
