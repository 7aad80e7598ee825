"""The figures of each part of `evaluate_location` as plain JSON values, and the goals they are held to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scripts.location_audio import from_audio
from scripts.location_blind import Row
from scripts.location_blind import blind as blind_rows
from scripts.location_corpus import Trial
from scripts.location_ellipse import HEARD_BY, simulated
from scripts.location_given import Draw, draws
from scripts.location_load import latency, throughput
from scripts.location_towns import NIGHTS, night
from sensor.central.record.intervals import share

Figures = dict[str, Any]


def counted(hits: int, trials: int) -> Figures:
    """A share with Wilson's 95 % interval."""
    found = share(hits, trials)
    return {
        "hits": hits,
        "of": trials,
        "share": round(hits / trials, 4) if trials else None,
        "low": round(found.low, 4),
        "high": round(found.high, 4),
    }


# ---- real recordings


def blind(tests: Sequence[Trial], folder: Path) -> Figures:
    """All published pulses in, incidents out; with and without the weather."""
    return {
        "weather_told": _rows(blind_rows(tests, weather=True, folder=folder)),
        "no_weather": _rows(blind_rows(tests, weather=False, folder=folder)),
    }


def _rows(rows: Sequence[Row]) -> Figures:
    count = len(rows)
    return {
        "within_25_m": counted(sum(row.error_m < 25.0 for row in rows), count),
        "within_10_m": counted(sum(row.error_m < 10.0 for row in rows), count),
        "rounds_exact": counted(sum(row.rounds_told == row.rounds for row in rows), count),
        "detected": counted(sum(row.incidents > 0 for row in rows), count),
        "phantoms": sum(row.phantoms for row in rows),
        "errors_m": [round(row.error_m, 2) if math.isfinite(row.error_m) else None for row in rows],
        "by_position": {
            position: {
                "tests": len(own),
                "median_m": round(float(np.median([row.error_m for row in own])), 1),
                "most_m": round(max(row.error_m for row in own), 1),
                "in_ellipse": sum(row.inside for row in own),
                "semi_major_m": round(float(np.median([row.semi_major_m or math.nan for row in own])), 1),
            }
            for position, own in _by(rows, "position")
        },
        "missed": [
            {
                "test": f"{row.position} {row.name}",
                "error_m": round(row.error_m, 1) if math.isfinite(row.error_m) else None,
                "rounds": f"{row.rounds_told} of {row.rounds}",
                "incidents": row.incidents,
                "semi_major_m": row.semi_major_m,
            }
            for row in rows
            if row.error_m >= 25.0 or row.rounds_told != row.rounds or row.incidents != 1
        ],
    }


def audio(tests: Sequence[Trial], corpus: Path, folder: Path) -> Figures:
    """Our own candidates of the sensors with recordings; beside them the publisher's pulses of the same."""
    heard = from_audio(tests, corpus, folder)
    return {
        "ours": _rows([one.row for one in heard]),
        "published_pulses_same_sensors": _rows([one.published for one in heard]),
        "by_sensors_that_heard": {
            str(count): counted(
                sum(one.row.error_m < 25.0 for one in heard if one.ours == count),
                sum(one.ours == count for one in heard),
            )
            for count in sorted({one.ours for one in heard})
        },
        "sensors_with_audio": {
            str(count): sum(one.sensors == count for one in heard)
            for count in sorted({one.sensors for one in heard})
        },
    }


def given(tests: Sequence[Trial], count: int, seed: int) -> Figures:
    """The publisher's own pulse sets, random sensors of them; solver and closed form."""
    return {
        "draws": count,
        "tests": len(tests),
        "sensors": {str(number): _draws(list(draws(tests, number, count, seed))) for number in (6, 5, 4)},
    }


def _draws(found: Sequence[Draw]) -> Figures:
    count = len(found)
    return {
        "within_15_m": counted(sum(one.error_m < 15.0 for one in found), count),
        "closed_form_within_15_m": counted(sum(one.closed_form_m < 15.0 for one in found), count),
        "by_position": {
            position: {
                "within_15_m": round(float(np.mean([one.error_m < 15.0 for one in own])), 4),
                "closed_form": round(float(np.mean([one.closed_form_m < 15.0 for one in own])), 4),
            }
            for position, own in _by(found, "position")
        },
        "quantiles_m": _quantiles([one.error_m for one in found]),
        "closed_form_quantiles_m": _quantiles([one.closed_form_m for one in found]),
    }


# ---- simulated


def ellipse(per_case: int, seed: int) -> Figures:
    """How often the 95 % ellipse holds the truth."""
    found = list(simulated(per_case, seed))
    return {
        "covered": counted(sum(one.covered for one in found), len(found)),
        "by_nodes": {
            str(number): counted(
                sum(one.covered for one in found if one.heard_by == number),
                sum(one.heard_by == number for one in found),
            )
            for number in HEARD_BY
        },
        "by_scenario": {
            scenario: {
                "covered": counted(sum(one.covered for one in own), len(own)),
                "median_m": round(float(np.median([one.error_m for one in own])), 1),
                "p95_m": round(float(np.quantile([one.error_m for one in own], 0.95)), 1),
                "semi_major_m": round(float(np.nanmedian([one.semi_major_m for one in own])), 1),
            }
            for scenario, own in _by(found, "scenario")
        },
    }


def towns(nights: int, seed: int) -> Figures:
    """Nights of simulated towns, each scenario so many times."""
    return {
        "nights": nights,
        "scenarios": {
            name: _nights([night(name, seed * 1000 + number) for number in range(nights)]) for name in NIGHTS
        },
    }


def _nights(found: Sequence[Mapping[str, Any]]) -> Figures:
    errors = [error for one in found for error in one["errors_m"]]
    fired = sum(one["fired"] for one in found)
    return {
        "incidents_fired": fired,
        "detected": counted(sum(one["detected"] for one in found), fired),
        "within_25_m": counted(sum(error < 25.0 for error in errors), fired),
        "rounds_exact": counted(sum(one["rounds_exact"] for one in found), fired),
        "phantoms_small_ellipse": sum(one["phantoms_small"] for one in found),
        "phantoms_large_ellipse": sum(one["phantoms_large"] for one in found),
        "heard_not_located": sum(one["heard_only"] for one in found),
        "median_m": round(float(np.median(errors)), 1) if errors else None,
        "quarantined": sum(one["quarantined"] for one in found),
        "wrongly_quarantined": sum(one["wrongly_quarantined"] for one in found),
        "fireworks_mode": sum(one["fireworks_mode"] for one in found),
    }


def load(seconds: int, seed: int) -> Figures:
    """How much one core carries, and how long an answer takes."""
    return {"throughput": throughput(seconds, seed), "latency": latency(seed)}


# ---- goals


def goals(found: Mapping[str, Figures]) -> list[Figures]:
    """Each goal with what was measured, and whether it is met by the figure itself."""
    rows: list[Figures] = []

    def add(what: str, goal: str, measured: str, *, met: bool) -> None:
        rows.append({"what": what, "goal": goal, "measured": measured, "met": met})

    for part, adder in (("blind", _blind_goals), ("given", _given_goals), ("ellipse", _ellipse_goals)):
        if part in found and "skipped" not in found[part]:
            adder(found[part], add)
    for part, adder in (("towns", _towns_goals), ("load", _load_goals)):
        if part in found:
            adder(found[part], add)
    return rows


def said(one: Mapping[str, Any]) -> str:
    """``108 of 108, 100.0 % (96.6-100.0)``."""
    if one["share"] is None:
        return "none tried"
    low, high = 100.0 * one["low"], 100.0 * one["high"]
    return f"{one['hits']} of {one['of']}, {100.0 * one['share']:.1f} % ({low:.1f}-{high:.1f})"


def _blind_goals(found: Figures, add: Any) -> None:  # noqa: ANN401  the adder of `goals`
    told = found["weather_told"]
    rows = (
        ("within_25_m", "within 25 m", 0.99, "at most one miss"),
        ("within_10_m", "within 10 m", 0.95, "95 %"),
        ("rounds_exact", "rounds exact", 0.99, "99 %"),
        ("detected", "incidents detected", 1.0, "100 %"),
    )
    for key, words, least, goal in rows:
        one = told[key]
        allowed = max(1, int((1.0 - least) * one["of"])) if least < 1.0 else 0
        add(f"blind, {words}", goal, said(one), met=one["of"] - one["hits"] <= allowed)
    add("blind, phantom incidents", "0", str(told["phantoms"]), met=told["phantoms"] == 0)


def _given_goals(found: Figures, add: Any) -> None:  # noqa: ANN401  the adder of `goals`
    for sensors, least in (("6", 0.99), ("5", 0.97), ("4", 0.91)):
        one = found["sensors"][sensors]
        ours, closed = one["within_15_m"], one["closed_form_within_15_m"]
        add(
            f"given pulse sets, {sensors} sensors within 15 m",
            f"{100 * least:.0f} %, better than the closed form",
            f"{said(ours)}; closed form {100 * closed['share']:.1f} %",
            met=ours["share"] >= least and ours["hits"] > closed["hits"],
        )


def _ellipse_goals(found: Figures, add: Any) -> None:  # noqa: ANN401  the adder of `goals`
    one = found["covered"]
    met = 0.93 <= one["share"] <= 0.98 and one["of"] >= 2000
    add("95 % ellipse holds the truth, simulated", "93-98 % of 2,000", said(one), met=met)


def _towns_goals(found: Figures, add: Any) -> None:  # noqa: ANN401  the adder of `goals`
    scenarios = found["scenarios"]
    small = sum(one["phantoms_small_ellipse"] for one in scenarios.values())
    add("simulated towns, wrong place with a small ellipse", "0", str(small), met=small == 0)
    wrong = scenarios["one node 180 ms off"]
    quarantined, nights = wrong["quarantined"], found["nights"]
    words = f"{quarantined} of {nights} nights, {wrong['wrongly_quarantined']} good nodes"
    met = quarantined == nights and wrong["wrongly_quarantined"] == 0
    add("the bad node quarantined, no good one", "each night", words, met=met)


def _load_goals(found: Figures, add: Any) -> None:  # noqa: ANN401  the adder of `goals`
    speed, late = found["throughput"], found["latency"]
    words = f"{speed['candidates_per_s']:.0f}/s of CPU with {speed['nodes']} nodes"
    met = speed["candidates_per_s"] >= 5000 and speed["nodes"] >= 1000
    add("candidates a second, one core", "5,000 with 1,000 nodes", words, met=met)
    add("last arrival to incident, p95", "1.5 s", f"{late['p95_s']:.2f} s", met=late["p95_s"] <= 1.5)


def _by(items: Iterable[Any], name: str) -> list[tuple[str, list[Any]]]:
    groups: dict[str, list[Any]] = {}
    for item in items:
        groups.setdefault(getattr(item, name), []).append(item)
    return list(groups.items())


def _quantiles(values: Sequence[float]) -> list[float | None]:
    """Percentiles 0 to 100, for a plot."""
    found = np.quantile(np.minimum(values, 1e6), np.arange(101) / 100.0)
    return [None if value >= 1e6 else round(float(value), 2) for value in found]
