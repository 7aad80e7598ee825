"""Signals with known truth for the calibration tests and for the example in docs/technician.md.

``python -m tests.support.calibration_signals FOLDER`` writes the recordings of that example.
"""

from __future__ import annotations

import json
import math
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def calibrator_tone(
    *,
    rate_hz: float = 16_000,
    frequency_hz: float = 1000.0,
    amplitude_fs: float = 0.1,
    quiet_s: float = 2.0,
    tone_s: float = 8.0,
    tail_s: float = 3.0,
    ramp_s: float = 0.3,
    noise_fs: float = 1e-4,
    seed: int = 1,
) -> Floats:
    """Quiet, a tone that ramps up, quiet again, over white noise; float64, not quantised."""
    count = round((quiet_s + tone_s + tail_s) * rate_hz)
    time_s = np.arange(count) / rate_hz
    rise = np.clip((time_s - quiet_s) / ramp_s, 0.0, 1.0) if quiet_s > 0.0 else np.ones(count)
    fall = np.clip((quiet_s + tone_s - time_s) / 0.02, 0.0, 1.0) if tail_s > 0.0 else np.ones(count)
    tone = amplitude_fs * rise * fall * np.sin(2.0 * math.pi * frequency_hz * time_s + 0.3)
    return tone + noise_fs * np.random.default_rng(seed).standard_normal(count)


def quantised(samples: Floats, bits: int = 16) -> Floats:
    """What a converter of so many bits makes of it, clipping included."""
    steps = 2.0 ** (bits - 1)
    return np.clip(np.rint(samples * steps), -steps, steps - 1.0) / steps


def gain_controlled(
    samples: Floats, rate_hz: float, *, target_fs: float, attack_s: float, release_s: float
) -> Floats:
    """A feedback gain control: it pulls the RMS of 5 ms down to ``target_fs``, and recovers to a gain of 1.

    ``attack_s`` is the time in which the excess falls to 1/e, ``release_s`` that in which the gain
    recovers by 6 dB.
    """
    step = round(0.005 * rate_hz)
    result = samples.copy()
    gain = 1.0
    for first in range(0, samples.size, step):
        part = samples[first : first + step] * gain
        result[first : first + step] = part
        rms = math.sqrt(float(np.mean(part**2)))
        if rms > target_fs:
            gain *= (target_fs / rms) ** (1.0 - math.exp(-0.005 / attack_s))
        else:
            gain = min(1.0, gain * 2.0 ** (0.005 / release_s))
    return result


def coloured_noise(
    seconds: float, rate_hz: float, *, slope_db_octave: float = -6.0, rms_fs: float = 0.002, seed: int = 1
) -> Floats:
    """Gaussian noise whose power density falls by ``slope_db_octave`` above 20 Hz."""
    count = round(seconds * rate_hz)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    frequency_hz = np.maximum(np.fft.rfftfreq(count, 1.0 / rate_hz), 1e-3)
    spectrum *= np.maximum(frequency_hz / 1000.0, 0.02) ** (slope_db_octave / 6.0206)
    spectrum[frequency_hz < 10.0] = 0.0
    noise = np.fft.irfft(spectrum, count)
    return noise * (rms_fs / float(np.std(noise)))


def street(seconds: float, rate_hz: float, *, rms_fs: float = 0.002, seed: int = 1) -> Floats:
    """Noise of a street: coloured, and swelling as traffic does."""
    noise = coloured_noise(seconds, rate_hz, rms_fs=rms_fs, seed=seed)
    time_s = np.arange(noise.size) / rate_hz
    return noise * (1.0 + 0.6 * np.sin(2.0 * math.pi * time_s / 7.3))


def pulse_per_second(
    *,
    rate_hz: float = 48_000,
    seconds: float = 30.0,
    start_ns: int = 1_767_225_600_300_000_000,
    latency_s: float = 0.0034,
    rate_error_ppm: float = 0.0,
    height_fs: float = 0.2,
    noise_fs: float = 1e-3,
    width_s: float = 0.1,
    seed: int = 1,
) -> Floats:
    """A receiver's pulse per second as an AC-coupled sound input of limited bandwidth hears it.

    Pulses begin at each full second of UTC and show up ``latency_s`` later; the first sample is at
    ``start_ns``. The input passes 50 Hz and up (time constant 3 ms) and is band-limited by a
    windowed sinc, so that edges fall between samples as they do in a real converter.
    """
    count = round(seconds * rate_hz)
    true_rate_hz = rate_hz * (1.0 + rate_error_ppm * 1e-6)
    samples = noise_fs * np.random.default_rng(seed).standard_normal(count)
    start_part_s = start_ns % 10**9 * 1e-9
    for second in range(-1, round(seconds) + 2):
        for late_s, sign in ((0.0, 1.0), (width_s, -1.0)):
            place = (second - start_part_s + latency_s + late_s) * true_rate_hz
            _add_edge(samples, place, sign * height_fs, 0.003 * rate_hz)
    return samples


def _add_edge(samples: Floats, place: float, height_fs: float, decay: float) -> None:
    """Add a band-limited step at a fractional index that decays as an AC coupling lets it."""
    reach = 64
    first = math.floor(place) - reach
    last = first + reach + round(8.0 * decay)
    if first < 0 or last > samples.size:
        return
    fine = 16
    offset = np.arange(-reach * fine, reach * fine + 1) / fine
    kernel = np.sinc(offset) * np.cos(math.pi * offset / (2.0 * reach)) ** 2
    step = np.cumsum(kernel) - kernel / 2.0  # the trapezoid rule: 1/2 exactly at 0
    step /= step[-1]
    away = np.arange(first, last) - place
    edge = np.interp(away, offset, step, left=0.0, right=1.0)
    samples[first:last] += height_fs * edge * np.exp(-np.maximum(away, 0.0) / decay)


def wander(count: int, sigma_m: float, tau: float, seed: int) -> Floats:
    """Errors of GPS fixes east, north and up, correlated over ``tau`` fixes; up is 1.7 times the others."""
    random = np.random.default_rng(seed)
    keep = math.exp(-1.0 / tau)
    errors = np.empty((count, 3))
    errors[0] = random.standard_normal(3)
    drive = random.standard_normal((count, 3)) * math.sqrt(1.0 - keep**2)
    for row in range(1, count):
        errors[row] = keep * errors[row - 1] + drive[row]
    return errors * sigma_m * np.array([1.0, 1.0, 1.7])


def gpsd_lines(errors_m: Floats, step_s: float) -> list[str]:
    """Fixes with these errors as gpsd reports them, round a place in Durham, NC."""
    lines = []
    for row, (east_m, north_m, up_m) in enumerate(errors_m):
        at = datetime.fromtimestamp(1_767_225_600 + row * step_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        place = {
            "lat": 35.994 + north_m / 110_950.0,
            "lon": -78.8986 + east_m / 90_170.0,
            "altHAE": 87.5 + up_m,
        }
        lines.append(json.dumps({"class": "TPV", "mode": 3, "time": at, **place, "epx": 3.0, "epy": 3.0}))
    return lines


def main(folder: Path) -> None:
    """Write the recordings of the example."""
    import soundfile  # noqa: PLC0415  only the program needs it

    def write(name: str, *channels: Floats) -> None:
        soundfile.write(folder / name, np.stack(channels, axis=1), 48_000, subtype="PCM_16")

    folder.mkdir(parents=True, exist_ok=True)
    tone = calibrator_tone(rate_hz=48_000, amplitude_fs=0.045, tone_s=12.0, noise_fs=2e-4)
    write("tone-94.wav", tone)
    write("tone-114.wav", calibrator_tone(rate_hz=48_000, amplitude_fs=0.45, tone_s=12.0, noise_fs=2e-4))
    controlled = gain_controlled(tone, 48_000, target_fs=0.01, attack_s=0.3, release_s=1.0)
    write("gain-control.wav", controlled)
    write("site.wav", street(60.0, 48_000, rms_fs=0.0008))
    pulses = pulse_per_second(seconds=60.0, latency_s=0.00342, rate_error_ppm=11.0, height_fs=0.05)
    write("pps.wav", street(60.0, 48_000, rms_fs=0.0008), pulses)
    (folder / "fixes.jsonl").write_text("\n".join(gpsd_lines(wander(8640, 2.0, 60.0, 1), 5.0)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
