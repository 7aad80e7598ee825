"""Spectra and filters that the simulator shares: A-weighting, minimum phase, shaped noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pressure = NDArray[np.float64]
"""Sound pressure over time, pascal, one dimension."""


def rfft_grid_hz(count: int, rate_hz: float) -> NDArray[np.float64]:
    """Frequencies of the bins of an rfft over ``count`` samples."""
    return np.asarray(np.fft.rfftfreq(count, 1.0 / rate_hz), float)


def a_weighting_db(frequency_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Frequency weighting A of IEC 61672-1, dB; 0 at 1 kHz, very small at 0 Hz."""
    square = np.asarray(frequency_hz, float) ** 2
    ratio = (
        12194.0**2
        * square**2
        / ((square + 20.6**2) * np.sqrt((square + 107.7**2) * (square + 737.9**2)) * (square + 12194.0**2))
    )
    return 20.0 * np.log10(np.maximum(ratio, 1e-10)) + 2.0


def minimum_phase(magnitude: NDArray[np.float64]) -> NDArray[np.complex128]:
    """The causal response of least delay with this magnitude on an rfft grid (folded cepstrum)."""
    bins = magnitude.shape[0]
    length = 2 * (bins - 1)
    cepstrum = np.fft.irfft(np.log(np.maximum(magnitude, 1e-9)), length)
    cepstrum[1 : length // 2] *= 2.0
    cepstrum[length // 2 + 1 :] = 0.0
    return np.asarray(np.exp(np.fft.rfft(cepstrum)), complex)


def shaped_noise(
    random: np.random.Generator, length: int, magnitude: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Gaussian noise of ``length`` samples, RMS 1, with the given magnitude on its rfft grid."""
    spectrum = magnitude * (
        random.standard_normal(magnitude.shape[0]) + 1j * random.standard_normal(magnitude.shape[0])
    )
    power = float(np.sum(magnitude[1:-1] ** 2)) * 2.0 + float(magnitude[0] ** 2 + magnitude[-1] ** 2)
    if power <= 0.0:
        return np.zeros(length)
    return np.asarray(np.fft.irfft(spectrum, length) * length / np.sqrt(2.0 * power), float)


def band_noise(
    random: np.random.Generator, length: int, rate_hz: float, low_hz: float, high_hz: float
) -> NDArray[np.float64]:
    """Gaussian noise, RMS 1, between two corners with second-order slopes."""
    frequency = rfft_grid_hz(length, rate_hz)
    high_pass = (frequency / low_hz) ** 2
    magnitude = high_pass / (1.0 + high_pass) / (1.0 + (frequency / high_hz) ** 2)
    return shaped_noise(random, length, magnitude)


def peak_normalised(samples: NDArray[np.float64], peak: float) -> NDArray[np.float64]:
    """``samples`` scaled so that the largest absolute value is ``peak``; zeros stay zeros."""
    largest = float(np.max(np.abs(samples), initial=0.0))
    return samples * (peak / largest) if largest > 0.0 else samples
