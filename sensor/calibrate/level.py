"""Sound pressure level of digital full scale, from a recording of a sound calibrator's tone.

Levels in dBFS are RMS re full scale: an RMS of 1.0, which only a full-scale square wave has, is
0 dBFS; a full-scale sine is -3.01 dBFS. ``full_scale_db_spl`` is the sound pressure level (RMS, re
20 µPa) of 0 dBFS, so that ``physics.spl_db_from_dbfs`` adds the two. The same number is the *peak*
level at which the converter clips.

What could make the figure wrong is looked for and named: a wrong frequency or channel, clipping,
gain control, an unsteady seat, hum, noise, distortion, lost samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sensor.calibrate.findings import Finding, Verdict, fail, warn, worst
from sensor.calibrate.sine import (
    Floats,
    ToneBlocks,
    fit_blocks,
    refine_frequency_hz,
    spectrum_peak_hz,
)
from sensor.calibrate.tone_checks import (
    GAIN_REMEDY,
    Purity,
    check_clipping,
    check_gain_control,
    check_lost_samples,
    check_release,
    check_steadiness,
    purity,
)

FINE_S = 0.02
"""Block in which the tone is looked for: 20 periods of 1 kHz."""
STEADY_S = 0.25
"""Block whose level is one reading; twice the 125 ms of a sound level meter's Fast."""
SETTLE_S = 1.0
"""Left out after the tone is switched on: calibrators ramp up."""
TOLERANCES = {1: (0.40, 0.010), 2: (0.75, 0.020)}
"""Level in dB and relative frequency by class of calibrator; IEC 60942:2003, which counts the
laboratory's uncertainty in (the 2017 edition states narrower limits without it)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrator:
    """What the calibrator claims to be."""

    level_db_spl: float = 94.0
    """Sound pressure level of its tone, dB re 20 µPa (RMS): 94 is 1 Pa."""
    frequency_hz: float = 1000.0
    grade: int = 1
    """Class by IEC 60942: 1 or 2."""
    coupling_sigma_db: float = 0.5
    """One sigma of the fit between microphone and coupler, dB. 0.1 for a half-inch microphone; 0.5 is our
    engineering value for a small microphone in an adapter. A leak costs several dB: seat it with care."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LevelMeasurement:
    """What the recording gave, and whether it may be used."""

    calibrator: Calibrator
    channel: int
    rate_hz: float
    full_scale_db_spl: float | None
    """None when no tone was found; meaningless when the verdict is FAIL."""
    sigma_db: float | None
    parts_db: dict[str, float]
    """One sigma each: ``readings``, ``calibrator``, ``coupling``."""
    tone_dbfs: float | None
    """RMS level of the tone, dBFS."""
    frequency_hz: float | None
    purity: Purity | None
    steady: tuple[float, float]
    """Stretch the figure rests on: seconds from the start of the recording."""
    time_s: Floats
    level_dbfs: Floats
    """Level of the tone in 20 ms blocks, for the picture."""
    onset_seen: bool
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """The gravest finding's."""
        return worst(self.findings)


def measure_level(
    samples: Floats, rate_hz: float, calibrator: Calibrator, *, channel: int = 0, minimum_s: float = 4.0
) -> LevelMeasurement:
    """Measure the calibrator's tone and judge the recording.

    Args:
        samples: shape (channels, n), ±1.0 full scale.
        rate_hz: sampling rate; the tone must lie below 0.45 of it.
        calibrator: what was put on the microphone.
        channel: the channel it was put on.
        minimum_s: how much steady tone is wanted.

    Returns:
        The measurement; everything that speaks against it is in ``findings``. Bad recordings do not
        raise.
    """
    mono = samples[channel].astype(np.float64)
    if refused := _unusable(mono, rate_hz, calibrator):
        return _nothing(calibrator, channel, rate_hz, refused)
    frequency_hz = _tone_frequency_hz(mono, rate_hz, calibrator)
    fine = fit_blocks(mono, rate_hz, frequency_hz, FINE_S)
    first, last = _longest_tone(fine)
    if last - first < round(0.5 / fine.block_s):
        return _nothing(calibrator, channel, rate_hz, [_no_tone(samples, rate_hz, calibrator, channel)], fine)
    onset_seen = first * fine.block_s >= 0.2
    start_s = first * fine.block_s + (SETTLE_S if onset_seen else 0.1)
    end_s = max(start_s, last * fine.block_s - 0.2)
    plateau = mono[round(start_s * rate_hz) : round(end_s * rate_hz)]
    findings = _frequency_findings(frequency_hz, calibrator)
    if end_s - start_s < minimum_s:
        findings.append(_too_short(end_s - start_s, minimum_s))
    if end_s - start_s < 4.0 * STEADY_S:
        return _nothing(calibrator, channel, rate_hz, findings, fine)
    readings = fit_blocks(plateau, rate_hz, frequency_hz, STEADY_S)
    tone_dbfs = float(np.median(readings.level_dbfs))
    tone_purity = purity(plateau, rate_hz, frequency_hz)
    findings += check_clipping(plateau, tone_purity, rate_hz, frequency_hz)
    findings += [*check_steadiness(readings), *check_lost_samples(readings), *tone_purity.findings()]
    findings += check_gain_control(fine, first, start_s, tone_dbfs, onset_seen=onset_seen)
    findings += check_release(mono, rate_hz, last * fine.block_s)
    findings += _channel_findings(samples, rate_hz, frequency_hz, channel, (start_s, end_s))
    findings += _plausibility(calibrator.level_db_spl - tone_dbfs, readings)
    parts_db = {
        "readings": float(np.std(readings.level_dbfs)),
        "calibrator": TOLERANCES[calibrator.grade][0] / math.sqrt(3.0),
        "coupling": calibrator.coupling_sigma_db,
    }
    return LevelMeasurement(
        calibrator=calibrator,
        channel=channel,
        rate_hz=rate_hz,
        full_scale_db_spl=calibrator.level_db_spl - tone_dbfs,
        sigma_db=math.sqrt(sum(part**2 for part in parts_db.values())),
        parts_db=parts_db,
        tone_dbfs=tone_dbfs,
        frequency_hz=frequency_hz,
        purity=tone_purity,
        steady=(start_s, end_s),
        time_s=(np.arange(fine.amplitude_fs.size) + 0.5) * fine.block_s,
        level_dbfs=fine.level_dbfs,
        onset_seen=onset_seen,
        findings=tuple(findings),
    )


def check_linearity(low: LevelMeasurement, high: LevelMeasurement) -> list[Finding]:
    """Compare two levels of one calibrator: a step of 20 dB must come out as 20 dB.

    It is the only proof that there is neither gain control nor compression. The step of a calibrator
    is good to its tolerance; twice that is refused.
    """
    if low.tone_dbfs is None or high.tone_dbfs is None:
        return [fail("no_tone", "One of the two levels gave no tone", "Record both levels again")]
    step_db = high.calibrator.level_db_spl - low.calibrator.level_db_spl
    found_db = high.tone_dbfs - low.tone_dbfs
    error_db = abs(found_db - step_db)
    tolerance_db = TOLERANCES[low.calibrator.grade][0]
    if error_db <= tolerance_db:
        return []
    what = f"A step of {step_db:.0f} dB at the microphone came out as {found_db:.2f} dB"
    if error_db <= 2.0 * tolerance_db:
        return [warn("gain_control", what, "Seat the calibrator again and repeat both levels")]
    return [fail("gain_control", what, f"Lower the gain if the louder level is near clipping. {GAIN_REMEDY}")]


def _unusable(mono: Floats, rate_hz: float, calibrator: Calibrator) -> list[Finding]:
    """Why a channel cannot be looked at at all."""
    if mono.size < rate_hz:
        return [_too_short(mono.size / rate_hz, 5.0)]
    if not np.all(np.isfinite(mono)):
        return [fail("not_finite", "The recording holds values that are no numbers", "Record again")]
    if not np.any(mono):
        remedy = "Check cable and channel; see `gunshot-sensor devices`; unmute the capture in alsamixer"
        return [fail("silence", "The recording is digital silence: every sample is 0", remedy)]
    if calibrator.frequency_hz * 1.05 > 0.45 * rate_hz:
        what = f"A tone of {calibrator.frequency_hz:g} Hz cannot be measured at {rate_hz:g} samples/s"
        return [fail("wrong_frequency", what, "Use a higher sampling rate")]
    return []


def _tone_frequency_hz(mono: Floats, rate_hz: float, calibrator: Calibrator) -> float:
    """Frequency of the line near the calibrator's; of the loudest line at all if none stands out there."""
    near_hz, prominence_db = spectrum_peak_hz(
        mono, rate_hz, calibrator.frequency_hz * 0.8, calibrator.frequency_hz * 1.25
    )
    if prominence_db < 26.0:
        near_hz, prominence_db = spectrum_peak_hz(mono, rate_hz, 20.0, 0.45 * rate_hz)
    if near_hz <= 0.0 or prominence_db < 26.0:
        return calibrator.frequency_hz
    return refine_frequency_hz(mono, rate_hz, near_hz)


def _longest_tone(fine: ToneBlocks) -> tuple[int, int]:
    """First and one-past-last fine block of the longest stretch in which the tone rules.

    The tone rules where it holds more than half of the power and lies within 20 dB of its upper
    decile; up to three blocks that do not are bridged, so that a knock does not cut a stretch in two.
    """
    ruled = fine.dominance > 0.5
    if not np.any(ruled):
        return 0, 0
    ruled &= fine.level_dbfs > np.quantile(fine.level_dbfs[ruled], 0.9) - 20.0
    best = (0, 0)
    begin, gap = -1, 0
    for index, here in enumerate(ruled):
        if here:
            begin = index if begin < 0 else begin
            gap = 0
            if index + 1 - begin > best[1] - best[0]:
                best = (begin, index + 1)
        elif begin >= 0:
            gap += 1
            if gap > 3:
                begin, gap = -1, 0
    return best


def _frequency_findings(frequency_hz: float, calibrator: Calibrator) -> list[Finding]:
    off = frequency_hz / calibrator.frequency_hz - 1.0
    if abs(off) <= TOLERANCES[calibrator.grade][1]:
        return []
    return [
        fail(
            "wrong_frequency",
            f"The tone is at {frequency_hz:.1f} Hz; a class {calibrator.grade} calibrator for "
            f"{calibrator.frequency_hz:g} Hz may be off by {100 * TOLERANCES[calibrator.grade][1]:g} %",
            "Is it the calibrator? Change its battery; if it is made for another frequency, say so with "
            "--frequency",
        )
    ]


def _too_short(found_s: float, minimum_s: float) -> Finding:
    return fail(
        "too_short",
        f"Only {max(found_s, 0.0):.1f} s of steady tone",
        f"Keep the tone on for at least {minimum_s + SETTLE_S:.0f} s",
    )


def _no_tone(samples: Floats, rate_hz: float, calibrator: Calibrator, channel: int) -> Finding:
    """No tone on this channel; say where there is one, if there is."""
    for other in range(samples.shape[0]):
        if other == channel:
            continue
        fine = fit_blocks(samples[other].astype(np.float64), rate_hz, calibrator.frequency_hz, FINE_S)
        first, last = _longest_tone(fine)
        if last - first >= round(0.5 / fine.block_s):
            return _wrong_channel(channel, other, 99.0)
    mono = samples[channel].astype(np.float64)
    loudest_hz, _ = spectrum_peak_hz(mono, rate_hz, 20.0, 0.45 * rate_hz)
    return fail(
        "no_tone",
        f"No tone of {calibrator.frequency_hz:g} Hz stands out for half a second (the strongest line is at "
        f"{loudest_hz:.0f} Hz)",
        "Switch the calibrator on, press it home, check its battery, and that this is the right device",
    )


def _wrong_channel(channel: int, other: int, louder_db: float) -> Finding:
    by = "" if louder_db >= 99.0 else f" {louder_db:.0f} dB stronger"
    return fail(
        "wrong_channel",
        f"The tone is{by} on channel {other}, not on channel {channel}",
        f"Put the calibrator on the right microphone, or say --channel {other}",
    )


def _channel_findings(
    samples: Floats, rate_hz: float, frequency_hz: float, channel: int, steady: tuple[float, float]
) -> list[Finding]:
    """Whether another channel hears the calibrator better."""
    span = slice(round(steady[0] * rate_hz), round(steady[1] * rate_hz))
    levels = [
        float(np.median(fit_blocks(row[span].astype(np.float64), rate_hz, frequency_hz, STEADY_S).level_dbfs))
        for row in samples
    ]
    loudest = int(np.argmax(levels))
    louder_db = levels[loudest] - levels[channel]
    return [_wrong_channel(channel, loudest, louder_db)] if louder_db > 6.0 else []


def _plausibility(full_scale_db_spl: float, readings: ToneBlocks) -> list[Finding]:
    """Figures that no sensible chain has, and a constant part that eats headroom."""
    findings = []
    dc_fs = float(np.median(readings.dc_fs))
    if abs(dc_fs) > 0.02:
        what = f"The samples carry a constant part of {100 * dc_fs:.1f} % of full scale"
        findings.append(warn("dc", what, "It costs headroom only; note the microphone's type"))
    if not 85.0 <= full_scale_db_spl <= 160.0:
        what = f"Full scale would be {full_scale_db_spl:.1f} dB SPL; sensible chains lie between 85 and 160"
        remedy = "Check --level against the calibrator's switch, and the gain in alsamixer"
        findings.append(warn("implausible", what, remedy))
    return findings


def _nothing(
    calibrator: Calibrator,
    channel: int,
    rate_hz: float,
    findings: list[Finding],
    fine: ToneBlocks | None = None,
) -> LevelMeasurement:
    """A measurement without a figure."""
    empty = np.empty(0)
    return LevelMeasurement(
        calibrator=calibrator,
        channel=channel,
        rate_hz=rate_hz,
        full_scale_db_spl=None,
        sigma_db=None,
        parts_db={},
        tone_dbfs=None,
        frequency_hz=None,
        purity=None,
        steady=(0.0, 0.0),
        time_s=empty if fine is None else (np.arange(fine.amplitude_fs.size) + 0.5) * fine.block_s,
        level_dbfs=empty if fine is None else fine.level_dbfs,
        onset_seen=False,
        findings=tuple(findings),
    )
