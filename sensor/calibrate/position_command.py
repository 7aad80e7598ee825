"""``scripts/calibrate_position.py``: where the microphone is, from hours of GPS fixes."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterator

import click

from sensor.calibrate.option_types import OFFSET_M, TCP_ADDRESS
from sensor.calibrate.pictures import draw_position
from sensor.calibrate.position import (
    Fix,
    PositionMeasurement,
    fixes_from_lines,
    judge_position,
    measure_position,
)
from sensor.calibrate.record import PositionSurvey, load_position, utc_now
from sensor.calibrate.session import HELP, Session, common_options
from sensor.command_line import FiniteFloat
from sensor.errors import CalibrationError
from sensor.geodesy import enu_from_llh
from sensor.timing.gpsd import DEFAULT_PORT, Gpsd, GpsFix

PATIENCE_S = 120.0
"""How long gpsd may stay without a fix before the technician is told."""
CONNECT_WITHIN_S = 4.0
"""How long gpsd may take to be reached at first: three attempts."""


@click.command("calibrate_position.py", context_settings=HELP)
@click.option("--hours", type=FiniteFloat(0.01, 72.0), default=1.0, show_default=True)
@click.option(
    "--gpsd",
    type=TCP_ADDRESS,
    default=f"127.0.0.1:{DEFAULT_PORT}",
    show_default=True,
    help="Where gpsd listens.",
)
@click.option(
    "--offset",
    type=(OFFSET_M, OFFSET_M, OFFSET_M),
    default=(0.0, 0.0, 0.0),
    show_default=True,
    metavar="E N U",
    help="From the antenna to the microphone: metres east, north, up.",
)
@common_options
def position_command(
    session: Session, *, hours: float, gpsd: tuple[str, int], offset: tuple[float, float, float]
) -> int:
    """Average GPS fixes into the position of the microphone and print it for the configuration.

    Ten metres of error in the position cost as much as thirty milliseconds of error in the clock. Longer is
    better: an hour is the least, a night is good. --file takes what `gpspipe -w` recorded.
    """
    fixes = _read(session) if session.file else _listen(session, gpsd, hours * 3600.0)
    measured = measure_position(fixes, offset)
    own = [fix.sigma_m for fix in fixes if fix.sigma_m is not None]
    findings = judge_position(measured, own_sigma_m=statistics.median(own) if own else None)
    measured = measured.judged(findings)
    stamp = utc_now()
    _report(session, measured)
    _compare(session, measured)
    if measured.lat_deg is not None:
        session.draw("position", stamp, lambda path: draw_position(measured, path))

    def make(remarks: tuple[str, ...]) -> PositionSurvey:
        """The record, should it be kept; ``remarks`` are what the findings say."""
        if measured.lat_deg is None or measured.lon_deg is None or measured.height_m is None:
            raise AssertionError("a record was asked of a measurement without a figure")
        return PositionSurvey(
            device="",
            utc=stamp,
            method=f"mean of GPS fixes{session.from_file}",
            verdict=str(measured.verdict),
            remarks=remarks,
            lat_deg=round(measured.lat_deg, 8),
            lon_deg=round(measured.lon_deg, 8),
            height_m=round(measured.height_m, 3),
            sigma_m=round(measured.sigma_m, 3),
            height_sigma_m=round(measured.height_sigma_m, 3),
            duration_s=round(measured.duration_s, 1),
            fixes=measured.used,
            offset_enu_m=offset,
        )

    return session.keep(
        measured.verdict,
        findings,
        make,
        "Copy the lines above into the configuration and restart the daemon.",
    )


def _read(session: Session) -> list[Fix]:
    """The fixes in a recording of gpsd's JSON.

    Raises:
        CalibrationError: it holds none.
    """
    if session.file is None:
        raise AssertionError("no file was given")
    with session.file.open(encoding="utf-8", errors="replace") as lines:
        fixes, without = fixes_from_lines(lines)
    if not fixes:
        raise CalibrationError(
            f"{session.file} holds no three-dimensional fix ({without} reports without one); "
            "record with: gpspipe -w -n 20000 > fixes.jsonl"
        )
    return fixes


def _listen(session: Session, address: tuple[str, int], seconds: float) -> list[Fix]:
    """Collect one fix a second from gpsd.

    Raises:
        CalibrationError: gpsd cannot be reached, or has had no fix for two minutes or the whole survey.
    """
    console = session.console
    receiver = Gpsd(*address)
    _connect(receiver)
    host, port = address
    console.step(f"Leave the antenna where it is. Listening to {host}:{port} for {seconds / 3600.0:g} h.")
    console.step("Ctrl-C ends early and uses what there is.")
    fixes: list[Fix] = []
    begun_s = time.monotonic()
    try:
        for fix in new_fixes(receiver, seconds):
            fixes.append(fix)
            left_min = (seconds - (time.monotonic() - begun_s)) / 60.0
            console.progress(f"{len(fixes)} fixes, {left_min:.0f} min left")
    except KeyboardInterrupt:
        console.say("   ended early")
    finally:
        receiver.close()
    if not fixes:
        raise CalibrationError(f"not one fix was received: {_why_none(receiver)}")
    return fixes


def _connect(receiver: Gpsd) -> None:
    """Reach gpsd before hours are spent on it.

    Raises:
        CalibrationError: it does not answer.
    """
    until_s = time.monotonic() + CONNECT_WITHIN_S
    receiver.poll()
    while receiver.error is not None:
        if time.monotonic() > until_s:
            raise CalibrationError(
                f"{receiver.error}; is gpsd there and running (sudo systemctl start gpsd)? If it listens "
                "elsewhere, say --gpsd HOST:PORT"
            )
        time.sleep(0.2)
        receiver.poll()


def new_fixes(receiver: Gpsd, seconds: float) -> Iterator[Fix]:
    """Each new fix for ``seconds``; a lost gpsd is waited for.

    Raises:
        CalibrationError: there was no fix for two minutes.
    """
    begun_s = heard_s = time.monotonic()
    newest_s = -math.inf
    while time.monotonic() - begun_s < seconds:
        receiver.poll()
        fix = _three_dimensional(receiver.fix())
        if fix and fix.time_s > newest_s:
            heard_s, newest_s = time.monotonic(), fix.time_s
            yield fix
        if time.monotonic() - heard_s > PATIENCE_S:
            raise CalibrationError(f"no fix for {PATIENCE_S:.0f} s: {_why_none(receiver)}")
        time.sleep(0.2)


def _why_none(receiver: Gpsd) -> str:
    """Why there is no fix now, as far as gpsd tells, and what to do."""
    if receiver.error is not None:
        return f"{receiver.error}; see what it says: journalctl -u gpsd"
    if receiver.fix() is not None:
        return "the receiver gives a place without a height; give its antenna a free sky and time"
    if receiver.satellites_used is not None:
        return (
            f"the receiver uses {receiver.satellites_used} satellites, too few for a three-dimensional fix; "
            "give its antenna a free sky and time: cgps shows what it sees"
        )
    return (
        "gpsd is there but tells of no satellite; is the receiver plugged in, and named in "
        "/etc/default/gpsd? Look with cgps"
    )


def _three_dimensional(fix: GpsFix | None) -> Fix | None:
    """Gpsd's newest fix as one of ours; None unless it is complete."""
    if fix is None or fix.mode != 3 or fix.lat_deg is None or fix.lon_deg is None or fix.height_m is None:
        return None
    return Fix(fix.at_s, fix.lat_deg, fix.lon_deg, fix.height_m, fix.horizontal_sigma_m)


def _compare(session: Session, measured: PositionMeasurement) -> None:
    """Say how far the position is from the last survey's; nothing where there is none."""
    try:
        before = load_position(session.state_dir)
    except CalibrationError as error:
        session.console.say(f"   {error}")
        return
    if before is None or measured.lat_deg is None or measured.lon_deg is None or measured.height_m is None:
        return
    here = (measured.lat_deg, measured.lon_deg, measured.height_m)
    east, north, up = enu_from_llh(here, (before.lat_deg, before.lon_deg, before.height_m))
    session.console.say(
        f"   {math.hypot(east, north):.1f} m (height {up:+.1f} m) from the last survey of {before.utc}"
    )


def _report(session: Session, measured: PositionMeasurement) -> None:
    """The figures, the lines for the configuration and the verdict."""
    if measured.lat_deg is None:
        session.console.verdict(measured.verdict, measured.findings, "no figure")
        return
    session.console.say()
    session.console.table(
        (
            ("fixes", f"{measured.used} used of {measured.found} in {measured.duration_s / 3600.0:.2f} h"),
            ("worth", f"{measured.independent:.0f} independent ones"),
            ("single fix", f"spreads by {measured.spread_m:.2f} m"),
            (
                "one sigma",
                f"{measured.sigma_m:.2f} m per horizontal axis, {measured.height_sigma_m:.2f} m in height",
            ),
        )
    )
    session.console.say("   position:")
    session.console.say(f"     lat_deg: {measured.lat_deg:.7f}")
    session.console.say(f"     lon_deg: {measured.lon_deg:.7f}")
    session.console.say(f"     height_m: {measured.height_m:.1f}")
    session.console.say(f"     sigma_m: {measured.sigma_m:.1f}")
    session.console.verdict(
        measured.verdict,
        measured.findings,
        f"position known to {measured.sigma_m:.1f} m (one sigma per horizontal axis)",
    )
