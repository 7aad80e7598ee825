"""The few plots of a report, as SVG text that needs nothing but a browser."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sensor.replay.counting import counted

INK, FAINT, MARK, TRUTH = "#1d2a35", "#c9d2d9", "#0b6e8f", "#b3431e"
_FONT = 'font-family="system-ui, sans-serif" font-size="12"'


class Plot:
    """A rectangle of paper with axes; coordinates are data, not pixels."""

    def __init__(
        self,
        *,
        x: tuple[float, float],
        y: tuple[float, float],
        width: int = 520,
        height: int = 260,
        x_title: str = "",
        y_title: str = "",
        left: int = 66,
    ) -> None:
        """Begin with the axes' ranges."""
        self._x, self._y = x, y
        self._box = (left, 12, width - 24, height - (40 if x_title else 24))
        self._size = (width, height)
        self._parts: list[str] = []
        x0, y0, x1, y1 = self._box
        self._parts.append(
            f'<rect x="{x0}" y="{y0}" width="{x1 - x0}" height="{y1 - y0}" fill="none" stroke="{FAINT}"/>'
        )
        if x_title:
            self.label((x0 + x1) / 2, height - 6, x_title, anchor="middle")
        if y_title:
            middle = (y0 + y1) / 2
            self._parts.append(
                f'<text x="14" y="{middle:.1f}" {_FONT} fill="{INK}" text-anchor="middle" '
                f'transform="rotate(-90 14 {middle:.1f})">{escape(y_title)}</text>'
            )

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Pixel of a data point; points outside are drawn at the edge."""
        x0, y0, x1, y1 = self._box
        across = (x - self._x[0]) / (self._x[1] - self._x[0])
        up = (y - self._y[0]) / (self._y[1] - self._y[0])
        return x0 + min(1.0, max(0.0, across)) * (x1 - x0), y1 - min(1.0, max(0.0, up)) * (y1 - y0)

    def label(self, x_px: float, y_px: float, text: str, *, anchor: str) -> None:
        """Text at a pixel."""
        place = f'x="{x_px:.1f}" y="{y_px:.1f}" text-anchor="{anchor}"'
        self._parts.append(f'<text {place} {_FONT} fill="{INK}">{escape(text)}</text>')

    def x_ticks(self, places: Sequence[float], form: str = "{:g}") -> None:
        """Numbers below the box."""
        for place in places:
            x_px, _ = self.at(place, self._y[0])
            self._parts.append(f'<path d="M{x_px:.1f} {self._box[3]}v4" stroke="{INK}"/>')
            self.label(x_px, self._box[3] + 16, form.format(place), anchor="middle")

    def y_ticks(self, places: Sequence[float], form: str = "{:g}") -> None:
        """Numbers at the left and a faint line for each."""
        for place in places:
            _, y_px = self.at(self._x[0], place)
            self._parts.append(f'<path d="M{self._box[0]} {y_px:.1f}H{self._box[2]}" stroke="{FAINT}"/>')
            self.label(self._box[0] - 6, y_px + 4, form.format(place), anchor="end")

    def line(self, x: Sequence[float], y: Sequence[float], colour: str = MARK, *, dash: str = "") -> None:
        """A line through points."""
        points = " ".join("{:.1f},{:.1f}".format(*self.at(a, b)) for a, b in zip(x, y, strict=True))
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self._parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.3"{dashes}/>'
        )

    def area(self, x: Sequence[float], y: Sequence[float]) -> None:
        """A filled outline; as thin as a line where it has no width."""
        points = " ".join("{:.1f},{:.1f}".format(*self.at(a, b)) for a, b in zip(x, y, strict=True))
        self._parts.append(f'<polygon points="{points}" fill="{MARK}" stroke="{MARK}" stroke-width="0.6"/>')

    def dot(self, x: float, y: float, radius: float = 4.0, title: str = "") -> None:
        """A filled dot; ``title`` shows under the pointer."""
        x_px, y_px = self.at(x, y)
        tip = f"<title>{escape(title)}</title>" if title else ""
        self._parts.append(
            f'<circle cx="{x_px:.1f}" cy="{y_px:.1f}" r="{radius:.1f}" fill="{MARK}">{tip}</circle>'
        )

    def bar(self, x0: float, x1: float, y: float) -> None:
        """A bar that stands on the floor of the box."""
        left_px, top_px = self.at(x0, y)
        right_px, floor_px = self.at(x1, self._y[0])
        self._parts.append(
            f'<rect x="{left_px:.1f}" y="{top_px:.1f}" width="{max(0.5, right_px - left_px - 1):.1f}" '
            f'height="{max(0.0, floor_px - top_px):.1f}" fill="{MARK}"/>'
        )

    def whisker(self, x: float, low: float, high: float) -> None:
        """An upright interval."""
        self.line((x, x), (low, high), INK)

    def text(self) -> str:
        """The finished element."""
        width, height = self._size
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" role="img">{"".join(self._parts)}</svg>'
        )


def lowest_shown(rows: Sequence[tuple[str, float, float, float]]) -> float:
    """Share at which the axis of :func:`interval_chart` begins."""
    return max(0.0, math.floor(10.0 * min([low for _, _, low, _ in rows] or [0.0])) / 10.0)


def interval_chart(rows: Sequence[tuple[str, float, float, float]], title: str) -> str:
    """Shares with their intervals, one column each: (name, share, low, high)."""
    floor = lowest_shown(rows)
    plot = Plot(
        x=(0.0, max(1, len(rows))), y=(floor, 1.0), width=max(320, 64 * len(rows) + 80), y_title=title
    )
    plot.y_ticks([floor + (1.0 - floor) * step / 4 for step in range(5)], "{:.1%}")
    for index, (name, share, low, high) in enumerate(rows):
        plot.whisker(index + 0.5, low, high)
        plot.dot(index + 0.5, share, title=f"{name}: {share:.2%} [{low:.2%}, {high:.2%}]")
        x_px, _ = plot.at(index + 0.5, floor)
        plot.label(x_px, 250, name, anchor="middle")
    return plot.text()


def reliability_chart(bins: Sequence[tuple[float, float, int]]) -> str:
    """Stated probability against observed share; a dot's area follows its count."""
    plot = Plot(
        x=(0.0, 1.0),
        y=(0.0, 1.0),
        width=320,
        height=320,
        x_title="stated probability",
        y_title="share that were gunshots",
    )
    ticks = [0.0, 0.25, 0.5, 0.75, 1.0]
    plot.x_ticks(ticks)
    plot.y_ticks(ticks)
    plot.line((0.0, 1.0), (0.0, 1.0), INK, dash="4 4")
    most = max([count for _, _, count in bins] or [1])
    for p, share, count in bins:
        plot.dot(
            p,
            share,
            2.5 + 7.5 * math.sqrt(count / most),
            f"{counted(count, 'trigger')}: stated {p:.3f}, observed {share:.3f}",
        )
    return plot.text()


def histogram(values: Sequence[float], low: float, high: float, bins: int, x_title: str) -> str:
    """Counts of values; those outside are in the end bins."""
    counts, edges = np.histogram(np.clip(values, low, high), bins, (low, high))
    most = max(1, int(counts.max(initial=0)))
    plot = Plot(x=(low, high), y=(0.0, 1.05 * most), x_title=x_title, y_title="count")
    plot.y_ticks([0, most])
    plot.x_ticks([low + (high - low) * step / 4 for step in range(5)])
    for count, left, right in zip(counts, edges[:-1], edges[1:], strict=True):
        plot.bar(float(left), float(right), float(count))
    return plot.text()


def waveform(
    samples: NDArray[np.float32], rate_hz: float, begin_s: float, marks: Sequence[tuple[float, str]]
) -> str:
    """What lies between least and largest sample of each pixel, with upright marks (seconds, colour)."""
    end_s = begin_s + samples.size / rate_hz
    top = float(np.max(np.abs(samples), initial=0.0)) or 1.0
    plot = Plot(
        x=(begin_s, end_s),
        y=(-top, top),
        width=460,
        height=140,
        x_title="s from the file's start",
        y_title="full scale",
        left=76,
    )
    edges = np.linspace(0, samples.size, 391).astype(int)
    upper: list[tuple[float, float]] = []
    lower: list[tuple[float, float]] = []
    for first, last in pairwise(edges):
        if last > first:
            time_s = begin_s + (first + last) / 2 / rate_hz
            upper.append((time_s, float(samples[first:last].max())))
            lower.append((time_s, float(samples[first:last].min())))
    around = [*upper, *reversed(lower)]
    plot.area([x for x, _ in around], [y for _, y in around])
    for time_s, colour in marks:
        plot.line((time_s, time_s), (-top, top), colour, dash="3 3")
    plot.x_ticks([begin_s, end_s], "{:.2f}")
    plot.y_ticks([-top, top], "{:.2g}")
    return plot.text()
