"""Third octaves and A-weighting, in the frequency domain.

Bands: IEC 61260-1, base ten: mid-band frequencies 1000 * 10**(n/10) Hz, edges a twentieth of a decade
apart on either side. Weighting: the pole formula of IEC 61672-1, annex E.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

_NOMINAL = ("1", "1.25", "1.6", "2", "2.5", "3.15", "4", "5", "6.3", "8")


@dataclass(frozen=True, slots=True)
class Band:
    """One third octave."""

    nominal_hz: str
    """The rounded mid-band frequency by which the band is called, such as ``31.5``."""
    middle_hz: float
    low_hz: float
    high_hz: float


def third_octaves(rate_hz: float, lowest_hz: float = 24.0) -> tuple[Band, ...]:
    """The third octaves from ``lowest_hz`` up whose upper edge is below half the rate."""
    bands = []
    for order in range(-20, 18):
        middle_hz = 1000.0 * 10.0 ** (order / 10.0)
        high_hz = middle_hz * 10.0**0.05
        if middle_hz >= lowest_hz and high_hz <= rate_hz / 2.0:
            decade, step = divmod(order, 10)
            name = f"{float(_NOMINAL[step]) * 10.0 ** (decade + 3):g}"
            bands.append(Band(name, middle_hz, middle_hz / 10.0**0.05, high_hz))
    return tuple(bands)


def a_weighting_db(frequency_hz: Floats) -> Floats:
    """A-weighting at each frequency in Hz; -inf at 0."""
    square = np.asarray(frequency_hz, dtype=np.float64) ** 2
    response = (
        12194.217**2
        * square**2
        / (
            (square + 20.598997**2)
            * np.sqrt((square + 107.65265**2) * (square + 737.86223**2))
            * (square + 12194.217**2)
        )
    )
    with np.errstate(divide="ignore"):
        return 20.0 * np.log10(response) + 1.99991  # 0 dB at 1 kHz


def power_spectra(frames: Floats) -> Floats:
    """Power per bin of each row, by a Hann window; the bins of a row add up to its mean square.

    Args:
        frames: shape (m, n), full scale.

    Returns:
        Shape (m, n // 2 + 1), power re full scale. Exact on average: the window weights the middle of
        a row more than its ends.
    """
    length = frames.shape[1]
    window = np.hanning(length + 1)[:-1]
    bins = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    bins[:, 1 : (length + 1) // 2] *= 2.0
    return bins / (length**2 * float(np.mean(window**2)))


def band_weights(length: int, rate_hz: float, edges_hz: list[tuple[float, float]]) -> Floats:
    """Matrix (bands, bins) that sums the bins of a frame of ``length`` into bands; edge bins in part."""
    step_hz = rate_hz / length
    middle = np.arange(length // 2 + 1) * step_hz
    rows = [
        np.clip(np.minimum(middle + step_hz / 2.0, high) - np.maximum(middle - step_hz / 2.0, low), 0.0, None)
        / step_hz
        for low, high in edges_hz
    ]
    return np.array(rows)


def power_db(power: Floats | float) -> Floats:
    """10 log10 of powers, not below -200 dB."""
    return 10.0 * np.log10(np.maximum(power, 1e-20))


def energy_mean_db(levels_db: Floats) -> float:
    """Level of the mean power of some levels."""
    return 10.0 * math.log10(max(float(np.mean(10.0 ** (levels_db / 10.0))), 1e-20))
