"""``scripts/calibrate_clock.py``: constant capture latency, guided."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from sensor.calibrate.clock import (
    Emitter,
    LatencyMeasurement,
    Nanoseconds,
    colocated_offsets,
    judge,
    measure_latency,
    offsets_of_emissions,
    offsets_of_period,
)
from sensor.calibrate.findings import Finding, Verdict, fail
from sensor.calibrate.option_types import (
    AIR_CELSIUS,
    DELAY_S,
    DISTANCE_M,
    DISTANCE_SIGMA_M,
    SIGMA_S,
    UTC_START,
)
from sensor.calibrate.pictures import draw_latency
from sensor.calibrate.pulses import Pulses, find_pulses
from sensor.calibrate.record import LatencyCalibration, utc_now
from sensor.calibrate.recording import metered, open_source
from sensor.calibrate.session import EXISTING, HELP, Session, common_options, sound_options
from sensor.command_line import FiniteFloat
from sensor.errors import CalibrationError
from sensor.timing.clock import UtcClock
from sensor.timing.timebase import FileTimebase, Latency, LiveTimebase, Timebase
from sensor.types import ClockSource

if TYPE_CHECKING:
    from sensor.types import Samples


@click.command("calibrate_clock.py", context_settings=HELP)
@click.option(
    "--start", type=UTC_START, help="When the file's first sample was (with --file): 2026-06-14T21:04:00Z."
)
@click.option(
    "--start-sigma", type=SIGMA_S, default=1e-4, show_default=True, help="One sigma of --start, seconds."
)
@click.option(
    "--emissions",
    type=EXISTING,
    help="True times of the clicks, one utc_ns a line; without it: every full second of UTC.",
)
@click.option("--distance", type=DISTANCE_M, default=0.0, show_default=True, help="Clicker to microphone, m.")
@click.option(
    "--distance-sigma", type=DISTANCE_SIGMA_M, default=0.01, show_default=True, help="One sigma of it, m."
)
@click.option(
    "--emitter-delay", type=DELAY_S, default=0.0, show_default=True, help="Pulse to click, seconds."
)
@click.option(
    "--emitter-sigma", type=SIGMA_S, default=0.0, show_default=True, help="One sigma of it, seconds."
)
@click.option("--temperature", type=AIR_CELSIUS, default=15.0, show_default=True, help="Of the air, Celsius.")
@click.option("--seconds", type=FiniteFloat(10.0, 600.0), default=80.0, show_default=True)
@click.option(
    "--settle",
    type=FiniteFloat(0.0, 300.0),
    default=20.0,
    show_default=True,
    help="Of these, how many settle the sample clock; pulses in them are not used.",
)
@sound_options
@click.option(
    "--colocated",
    type=EXISTING,
    help="Candidates (JSON lines) of nodes that stood side by side and heard the same claps: compare them.",
)
@common_options
def clock_command(  # noqa: PLR0913  one per option
    session: Session,
    *,
    start: int | None,
    start_sigma: float,
    emissions: Path | None,
    distance: float,
    distance_sigma: float,
    emitter_delay: float,
    emitter_sigma: float,
    temperature: float,
    seconds: float,
    settle: float,
    colocated: Path | None,
) -> int:
    """Measure the constant delay between a sound and its time stamp.

    Either lead the GPS receiver's pulse per second (20 to 50 mV: 100 kOhm over 1 kOhm) into the channel
    named with --channel, or let it fire a clicker 5 to 10 cm in front of the microphone (--distance).
    """
    emitter = Emitter(
        kind="acoustic" if distance > 0.0 else "electrical",
        delay_s=emitter_delay,
        delay_sigma_s=emitter_sigma,
        distance_m=distance,
        distance_sigma_m=distance_sigma if distance > 0.0 else 0.0,
        temperature_c=temperature,
    )
    if colocated is not None:
        return _compare(session, colocated)
    _check_usage(session, start, seconds, settle)
    timebase, samples, rate_hz, name = _listen(session, start, start_sigma, seconds, settle)
    pulses = find_pulses(samples, rate_hz)
    settled = pulses.index >= (0.0 if session.file else settle * rate_hz)
    pulses = replace(pulses, index=pulses.index[settled])
    measured = _measure(session, timebase, pulses, _emissions(emissions), emitter)
    source = timebase.report().source
    findings = judge(measured, source=source, from_file=session.file is not None)
    measured = replace(measured, findings=findings if pulses.index.size else (_no_pulses(session.channel),))
    stamp = utc_now()
    _report(session, measured, pulses, source)
    session.draw("clock", stamp, lambda path: draw_latency(measured, pulses, rate_hz, path))

    def make(remarks: tuple[str, ...]) -> LatencyCalibration:
        method = f"{emitter.kind} pulses against {source.value} time{session.from_file}"
        return _record(measured, session.identity(name), stamp, method, remarks, rate_hz, temperature)

    return session.keep(measured.verdict, measured.findings, make)


def _check_usage(session: Session, start_ns: int | None, seconds: float, settle_s: float) -> None:
    """Find out before the work that its options do not go together.

    Raises:
        click.UsageError: they do not.
    """
    if (session.file is None) != (start_ns is None):
        raise click.UsageError("--file and --start (when was its first sample?) go together")
    if session.file is None and settle_s >= seconds:
        raise click.UsageError(f"--settle {settle_s:g} leaves no pulses of --seconds {seconds:g}")
    session.check_device()


def _compare(session: Session, path: Path) -> int:
    """Print how far nodes that stood side by side differ.

    Raises:
        CalibrationError: the file holds no clap that all nodes heard.
    """
    arrivals: dict[str, list[int]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if line.strip():
            try:
                candidate = json.loads(line)
                arrivals.setdefault(str(candidate["node"]), []).append(int(candidate["utc_ns"]))
            except (ValueError, KeyError, TypeError) as error:
                raise CalibrationError(f"{path}:{number} is no candidate: {error!r}") from error
    offsets = colocated_offsets({name: np.array(times, dtype=np.int64) for name, times in arrivals.items()})
    if len(offsets) < 2:
        raise CalibrationError(
            f"{path}: no clap was heard within 50 ms by all of two or more nodes ({', '.join(arrivals)}); "
            "put them within half a metre and clap 20 times, a second or more apart"
        )
    claps = next(iter(offsets.values()))[1]
    session.console.table((name, f"{1e3 * late:+8.3f} ms") for name, (late, _) in offsets.items())
    session.console.say(
        f"   later than the median of the nodes, over {claps} claps. Take this off each node by adding"
    )
    session.console.say("   it to timing.latency_s; half a metre between microphones is 1.5 ms.")
    return 0


def _listen(
    session: Session, start_ns: int | None, start_sigma_s: float, seconds: float, settle_s: float
) -> tuple[Timebase, Samples, float, str]:
    """The channel's samples, and a time base that has seen them; latency zero, so stamps are uncorrected."""
    console = session.console
    source = open_source(session.file, session.capture)
    if session.file is None:
        console.wait("Connect the pulse per second (or start the clicker) and see that the meter moves.")
        console.step(f"Listening for {seconds:.0f} s; the first {settle_s:.0f} s settle the clock.")
    limit_s = None if session.file else seconds
    with _make_timebase(session, start_ns, start_sigma_s) as make:
        timebase: Timebase | None = None
        rows: list[Samples] = []
        ticked_s = -1.0
        for block in metered(source, console, channel=session.channel, seconds=limit_s):
            timebase = timebase or make(source.rate_hz)
            here_s = block.end / source.rate_hz
            if here_s - ticked_s >= 1.0:
                ticked_s = here_s
                timebase.tick()
            timebase.observe(block)
            if block.lost:  # zeros keep the index; a pulse among them is missing, none is misplaced
                rows.append(np.zeros(block.lost, dtype=np.float32))
            rows.append(block.samples[session.channel])
    if timebase is None:
        raise CalibrationError(f"{source.name} gave no samples")
    return timebase, np.concatenate(rows), source.rate_hz, source.name


@contextmanager
def _make_timebase(
    session: Session, start_ns: int | None, start_sigma_s: float
) -> Iterator[Callable[[float], Timebase]]:
    """Something that makes the time base for a rate; its clock sources are freed at the end."""
    if start_ns is not None:
        yield lambda rate_hz: FileTimebase(rate_hz, start_ns, start_sigma_s)
        return
    utc = UtcClock(session.config.timing)
    try:
        yield lambda rate_hz: LiveTimebase(rate_hz, session.config.timing, utc, Latency(0.0, 0.0))
    finally:
        utc.close()


def _measure(
    session: Session,
    timebase: Timebase,
    pulses: Pulses,
    emissions_ns: Nanoseconds | None,
    emitter: Emitter,
) -> LatencyMeasurement:
    """Stamp the pulses and compare with the truth."""
    stamped = [timebase.stamp(float(index), 0.0) for index in pulses.index]
    stamps_ns = np.array([stamp.utc_ns for stamp in stamped], dtype=np.int64)
    if emissions_ns is None:
        offset_s = offsets_of_period(stamps_ns) if stamps_ns.size else np.empty(0)
    else:
        stamps_ns, offset_s = offsets_of_emissions(stamps_ns, emissions_ns)
    live = session.file is None
    sigma_ns = max((stamp.sigma_ns for stamp in stamped), default=0)
    return measure_latency(
        stamps_ns,
        offset_s,
        emitter=emitter,
        clock_sigma_s=sigma_ns * 1e-9,
        edge_s=pulses.edge_s,
        anchor_ns=None if live else timebase.stamp(0.0, 0.0).utc_ns,
    )


def _emissions(path: Path | None) -> Nanoseconds | None:
    """The true times in a file, one integer utc_ns a line; None without a file.

    Raises:
        CalibrationError: a line is no integer.
    """
    if path is None:
        return None
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    times = []
    for number, line in enumerate(lines, 1):
        text = line.split("#", 1)[0].strip()
        if not text:
            continue
        try:
            times.append(int(text))
        except ValueError as error:
            raise CalibrationError(f"{path}:{number}: {text!r} is no integer utc_ns") from error
    return np.array(times, dtype=np.int64)


def _no_pulses(channel: int) -> Finding:
    return fail(
        "no_pulses",
        f"No pulses stand out on channel {channel}",
        "Check lead and divider (20 to 50 mV), the receiver's fix, the capture gain, and --channel",
    )


def _report(session: Session, measured: LatencyMeasurement, pulses: Pulses, source: ClockSource) -> None:
    """The figures and the verdict."""
    if measured.latency_s is None or measured.sigma_s is None:
        session.console.verdict(measured.verdict, measured.findings, "no figure")
        return
    parts = ", ".join(f"{name} {1e3 * part:.3f}" for name, part in measured.parts_s.items())
    sigma = f"{1e3 * measured.sigma_s:.3f} ms ({parts})"
    session.console.say()
    session.console.table(
        (
            ("pulses", f"{measured.used} used of {measured.found}, {pulses.snr_db:.0f} dB over the noise"),
            ("single pulse", f"scatters by {1e6 * measured.scatter_s:.1f} us"),
            ("drift", f"{measured.drift_ppm:+.2f} ppm"),
            ("clock source", source.value),
            ("one sigma", sigma if source is not ClockSource.NONE else "unknown, as the clock is"),
        )
    )
    session.console.verdict(
        measured.verdict,
        measured.findings,
        ("refused: " if measured.verdict is Verdict.FAIL else "")
        + f"stamps are {1e3 * measured.latency_s:.3f} ms late; the daemon takes that off",
    )


def _record(
    measured: LatencyMeasurement,
    device: str,
    stamp: str,
    method: str,
    remarks: tuple[str, ...],
    rate_hz: float,
    temperature_c: float,
) -> LatencyCalibration:
    if measured.latency_s is None or measured.sigma_s is None:
        raise AssertionError("a record was asked of a measurement without a figure")
    return LatencyCalibration(
        device=device,
        utc=stamp,
        method=method,
        verdict=str(measured.verdict),
        remarks=remarks,
        latency_s=round(measured.latency_s, 9),
        sigma_s=round(measured.sigma_s, 9),
        parts_s={part: round(value, 9) for part, value in measured.parts_s.items()},
        rate_hz=round(rate_hz),
        pulses=measured.used,
        temperature_c=temperature_c,
    )
