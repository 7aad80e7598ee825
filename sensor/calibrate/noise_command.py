"""``scripts/calibrate_noise.py``: noise survey of a site, guided."""

from __future__ import annotations

import click

from sensor.calibrate.findings import Finding, Verdict, lost_samples, worst
from sensor.calibrate.noise import NoiseFigures, NoiseSurveyor, reach_m, spl_or_none, trigger_peak_dbfs
from sensor.calibrate.pictures import draw_noise
from sensor.calibrate.record import LevelCalibration, NoiseSurvey, load_level, load_noise, utc_now
from sensor.calibrate.recording import metered, open_source
from sensor.calibrate.session import HELP, Session, common_options, sound_options
from sensor.calibrate.site_checks import check_site
from sensor.command_line import FiniteFloat
from sensor.errors import CalibrationError


@click.command("calibrate_noise.py", context_settings=HELP)
@click.option("--seconds", type=FiniteFloat(5.0, 86_400.0), default=60.0, show_default=True)
@sound_options
@common_options
def noise_command(session: Session, *, seconds: float) -> int:
    """Survey the noise of a site: how loud it is, what makes it, and what a shot must overcome.

    Leave the roof as it will be: windscreen on, cabinet shut, nobody talking. Ten minutes tell more than
    one; survey at the loudest hour.
    """
    session.check_device()
    console, settings = session.console, session.config.detect
    source = open_source(session.file, session.capture)
    if session.file is None:
        console.wait("Mount the microphone as it will stay, windscreen on, and step back.")
        console.step(f"Listening for {seconds:.0f} s. Do not talk.")
    limit_s = None if session.file else seconds
    surveyor, lost = None, 0
    for block in metered(source, console, channel=session.channel, seconds=limit_s):
        if surveyor is None:
            surveyor = NoiseSurveyor(source.rate_hz, (settings.band_low_hz, settings.band_high_hz))
        lost += block.lost
        surveyor.observe(block.samples[session.channel])
    if surveyor is None or not surveyor.seconds:
        raise CalibrationError("less than a second was heard; survey for at least 5 s")
    figures = surveyor.figures()
    calibration = _calibration(session, source.name)
    full_scale_db_spl = calibration.full_scale_db_spl if calibration else None
    site = check_site(figures, threshold_db=settings.threshold_db, full_scale_db_spl=full_scale_db_spl)
    findings = (*site, *lost_samples(lost, source.rate_hz))
    verdict = worst(findings)
    stamp = utc_now()
    _report(session, figures, full_scale_db_spl, verdict, findings)
    _compare(session, figures, source.name)
    session.draw("noise", stamp, lambda path: draw_noise(figures, full_scale_db_spl, str(verdict), path))

    def make(remarks: tuple[str, ...]) -> NoiseSurvey:
        """The record, should it be kept; ``remarks`` are what the findings say."""
        return NoiseSurvey(
            device=session.identity(source.name),
            utc=stamp,
            method=f"survey{session.from_file}",
            verdict=str(verdict),
            remarks=remarks,
            rate_hz=round(source.rate_hz),
            channel=session.channel,
            duration_s=figures.duration_s,
            laeq_dbfs=round(figures.laeq_dbfs, 2),
            percentiles_dbfs={f"L{n}": round(figures.percentile_dbfs(n), 2) for n in (10, 50, 90)},
            bands_dbfs={
                band.nominal_hz: round(float(level), 2)
                for band, level in zip(figures.bands, figures.band_dbfs, strict=True)
            },
            floor_dbfs=round(figures.floor_dbfs, 2),
            full_scale_db_spl=full_scale_db_spl,
            level_calibration=calibration.id if calibration else None,
        )

    return session.keep(verdict, findings, make, "Kept to compare later surveys with.")


def _calibration(session: Session, source_name: str) -> LevelCalibration | None:
    """The level calibration of this microphone; None, said in a line, when there is none to use."""
    try:
        found = load_level(session.state_dir, session.identity(source_name), channel=session.channel)
    except CalibrationError as error:
        session.console.say(f"   levels in dBFS only: {error}")
        return None
    if found is None:
        session.console.say("   levels in dBFS only: run scripts/calibrate_level.py first for dB SPL")
    return found


def _compare(session: Session, figures: NoiseFigures, source_name: str) -> None:
    """Say how far the noise is from the last survey with this microphone; nothing where there is none."""
    try:
        before = load_noise(session.state_dir, session.identity(source_name))
    except CalibrationError:
        return  # the identity is asked for again when it matters: on saving
    if before is not None:
        change_db = figures.laeq_dbfs - before.laeq_dbfs
        session.console.say(f"   {change_db:+.1f} dB against the last survey of {before.utc}")


def _report(
    session: Session,
    figures: NoiseFigures,
    full_scale_db_spl: float | None,
    verdict: Verdict,
    findings: tuple[Finding, ...],
) -> None:
    """The figures and the verdict."""

    def both(level_dbfs: float) -> str:
        spl = spl_or_none(level_dbfs, full_scale_db_spl)
        return f"{level_dbfs:6.1f} dBFS" + ("" if spl is None else f"  {spl:5.1f} dB SPL")

    threshold_db = session.config.detect.threshold_db
    needed_dbfs = trigger_peak_dbfs(figures.floor_dbfs, threshold_db)
    needed_spl = spl_or_none(needed_dbfs, full_scale_db_spl)
    hum = figures.hum
    rows = [
        ("A-weighted, mean", f"{both(figures.laeq_dbfs)}  (LAeq, {figures.duration_s:.0f} s)"),
        *((f"A-weighted, L{n}", both(figures.percentile_dbfs(n))) for n in (10, 50, 90)),
        ("floor of the detector", both(figures.floor_dbfs)),
        ("a shot must peak at", f"{both(needed_dbfs)}  (floor + {threshold_db:g} dB threshold + crest)"),
        ("bits in use", f"{figures.bits:.1f} above the converter's step"),
        ("mains hum", f"{both(hum.level_dbfs)} at {hum.mains_hz:.0f} Hz" if hum.lines_hz else "none"),
        ("clipped", f"{100.0 * figures.clip_fraction:.4f} %"),
    ]
    if needed_spl is not None:
        reach = f"{reach_m(needed_spl):.2g}"
        rows.insert(6, ("heard from about", f"{float(reach):.0f} m (9 mm pistol, median city street)"))
    session.console.say()
    session.console.table(rows)
    spl = spl_or_none(figures.laeq_dbfs, full_scale_db_spl)
    mean = f"{figures.laeq_dbfs:.1f} dBFS" if spl is None else f"{spl:.1f} dB SPL"
    session.console.verdict(verdict, findings, f"mean noise {mean}, A-weighted")
