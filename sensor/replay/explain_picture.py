"""A picture of an explanation: waveform, levels with pick and threshold, spectrogram."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sensor.errors import ReplayError
from sensor.replay.explain_text import headline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage
    from numpy.typing import NDArray

    from sensor.replay.explain import Excerpt, Explanation

MISSING = "no picture: matplotlib is not installed (.venv/bin/pip install -e '.[tools]')"
BEFORE_S = 0.1
AFTER_S = 0.35
"""Shown before and after what is explained."""
MARGIN_S = 0.02
"""Shown at least on either side of the moment asked for."""
FRAME_S = 0.001
"""Length of the detector's frames: a line ends no sooner than the picture."""
WINDOW_S = 0.008
"""Window of the spectrogram: short enough to show an attack."""
STEPS = 4
"""Windows of the spectrogram per window length."""
RANGE_DB = 70.0
"""Of the colours, below the loudest."""
QUIETEST_DB = -140.0
"""Levels below are drawn there."""
HIGHEST_HZ = 10_000.0
PICK, NEEDED, FLOOR, SOUND = "#c1272d", "#d9822b", "#3f7d4e", "#1f4e79"
ASKED, OTHER = "#8a4fbf", "#7d8a94"


def draw(found: Explanation, path: Path) -> None:
    """Write the picture; its format is that of the file's ending.

    Raises:
        ReplayError: matplotlib is not installed, or the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  an extra, and slow to load
    except ImportError as error:
        raise ReplayError(MISSING) from error
    figure = Figure(figsize=(9.0, 8.0), dpi=90, layout="constrained")
    axes = figure.subplot_mosaic(
        [["wave", "."], ["level", "."], ["spectrum", "colours"]], width_ratios=(60, 1)
    )
    wave, level, spectrum = axes["wave"], axes["level"], axes["spectrum"]
    figure.suptitle(_title(found), fontsize=9, wrap=True)
    _draw_wave(wave, found.excerpt)
    _draw_levels(level, found)
    colours = _draw_spectrogram(spectrum, found.excerpt)
    figure.colorbar(colours, cax=axes["colours"], label="dB re the loudest")
    for shown in (wave, level, spectrum):
        _draw_moments(shown, found)
        shown.set_xlim(*_shown_s(found))
    for above in (wave, level):
        above.tick_params(labelbottom=False)
    spectrum.set_xlabel("seconds from the file's first sample")
    figure.legend(*level.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8)
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:  # ValueError: an ending that is no picture format
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ReplayError(f"{path}: the picture cannot be written: {reason}") from error


def _shown_s(found: Explanation) -> tuple[float, float]:
    """From when to when; the moment asked for is in it."""
    return (
        min(found.offset_s - BEFORE_S, found.at_s - MARGIN_S),
        max(found.offset_s + AFTER_S, found.at_s + MARGIN_S),
    )


def _draw_moments(axes: Axes, found: Explanation) -> None:
    """Upright lines at what is explained, at all else that crossed, and at the moment asked for."""
    words = "strongest frame" if found.outcome == "nothing_crossed" else "this decision"
    if found.level is not None or found.outcome != "nothing_crossed":
        axes.axvline(found.offset_s, color=PICK, linewidth=1.0, alpha=0.8, label=words)
    axes.axvline(found.at_s, color=ASKED, linewidth=1.0, linestyle=(0, (6, 3)), label="asked for (--at)")
    begin_s, end_s = _shown_s(found)
    others_s = [
        time_s
        for time_s in found.excerpt.crossed_s
        if begin_s <= time_s <= end_s and time_s != found.offset_s
    ]
    for number, time_s in enumerate(others_s):
        label = "other crossings" if number == 0 else None
        axes.axvline(time_s, color=OTHER, linewidth=0.9, linestyle=":", label=label)


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
    begin_s, end_s = _shown_s(found)
    # No more than is shown, or the axis would be as long as what is not.
    shown = (excerpt.frame_s >= begin_s - FRAME_S) & (excerpt.frame_s <= end_s + FRAME_S)
    for values, words, colour, line in (
        (excerpt.level_db, "level of 1 ms frames in the detector's band", SOUND, "-"),
        (excerpt.recent_db + found.threshold_db, "needed for a crossing", NEEDED, "--"),
        (excerpt.floor_db, "noise floor", FLOOR, "-."),
    ):
        drawn = np.maximum(values[shown], QUIETEST_DB)
        axes.plot(excerpt.frame_s[shown], drawn, label=words, color=colour, linestyle=line, linewidth=0.9)
    if found.trigger is not None:
        sigma_s = found.trigger.onset_sigma_s
        axes.axvspan(found.offset_s - sigma_s, found.offset_s + sigma_s, color=PICK, alpha=0.2)
    axes.set_ylabel("dBFS in the band")
    axes.grid(visible=True, linewidth=0.3)


def _draw_spectrogram(axes: Axes, excerpt: Excerpt) -> AxesImage:
    window = max(16, round(WINDOW_S * excerpt.rate_hz))
    levels = spectrogram_db(excerpt.samples, window, max(1, window // STEPS))
    half_s = 0.5 * window / excerpt.rate_hz
    last_s = excerpt.first_s + excerpt.samples.size / excerpt.rate_hz
    top_hz = excerpt.rate_hz / 2
    image = axes.imshow(
        levels - max(float(levels.max()), QUIETEST_DB),
        origin="lower",
        aspect="auto",
        cmap="magma",
        interpolation="nearest",
        vmin=-RANGE_DB,
        vmax=0.0,
        extent=(excerpt.first_s + half_s, last_s - half_s, 0.0, top_hz),
    )
    axes.set_ylim(0.0, min(top_hz, HIGHEST_HZ))
    axes.set_ylabel("Hz")
    return image


def spectrogram_db(samples: NDArray[np.float32], window: int, step: int) -> NDArray[np.float64]:
    """Level in dB of each bin (rows) of Hann windows ``step`` apart (columns)."""
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), window)[::step]
    power = np.abs(np.fft.rfft(frames * np.hanning(window), axis=1).T) ** 2
    return 10.0 * np.log10(np.maximum(power / window, 1e-20))
