"""Sounds that trigger: decaying bursts over noise, at known samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray


def bursts(
    onsets_s: tuple[float, ...], *, seconds: float, rate_hz: int = 48_000, peak_fs: float = 0.4, seed: int = 1
) -> NDArray[np.float32]:
    """Quiet noise with a sharp, decaying burst at each of ``onsets_s``; float32, ±1.0 full scale."""
    rng = np.random.default_rng(seed)
    samples = rng.normal(0.0, 0.001, round(seconds * rate_hz))
    time_s = np.arange(round(0.05 * rate_hz)) / rate_hz
    for onset_s in onsets_s:
        first = round(onset_s * rate_hz)
        shape = np.cos(2 * np.pi * 900.0 * time_s) * np.exp(-time_s / 0.006)
        samples[first : first + time_s.size] += peak_fs * shape
    return samples.astype(np.float32)


def write_bursts(path: Path, onsets_s: tuple[float, ...], *, seconds: float, rate_hz: int = 48_000) -> Path:
    """Write `bursts` as a 16-bit WAV file; return its path."""
    soundfile.write(path, bursts(onsets_s, seconds=seconds, rate_hz=rate_hz), rate_hz, subtype="PCM_16")
    return path
