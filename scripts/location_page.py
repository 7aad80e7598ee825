"""What `evaluate_location` measured: as a table for the terminal, and as docs/accuracy.md with its plot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scripts.location_figures import goals, said

Figures = dict[str, Any]
PUBLISHED = {
    "real time, within 25 m": 0.969,
    "plain script, within 25 m": 0.963,
    "plain script, within 10 m": 0.907,
}
"""Of all 162 tests, as the corpus README and the project's reference give them."""


def table(found: Mapping[str, Figures]) -> str:
    """Every goal with what was measured."""
    rows = [("goal", "wanted", "measured", "")]
    rows += [
        (one["what"], one["goal"], one["measured"], "met" if one["met"] else "MISSED") for one in goals(found)
    ]
    rows += [
        (part, "", str(part_found["skipped"]), "left out")
        for part, part_found in found.items()
        if "skipped" in part_found
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def plot_of(file: Path) -> Path:
    """Where the plot of a page goes."""
    return file.parent / "img" / "accuracy.png"


def page(found: Mapping[str, Figures], file: Path) -> None:
    """Write the page, and the plot into ``img/`` beside it."""
    picture = plot_of(file)
    picture.parent.mkdir(parents=True, exist_ok=True)
    _plot(found, picture)
    file.write_text("\n".join(_lines(found)) + "\n", encoding="utf-8")


def _lines(found: Mapping[str, Figures]) -> Iterator[str]:
    yield from _HEAD.splitlines()
    yield ""
    yield from ("", "| goal | wanted | measured | |", "|---|---|---|---|")
    for one in goals(found):
        verdict = "met" if one["met"] else "**missed**"
        yield f"| {one['what']} | {one['goal']} | {one['measured']} | {verdict} |"
    yield ""
    sections = {
        "blind": _blind,
        "given": _given,
        "audio": _audio,
        "ellipse": _ellipse,
        "towns": _towns,
        "load": _load,
    }
    for part, section in sections.items():
        if part in found and "skipped" not in found[part]:
            yield from section(found[part])
    yield from _TAIL.splitlines()


def _blind(found: Figures) -> Iterator[str]:
    yield from _BLIND.splitlines()
    yield ""
    yield from ("| | weather told | no weather |", "|---|---|---|")
    told, silent = found["weather_told"], found["no_weather"]
    yield from _compared(told, silent, ("within_25_m", "within_10_m", "rounds_exact", "detected"))
    yield from (
        "",
        "| position | tests | median error | largest | semi-major | survey in ellipse |",
    )
    yield "|---|---|---|---|---|---|"
    for position, one in told["by_position"].items():
        yield (
            f"| {position} | {one['tests']} | {one['median_m']} m | {one['most_m']} m "
            f"| {one['semi_major_m']} m | {one['in_ellipse']} |"
        )
    positions = told["by_position"].values()
    tests, inside = (sum(one[key] for one in positions) for key in ("tests", "in_ellipse"))
    yield f"| all | {tests} | | {max(one['most_m'] for one in positions)} m | | {inside} |"
    yield from ("", *_missed(told), "![Errors as cumulative shares](img/accuracy.png)", "")


def _compared(left: Figures, right: Figures, shares: Sequence[str]) -> Iterator[str]:
    """Two columns: some shares, then the incidents where nothing was fired."""
    for share in shares:
        yield f"| {share.replace('_', ' ')} | {said(left[share])} | {said(right[share])} |"
    yield f"| phantom incidents | {left['phantoms']} | {right['phantoms']} |"


def _missed(told: Figures) -> Iterator[str]:
    for one in told["missed"]:
        error = "not located" if one["error_m"] is None else f"{one['error_m']} m off"
        yield f"* {one['test']}: {error}, rounds {one['rounds']}, {one['incidents']} incidents"
    if told["missed"]:
        yield ""


def _given(found: Figures) -> Iterator[str]:
    yield from _GIVEN.format(draws=found["draws"], tests=found["tests"], seed=found["seed"]).splitlines()
    yield ""
    yield from ("| sensors | within 15 m | closed form, same draws | worst position |", "|---|---|---|---|")
    for sensors, one in found["sensors"].items():
        worst = min(one["by_position"].items(), key=lambda item: item[1]["within_15_m"])
        yield (
            f"| {sensors} | {said(one['within_15_m'])} | {said(one['closed_form_within_15_m'])} "
            f"| {worst[0]}: {100 * worst[1]['within_15_m']:.1f} % |"
        )
    yield ""


def _audio(found: Figures) -> Iterator[str]:
    yield from _AUDIO.splitlines()
    yield ""
    yield from ("| | our candidates | the publisher's pulses of the same sensors |", "|---|---|---|")
    ours, theirs = found["ours"], found["published_pulses_same_sensors"]
    yield from _compared(ours, theirs, ("within_25_m", "within_10_m", "detected"))
    yield from ("", "| sensors with a candidate on time | within 25 m |", "|---|---|")
    for sensors, one in found["by_sensors_that_heard"].items():
        yield f"| {sensors} | {said(one)} |"
    yield from ("", "Those that are not within 25 m:", "")
    for one in ours["missed"]:
        if one["error_m"] is None or one["error_m"] >= 25.0:
            place = "heard, not located" if one["error_m"] is None else f"{one['error_m']} m off"
            size = "" if one["semi_major_m"] is None else f", ellipse {one['semi_major_m']:.0f} m"
            yield f"* {one['test']}: {place}{size}"
    yield ""


def _ellipse(found: Figures) -> Iterator[str]:
    yield from _ELLIPSE.format(of=found["covered"]["of"], seed=found["seed"]).splitlines()
    yield ""
    yield "| scenario | covered | median error | 95 % of errors below | ellipse (semi-major) |"
    yield "|---|---|---|---|---|"
    for scenario, one in found["by_scenario"].items():
        yield (
            f"| {scenario} | {said(one['covered'])} | {one['median_m']} m | {one['p95_m']} m "
            f"| {one['semi_major_m']} m |"
        )
    yield f"| all | {said(found['covered'])} | | | |"
    yield from ("", "| nodes that heard | covered |", "|---|---|")
    for number, one in found["by_nodes"].items():
        yield f"| {number} | {said(one)} |"
    yield ""


def _towns(found: Figures) -> Iterator[str]:
    yield from _TOWNS.format(nights=found["nights"], seed=found["seed"]).splitlines()
    yield ""
    yield (
        "| night | fired | detected | within 25 m | rounds exact | wrong place, small ellipse "
        "| wrong place, large ellipse | heard only | bad node quarantined | good nodes quarantined |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for name, one in found["scenarios"].items():
        bad = f"{one['quarantined']} of {found['nights']}" if "180 ms" in name else ""
        yield (
            f"| {name} | {one['incidents_fired']} | {_short(one['detected'])} | {_short(one['within_25_m'])} "
            f"| {_short(one['rounds_exact'])} | {one['phantoms_small_ellipse']} "
            f"| {one['phantoms_large_ellipse']} | {one['heard_not_located']} | {bad} "
            f"| {one['wrongly_quarantined']} |"
        )
    yield ""


def _short(one: Figures) -> str:
    return f"{one['hits']} ({100.0 * one['share']:.0f} %)"


def _load(found: Figures) -> Iterator[str]:
    speed, late = found["throughput"], found["latency"]
    own = {name: part for name, part in speed["profile"].items() if not name.startswith("~")}
    dearest = ", ".join(f"`{name}` {100 * part:.0f} %" for name, part in own.items())
    yield from _LOAD.format(dearest=dearest, **speed, late=late).splitlines()
    yield ""


def _plot(found: Mapping[str, Figures], file: Path) -> None:
    import matplotlib as mpl  # noqa: PLC0415  only the page draws

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415  after the choice of the backend

    figure, axes = plt.subplots(figsize=(7.0, 4.2), layout="constrained")
    if "weather_told" in found.get("blind", {}):
        errors = np.sort([np.inf if e is None else e for e in found["blind"]["weather_told"]["errors_m"]])
        axes.step(
            errors, np.arange(1, len(errors) + 1) / len(errors), label="blind, all pulses", lw=2, where="post"
        )
    for sensors, one in found.get("given", {}).get("sensors", {}).items():
        share = np.arange(101) / 100.0
        for key, style, words in (
            ("quantiles_m", "-", ""),
            ("closed_form_quantiles_m", ":", ", closed form"),
        ):
            values = [np.inf if value is None else value for value in one[key]]
            axes.plot(
                values, share, style, color=f"C{7 - int(sensors)}", lw=1, label=f"{sensors} sensors{words}"
            )
    for (words, part), at in zip(PUBLISHED.items(), (25.0, 25.0, 10.0), strict=True):
        axes.plot(at, part, "x" if "plain" in words else "+", color="black", ms=9)
        above = 6 if "real" in words else -12
        axes.annotate(
            words.partition(",")[0], (at, part), xytext=(6, above), textcoords="offset points", fontsize=7
        )
    axes.set(xlim=(0.0, 40.0), ylim=(0.0, 1.02), xlabel="distance from the survey (m)", ylabel="share")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, loc="lower right")
    figure.savefig(file, dpi=80)
    plt.close(figure)


_HEAD = """# Accuracy of association and location

Every figure on this page is printed by `scripts/evaluate_location`, which also writes the page (`--write
docs/accuracy.md`; `--json` for machines). Intervals are Wilson's, 95 %. Where draws share a firing
position, the interval of the count is too narrow: six positions are six, however often they are drawn
from.

The real tests are the publisher's own live fire (ShotSpotter, Tech Note 098, CC BY 4.0; Pittsburgh, a
calm winter night, pistols, surveyed to about 2.5 m). What the publisher and others reached on all 162 of
them: 96.9 % of incidents within 25 m in real time; a plain script, blind from the raw pulses, 96.3 %
within 25 m, 90.7 % within 10 m, rounds exact in 96.9 %. Here are the 108 tests at six positions that this
project has; nothing is fitted to a position, the beliefs (`sensor/central/associate/settings.py`,
`locate/settings.py`) are the same everywhere. Some of them were chosen after looking at residuals of
these same positions, so other positions decide."""

_BLIND = """## Blind: every published pulse in, incidents out

All pulses the sensors reported, echoes and noise among them, through `gunshot-central replay` with only
the required fields, all tests in one file, each a town of its own. Weather as published, or none told at
all (15 °C is assumed, it was about 0 °C). A phantom is any incident beyond the one that was, located or
not. The ellipse is about where the arrivals meet; the survey is itself good to 2.5 m only, and what a street
adds repeats from shot to shot, so whether a position's ellipse holds its survey is decided once, not 18
times.
"""

_GIVEN = """## A few sensors

The pulses that the publisher's operator selected, {draws} random draws of some of them for every shot of
{tests} tests (seed {seed}). The closed form is Mathias, Leonardi and Galati's in two dimensions, with the
weather's speed of sound.
"""

_AUDIO = """## From audio alone

Recordings of four to six sensors a test were published. `gunshot-sensor replay --manifest` makes our own
candidates of them, `gunshot-central replay` incidents. Beside it, the publisher's pulses of the same
sensors through the same fusion: what so few sensors and their places allow.
"""

_ELLIPSE = """## The 95 % ellipse

{of} simulated incidents (seed {seed}) in towns of about nine nodes a square kilometre, 20 % of them dead.
Nothing is told to the solver beyond what a network knows. Where every path is straight the ellipse is too
large: a street is expected, and few nodes cannot tell that there is none. Where half the paths are bent
and a quarter are echoes it is too small.
"""

_TOWNS = """## Nights in simulated towns

Nights of each kind: {nights} (first seed {seed}). 46 nodes on six square kilometres, each volley one to five
rounds, wind told wrongly by 1.2 m/s, facades that mirror the source, clutter. A wrong place is more than 25 m
off; an ellipse is small below 50 m. Fusion, incidents and the watch over the nodes run as in the daemon.
Bangs of one place within ten seconds are one incident with several rounds, so a night of fireworks has fewer
incidents than bangs. An arrival that is 180 ms late is taken for an echo and left out of the fix: the place
does not suffer. That it is always as late counts for its node all the same: after eight such shots it is
left out, with that reason.
"""

_LOAD = """## Load

Seconds of CPU of one core (an x86 server), so that a busy machine does not change them much.

* Latency: a town of {late[nodes]} nodes in a running minute, {late[shots]} shootings,
  {late[located]} located. From the last arrival to the located source: median {late[p50_s]} s,
  p95 {late[p95_s]} s, at most {late[most_s]} s.
* Throughput: a city of {nodes} nodes, {candidates} candidates in {simulated_s} s (clutter as measured on the
  street, a shooting every ten seconds), answered every second: {cpu_s} s of CPU under a profiler,
  {candidates_per_s} candidates per second of CPU. Dearest: {dearest}.
* Taking in, telling apart and counting alone: {intake_per_s:.0f} candidates per second.

What 5,000 a second would take: the whole stretch of a connected city, up to a minute and a half of it, is
answered anew each second, and places are sought over all of its ground. Answering only the neighbourhoods in
which something new was heard, and cutting the city into tiles that several workers share, is not built.
"""

_TAIL = """## What is not there

Learned path corrections are not built. On six positions with a few tests each a correction per node and
place would repeat the survey's own error, and leave-one-position-out it has nothing to learn from. The
residuals that it would be learned from are kept with every incident."""
