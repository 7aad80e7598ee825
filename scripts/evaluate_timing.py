"""Compare true and stated sigma of the sensor's time, scenario by scenario, on simulated streams.

Every run draws its parameters anew (sensor.sim.timestamps.draw; the ranges are stated there and in
docs/timing.md). z is the error over the stated sigma: 68 % should lie within 1 and 95 % within 2.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from scripts.arguments import cannot_be_written, picture
from scripts.timing_day import plot_day
from sensor.sim.timestamps import Jitter, Loss, PulseChannel, Stream, draw
from sensor.timing.clock import UtcReading
from sensor.timing.holdover import Oscillator
from sensor.timing.pps_channel import RECEIVER_NS, PpsChannel
from sensor.timing.sample_clock import SampleClock
from sensor.timing.settings import TimingSettings
from sensor.timing.vote import EVEN_SIGMA
from sensor.types import ClockSource

Floats = NDArray[np.float64]
SETTINGS = TimingSettings()
EVENT_AGE_S = 0.5
"""An event is stamped at most this long after its sound."""


@dataclass(frozen=True)
class Outcome:
    """Errors and stated sigmas of one scenario, ns; recovery of its mishap, s."""

    errors_ns: Floats
    sigmas_ns: Floats
    recoveries_s: Floats | None = None


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    scenario: str
    runs: int
    true_us: float
    stated_us: float
    within_1: float
    within_2: float
    z_2_5: float
    z_16: float
    z_50: float
    z_84: float
    z_97_5: float
    worst_us: float
    recovery_s: float | None
    bound_only: bool


def feed(stream: Stream, duration_s: float, rng: np.random.Generator) -> tuple[SampleClock, int]:
    """A sample clock that has heard a stream for so long, and its last index."""
    clock = SampleClock(stream.rate_hz, SETTINGS)
    first, stamp_ns, lost = stream.blocks(duration_s, rng)
    for index, mono_ns, missing in zip(first.tolist(), stamp_ns.tolist(), lost.tolist(), strict=True):
        if missing:
            clock.reset()
        clock.observe(index, mono_ns)
    return clock, int(first[-1])


def asked(clock: SampleClock, stream: Stream, last: int, rng: np.random.Generator) -> tuple[float, float]:
    """Error and stated sigma for a sound of the last half second, ns."""
    index = last - rng.uniform(0.0, EVENT_AGE_S) * stream.rate_hz
    time_ns, sigma_ns = clock.predict(index)
    return time_ns - float(stream.true_ns(np.array([index]))[0]), sigma_ns


def sample_clock(jitter: Jitter, from_s: float, to_s: float) -> Callable[[np.random.Generator, int], Outcome]:
    """Streams of one kind, asked at a moment drawn from this span of their life."""

    def scenario(rng: np.random.Generator, runs: int) -> Outcome:
        pairs = []
        for _ in range(runs):
            stream = draw(jitter, rng)
            clock, last = feed(stream, rng.uniform(from_s, to_s), rng)
            error_ns, sigma_ns = asked(clock, stream, last, rng)
            pairs.append((error_ns - constant_ns(stream, rng), sigma_ns))
        errors, sigmas = np.array(pairs).T
        return Outcome(errors, sigmas)

    return scenario


def constant_ns(stream: Stream, rng: np.random.Generator) -> float:
    """What latency calibration would take off a stream that errs to both sides, ns; 0 for late ones.

    Where early and late are alike nobody can tell which is on time: the line lies below both by a
    constant, which is measured here on five other runs of the same device.
    """
    if stream.jitter is not Jitter.TWO_SIDED:
        return 0.0
    others = []
    for _ in range(5):
        clock, last = feed(stream, 130.0, rng)
        others.append(asked(clock, stream, last, rng)[0])
    return float(np.mean(others))


def after_loss(*, flagged: bool) -> Callable[[np.random.Generator, int], Outcome]:
    """Streams that lose 5 to 500 ms of samples, asked 0.5 to 30 s later."""

    def scenario(rng: np.random.Generator, runs: int) -> Outcome:
        pairs, recoveries = [], []
        for _ in range(runs):
            stream = draw(Jitter.USB if rng.random() < 0.5 else Jitter.STEADY, rng)
            at_s = rng.uniform(60.0, 120.0)
            samples = round(rng.uniform(0.005, 0.5) * stream.rate_hz)
            miscount = round(rng.normal(0.0, 0.001) * stream.rate_hz) if flagged else 0
            lossy = replace(stream, losses=(Loss(at_s, samples, flagged, miscount),))
            clock, last = feed(lossy, at_s + rng.uniform(EVENT_AGE_S + 0.5, 30.0), rng)
            pairs.append(asked(clock, lossy, last, rng))
            recoveries.append(recovery_s(lossy, at_s, rng))
        errors, sigmas = np.array(pairs).T
        return Outcome(errors, sigmas, np.array(recoveries))

    return scenario


def recovery_s(stream: Stream, at_s: float, rng: np.random.Generator) -> float:
    """Time from a loss until error and stated sigma are both below 100 us for good, s."""
    clock = SampleClock(stream.rate_hz, SETTINGS)
    first, stamp_ns, lost = stream.blocks(at_s + 60.0, rng)
    true_ns = stream.true_ns(first.astype(np.float64))
    bad_s = 0.0
    began = math.ceil(at_s * stream.rate_hz / stream.block)
    for number, (index, mono_ns) in enumerate(zip(first.tolist(), stamp_ns.tolist(), strict=True)):
        if lost[number]:
            clock.reset()
        clock.observe(index, mono_ns)
        if number >= began:
            time_ns, sigma_ns = clock.predict(index)
            if abs(time_ns - true_ns[number]) > 1e5 or sigma_ns > 1e5:
                bad_s = (number - began + 1) * stream.block / stream.rate_hz
    return bad_s


def pulse_channel(rng: np.random.Generator, runs: int) -> Outcome:
    """A pulse channel with missing and false edges, noise and hum, and a receiver that is off itself."""
    pairs = []
    for _ in range(runs):
        missing = frozenset(int(v) for v in rng.integers(5, 30, rng.integers(0, 5)))
        channel = PulseChannel(
            ppm=rng.uniform(-200.0, 200.0),
            start_s=rng.uniform(0.1, 0.9),
            height_fs=rng.uniform(0.02, 0.05),
            noise_fs=10.0 ** rng.uniform(-4.0, -2.7),
            hum_fs=rng.uniform(0.0, 0.05),
            missing=missing,
            false_s=tuple(rng.uniform(0.0, 22.0, rng.integers(0, 8))),
            passband=rng.uniform(0.85, 1.0),
            coupling_s=rng.uniform(0.01, 0.1),
        )
        samples = channel.samples(22.0, rng)
        follower = PpsChannel(channel.rate_hz)
        per_second = channel.rate_hz * (1.0 + 1e-6 * channel.ppm)

        named = told(per_second, channel.start_s, rng.normal(0.0, 5e6))
        for first in range(0, len(samples), 4800):
            follower.process(first, samples[first : first + 4800], named)
        index = len(samples) - rng.uniform(0.0, EVENT_AGE_S) * channel.rate_hz
        answer = follower.at(index)
        if answer is not None:
            error_ns = answer[0] - (index / per_second - channel.start_s) * 1e9
            pairs.append((error_ns + rng.normal(0.0, RECEIVER_NS), answer[1]))
    errors, sigmas = np.array(pairs).T
    return Outcome(errors, sigmas)


def told(per_second: float, start_s: float, off_ns: float) -> Callable[[float], tuple[int, float]]:
    """UTC as another source has it, wrong by ``off_ns`` with a sigma of 5 ms."""
    return lambda index: (round((index / per_second - start_s) * 1e9 + off_ns), 5e6)


def ntp_path(rng: np.random.Generator, runs: int) -> Outcome:
    """Chrony over paths of 2 to 80 ms whose asymmetry fills what half the delay allows evenly."""
    delay_s = 10.0 ** rng.uniform(math.log10(0.002), math.log10(0.08), runs)
    dispersion_s = rng.uniform(0.2e-3, 2e-3, runs)
    error_s = rng.uniform(-0.5, 0.5, runs) * delay_s + rng.normal(0.0, 0.3, runs) * dispersion_s
    return Outcome(error_s * 1e9, EVEN_SIGMA * (0.5 * delay_s + dispersion_s) * 1e9)


def holdover(hours: float) -> Callable[[np.random.Generator, int], Outcome]:
    """A crystal left alone: rate and daily temperature drawn from the settings' ranges."""

    def scenario(rng: np.random.Generator, runs: int) -> Outcome:
        age_s, day_s = hours * 3600.0, 86_400.0
        oscillator = Oscillator.of(SETTINGS)
        rate_ppm = rng.normal(0.0, SETTINGS.holdover_ppm, runs)
        swing_k = math.sqrt(2.0) * SETTINGS.temperature_swing_k * rng.uniform(0.3, 1.0, runs)
        slope_ppm = SETTINGS.temperature_ppm_per_k * rng.uniform(0.3, 1.0, runs)
        phase, turn = rng.uniform(0.0, 2.0 * math.pi, runs), 2.0 * math.pi / day_s
        gained = (np.cos(phase) - np.cos(turn * age_s + phase)) / turn - np.sin(phase) * age_s
        errors = 1e3 * (rate_ppm * age_s + swing_k * slope_ppm * gained)
        return Outcome(errors, np.full(runs, oscillator.sigma_ns(age_s)))

    return scenario


def node(
    jitter: Jitter, source: ClockSource, latency_sigma_s: float
) -> Callable[[np.random.Generator, int], Outcome]:
    """A whole stamp: pick, sample clock, clock source and a calibrated latency, each drawn."""

    def scenario(rng: np.random.Generator, runs: int) -> Outcome:
        clock_outcome = sample_clock(jitter, 25.0, 240.0)(rng, runs)
        pick_s = rng.uniform(20e-6, 200e-6, runs)
        utc = ntp_path(rng, runs) if source is ClockSource.NTP else pulses(rng, runs)
        errors = clock_outcome.errors_ns + utc.errors_ns
        errors += rng.normal(0.0, 1.0, runs) * pick_s * 1e9
        errors += rng.normal(0.0, 1.0, runs) * latency_sigma_s * 1e9
        stamped = [
            replaced_total(source, pick, sample, utc_sigma, latency_sigma_s)
            for pick, sample, utc_sigma in zip(pick_s, clock_outcome.sigmas_ns, utc.sigmas_ns, strict=True)
        ]
        return Outcome(errors, np.array(stamped))

    return scenario


def replaced_total(
    source: ClockSource, pick_s: float, sample_ns: float, utc_ns: float, latency_s: float
) -> float:
    """The root sum of squares that a Timestamp states for these parts, ns."""
    reading = UtcReading(0, math.ceil(utc_ns), source)
    return math.hypot(pick_s * 1e9, sample_ns, reading.total_ns, latency_s * 1e9)


def pulses(rng: np.random.Generator, runs: int) -> Outcome:
    """UTC by kernel pulses: interrupt latency and the scatter of sixteen of them."""
    sigma_ns = np.hypot(3e3, rng.uniform(500.0, 3e3, runs))
    return Outcome(rng.normal(0.0, 1.0, runs) * sigma_ns, sigma_ns)


SCENARIOS: dict[str, tuple[Callable[[np.random.Generator, int], Outcome], bool]] = {
    "sample clock, steady": (sample_clock(Jitter.STEADY, 40.0, 240.0), False),
    "sample clock, USB frames": (sample_clock(Jitter.USB, 40.0, 240.0), False),
    "sample clock, stamped on arrival": (sample_clock(Jitter.CALLBACK, 40.0, 240.0), False),
    "sample clock, two-sided": (sample_clock(Jitter.TWO_SIDED, 130.0, 240.0), False),
    "sample clock acquiring (1-20 s), steady": (sample_clock(Jitter.STEADY, 1.0, 20.0), True),
    "sample clock acquiring (1-20 s), USB": (sample_clock(Jitter.USB, 1.0, 20.0), True),
    "samples lost, flagged": (after_loss(flagged=True), True),
    "samples lost without a flag": (after_loss(flagged=False), True),
    "pulse on an audio channel": (pulse_channel, False),
    "NTP, asymmetric path": (ntp_path, True),
    "holdover 10 min": (holdover(1 / 6), True),
    "holdover 1 h": (holdover(1.0), True),
    "holdover 24 h": (holdover(24.0), True),
    "node: steady, PPS, calibrated": (node(Jitter.STEADY, ClockSource.PPS, 100e-6), False),
    "node: USB, PPS, calibrated": (node(Jitter.USB, ClockSource.PPS, 200e-6), False),
    "node: USB, NTP, calibrated": (node(Jitter.USB, ClockSource.NTP, 200e-6), True),
}
"""What is simulated, and whether its sigma is a bound (may over-cover)."""


def row(name: str, outcome: Outcome, *, bound_only: bool) -> Row:
    """Summarise one scenario."""
    z = outcome.errors_ns / outcome.sigmas_ns
    z_2_5, z_16, z_50, z_84, z_97_5 = np.quantile(z, [0.025, 0.16, 0.5, 0.84, 0.975]).tolist()
    recovery = None if outcome.recoveries_s is None else float(np.median(outcome.recoveries_s))
    return Row(
        scenario=name,
        runs=len(z),
        true_us=float(np.sqrt((outcome.errors_ns**2).mean())) / 1e3,
        stated_us=float(np.sqrt((outcome.sigmas_ns**2).mean())) / 1e3,
        within_1=float((np.abs(z) < 1.0).mean()),
        within_2=float((np.abs(z) < 2.0).mean()),
        z_2_5=z_2_5,
        z_16=z_16,
        z_50=z_50,
        z_84=z_84,
        z_97_5=z_97_5,
        worst_us=float(np.abs(outcome.errors_ns).max()) / 1e3,
        recovery_s=recovery,
        bound_only=bound_only,
    )


def evaluate(runs: int, seed: int, only: str) -> list[Row]:
    """All scenarios whose name contains ``only``."""
    rows = []
    for name, (scenario, bound_only) in SCENARIOS.items():
        if only in name:
            rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
            rows.append(row(name, scenario(rng, runs), bound_only=bound_only))
            click.echo(f"{name}: done", err=True)
    return rows


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    head = (
        "| scenario | runs | true σ, µs | stated σ, µs | within 1 σ | within 2 σ "
        "| z at 2.5 / 16 / 50 / 84 / 97.5 % | worst, µs | recovery, s |"
    )
    lines = [head, "|---|---:|---:|---:|---:|---:|---|---:|---:|"]
    for item in rows:
        z = " / ".join(
            f"{value:+.2f}" for value in (item.z_2_5, item.z_16, item.z_50, item.z_84, item.z_97_5)
        )
        recovery = "" if item.recovery_s is None else f"{item.recovery_s:.1f}"
        lines.append(
            f"| {item.scenario}{' †' if item.bound_only else ''} | {item.runs} | {item.true_us:.3g} "
            f"| {item.stated_us:.3g} | {100 * item.within_1:.1f} % | {100 * item.within_2:.1f} % "
            f"| {z} | {item.worst_us:.3g} | {recovery} |"
        )
    return "\n".join(lines)


def _some(_context: click.Context, _option: click.Parameter, only: str) -> str:
    """Part of a name that at least one scenario has."""
    if not any(only in name for name in SCENARIOS):
        raise click.BadParameter(f"{only!r} is in no name; there are: {', '.join(SCENARIOS)}")
    return only


def _tried(_context: click.Context, _option: click.Parameter, file: Path | None) -> Path | None:
    """A file that can be written; its folder is made."""
    if file is None:
        return None
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return picture(str(file))
    except OSError as error:
        raise click.BadParameter(cannot_be_written(file, error)) from error
    except argparse.ArgumentTypeError as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@click.option("--runs", type=click.IntRange(1), default=400, show_default=True, help="Runs of each scenario.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the random numbers.")
@click.option("--only", default="", callback=_some, help="Only scenarios with this in their name.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    callback=_tried,
    help="Draw a simulated day into this file (.png, .svg, .pdf).",
)
def main(runs: int, seed: int, only: str, plot: Path | None, *, as_json: bool) -> None:
    """Compare true and stated sigma of the sensor's time on simulated streams."""
    rows = evaluate(runs, seed, only)
    if as_json:
        click.echo(json.dumps([asdict(item) for item in rows], indent=1))
    else:
        click.echo(table(rows))
        click.echo("† a bound, or a state of suspicion: may cover more than it states, never less.")
    if plot is not None:
        plot_day(plot, seed)
        click.echo(f"drawn: {plot}", err=True)


if __name__ == "__main__":
    sys.exit(main())
