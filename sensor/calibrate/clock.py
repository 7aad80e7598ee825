"""Constant capture latency from pulses whose true times are known. Times are integer nanoseconds UTC.

The latency is stamp minus truth: what the node's own time stamps, made with a latency of zero, say
about a pulse, less when the pulse was really there. It holds the converter's group delay, the
driver's and whatever constant error the node's clock had at the time, which is why the quality of the
clock is part of its sigma.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sensor.calibrate.findings import Finding, Verdict, fail, warn, worst
from sensor.calibrate.sine import Floats
from sensor.physics import speed_of_sound_m_s
from sensor.types import ClockSource

Nanoseconds = NDArray[np.int64]

MINIMUM_PULSES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Emitter:
    """How the pulse comes to the microphone or the channel."""

    kind: str = "electrical"
    """``electrical`` (the pulse itself on a channel) or ``acoustic`` (a click in front of the microphone)."""
    delay_s: float = 0.0
    """From the true instant to the moment the pulse leaves the emitter, seconds."""
    delay_sigma_s: float = 0.0
    distance_m: float = 0.0
    """From emitter to microphone, metres; 0 for electrical."""
    distance_sigma_m: float = 0.0
    temperature_c: float = 15.0
    """Of the air between them."""

    @property
    def total_delay_s(self) -> float:
        """From the true instant to the membrane or the plug, seconds."""
        return self.delay_s + self.distance_m / speed_of_sound_m_s(self.temperature_c)

    @property
    def sigma_s(self) -> float:
        """One sigma of it; 10 K of temperature are counted in."""
        speed = speed_of_sound_m_s(self.temperature_c)
        warm = self.distance_m / speed - self.distance_m / speed_of_sound_m_s(self.temperature_c + 10.0)
        return math.hypot(self.delay_sigma_s, self.distance_sigma_m / speed, warm)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LatencyMeasurement:
    """What the pulses say, and whether it may be used."""

    latency_s: float | None
    """None when no figure could be had; meaningless when the verdict is FAIL."""
    sigma_s: float | None
    parts_s: dict[str, float]
    """One sigma each: ``scatter``, ``drift``, ``edge``, ``clock``, ``path``."""
    scatter_s: float = math.nan
    """Robust spread of single pulses round the drift."""
    drift_ppm: float = 0.0
    """Slope of the offsets."""
    found: int = 0
    used: int = 0
    time_s: Floats = field(default_factory=lambda: np.empty(0))
    """Time of each pulse since the first, for the picture."""
    offset_s: Floats = field(default_factory=lambda: np.empty(0))
    """Stamp minus truth of each pulse."""
    kept: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, dtype=np.bool_))
    findings: tuple[Finding, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The gravest finding's."""
        return worst(self.findings)


def offsets_of_period(stamps_ns: Nanoseconds, period_ns: int = 10**9) -> Floats:
    """Seconds from the whole period that each stamp belongs to, wrapped round the commonest value.

    All pulses are taken to lie within half a period of their common offset, itself within half a
    period of 0.
    """
    phase = (stamps_ns % period_ns).astype(np.float64)
    angle = 2.0 * math.pi * phase / period_ns
    common = np.angle(np.median(np.cos(angle)) + 1j * np.median(np.sin(angle)))
    wrapped = np.angle(np.exp(1j * (angle - common))) + common
    return wrapped / (2.0 * math.pi) * period_ns * 1e-9


def offsets_of_emissions(
    stamps_ns: Nanoseconds, emissions_ns: Nanoseconds, reach_s: float = 0.5
) -> tuple[Nanoseconds, Floats]:
    """Match pulses to known emission times that need not be periodic.

    The common offset is the densest 4 ms among all differences within ``reach_s``; each pulse then
    takes the emission nearest to it at that offset.

    Returns:
        The stamps that have an emission within 10 ms of the common offset, and their offsets in s.
    """
    differences = (stamps_ns[:, None] - emissions_ns[None, :]) * 1e-9
    near = np.sort(differences[np.abs(differences) <= reach_s])
    if near.size == 0:
        return stamps_ns[:0], np.empty(0)
    crowd = np.searchsorted(near, near + 0.004) - np.arange(near.size)
    densest = int(np.argmax(crowd))
    common = float(np.median(near[densest : densest + crowd[densest]]))
    closest = np.argmin(np.abs(differences - common), axis=1)
    offset_s = differences[np.arange(stamps_ns.size), closest]
    matched = np.abs(offset_s - common) <= 0.01
    return stamps_ns[matched], offset_s[matched]


def measure_latency(
    stamps_ns: Nanoseconds,
    offset_s: Floats,
    *,
    emitter: Emitter,
    clock_sigma_s: float,
    edge_s: float = 0.0,
    anchor_ns: int | None = None,
) -> LatencyMeasurement:
    """Latency and its sigma from each pulse's stamp and its offset from the truth.

    A line through the offsets (robust: Theil and Sen) takes drift out; pulses further than 5 robust
    sigmas from it are left out; the latency is the line's value at ``anchor_ns``.

    Args:
        stamps_ns: shape (n,), ascending.
        offset_s: shape (n,): stamp minus the true time of the pulse's origin.
        emitter: its delay is taken off, its sigma counted in.
        clock_sigma_s: one sigma of the node's UTC while it was measured.
        edge_s: rise time of the pulse.
        anchor_ns: when the stamps are trusted: the start of a recording, whose rate then only is
            nominal; None for a live stream, whose time is followed: the middle.
    """
    if stamps_ns.size < MINIMUM_PULSES:
        what = f"{stamps_ns.size} pulses fit the expected times; at least {MINIMUM_PULSES} are needed"
        remedy = "Check wiring, level and channel of the pulses, and record for at least 30 s"
        finding = fail("too_few", what, remedy)
        return LatencyMeasurement(
            latency_s=None, sigma_s=None, parts_s={}, found=int(stamps_ns.size), findings=(finding,)
        )
    time_s = (stamps_ns - stamps_ns[0]) * 1e-9
    slope = _theil_sen(time_s, offset_s)
    middle_s = float(np.median(time_s))
    anchor_s = middle_s if anchor_ns is None else (anchor_ns - int(stamps_ns[0])) * 1e-9
    level = offset_s - slope * (time_s - anchor_s)
    centre_s = float(np.median(level))
    scatter_s = 1.4826 * float(np.median(np.abs(level - centre_s)))
    # Below a quarter of the rise the matched filter's own error at other fractions of a sample shows.
    kept = np.abs(level - centre_s) <= max(5.0 * scatter_s, 0.25 * edge_s, 2e-6)
    used = int(np.count_nonzero(kept))
    span_s = float(np.ptp(time_s))
    one_s = max(scatter_s, 1e-9) / math.sqrt(used)
    slope_sigma = math.sqrt(12.0) * one_s / span_s
    parts_s = {
        "scatter": 1.2533 * one_s,  # of a median of normal values
        "drift": abs(slope) * span_s / math.sqrt(12.0)
        if anchor_ns is None
        else slope_sigma * abs(middle_s - anchor_s),
        "edge": edge_s / math.sqrt(12.0),
        "clock": clock_sigma_s,
        "path": emitter.sigma_s,
    }
    return LatencyMeasurement(
        latency_s=centre_s - emitter.total_delay_s,
        sigma_s=math.hypot(*parts_s.values()),
        parts_s=parts_s,
        scatter_s=scatter_s,
        drift_ppm=slope * 1e6,
        found=int(stamps_ns.size),
        used=used,
        time_s=time_s,
        offset_s=offset_s,
        kept=kept,
    )


def judge(measured: LatencyMeasurement, *, source: ClockSource, from_file: bool) -> tuple[Finding, ...]:
    """What speaks against a latency.

    Args:
        measured: the figure.
        source: the node's clock source while it was measured.
        from_file: the stamps come from a recording's stated start and its nominal rate.
    """
    found = list(measured.findings)
    if measured.latency_s is None:
        return tuple(found)
    if measured.used < 0.8 * measured.found or measured.used < MINIMUM_PULSES:
        what = f"{measured.found - measured.used} of {measured.found} pulses do not fit the others"
        found.append(fail("inconsistent", what, "Keep other noise away; shield the lead; check the channel"))
    if measured.scatter_s > 1e-3:
        what = f"Single pulses scatter by {1e3 * measured.scatter_s:.2f} ms"
        remedy = "A pulse per second scatters by microseconds; look at load, USB power and level"
        found.append((fail if measured.scatter_s > 5e-3 else warn)("scatter", what, remedy))
    if not -0.001 <= measured.latency_s <= 0.4:
        what = f"A latency of {1e3 * measured.latency_s:.2f} ms cannot be"
        remedy = "Check the emission times, the start of the recording, and whether the edge is the right one"
        found.append(fail("impossible", what, remedy))
    found += _drift_findings(measured, from_file=from_file)
    if source is ClockSource.NONE:
        what = "The node's clock is not synchronised: stamp minus truth would be its error, not the latency"
        found.append(fail("no_clock", what, "Wait for GPS, PPS or NTP (`gunshot-sensor check`) and repeat"))
    elif source in {ClockSource.NTP, ClockSource.HOLDOVER}:
        what = f"The clock source is {source.value}; its error of now is part of the figure (see sigma)"
        found.append(warn("clock", what, "Repeat with GPS and pulse per second for a better figure"))
    return tuple(found)


def _drift_findings(measured: LatencyMeasurement, *, from_file: bool) -> list[Finding]:
    """Drift: of the sample clock in a file, of the regression in a live stream."""
    if from_file:
        if abs(measured.drift_ppm) <= 300.0:
            return []
        what = f"The pulses drift by {measured.drift_ppm:.0f} ppm against the file's rate"
        return [fail("rate", what, "Is the file's sampling rate right? Were samples lost?")]
    wander_s = abs(measured.drift_ppm) * 1e-6 * float(np.ptp(measured.time_s))
    if wander_s <= 2e-4:
        return []
    what = f"The offset wandered by {1e3 * wander_s:.2f} ms while it was measured"
    return [warn("drift", what, "Let the daemon's clock settle for ten minutes and repeat")]


def _theil_sen(time_s: Floats, value: Floats) -> float:
    """Median of the slopes between pulses about half the stretch apart: Theil and Sen's, thinned."""
    half = time_s.size // 2
    span = time_s[half:] - time_s[: time_s.size - half]
    return float(np.median((value[half:] - value[: value.size - half]) / span))


def colocated_offsets(
    arrivals_ns: dict[str, Nanoseconds], reach_s: float = 0.05
) -> dict[str, tuple[float, int]]:
    """Differences between nodes that stood side by side and heard the same claps.

    Claps are grouped by ``reach_s``; a clap counts when every node heard it exactly once.

    Returns:
        Per node: its median offset from the clap's median, seconds, and how many claps it rests on.
        Only differences are known: the common latency is not in them.
    """
    labelled = sorted((int(time), name) for name, times in arrivals_ns.items() for time in times)
    groups: list[list[tuple[int, str]]] = []
    for time_ns, name in labelled:
        if groups and (time_ns - groups[-1][0][0]) * 1e-9 <= reach_s:
            groups[-1].append((time_ns, name))
        else:
            groups.append([(time_ns, name)])
    whole = [{name: time for time, name in group} for group in groups if len(group) == len(arrivals_ns)]
    whole = [group for group in whole if len(group) == len(arrivals_ns)]
    if not whole:
        return {}
    first = whole[0][next(iter(arrivals_ns))]
    table = np.array([[group[name] - first for name in arrivals_ns] for group in whole]) * 1e-9
    offsets = np.median(table - np.median(table, axis=1, keepdims=True), axis=0)
    return {name: (float(offset), len(whole)) for name, offset in zip(arrivals_ns, offsets, strict=True)}
