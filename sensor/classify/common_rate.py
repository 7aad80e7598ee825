"""Bring a clip of any sampling rate to one rate, one band and one alignment, so that none can be learned.

The sensor may run at 8 kHz or at 192 kHz. What all of them share is the band below about 3 kHz (it falls off
up to 3.5), so the classifier hears nothing else but two bands above (``HIGH_BANDS_HZ``), which are unknown
where the rate does not reach them: every clip is band-limited and resampled to ``COMMON_RATE_HZ`` with the
onset on one fixed sample, by one Fourier transform (exact band-limited interpolation, Oppenheim & Schafer,
Discrete-Time Signal Processing, ch. 4).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

COMMON_RATE_HZ = 8000.0
BEFORE_S = 0.100
"""Time kept before the onset, s."""
AFTER_S = 0.250
"""Time kept after the onset, s."""
ONSET_INDEX = round(BEFORE_S * COMMON_RATE_HZ)
LENGTH = round((BEFORE_S + AFTER_S) * COMMON_RATE_HZ)

PASS_HZ = 2600.0
STOP_HZ = 3500.0
"""Raised-cosine edge from ``PASS_HZ`` to ``STOP_HZ``: inside what an 8 kHz converter passes (its own filter
falls from about 3.6 kHz), and 900 Hz wide so that it rings for about a millisecond only."""
HIGH_BANDS_HZ = ((2800.0, 4000.0), (4000.0, 5300.0))
"""Looked at where the rate allows (from ``HIGH_RATE_HZ`` up); below, they count as unknown, not as silent."""
HIGH_RATE_HZ = 11_000.0
HIGH_FRAME = 8
"""Samples at the common rate per frame of the high bands: one millisecond."""
HIGH_PASS_HZ = 70.0
"""Second-order Butterworth, minimum phase: wind and handling stay out, nothing rings before the onset."""

_SPAN_S = 0.5
"""Length of the transform: the clip, plus room for the high-pass to ring out before it wraps."""
_FADE_S = 0.002
_N_COMMON = round(COMMON_RATE_HZ * _SPAN_S)
_NOT_REACHED = np.full((len(HIGH_BANDS_HZ), LENGTH // HIGH_FRAME), np.nan, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Aligned:
    """A clip at the common rate; `onset` stands at ``ONSET_INDEX``."""

    wave: NDArray[np.float64]
    """Shape (LENGTH,), the shared band."""
    high: NDArray[np.float32]
    """Shape (len(HIGH_BANDS_HZ), LENGTH // HIGH_FRAME), mean power per millisecond of the bands above it, in
    the square of the wave's unit; NaN where the sampling rate does not reach."""


def to_common_rate(clip: NDArray[np.floating], rate_hz: float, onset: float) -> Aligned:
    """Resample ``clip`` (mono, 8 to 192 kHz) so that the fractional index ``onset`` lands on ``ONSET_INDEX``.

    What lies outside the clip is zero; samples that are not finite count as zero.
    """
    first = max(0, round(onset - BEFORE_S * rate_hz))
    last = min(clip.size, round(onset + AFTER_S * rate_hz))
    part = finite(clip[first:last])
    if part.size >= 2:
        part = part - part.mean()
        fade = max(1, min(round(_FADE_S * rate_hz), part.size // 2))
        ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(fade) + 0.5) / fade)
        part[:fade] *= ramp
        part[part.size - fade :] *= ramp[::-1]
    else:
        part = np.zeros(2)
    length = round(rate_hz * _SPAN_S)
    spectrum = _spectrum(part, length)
    spectrum *= _N_COMMON / length
    spectrum *= _advance(spectrum.size, (onset - first) / rate_hz - BEFORE_S)
    low = np.zeros(_N_COMMON // 2 + 1, dtype=np.complex128)
    keep = min(spectrum.size, low.size)
    low[:keep] = spectrum[:keep] * _RESPONSE[:keep]
    high = _high_power(spectrum) if rate_hz >= HIGH_RATE_HZ else _NOT_REACHED
    return Aligned(np.fft.irfft(low, _N_COMMON)[:LENGTH], high)


def finite(samples: NDArray[np.floating]) -> NDArray[np.float64]:
    """The samples in double precision, those that are not finite zero; they themselves if they are so."""
    doubles = samples.astype(np.float64, copy=False)
    good = np.isfinite(doubles)
    return doubles if good.all() else np.where(good, doubles, 0.0)


def _spectrum(samples: NDArray[np.float64], length: int) -> NDArray[np.complex128]:
    """The bins up to the highest band of the transform of ``samples``, zeros behind them, to ``length``.

    Every n-th sample from the first, the second ... is transformed alone and moved into place (decimation in
    time, Cooley & Tukey 1965): bins that nobody looks at are not computed, and the memory stays in cache.
    """
    heard = min(1 + round(HIGH_BANDS_HZ[-1][1] * _SPAN_S), length // 2 + 1)
    parts = max(n for n in range(1, 1 + length // (2 * heard - 2)) if length % n == 0)
    later = _advance(heard, -_SPAN_S / length)
    spectrum = np.zeros(heard, np.complex128)
    for start in reversed(range(parts)):
        spectrum *= later
        spectrum += np.fft.rfft(samples[start::parts], length // parts)[:heard]
    return spectrum


def _advance(bins: int, time_s: float) -> NDArray[np.complex128]:
    """Factors, shape (bins,), that move a signal ``time_s`` ahead.

    The exponentials are the products of some 100: of every bin they would cost as much as a transform.
    """
    fine = math.isqrt(bins - 1) + 1
    turn = 2j * np.pi * time_s / _SPAN_S
    steps, strides = np.exp(turn * np.arange(fine)), np.exp(turn * fine * np.arange(fine))
    return np.multiply.outer(strides, steps).reshape(-1)[:bins]


def _high_power(spectrum: NDArray[np.complex128]) -> NDArray[np.float32]:
    """Mean power per millisecond in the high bands: bins moved to zero, transformed back, squared."""
    power = np.empty((len(HIGH_BANDS_HZ), LENGTH // HIGH_FRAME), np.float32)
    for row, (begin, taper) in zip(power, _HIGH_TAPERS, strict=True):
        signal = np.fft.ifft(spectrum[begin : begin + taper.size] * taper, _N_COMMON)[:LENGTH]
        square = signal.real**2 + signal.imag**2
        row[:] = np.add.reduceat(square, np.arange(0, LENGTH, HIGH_FRAME)) * (2.0 / HIGH_FRAME)
    return power


def _high_tapers() -> list[tuple[int, NDArray[np.float64]]]:
    """First bin and weights of the bins of each high band."""
    tapers = []
    for band_hz in HIGH_BANDS_HZ:
        begin, end = (round(edge * _SPAN_S) for edge in band_hz)
        tapers.append((begin, np.sin(np.pi * (np.arange(end - begin) + 0.5) / (end - begin))))
    return tapers


def _band(frequency_hz: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Complex response of the high-pass and the zero-phase low-pass edge."""
    s = 1j * frequency_hz / HIGH_PASS_HZ
    edge = np.clip((frequency_hz - PASS_HZ) / (STOP_HZ - PASS_HZ), 0.0, 1.0)
    response: NDArray[np.complex128] = (
        s**2 / (s**2 + np.sqrt(2.0) * s + 1.0) * (0.5 + 0.5 * np.cos(np.pi * edge))
    )
    return response


_RESPONSE = _band(np.arange(_N_COMMON // 2 + 1) / _SPAN_S)
_HIGH_TAPERS = _high_tapers()
