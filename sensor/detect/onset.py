"""When the first arrival came and how well that is known.

Three steps, coarse to fine. The strongest *step* of short-time power (2 ms after against 30 ms before)
chooses the arrival: unlike the strongest peak it prefers the direct sound to a later, louder echo, and unlike
the first crossing it is not drawn to a weak sound that happens to come tens of milliseconds before. Where a
shorter step stands out far more once the noise is whitened (a lone blast in the rumble of traffic), that
one is taken. Half of the first peak brackets it. A matched filter, mildly whitened by the noise of the moment
before, then times it to a fraction of a sample. Only the first half millisecond enters: what follows differs
from place to place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sensor.types import Samples

    Doubles = NDArray[np.float64]

EARLY_S = 0.005
"""How long before the crossing the arrival is sought: the band-pass looks 4 ms ahead."""
LATE_S = 0.04
"""How long after the crossing a stronger step takes over: as long as another trigger may not follow."""
STEP_AFTER_S = 0.002
"""3 ms do as well in the street, but lose a lone blast in noise of 15 dB SNR twice as often."""
WHITE_AFTER_S = 0.5e-3
"""The same where the noise is whitened: the front alone."""
WHITE_GAIN = 2.0
"""By how much the whitened step must exceed the plain one. With 1.5 one more of 448 intervals between real
rounds is grossly wrong, with 3 a quarter of the lone blasts are missed again."""
STEP_GAP_S = 0.0005
STEP_BEFORE_S = 0.03
STEP_SMOOTH_S = 0.12e-3
"""Moving average ahead of the search for the step: distant shots have little above 2 kHz, noise may."""
STEP_MEAN_S = 0.0015
"""The signal is taken relative to its mean over this time before, a high-pass that never rings ahead of an
onset; where the step is sought 1.5 to 3.5 ms do equally well."""
MEAN_S = 0.005
"""The same where the front is timed."""
BEFORE_S = EARLY_S + STEP_BEFORE_S + STEP_GAP_S + MEAN_S + 0.002
"""Audio before the crossing that the picker needs."""
AFTER_S = LATE_S + STEP_AFTER_S + 0.003
"""Audio after the crossing that the picker needs."""
POSITIVE_PHASE_S = 0.6e-3
RISE_SIGMA_S = 45e-6
"""The template is a Friedlander wave of 0.6 ms positive phase whose front 300 m of air (ISO 9613-1, 15 °C)
have rounded like a Gaussian of this sigma."""
RISE_DELAY_S = 40e-6
"""How late the middle of the front is after the arrival itself: brings the mean error over 50 to 350 m in the
simulator to zero. It drifts by some 0.1 ms with distance, which is 3 cm."""
TEMPLATE_BEFORE_S = 0.3e-3
TEMPLATE_AFTER_S = 0.5e-3
SEARCH_S = 0.3e-3
"""The matched filter is evaluated this far to either side of the bracket."""
NOISE_S = 0.03
"""Of the moment before, whose noise whitens the filter."""
AR_ORDER = 2
TEMPLATE_LOAD = 0.2
"""White noise added to the measured noise, relative to its power: the less, the better in noise of a steep
spectrum, and the more is a poor fit of the template amplified where the channel carries nothing."""
STEP_LOAD = 0.1
"""The same where a step of power is sought."""
EFFICIENCY = 1.4
"""Spread of a noise-limited pick over the bound that its own amplitude implies: an unknown rise, an amplitude
picked at its largest, and noise known by 30 ms of it."""
SHAPE_SIGMA_S = 85e-6
SHAPE_MISFIT = 0.25
"""Sigma of a pick at high SNR is the first times 1 - exp(-(misfit / second)^3), with the misfit of the
template from 0 to 1: in the simulator's open field (0.02 to 0.1) the front is known; in the street (0.25 to
0.6) it is not, and the muzzle moves between rounds, which no fit shows."""
SMALLEST_SIGMA_S = 5e-6
"""What the arithmetic and a converter's filters leave open at best."""
DOUBT_SIGMA_S = 0.4e-3
DOUBT_FISHER_S = 18e-6
"""A misfitting front is the more often the wrong one the less it stands out of the noise: adds the first
times the misfit times the square of the Fisher sigma over the second."""


@dataclass(frozen=True, slots=True)
class Pick:
    """A first arrival."""

    index: float
    """Fractional sample index in the samples given."""
    sigma_s: float
    """One sigma, seconds."""


class Picker:
    """Times first arrivals at one sampling rate, Hz."""

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._lead = round(TEMPLATE_BEFORE_S * rate_hz)
        self._template = blast_template(rate_hz, self._lead + AR_ORDER, round(TEMPLATE_AFTER_S * rate_hz))
        self._reach = round(SEARCH_S * rate_hz) + round(TEMPLATE_AFTER_S * rate_hz)
        """Samples after the bracket that the matched filter looks at."""
        self.before = math.ceil(BEFORE_S * rate_hz)
        """Samples needed before the crossing."""
        self.after = math.ceil(AFTER_S * rate_hz)
        """Samples needed after it; fewer will do at the end of a stream."""

    def pick(self, samples: Samples, crossing: int, floor_power: float) -> Pick:
        """The first arrival near a crossing.

        ``samples``: raw audio, at least ``before`` samples ahead of ``crossing``, the index of the first
        sample of the frame that crossed; ``floor_power``: mean square of the background, full scale squared.
        """
        smooth = max(1, round(STEP_SMOOTH_S * self._rate_hz))
        steps = departure(moving_average(samples, smooth), round(STEP_MEAN_S * self._rate_hz))
        coarse = self._strongest_step(steps, crossing, floor_power)
        bracket, sign = self._half_of_first_peak(steps, coarse)
        mean = round(MEAN_S * self._rate_hz)
        # All that the matched filter looks at, from the beginning of the noise it is whitened by.
        first = max(0, bracket - round(NOISE_S * self._rate_hz) - mean)
        near = departure(samples[first : bracket + self._reach], mean)
        picked = self._matched(near, bracket - first, sign)
        return Pick(first + picked.index, picked.sigma_s)

    def _strongest_step(self, signal: Doubles, crossing: int, floor_power: float) -> int:
        """Index where the power after exceeds the power before by the largest factor, plain or whitened."""
        first, plain = self._steps(signal, crossing, STEP_AFTER_S, floor_power)
        until = crossing - round(EARLY_S * self._rate_hz)
        quiet = signal[max(0, until - round(NOISE_S * self._rate_hz)) : max(0, until)]
        whitening, noise_power = whitening_filter(quiet, STEP_LOAD)
        noise_power *= max(1.0, floor_power / (float(quiet @ quiet) / max(1, quiet.size) + 1e-20))
        whitened = np.concatenate((np.zeros(AR_ORDER), np.convolve(signal, whitening, mode="valid")))
        _, white = self._steps(whitened, crossing, WHITE_AFTER_S, noise_power)
        return first + int(np.argmax(white if white.max() > WHITE_GAIN * plain.max() else plain))

    def _steps(
        self, signal: Doubles, crossing: int, after_s: float, floor_power: float
    ) -> tuple[int, Doubles]:
        """Index of the first place near the crossing, and of each the mean power after over that before."""
        rate_hz = self._rate_hz
        after, gap, before = (max(1, round(s * rate_hz)) for s in (after_s, STEP_GAP_S, STEP_BEFORE_S))
        energy = np.concatenate(([0.0], np.cumsum(signal * signal)))
        first = max(crossing - round(EARLY_S * rate_hz), gap + before)
        last = max(first + 1, min(crossing + round(LATE_S * rate_hz), signal.size - after))
        if last == first + 1:
            return first, np.zeros(1)
        behind = energy[first - gap : last - gap] - energy[first - gap - before : last - gap - before]
        ahead = energy[first + after : last + after] - energy[first:last]
        # Half the floor on top: before the start of a stream there is nothing to compare with.
        return first, (ahead / after) / (behind / before + 0.5 * floor_power + 1e-30)

    def _half_of_first_peak(self, signal: Doubles, coarse: int) -> tuple[int, float]:
        """Index of the first sample beyond half of the first peak, and the sign of that peak."""
        rate_hz = self._rate_hz
        first = max(0, coarse - round(0.5e-3 * rate_hz))
        near = np.abs(signal[first : coarse + round(2e-3 * rate_hz)])
        edge = int(np.argmax(near >= 0.5 * near.max()))
        peak = float(near[edge : edge + round(1e-3 * rate_hz)].max())
        start = max(0, edge - round(0.35e-3 * rate_hz))
        at = first + start + int(np.argmax(near[start:] >= 0.5 * peak))
        return at, math.copysign(1.0, signal[at])

    def _matched(self, signal: Doubles, bracket: int, sign: float) -> Pick:
        """The best agreement with the template within ``SEARCH_S`` of the bracket, by a parabola."""
        rate_hz = self._rate_hz
        quiet = signal[max(0, bracket - round(NOISE_S * rate_hz)) : bracket - round(1e-3 * rate_hz)]
        whitening, noise_power = whitening_filter(quiet, TEMPLATE_LOAD)
        template = np.convolve(self._template, whitening, mode="valid")
        half = round(SEARCH_S * rate_hz)
        first = bracket - half - self._lead - AR_ORDER
        near = np.zeros(2 * half + self._template.size)
        held = signal[max(0, first) : first + near.size]
        near[max(0, -first) : max(0, -first) + held.size] = held
        white = np.convolve(near, whitening, mode="valid")
        agreement = sign * np.correlate(white, template, mode="valid")
        best = int(agreement.argmax())
        index = bracket - half + best + vertex(agreement, best)
        amplitude = max(float(agreement[best]), 0.0) / float(template @ template)
        heard = white[best : best + template.size]
        return Pick(index, self._sigma_s(template, amplitude, heard, noise_power))

    def _sigma_s(self, template: Doubles, amplitude: float, heard: Doubles, noise_power: float) -> float:
        """One sigma from the noise, the template's misfit and the doubt that the arrival is the first."""
        information = amplitude**2 * steepness(template) / noise_power
        fisher_s = min(1.0 / (math.sqrt(max(information, 1e-12)) * self._rate_hz), SEARCH_S)
        # The noise behind the front is not misfit; 1.5 sigma of its own spread are allowed for.
        noise = (heard.size + 1.5 * math.sqrt(2.0 * heard.size)) * noise_power
        explained = amplitude**2 * float(template @ template) + noise
        misfit = min(1.0, max(0.0, 1.0 - explained / max(float(heard @ heard), 1e-30)))
        doubt_s = DOUBT_SIGMA_S * misfit * (fisher_s / DOUBT_FISHER_S) ** 2
        shape_s = SHAPE_SIGMA_S * -math.expm1(-((misfit / SHAPE_MISFIT) ** 3))
        return math.hypot(EFFICIENCY * fisher_s, shape_s, doubt_s, SMALLEST_SIGMA_S)


def fused(one: Pick, other: Pick) -> Pick:
    """The mean of two independent picks of one arrival, weighted by the inverse of their variances."""
    a, b = one.sigma_s**-2, other.sigma_s**-2
    return Pick((a * one.index + b * other.index) / (a + b), (a + b) ** -0.5)


def departure(samples: Samples, length: int) -> Doubles:
    """Each sample minus the mean of the ``length`` before it; zero where there are fewer."""
    sums = np.concatenate(([0.0], np.cumsum(samples, dtype=np.float64)))
    out = np.zeros(samples.size)
    out[length:] = samples[length:] - (sums[length:-1] - sums[: -length - 1]) / length
    return out


def moving_average(samples: Samples, length: int) -> Samples:
    """Centred mean of ``length`` samples, shape kept; the samples themselves for a length of 1."""
    if length == 1:
        return samples
    return np.convolve(samples, np.full(length, 1.0 / length, np.float32), mode="same")


def steepness(wave: Doubles) -> float:
    """Sum of the squares of the slope, by central differences and at both ends by one-sided ones."""
    twice, first, last = wave[2:] - wave[:-2], wave[1] - wave[0], wave[-1] - wave[-2]
    return float(0.25 * (twice @ twice) + first * first + last * last)


def whitening_filter(noise: Doubles, load: float) -> tuple[Doubles, float]:
    """Prediction-error filter of order 2 of noise, and the power of the noise behind it.

    ``load``: white noise added to the measured, relative to its power.
    """
    power, first, second = (float(noise[lag:] @ noise[: noise.size - lag]) for lag in range(AR_ORDER + 1))
    count = max(1, noise.size)
    power, first, second = power / count + 1e-20, first / count, second / count
    loaded = power * (1.0 + load)
    determinant = loaded * loaded - first * first
    a1 = -(first * loaded - first * second) / determinant
    a2 = -(second * loaded - first * first) / determinant
    residual = power * (1 + a1 * a1 + a2 * a2) + 2 * first * (a1 + a1 * a2) + 2 * second * a2
    return np.array([1.0, a1, a2]), max(residual, 1e-20)


def blast_template(rate_hz: float, before: int, after: int) -> Doubles:
    """A received blast of peak about 1: ``before`` samples, then ``after`` from its arrival on."""
    fine = 16
    t = np.arange(-8 * fine, (after + 8) * fine) / (fine * rate_hz) - RISE_DELAY_S
    wave = np.where(
        t >= 0.0, (1.0 - t / POSITIVE_PHASE_S) * np.exp(-np.maximum(t, 0.0) / POSITIVE_PHASE_S), 0.0
    )
    sigma = math.hypot(RISE_SIGMA_S, 0.3 / rate_hz) * fine * rate_hz  # the converter's own band limit
    reach = math.ceil(4 * sigma)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    pad = np.zeros(before * fine + reach)
    smooth = np.convolve(np.concatenate((pad, wave)), kernel / kernel.sum(), mode="same")
    start = pad.size + 8 * fine - before * fine
    return smooth[start : start + (before + after) * fine : fine]


def vertex(values: Doubles, best: int) -> float:
    """Where the parabola through a value and its neighbours has its vertex, -0.5 to 0.5."""
    if not 0 < best < values.size - 1:
        return 0.0
    low, middle, high = (float(v) for v in values[best - 1 : best + 2])
    curvature = low - 2.0 * middle + high
    return 0.5 * (low - high) / curvature if curvature < 0.0 else 0.0
