"""Seeded backgrounds and blasts for tests of the detector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sensor.types import Samples


def noise(rate_hz: int, seconds: float, seed: int = 1, level: float = 1e-3) -> Samples:
    """White background of the given RMS."""
    rng = np.random.default_rng(seed)
    return (level * rng.standard_normal(round(rate_hz * seconds))).astype(np.float32)


def add_blast(audio: Samples, rate_hz: int, at_s: float, peak: float, *, reverb: bool = True) -> None:
    """Add a blast of 0.4 ms positive phase and, on request, a decaying tail of noise behind it."""
    first = round(at_s * rate_hz)
    t = np.arange(min(audio.size - first, round(0.4 * rate_hz))) / rate_hz
    audio[first : first + t.size] += (peak * (1 - t / 4e-4) * np.exp(-t / 4e-4)).astype(np.float32)
    if reverb:
        tail = np.random.default_rng(7).standard_normal(t.size) * np.exp(-t / 0.05) * 0.1 * peak
        audio[first : first + t.size] += tail.astype(np.float32)


def add_round(audio: Samples, rate_hz: int, at_s: float, *, path: int, diffuse: int) -> None:
    """Add a round: a blast, 40 ms that depend on the path, and a second that is never the same twice."""
    add_blast(audio, rate_hz, at_s, 0.3, reverb=False)
    first = round(at_s * rate_hz)
    t = np.arange(audio.size - first) / rate_hz
    near = 0.08 * np.random.default_rng(path).standard_normal(t.size) * np.exp(-t / 0.02)
    far = 0.035 * np.random.default_rng(100 + diffuse).standard_normal(t.size) * np.exp(-t / 0.3)
    audio[first:] += (np.sqrt(rate_hz / 12_000) * (near + far)).astype(np.float32)  # alike in the band
