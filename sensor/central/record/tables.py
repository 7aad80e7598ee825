"""The monthly report as tables for other programs: CSV, empty = unknown."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields

from sensor.central.cad.words import utc_iso
from sensor.central.record.figures import Alert, Figures

Cell = str | int | float | None


def alerts_csv(figures: Figures) -> str:
    """Every alert, one a line."""
    names = [field.name for field in fields(Alert) if field.name != "near"]
    rows = [
        [
            utc_iso(alert.utc_ns),
            *(getattr(alert, name) for name in names),
            *(alert.near or (None, None)),
        ]
        for alert in figures.alerts
    ]
    return _csv(["utc", *names, "near_lat_deg", "near_lon_deg"], rows)


def misses_csv(figures: Figures) -> str:
    """Every shooting that was reported and not detected, one a line."""
    rows = [[utc_iso(item.at_ns), *(item.near or (None, None)), item.source] for item in figures.missed]
    return _csv(["utc", "near_lat_deg", "near_lon_deg", "source"], rows)


def summary_csv(figures: Figures, names: Mapping[str, str]) -> str:
    """Every figure of the page: ``name, value, low, high, of``; low and high are its 95 % interval."""
    rows = [*_counts(figures), *_shares(figures), *_spreads(figures), *_fleet(figures, names)]
    rows += [[f"times {words}", count, None, None, None] for words, count in figures.privacy.items()]
    return _csv(["name", "value", "low", "high", "of"], rows)


def _counts(figures: Figures) -> Iterator[list[Cell]]:
    counts = {
        "alerts": len(figures.alerts),
        **{f"alerts_{name}": count for name, count in figures.verdicts.items()},
        "retracted": figures.retracted,
        "not_located": figures.not_located,
        "repeated": figures.repeated,
        "disputed": figures.contradicted,
        "missed_reported": len(figures.missed),
        "incidents": figures.incidents,
        "exercises": figures.exercises,
        "undeliverable": figures.undeliverable,
        "reversals": len(figures.reversals),
    }
    for name, count in counts.items():
        yield [name, count, None, None, None]


def _shares(figures: Figures) -> Iterator[list[Cell]]:
    for name, part in (
        ("confirmed_share_at_least", figures.confirmed),
        ("confirmed_of_decided", figures.confirmed_of_decided),
        ("detected_at_most", figures.detected),
    ):
        yield [name, _rounded(part.value, 4), _rounded(part.low, 4), _rounded(part.high, 4), part.trials]


def _spreads(figures: Figures) -> Iterator[list[Cell]]:
    for name, spread in (
        ("located_after_s", figures.located_after),
        ("told_after_s", figures.told_after),
        ("dispatched_after_s", figures.dispatched_after),
        ("on_scene_after_s", figures.on_scene_after),
    ):
        low, high = _rounded(spread.p50_low, 3), _rounded(spread.p50_high, 3)
        yield [f"{name}_p50", _rounded(spread.p50, 3), low, high, spread.count]
        for quantile, value in (("p90", spread.p90), ("p95", spread.p95), ("max", spread.most)):
            yield [f"{name}_{quantile}", _rounded(value, 3), None, None, spread.count]


def _fleet(figures: Figures, names: Mapping[str, str]) -> Iterator[list[Cell]]:
    fleet = figures.fleet
    yield ["up_any", _rounded(fleet.heard_any_share, 4), None, None, None]
    for node in fleet.nodes:
        name = names[f"{node.site}/{node.node}"]
        yield [f"up {name}", _rounded(node.up_share, 4), None, None, node.health_messages]
    for site in fleet.coverage:
        yield [
            f"coverage {site.site}",
            _rounded(site.mean, 4),
            _rounded(site.least, 4),
            None,
            site.points,
        ]


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _csv(head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return text.getvalue()


def _cell(value: Cell) -> Cell:
    """Text that a spreadsheet would take for a formula is told apart; unknown is empty."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return "" if value is None else value
