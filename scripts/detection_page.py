# ruff: noqa: E501  prose and tables of a Markdown template
"""The evaluation as a page of Markdown: every table by group, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scripts.detection_alterations import (
    EVERY_NEGATIVE,
    EVERY_STREET,
    NEGATIVES,
    Altered,
)
from scripts.detection_causes import WORST, Confusion
from scripts.detection_day import Day
from scripts.detection_scoring import Score
from sensor.classify.training.card import total_rate
from sensor.classify.training.corpus import FOLDS
from sensor.classify.training.report import Report, Share, total
from sensor.intervals import poisson_rate, wilson
from sensor.pairing import CANDIDATE_P, TOLERANCE_S

Table = Mapping[str, Mapping[str, Share]]


def markdown(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def short(share: Share | None) -> str:
    """A share in little room."""
    return (
        "–"
        if share is None or share.of == 0
        else f"{100 * share.hits / share.of:.0f} % {share.hits}/{share.of}"
    )


def triggers(scores: Mapping[str, Score]) -> str:
    """What the detector finds and how often it is wrong."""
    rows = []
    for name, s in scores.items():
        low, high = poisson_rate(s.false, s.background_h)
        rate = f"{s.false / s.background_h:.0f} ({low:.0f}–{high:.0f}), {s.false} in {s.background_h:.2f} h"
        sounding = f"{s.false / s.sounding_h:.0f}" if s.sounding_h else "–"
        rows.append(
            [
                name,
                _wilson(s.first_hits, s.first_rounds),
                _wilson(s.hits, s.rounds),
                s.unheard,
                rate,
                sounding,
                f"{s.in_windows / s.listed:.2f}",
            ]
        )
    header = [
        "position",
        "first rounds",
        "all rounds",
        "unheard",
        "triggers per hour of background",
        "per hour that sounds",
        "per round in windows",
    ]
    return markdown(header, rows)


def _wilson(hits: int, of: int) -> str:
    low, high = wilson(hits, of)
    return f"{100 * hits / max(of, 1):.1f} % ({100 * low:.1f}–{100 * high:.1f}) {hits}/{of}"


def bands(title: str, table: Table, groups: Sequence[str]) -> str:
    """Group by group within bands of distance or SNR, with the band's own sum and interval."""
    rows = [
        [band, *(short(cell.get(group)) for group in groups), total(cell)] for band, cell in table.items()
    ]
    return markdown([title, *groups, "together (95 %)"], rows)


def street(told: Report, shipped: Report) -> str:
    """Rounds, false candidates and bursts of the firing positions."""
    header = [
        "position",
        "rounds",
        "first rounds",
        "candidates a round",
        "false",
        "bursts",
        "*rounds, in sample*",
        "*false, in sample*",
    ]
    rows: list[list[object]] = [
        [
            g,
            told.rounds[g],
            told.first_rounds[g],
            f"{told.per_round[g]:.2f}",
            told.street[g],
            told.bursts.get(g, Share(0, 0)),
            f"*{short(shipped.rounds[g])}*",
            f"*{shipped.street[g].count}*",
        ]
        for g in told.rounds
    ]
    rows.append(
        [
            "together",
            total(told.rounds),
            total(told.first_rounds),
            "",
            total_rate(told.street),
            total(told.bursts),
            f"*{short(total(shipped.rounds))}*",
            f"*{total_rate(shipped.street).count}*",
        ]
    )
    return markdown(header, rows)


def others(told: Report, shipped: Report) -> str:
    """False candidates by class, fireworks by uploader, range recordings by weapon."""
    kinds = [
        [k.replace("_", " "), rate, f"*{shipped.negatives[k].count}*"] for k, rate in told.negatives.items()
    ]
    kinds.append(["together", total_rate(told.negatives), f"*{total_rate(shipped.negatives).count}*"])
    clips = [[u, share, f"*{short(shipped.fireworks[u])}*"] for u, share in told.fireworks.items()]
    clips.append(["together", total(told.fireworks), f"*{short(total(shipped.fireworks))}*"])
    weapons = [
        [w, share, told.range_channels[w], f"*{short(shipped.range_channels[w])}*"]
        for w, share in told.range_original.items()
    ]
    weapons.append(
        [
            "together",
            total(told.range_original),
            total(told.range_channels),
            f"*{short(total(shipped.range_channels))}*",
        ]
    )
    return "\n".join(
        [
            markdown(["class", "false candidates (95 %)", "*in sample*"], kinds),
            markdown(["fireworks by uploader", "clips called gunshot", "*in sample*"], clips),
            markdown(
                [
                    "range recordings",
                    "files with a candidate",
                    "20 channels of each",
                    "*channels, in sample*",
                ],
                weapons,
            ),
        ]
    )


def alterations(table: Mapping[str, Altered], groups: Sequence[str]) -> str:
    """Rates, levels, bits, beginnings."""
    rows = []
    for name, a in table.items():
        cells = [f"{short(a.found.get(g))} ({a.triggered[g].hits})" if g in a.found else "–" for g in groups]
        rows.append(
            [
                name,
                *cells,
                short(a.found.get("range files")),
                a.false_street,
                f"{a.false_other} ({a.files_other})",
            ]
        )
    return markdown(["", *groups, "range files", "false, street", "false, others (files)"], rows)


def reliability(told: Report, table: Mapping[str, Sequence[tuple[int, float, float]]]) -> str:
    """Stated against observed, over all and by source."""
    bins = [[f"{stated:.2f}", f"{seen:.2f}", count] for stated, seen, count in told.reliability]
    fifths = [
        [name, *(f"{seen:.2f} at {stated:.2f} ({count})" if count else "–" for count, stated, seen in lines)]
        for name, lines in table.items()
    ]
    header = ["source", "p < 0.2", "0.2–0.4", "0.4–0.6", "0.6–0.8", "≥ 0.8"]
    return markdown(["stated", "observed", "triggers"], bins) + "\n" + markdown(header, fifths)


def confusions(listed: Sequence[Confusion]) -> str:
    """One line per wrong verdict."""
    rows = [
        [
            n + 1,
            f"`{c.path.removeprefix('pittsburgh/')}` {c.at_s:.2f} s",
            c.group,
            "–" if c.p is None else f"{c.p:.2f}",
            "–" if c.p_shipped is None else f"*{c.p_shipped:.2f}*",
            c.facts,
            c.cause,
        ]
        for n, c in enumerate(listed)
    ]
    return markdown(["", "where", "group", "p", "*in sample*", "facts", "cause"], rows)


def picks(timing: Mapping[str, Mapping[str, Any]]) -> str:
    """What intervals between rounds say about the picks."""
    rows = []
    for name, t in timing.items():
        low, high = t["gross_ci"]
        rows.append(
            [
                name,
                t["intervals"],
                f"{t['sigma_us']:.0f} µs",
                f"{t['sigma_from_median_of_all_us']:.0f} µs",
                f"{100 * t['gross']:.1f} % ({100 * low:.1f}–{100 * high:.1f})",
                f"{100 * t['within_1_sigma']:.0f} %, {100 * t['within_2_sigma']:.0f} %",
            ]
        )
    return markdown(
        [
            "position",
            "intervals",
            "sigma of a pick, from the others' median",
            "from the median of all",
            "gross (> 5 ms)",
            "within 1, 2 stated sigma",
        ],
        rows,
    )


def day(told: Day | None) -> str:
    """The simulated street, where its figures were handed over."""
    if told is None:
        return "Not part of this run: `scripts/simulate_street_day --json FILE`, then `--street-day FILE` here.\n"
    rows = [[kind, *counts] for kind, *counts in told.kinds]
    worst = [[f"{p:.2f}", kind, f"hour {hour}, {at_s:.2f} s"] for p, kind, hour, at_s in told.worst]
    return (
        f"Model {told.model_id}, seed {told.seed}, {told.rate_hz} Hz, hours {told.hours}: **{told.rate}**. An hour is another scene; intervals count candidates as independent.\n"
        "The weights that ship have learned from other streets of the same simulator (other seeds, the same kinds of sound and microphones): they know what is sounded here.\n\n"
        + markdown(["kind", "impulses", "triggers", "candidates", "impulses with a candidate"], rows)
        + "\nMost probable:\n\n"
        + markdown(["p", "kind", "where"], worst)
    )


def _head(model_id: str, seed: int, hours: float) -> str:
    """What the page is of, and how its figures are to be read."""
    return f"""# Evaluation

Written by `scripts/evaluate_detection --write docs/evaluation.md --street-day FILE`, FILE from `scripts/simulate_street_day --json FILE` (detector, model {model_id}, seed {seed}) on the {hours:.2f} h of recordings that
`GUNSHOT_CORPUS` names; sources and licences stand in the [model card](../sensor/classify/models/MODEL_CARD.md). No figure in its tables is typed by hand.

* **Out of fold**: every verdict is by a model that met nothing of its firing position, range weapon or uploader, nor noise of it ({FOLDS} folds), calibrated on the other folds'
  verdicts. Common to all street folds are three pistols, one night, one type of sensor, and three sensors that stood in two positions' tests. Features, recipes and the simulator's
  surroundings were chosen by results on these folds. *In sample*, in italics: the weights that ship, which have met everything; not what a new street will see.
* A candidate has p ≥ {CANDIDATE_P}. A round without a trigger is a miss. Truth: rounds with a published pulse, ± {1e3 * TOLERANCE_S:.0f} ms, one to one. Rounds known only by prediction count neither way.
* Intervals: 95 %, Wilson for shares, exact Poisson for rates (for 0 events: fewer than 3 in the time heard, one-sided). Sums stand only below their groups; paths fail together, so sums are less certain than their intervals say.
* *bursts*: the first round of every recording repeated 2 to 9 times, 50 to 130 ms apart; every repetition counts. More than half of the street background is digital silence: see *per hour that sounds*.
"""


def page(parts: Mapping[str, str], model_id: str, seed: int, hours: float) -> str:
    """The whole page."""
    return f"""{_head(model_id, seed, hours)}
## Triggers

{parts["triggers"]}
*Unheard*: rounds in the recordings' digital silence; they count as misses. Counted rounds with a trigger, by distance:

{parts["trigger bands"]}
## Classification, street

{parts["street"]}
Counted rounds that became candidates, by distance:

{parts["bands"]}
Triggered rounds that became candidates, by SNR of the trigger:

{parts["snr"]}
## Classification, other sounds

{parts["others"]}
## Rates, levels, bits, beginnings

Every {EVERY_STREET}rd street recording, all range files, every {EVERY_NEGATIVE}nd of {", ".join(n.removeprefix("neg_").replace("_", " ") for n in NEGATIVES)}; each altered, then detected and judged out of fold.
Share of counted rounds that became candidates (rounds with a trigger). False: candidates; the files' own sum is small, so look at the files that they come from, too.

{parts["alterations"]}
## Reliability

Out of fold. {parts["ece"]} The first table is without the echoes.

{parts["reliability"]}
The second table: observed share at mean stated p (triggers), for the shots of one position against all negatives, or all shots against one kind of negatives.

## Picks

{parts["picks"]}
The interval between two rounds must be the same at all sensors of a test; `scripts/evaluate_picking` has picks of known time.

## A simulated day without shots

{parts["day"]}
{_worst(parts)}"""


def _worst(parts: Mapping[str, str]) -> str:
    """What went wrong, one by one."""
    return f"""## The worst {WORST} misses

Loudest first. Causes are found by the program: what the detector saw at the moment; which class, which recording of another group and which features (log-odds against
the average) led the verdict astray.

{parts["misses"]}
## The worst {WORST} false candidates

{parts["false"]}"""
