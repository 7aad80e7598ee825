"""Pictures of calibrations, for the technician's record; the only file that imports matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sensor.calibrate.clock import LatencyMeasurement
from sensor.calibrate.level import LevelMeasurement
from sensor.calibrate.noise import NoiseFigures
from sensor.calibrate.position import PositionMeasurement
from sensor.calibrate.pulses import BEFORE_S, Pulses
from sensor.errors import CalibrationError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MISSING = "no picture: matplotlib is not installed (pip install '.[tools]' in the checkout)"
COLOURS = {"PASS": "tab:green", "WARN": "tab:orange", "FAIL": "tab:red"}


def new_figure(rows: int, title: str, verdict: str) -> tuple[Figure, list[Axes]]:
    """An empty figure with ``rows`` diagrams one above the other.

    Raises:
        CalibrationError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  an extra, and slow to load
    except ImportError as error:
        raise CalibrationError(MISSING) from error
    figure = Figure(figsize=(8.0, 2.7 * rows + 0.5), dpi=80, layout="constrained")
    axes = [figure.add_subplot(rows, 1, row + 1) for row in range(rows)]
    figure.suptitle(f"{verdict} - {title}", color=COLOURS[verdict], fontsize=11)
    for each in axes:
        each.grid(visible=True, linewidth=0.3)
    return figure, axes


def draw_level(measured: LevelMeasurement, path: Path) -> None:
    """Level of the tone over time, and the stretch the figure rests on."""
    known = measured.full_scale_db_spl is not None
    title = f"0 dBFS = {measured.full_scale_db_spl:.2f} dB SPL" if known else "no figure"
    figure, (top, below) = new_figure(2, title, str(measured.verdict))
    for axes in (top, below):
        axes.plot(measured.time_s, measured.level_dbfs, linewidth=0.9)
        axes.axvspan(*measured.steady, color="tab:green", alpha=0.12, label="steady tone")
        axes.set_ylabel("level of the tone, dBFS")
    top.legend(loc="lower right")
    if measured.tone_dbfs is not None:
        below.set_ylim(measured.tone_dbfs - 1.0, measured.tone_dbfs + 1.0)
    below.set_xlabel("time, s (below: the same, enlarged)")
    figure.savefig(path)


def draw_noise(figures: NoiseFigures, full_scale_db_spl: float | None, verdict: str, path: Path) -> None:
    """Third octaves, and the A-weighted level over time with its percentiles."""
    shift, unit = (0.0, "dBFS") if full_scale_db_spl is None else (full_scale_db_spl, "dB SPL")
    title = f"LAeq {figures.laeq_dbfs + shift:.1f} {unit} over {figures.duration_s:.0f} s"
    figure, (top, below) = new_figure(2, title, verdict)
    names = [band.nominal_hz for band in figures.bands]
    floor = float(figures.band_dbfs.min()) + shift - 5.0
    top.bar(names, figures.band_dbfs + shift - floor, bottom=floor, width=0.9)
    top.tick_params(axis="x", rotation=90, labelsize=7)
    top.set_ylabel(f"third octave, {unit}")
    time_s = (np.arange(figures.level_dbfs.size) + 0.5) / 8.0
    below.plot(time_s, figures.level_dbfs + shift, linewidth=0.6)
    for exceeded in (10, 50, 90):
        level = figures.percentile_dbfs(exceeded) + shift
        below.axhline(level, color="black", linewidth=0.7, linestyle="--")
        below.annotate(f"L{exceeded}", (float(time_s[-1]), level), fontsize=8)
    below.set_ylabel(f"A-weighted, 125 ms, {unit}")
    below.set_xlabel("time, s")
    figure.savefig(path)


def draw_latency(measured: LatencyMeasurement, pulses: Pulses, rate_hz: float, path: Path) -> None:
    """Offset of each pulse, and the shape they share."""
    known = measured.latency_s is not None
    title = f"latency {1e3 * measured.latency_s:.3f} ms" if measured.latency_s is not None else "no figure"
    figure, (top, below) = new_figure(2, title, str(measured.verdict))
    if known:
        top.plot(measured.time_s, 1e3 * measured.offset_s, ".", markersize=4, label="pulse")
        out = ~measured.kept
        top.plot(measured.time_s[out], 1e3 * measured.offset_s[out], "rx", label="left out")
        top.legend(loc="upper right")
    top.set_ylabel("stamp - truth, ms")
    top.set_xlabel("time since the first pulse, s")
    shape_s = np.arange(pulses.template.size) / rate_hz - BEFORE_S
    below.plot(1e3 * shape_s, pulses.template, ".-", linewidth=0.8, markersize=3)
    below.axvline(0.0, color="black", linewidth=0.6)
    below.set_ylabel("common shape, full scale")
    below.set_xlabel("time, ms")
    figure.savefig(path)


def draw_position(measured: PositionMeasurement, path: Path) -> None:
    """The fixes from above, and how they wander."""
    title = f"position known to {measured.sigma_m:.1f} m (one sigma per horizontal axis)"
    figure, (top, below) = new_figure(2, title, str(measured.verdict))
    thin = slice(None, None, max(1, measured.time_s.size // 2000))
    east, north, up = measured.enu_m.T
    top.plot(east[thin], north[thin], ".", markersize=2, alpha=0.4)
    top.plot(east[~measured.kept], north[~measured.kept], "rx", markersize=3)
    angle = np.linspace(0.0, 2.0 * np.pi, 100)
    top.plot(measured.sigma_m * np.cos(angle), measured.sigma_m * np.sin(angle), "k-", linewidth=0.8)
    top.set_aspect("equal", adjustable="datalim")
    top.set_ylabel("north, m")
    top.set_xlabel("east, m (circle: one sigma of the mean)")
    for name, values in (("east", east), ("north", north), ("up", up)):
        below.plot(measured.time_s[thin] / 3600.0, values[thin], linewidth=0.6, label=name)
    below.legend(loc="upper right", ncols=3, fontsize=8)
    below.set_ylabel("from the mean, m")
    below.set_xlabel("time, h")
    figure.savefig(path)
