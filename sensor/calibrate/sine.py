"""Sine fits: frequency, amplitude and phase of a tone, block by block.

The method is the sine-wave test of IEEE 1057: least squares of a cosine, a sine and a constant at a
known frequency (three parameters), and Gauss-Newton for the frequency itself (four parameters).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

FLOOR_DBFS = -200.0
"""What digital silence is reported as."""


@dataclass(frozen=True, slots=True, eq=False)
class ToneBlocks:
    """Three-parameter fits at one frequency to consecutive blocks of equal length."""

    block_s: float
    """Length of a block, seconds."""
    amplitude_fs: Floats
    """Peak amplitude of the tone per block, full scale."""
    phase_rad: Floats
    """Phase of the tone at the middle of each block, less the phase a steady tone would have there."""
    dc_fs: Floats
    """Constant part per block, full scale."""
    residual_fs: Floats
    """RMS of what the fit leaves, per block, full scale."""

    @property
    def level_dbfs(self) -> Floats:
        """RMS level of the tone per block, dB re an RMS of 1.0 (a full-scale square wave)."""
        return decibels(self.amplitude_fs / math.sqrt(2.0))

    @property
    def dominance(self) -> Floats:
        """Share of each block's power, its constant part left out, that is the tone; 0 to 1."""
        tone = self.amplitude_fs**2 / 2.0
        total = tone + self.residual_fs**2
        return np.divide(tone, total, out=np.zeros_like(tone), where=total > 0.0)


def decibels(ratio: Floats) -> Floats:
    """20 log10 of amplitude ratios, not below ``FLOOR_DBFS``."""
    return 20.0 * np.log10(np.maximum(ratio, 10.0 ** (FLOOR_DBFS / 20.0)))


def fit_blocks(samples: Floats, rate_hz: float, frequency_hz: float, block_s: float) -> ToneBlocks:
    """Fit a sine of ``frequency_hz`` to each whole block of ``samples`` (one channel).

    Args:
        samples: shape (n,), full scale.
        rate_hz: sampling rate.
        frequency_hz: frequency of the tone, 0 to half the rate.
        block_s: length of a block, seconds; at least two periods.

    Returns:
        One value per whole block; the remainder is left out.
    """
    length = max(4, round(block_s * rate_hz))
    count = samples.size // length
    blocks = samples[: count * length].reshape(count, length)
    middle = (length - 1) / 2.0
    angle = 2.0 * math.pi * frequency_hz / rate_hz * (np.arange(length) - middle)
    design = np.column_stack([np.cos(angle), np.sin(angle), np.ones(length)])
    parameters = blocks @ np.linalg.pinv(design).T
    residual = np.sqrt(np.mean((blocks - parameters @ design.T) ** 2, axis=1)) if count else np.empty(0)
    expected = 2.0 * math.pi * frequency_hz / rate_hz * (np.arange(count) * length)
    phase = np.arctan2(-parameters[:, 1], parameters[:, 0]) - expected
    return ToneBlocks(
        block_s=length / rate_hz,
        amplitude_fs=np.hypot(parameters[:, 0], parameters[:, 1]),
        phase_rad=np.angle(np.exp(1j * phase)),
        dc_fs=parameters[:, 2],
        residual_fs=residual,
    )


def spectrum_peak_hz(samples: Floats, rate_hz: float, low_hz: float, high_hz: float) -> tuple[float, float]:
    """The strongest line between two frequencies, and how far it stands out.

    A Hann window and a parabola through the logarithm of the three highest bins: good to a few
    hundredths of a bin.

    Returns:
        Its frequency in Hz, and its level above the median of the band in dB; (0, 0) when the band
        holds no bins or no power.
    """
    if samples.size < 16:
        return 0.0, 0.0
    window = np.hanning(samples.size)
    spectrum = np.abs(np.fft.rfft((samples - samples.mean()) * window))
    step_hz = rate_hz / samples.size
    first = max(1, math.ceil(low_hz / step_hz))
    last = min(spectrum.size - 2, math.floor(high_hz / step_hz))
    if last - first < 2:
        return 0.0, 0.0
    peak = first + int(np.argmax(spectrum[first : last + 1]))
    if spectrum[peak] <= 0.0:
        return 0.0, 0.0
    left, top, right = np.log(np.maximum(spectrum[peak - 1 : peak + 2], 1e-300))
    curvature = left - 2.0 * top + right
    shift = 0.5 * (left - right) / curvature if curvature < 0.0 else 0.0
    median = float(np.median(spectrum[first : last + 1]))
    prominence_db = 20.0 * math.log10(spectrum[peak] / max(median, 1e-300))
    return (peak + float(np.clip(shift, -0.5, 0.5))) * step_hz, prominence_db


def refine_frequency_hz(samples: Floats, rate_hz: float, frequency_hz: float, block_s: float = 0.1) -> float:
    """The frequency at which the tone's phase stands still from block to block.

    The four-parameter fit, solved through the phases of three-parameter fits: unwrap them, weight
    each by its amplitude, and turn the slope of a line through them into a frequency step. Needs a
    start within 1 / (2 ``block_s``) of the truth.
    """
    for _ in range(4):
        blocks = fit_blocks(samples, rate_hz, frequency_hz, block_s)
        if blocks.phase_rad.size < 3:
            return frequency_hz
        time_s = np.arange(blocks.phase_rad.size) * blocks.block_s
        slope = np.polyfit(time_s, np.unwrap(blocks.phase_rad), 1, w=blocks.amplitude_fs + 1e-12)[0]
        step_hz = float(slope) / (2.0 * math.pi)
        frequency_hz += step_hz
        if abs(step_hz) < 1e-6:
            break
    return frequency_hz


def quantisation_step(samples: Floats) -> float:
    """The largest power of two from 2**-7 to 2**-24 of which every sample is a multiple; 2**-24 if none."""
    for bits in range(7, 24):
        scaled = samples * 2.0**bits
        if np.array_equal(scaled, np.rint(scaled)):
            return float(2.0**-bits)
    return float(2.0**-24)
