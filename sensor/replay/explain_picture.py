"""A picture of an explanation: waveform, levels with pick and threshold, spectrogram."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sensor.errors import SensorError
from sensor.replay.explain_text import headline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from sensor.replay.explain import Excerpt, Explanation

MISSING = "no picture: matplotlib is not installed (pip install 'gunshot-sensor[tools]')"
BEFORE_S = 0.1
AFTER_S = 0.35
"""Shown before and after what is explained."""
WINDOW_S = 0.008
"""Window of the spectrogram: short enough to show an attack."""
STEPS = 4
"""Windows of the spectrogram per window length."""
RANGE_DB = 70.0
"""Of the colours, below the loudest."""
QUIETEST_DB = -140.0
"""Levels below are drawn there."""
HIGHEST_HZ = 10_000.0
PICK, NEEDED, SOUND = "#c1272d", "#5b6770", "#1f4e79"


def draw(found: Explanation, path: Path) -> None:
    """Write the picture; its format is that of the file's ending.

    Raises:
        SensorError: matplotlib is not installed, or the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  an extra, and slow to load
    except ImportError as error:
        raise SensorError(MISSING) from error
    figure = Figure(figsize=(9.0, 7.5), dpi=90, layout="constrained")
    wave, level, spectrum = figure.subplots(3, 1, sharex=True, height_ratios=(2, 2, 2))
    figure.suptitle(_title(found), fontsize=9, wrap=True)
    _draw_wave(wave, found.excerpt)
    _draw_levels(level, found)
    _draw_spectrogram(spectrum, found.excerpt)
    for axes in (wave, level, spectrum):
        axes.axvline(found.offset_s, color=PICK, linewidth=0.9, alpha=0.6)
        for other in found.nearby:
            axes.axvline(other.offset_s, color=NEEDED, linewidth=0.7, linestyle=":")
    spectrum.set_xlim(found.offset_s - BEFORE_S, found.offset_s + AFTER_S)
    spectrum.set_xlabel("seconds from the file's first sample")
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:  # ValueError: an ending that is no picture format
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise SensorError(f"{path}: the picture cannot be written: {reason}") from error


def _title(found: Explanation) -> str:
    """The file's own name and what became of the moment; a dollar sign is not mathematics here."""
    name = Path(found.file).name.encode("utf-8", "backslashreplace").decode()
    return f"{name}\n{headline(found)}".replace("$", r"\$")


def _draw_wave(axes: Axes, excerpt: Excerpt) -> None:
    time_s = excerpt.first_s + np.arange(excerpt.samples.size) / excerpt.rate_hz
    axes.plot(time_s, excerpt.samples, color=SOUND, linewidth=0.5)
    peak = float(np.abs(excerpt.samples).max(initial=0.0)) or 1.0
    axes.set_ylim(-1.1 * peak, 1.1 * peak)
    axes.set_ylabel("full scale")
    axes.grid(visible=True, linewidth=0.3)


def _draw_levels(axes: Axes, found: Explanation) -> None:
    excerpt = found.excerpt
    for values, words, colour, line in (
        (excerpt.level_db, "level of 1 ms frames in the detector's band", SOUND, "-"),
        (excerpt.recent_db + found.threshold_db, "needed for a crossing", PICK, "--"),
        (excerpt.floor_db, "noise floor", NEEDED, ":"),
    ):
        shown = np.maximum(values, QUIETEST_DB)
        axes.plot(excerpt.frame_s, shown, label=words, color=colour, linestyle=line, linewidth=0.9)
    if found.trigger is not None:
        sigma_s = found.trigger.onset_sigma_s
        axes.axvspan(found.offset_s - sigma_s, found.offset_s + sigma_s, color=PICK, alpha=0.2)
    axes.set_ylabel("dBFS in the band")
    axes.legend(loc="upper right", fontsize=7)
    axes.grid(visible=True, linewidth=0.3)


def _draw_spectrogram(axes: Axes, excerpt: Excerpt) -> None:
    window = max(16, round(WINDOW_S * excerpt.rate_hz))
    levels = spectrogram_db(excerpt.samples, window, max(1, window // STEPS))
    half_s = 0.5 * window / excerpt.rate_hz
    last_s = excerpt.first_s + excerpt.samples.size / excerpt.rate_hz
    top_hz = excerpt.rate_hz / 2
    axes.imshow(
        levels,
        origin="lower",
        aspect="auto",
        cmap="magma",
        interpolation="nearest",
        vmin=float(levels.max()) - RANGE_DB,
        extent=(excerpt.first_s + half_s, last_s - half_s, 0.0, top_hz),
    )
    axes.set_ylim(0.0, min(top_hz, HIGHEST_HZ))
    axes.set_ylabel("Hz")


def spectrogram_db(samples: NDArray[np.float32], window: int, step: int) -> NDArray[np.float64]:
    """Level in dB of each bin (rows) of Hann windows ``step`` apart (columns)."""
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), window)[::step]
    power = np.abs(np.fft.rfft(frames * np.hanning(window), axis=1).T) ** 2
    return 10.0 * np.log10(np.maximum(power / window, 1e-20))
