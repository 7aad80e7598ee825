"""What a noise survey says about the microphone and the site.

Bounds are engineering values of ours unless a source is named; they are meant to send a technician
back to the microphone, not to rank cities.
"""

from __future__ import annotations

import numpy as np

from sensor.calibrate.findings import Finding, fail, warn
from sensor.calibrate.noise import NoiseFigures, reach_m, spl_or_none, trigger_peak_dbfs


def check_site(
    figures: NoiseFigures, *, threshold_db: float, full_scale_db_spl: float | None = None
) -> list[Finding]:
    """Everything that speaks against leaving the sensor as it is.

    Args:
        figures: the survey.
        threshold_db: the detector's threshold over the noise floor, dB.
        full_scale_db_spl: level calibration, if there is one.
    """
    if figures.zero_fraction == 1.0:
        return [
            fail(
                "silence",
                "Every sample is exactly 0: nothing reaches the computer",
                "Check cable, connector and channel; unmute the capture (alsamixer, F4, space)",
            )
        ]
    return [
        *_signal(figures),
        *_microphone(figures, full_scale_db_spl),
        *_surroundings(figures, full_scale_db_spl, threshold_db),
    ]


def _signal(figures: NoiseFigures) -> list[Finding]:
    """Digital faults: holes, gain, clipping, constant part."""
    found = []
    if figures.not_finite:
        found.append(fail("not_finite", f"{figures.not_finite} samples are no numbers", "Record again"))
    if figures.longest_zero_s > 0.05:
        what = f"The stream holds runs of exact zeros, the longest {figures.longest_zero_s:.2f} s"
        found.append(fail("dropouts", what, "Change USB port, cable or hub; look at power and load"))
    if figures.bits < 2.0:
        what = f"The noise of the site moves only {figures.bits:.1f} bits of the converter"
        remedy = "Raise the capture gain (alsamixer, F4) by 10 dB or more and survey again"
        found.append((fail if figures.bits < 1.0 else warn)("gain_low", what, remedy))
    if figures.clip_fraction > 0.0:
        what = f"{100.0 * figures.clip_fraction:.3f} % of the samples clip without any shot"
        remedy = "Lower the capture gain; fit a windscreen"
        found.append((fail if figures.clip_fraction > 1e-3 else warn)("clipping", what, remedy))
    if abs(figures.dc_fs) > 0.02:
        what = f"The samples carry a constant part of {100.0 * figures.dc_fs:.1f} % of full scale"
        found.append(warn("dc", what, "It costs headroom only; some I2S microphones have it"))
    return found


def _microphone(figures: NoiseFigures, full_scale_db_spl: float | None) -> list[Finding]:
    """Signs of a disconnected, blocked or wet microphone."""
    found = []
    spread_db = figures.percentile_dbfs(10) - figures.percentile_dbfs(90)
    if spread_db < 0.7 and figures.duration_s >= 10.0:
        what = f"The level stands still (L10 - L90 = {spread_db:.1f} dB), as an unplugged microphone's does"
        found.append(warn("lifeless", what, "Speak or clap near it and look at the meter; check its cable"))
    quiet = spl_or_none(figures.percentile_dbfs(50), full_scale_db_spl)
    if quiet is not None and quiet < 22.0:
        what = f"{quiet:.0f} dB(A) is quieter than any roof in a town"
        found.append(fail("deaf", what, "The microphone is covered, wet or unplugged; take off cap and tape"))
    tilt_db = _mean_band(figures, 500.0, 1000.0) - _mean_band(figures, 4000.0, 8000.0)
    if tilt_db > 32.0:
        what = f"4 to 8 kHz lies {tilt_db:.0f} dB below 0.5 to 1 kHz: muffled"
        found.append(warn("muffled", what, "Look for water, ice, dust or tape on port and windscreen"))
    return found


def _surroundings(
    figures: NoiseFigures, full_scale_db_spl: float | None, threshold_db: float
) -> list[Finding]:
    """Hum, wind, and whether a shot could be heard at all."""
    found = []
    if figures.hum.lines_hz and figures.hum.level_dbfs > energy_of_bands(figures) - 6.0:
        lines = ", ".join(f"{line:.0f}" for line in figures.hum.lines_hz)
        what = f"Mains hum makes up most of the sound (lines at {lines} Hz)"
        found.append(warn("hum", what, "Check supply and ground; move away from transformers and fans"))
    low_db = float(np.mean(figures.low_dbfs))
    gusts_db = float(np.percentile(figures.low_dbfs, 90) - np.percentile(figures.low_dbfs, 10))
    if low_db - figures.middle_dbfs > 20.0 and gusts_db > 6.0:
        what = (
            f"Below 80 Hz it is {low_db - figures.middle_dbfs:.0f} dB louder than round 1 kHz and gusts by "
            f"{gusts_db:.0f} dB: wind on the microphone"
        )
        found.append(warn("wind", what, "Fit a larger windscreen, or move it out of the edge of the roof"))
    needed = spl_or_none(trigger_peak_dbfs(figures.floor_dbfs, threshold_db), full_scale_db_spl)
    if needed is not None and reach_m(needed) < 250.0:
        what = f"A shot must peak at {needed:.0f} dB SPL here: a pistol within about {reach_m(needed):.0f} m"
        remedy = "Turn it away from fans and traffic, shield it, or choose another roof"
        found.append((fail if reach_m(needed) < 100.0 else warn)("loud_site", what, remedy))
    if full_scale_db_spl is not None and full_scale_db_spl < 105.0:
        what = f"Shots above {full_scale_db_spl:.0f} dB SPL peak will clip"
        found.append(warn("headroom", what, "Lower the gain while the noise still moves 3 bits"))
    return found


def _mean_band(figures: NoiseFigures, low_hz: float, high_hz: float) -> float:
    """Mean level of the third octaves between two frequencies; of the highest there is, at low rates."""
    levels = [
        float(level)
        for band, level in zip(figures.bands, figures.band_dbfs, strict=True)
        if low_hz * 0.95 <= band.middle_hz <= high_hz * 1.05
    ]
    return sum(levels) / len(levels) if levels else float(figures.band_dbfs[-1])


def energy_of_bands(figures: NoiseFigures) -> float:
    """Level of all third octaves together, dBFS."""
    return float(10.0 * np.log10(np.sum(10.0 ** (figures.band_dbfs / 10.0))))
