"""``scripts/calibrate_level.py``: sound pressure level of full scale, guided."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from sensor.calibrate.findings import Finding, Verdict, lost_samples, worst
from sensor.calibrate.level import Calibrator, LevelMeasurement, check_linearity, measure_level
from sensor.calibrate.option_types import AIR_CELSIUS, CALIBRATOR_DB_SPL, CALIBRATOR_HZ, SIGMA_DB
from sensor.calibrate.pictures import draw_level
from sensor.calibrate.record import LevelCalibration, utc_now
from sensor.calibrate.recording import Cue, Recording, open_source, record
from sensor.calibrate.session import EXISTING, HELP, Session, common_options, sound_options
from sensor.command_line import FiniteFloat

QUIET_S = 3.0
TAIL_S = 4.0
LEAST_STEP_DB = 5.0
"""Between two levels; a step within the calibrator's tolerance would prove nothing."""


@click.command("calibrate_level.py", context_settings=HELP)
@click.option(
    "--level", type=CALIBRATOR_DB_SPL, default=94.0, show_default=True, help="Of the calibrator, dB SPL."
)
@click.option("--frequency", type=CALIBRATOR_HZ, default=1000.0, show_default=True, help="Of its tone, Hz.")
@click.option("--grade", type=click.IntRange(1, 2), default=1, show_default=True, help="Its IEC 60942 class.")
@click.option(
    "--second-level",
    type=CALIBRATOR_DB_SPL,
    help="A second level of the same calibrator (114): proves linearity.",
)
@click.option(
    "--second-file",
    type=EXISTING,
    help="Recording of the second level, with --file.",
)
@click.option(
    "--coupling-sigma",
    type=SIGMA_DB,
    default=0.5,
    show_default=True,
    help="Fit of the coupler, one sigma, dB.",
)
@click.option("--temperature", type=AIR_CELSIUS, help="Of the air, degrees Celsius, for the record.")
@click.option("--seconds", type=FiniteFloat(12.0, 300.0), default=20.0, show_default=True)
@sound_options
@common_options
def level_command(  # noqa: PLR0913  one per option
    session: Session,
    *,
    level: float,
    frequency: float,
    grade: int,
    second_level: float | None,
    second_file: Path | None,
    coupling_sigma: float,
    temperature: float | None,
    seconds: float,
) -> int:
    """Measure the sound pressure level of digital full scale with a sound calibrator.

    Put a 94 or 114 dB, 1 kHz calibrator (IEC 60942) on the microphone and follow the steps. 0 dBFS is an
    RMS of 1.0 of full scale (a full-scale square wave); a full-scale sine is -3.01 dBFS.
    """
    if session.file is not None and (second_level is None) != (second_file is None):
        raise click.UsageError("--second-level and --second-file go together when --file is given")
    if second_level is not None and abs(second_level - level) < LEAST_STEP_DB:
        raise click.UsageError(f"--second-level must differ from --level by {LEAST_STEP_DB:g} dB or more")
    session.check_device()
    calibrator = Calibrator(
        level_db_spl=level, frequency_hz=frequency, grade=grade, coupling_sigma_db=coupling_sigma
    )
    recording, measured = _take(session, calibrator, seconds, session.file)
    findings = measured.findings
    if second_level is not None and measured.tone_dbfs is not None:
        other = replace(calibrator, level_db_spl=second_level)
        second = _take(session, other, seconds, second_file)[1]
        findings = _with_second(measured, second)
    verdict = worst(findings)
    stamp = utc_now()
    _report(session, measured, verdict, findings)
    session.draw("level", stamp, lambda path: draw_level(replace(measured, findings=findings), path))

    def make(remarks: tuple[str, ...]) -> LevelCalibration:
        return _record(session, recording, measured, stamp, verdict, remarks, temperature)

    return session.keep(verdict, findings, make)


def _take(
    session: Session, calibrator: Calibrator, seconds: float, file: Path | None
) -> tuple[Recording, LevelMeasurement]:
    """Record or read one level and measure it."""
    console = session.console
    source = open_source(file, session.capture)
    cues: tuple[Cue, ...] = ()
    if file is None:
        console.wait(
            f"Set the calibrator to {calibrator.level_db_spl:g} dB and push it straight onto the microphone, "
            "switched off."
        )
        cues = (
            Cue(0.0, f"Recording {seconds:.0f} s. Leave the calibrator off and hold it still."),
            Cue(QUIET_S, "Switch the calibrator ON now, without moving it."),
            Cue(seconds - TAIL_S, "Switch it OFF now and leave it on the microphone."),
        )
    recording = record(source, console, channel=session.channel, seconds=None if file else seconds, cues=cues)
    measured = measure_level(recording.samples, recording.rate_hz, calibrator, channel=session.channel)
    lost = lost_samples(recording.lost, recording.rate_hz)
    return recording, replace(measured, findings=(*measured.findings, *lost))


def _with_second(first: LevelMeasurement, second: LevelMeasurement) -> tuple[Finding, ...]:
    """The findings of both levels and of the step between them; a proven step settles unseen gain control."""
    step = check_linearity(first, second)
    findings = dict.fromkeys((*first.findings, *second.findings, *step))
    return tuple(finding for finding in findings if step or finding.code != "gain_control_unseen")


def _report(
    session: Session, measured: LevelMeasurement, verdict: Verdict, findings: tuple[Finding, ...]
) -> None:
    """Figure, what it rests on, and the verdict."""
    if measured.full_scale_db_spl is None or measured.tone_dbfs is None or measured.purity is None:
        session.console.verdict(verdict, findings, "no figure")
        return
    rest = measured.purity
    begin, end = measured.steady
    parts = ", ".join(f"{name} {part:.2f}" for name, part in measured.parts_db.items())
    session.console.say()
    session.console.table(
        (
            ("tone", f"{measured.tone_dbfs:.2f} dBFS (RMS) at {measured.frequency_hz:.2f} Hz"),
            ("steady for", f"{end - begin:.1f} s"),
            ("distortion", f"{rest.thd_percent:.2f} % (THD), {rest.thd_n_percent:.2f} % (THD+N)"),
            ("noise and hum", f"{rest.noise_db:.0f} dB and {rest.hum_db:.0f} dB re the tone"),
            ("one sigma", f"{measured.sigma_db:.2f} dB ({parts})"),
        )
    )
    refused = "refused: " if verdict is Verdict.FAIL else ""
    figure = f"0 dBFS = {measured.full_scale_db_spl:.2f} dB SPL (RMS re 20 uPa); peaks above it clip"
    session.console.verdict(verdict, findings, refused + figure)


def _record(
    session: Session,
    recording: Recording,
    measured: LevelMeasurement,
    stamp: str,
    verdict: Verdict,
    remarks: tuple[str, ...],
    temperature_c: float | None,
) -> LevelCalibration:
    if measured.full_scale_db_spl is None or measured.sigma_db is None or measured.frequency_hz is None:
        raise AssertionError("a record was asked of a measurement without a figure")
    return LevelCalibration(
        device=session.identity(recording.device),
        utc=stamp,
        method=f"sound calibrator, sine fit{session.from_file}",
        verdict=str(verdict),
        remarks=remarks,
        full_scale_db_spl=round(measured.full_scale_db_spl, 3),
        sigma_db=round(measured.sigma_db, 3),
        parts_db={name: round(part, 3) for name, part in measured.parts_db.items()},
        rate_hz=round(recording.rate_hz),
        channel=session.channel,
        calibrator_level_db=measured.calibrator.level_db_spl,
        calibrator_frequency_hz=round(measured.frequency_hz, 3),
        temperature_c=temperature_c,
    )
