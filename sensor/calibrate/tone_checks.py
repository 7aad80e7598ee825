"""What can be wrong with a recorded calibrator tone; each check returns findings.

Bounds are ours unless a source is named; they are set so that a class 2 calibrator on a sound chain
passes all of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sensor.calibrate.findings import Finding, fail, warn
from sensor.calibrate.sine import Floats, ToneBlocks, decibels, quantisation_step

GAIN_REMEDY = (
    "Switch off automatic gain control, limiter and noise reduction (alsamixer: F6, F4), repeat, prove it "
    "with two levels (--second-level 114)"
)


@dataclass(frozen=True, slots=True)
class Purity:
    """What else is in the plateau besides the tone; levels relative to the tone."""

    harmonics_db: tuple[float, ...]
    """Second harmonic and on, as far as the rate reaches, at most to the tenth."""
    hum_db: float
    """Mains lines (50 or 60 Hz and their harmonics below 450 Hz) together."""
    mains_hz: float
    """The family they belong to: 50 or 60."""
    noise_db: float
    """Everything else."""

    @property
    def thd_percent(self) -> float:
        """Total harmonic distortion, percent of the tone."""
        return 100.0 * math.sqrt(sum(10.0 ** (level / 10.0) for level in self.harmonics_db))

    @property
    def thd_n_percent(self) -> float:
        """All that is not the tone (distortion, hum and noise), percent of the tone."""
        others = (10.0 ** (level / 10.0) for level in (*self.harmonics_db, self.hum_db, self.noise_db))
        return 100.0 * math.sqrt(sum(others))

    def findings(self) -> list[Finding]:
        """Distortion, hum and noise that the figure cannot bear."""
        found = []
        if self.thd_percent > 3.0:  # a class 1 calibrator's own limit (IEC 60942:2003)
            what = f"The tone is distorted: harmonics of {self.thd_percent:.1f} %"
            remedy = "Lower the gain, change the calibrator's battery; is the microphone wet?"
            found.append((fail if self.thd_percent > 8.0 else warn)("distortion", what, remedy))
        if self.hum_db > max(-40.0, self.noise_db - 20.0):
            what = f"Mains hum ({self.mains_hz:.0f} Hz family) only {-self.hum_db:.0f} dB below the tone"
            remedy = "Check the supply and ground of the microphone; keep its cable off mains leads"
            found.append((fail if self.hum_db > -20.0 else warn)("hum", what, remedy))
        if self.noise_db > -30.0:
            what = f"Noise only {-self.noise_db:.0f} dB below the tone"
            remedy = "Press the calibrator home (a leak lets noise in), wait for a quiet moment"
            found.append((fail if self.noise_db > -15.0 else warn)("noisy", what, remedy))
        return found


def purity(plateau: Floats, rate_hz: float, frequency_hz: float) -> Purity:
    """Harmonics, mains lines and noise of a steady stretch of tone, by least squares.

    Tone, harmonics and mains lines are fitted and taken out second by second; what is left is noise.
    """
    length = int(min(plateau.size, rate_hz))
    seconds = plateau[: plateau.size // length * length].reshape(-1, length)
    seconds = seconds - seconds.mean(axis=1, keepdims=True)
    angle = 2.0 * math.pi * np.arange(length) / rate_hz
    tone_power, rest = _take_out(seconds, angle, [frequency_hz])
    overtones = [frequency_hz * order for order in range(2, 11) if frequency_hz * order < 0.49 * rate_hz]
    harmonics = []
    for overtone_hz in overtones:
        power, rest = _take_out(rest, angle, [overtone_hz])
        harmonics.append(power)
    hum = {}
    for mains_hz in (50.0, 60.0):
        lines = [mains_hz * order for order in range(1, 9) if mains_hz * order < 450.0]
        clear = [line for line in lines if abs(line - frequency_hz) > 20.0]
        hum[mains_hz] = _take_out(rest, angle, clear)
    mains_hz = max(hum, key=lambda family: hum[family][0])
    hum_power, rest = hum[mains_hz]
    reference = max(tone_power, 1e-30)

    def relative_db(power: float) -> float:
        return 10.0 * math.log10(max(power / reference, 1e-15))

    return Purity(
        harmonics_db=tuple(relative_db(power) for power in harmonics),
        hum_db=relative_db(hum_power),
        mains_hz=mains_hz,
        noise_db=relative_db(float(np.mean(rest**2))),
    )


def _take_out(rows: Floats, angle: Floats, frequencies_hz: list[float]) -> tuple[float, Floats]:
    """Mean power of some sinusoids in each row, and the rows without them."""
    if not frequencies_hz:
        return 0.0, rows
    columns = [wave(angle * frequency) for frequency in frequencies_hz for wave in (np.cos, np.sin)]
    design = np.column_stack(columns)
    # A second holds many periods of each: the columns are all but orthogonal, the normal equations safe.
    fitted = (design @ np.linalg.solve(design.T @ design, design.T @ rows.T)).T
    return float(np.mean(fitted**2)), rows - fitted


def check_clipping(
    plateau: Floats, tone_purity: Purity, rate_hz: float, frequency_hz: float
) -> list[Finding]:
    """Samples at the rail, or flat tops below it.

    Three equal extremes in a row cannot occur on a sine whose curvature at the top, over a sample,
    exceeds the converter's steps; where it does not, distortion has to tell.
    """
    peak = float(np.max(np.abs(plateau)))
    railed = float(np.mean(np.abs(plateau) >= 0.9997))
    remedy = "Lower the capture gain (alsamixer, F4) until the tone stays 6 dB below full scale, and repeat"
    if railed > 1e-4:
        return [fail("clipping", f"Clipped: {100.0 * railed:.1f} % of the samples are at full scale", remedy)]
    fall = peak * (1.0 - math.cos(2.0 * math.pi * frequency_hz / rate_hz))
    if fall < 2.0 * quantisation_step(plateau[: round(rate_hz)]):
        return []
    top = np.abs(plateau) >= peak * (1.0 - 1e-5)
    flat = float(np.mean(top[:-2] & top[1:-1] & top[2:]))
    third_db = tone_purity.harmonics_db[1] if len(tone_purity.harmonics_db) > 1 else -150.0
    if flat > 1e-3 and third_db > -60.0:
        what = f"The tops of the tone are cut off at {20 * math.log10(peak):.1f} dB below digital full scale"
        return [
            fail("clipping", what.replace("at -", "at "), f"Something before the converter limits. {remedy}")
        ]
    return []


def check_steadiness(readings: ToneBlocks) -> list[Finding]:
    """Whether the readings of the plateau hold still; how they move tells gain control from a loose seat."""
    levels = readings.level_dbfs
    spread_db = float(np.ptp(levels))
    if spread_db <= 0.2:  # a class 2 calibrator's short-term fluctuation (IEC 60942:2003)
        return []
    time_s = np.arange(levels.size) * readings.block_s
    slope, intercept = np.polyfit(time_s, levels, 1)
    drift_db = float(slope * (time_s[-1] - time_s[0]))
    around_db = float(np.std(levels - (slope * time_s + intercept)))
    steps = np.diff(levels)
    one_way = float(abs(np.sum(steps)) / max(np.sum(np.abs(steps)), 1e-12))
    if abs(drift_db) > 0.3 and (one_way > 0.8 or abs(drift_db) > 6.0 * around_db):
        way = "falls" if drift_db < 0.0 else "rises"
        what = (
            f"Under a steady tone the level {way} by {abs(drift_db):.1f} dB: gain control or a flat battery"
        )
        return [fail("gain_control", what, GAIN_REMEDY)]
    what = f"The level moves by {spread_db:.2f} dB during the tone"
    remedy = "Seat the calibrator straight and hold still, away from wind; change its battery"
    return [(fail if spread_db > 0.6 else warn)("unstable", what, remedy)]


def check_gain_control(
    fine: ToneBlocks, first: int, start_s: float, tone_dbfs: float, *, onset_seen: bool
) -> list[Finding]:
    """Whether the tone comes on louder than it stays: a calibrator ramps up, gain control overshoots."""
    if not onset_seen:
        what = "The recording does not show the tone being switched on, so slow gain control would go unseen"
        return [warn("gain_control_unseen", what, "Start it with 2 s of quiet, or use --second-level 114")]
    begin = fine.level_dbfs[first : max(first + 3, round(start_s / fine.block_s))]
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(begin, 3), axis=1)
    over_db = float(np.max(smooth)) - tone_dbfs
    if over_db <= 0.4:
        return []
    what = f"The tone came on {over_db:.1f} dB louder than it stayed: gain control"
    return [fail("gain_control", what, GAIN_REMEDY)]


def check_release(mono: Floats, rate_hz: float, end_s: float) -> list[Finding]:
    """Whether the noise swells up after the tone ends: gain that had been turned down recovers."""
    after = mono[round((end_s + 0.1) * rate_hz) :]
    length = max(1, round(0.1 * rate_hz))
    count = after.size // length
    if count < 20:
        return []
    frames = after[: count * length].reshape(count, length)
    levels = decibels(np.std(frames, axis=1))
    rise_db = float(np.median(levels[-5:]) - np.median(levels[:5]))
    thirds = [float(np.median(part)) for part in np.array_split(levels, 3)]
    if rise_db < 3.0 or not thirds[0] < thirds[1] <= thirds[2] + 1.0:
        return []
    what = f"After the tone the noise swells by {rise_db:.0f} dB, as if gain control recovered"
    if rise_db < 6.0:
        remedy = "Leave the calibrator on the microphone after switching it off, and repeat"
        return [warn("gain_control", what, remedy)]
    return [fail("gain_control", f"{what} (or the calibrator was taken off)", GAIN_REMEDY)]


def check_lost_samples(readings: ToneBlocks) -> list[Finding]:
    """Jumps of the tone's phase between readings: samples are missing or doubled."""
    bend = np.abs(np.angle(np.exp(1j * np.diff(readings.phase_rad, n=2))))
    if bend.size == 0:
        return []
    noise = 1.4826 * float(np.median(bend))
    jumps = int(np.count_nonzero(bend > max(0.1, 8.0 * noise)))
    if jumps == 0:
        return []
    what = f"The tone's phase jumps ({jumps} readings): samples were lost or repeated on the way"
    remedy = "Look at load and USB power (`gunshot-sensor check`); the level stands, time stamps would not"
    return [warn("lost_samples", what, remedy)]
