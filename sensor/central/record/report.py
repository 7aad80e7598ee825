"""The monthly report: one page that needs nothing else, and the same as CSV.

It is written for those who have to judge the system: it says what is not known as plainly as what is.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields
from html import escape

from sensor import __version__
from sensor.central.cad.words import utc_iso
from sensor.central.record.figures import Alert, Figures
from sensor.central.record.intervals import Share, Spread

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#1d2a35;max-width:1000px;margin:2em auto;padding:0 1em}
h1{font-size:1.6em;margin-bottom:0}h2{margin-top:2em;font-size:1.2em}.sub{color:#52606b;margin-top:.2em}
table{font-size:14px;border-collapse:collapse;margin:1em 0;display:block;overflow-x:auto}
th,td{padding:.3em .8em;text-align:right;border-bottom:1px solid #dde3e7;white-space:nowrap}
th:first-child,td:first-child,td.words{text-align:left}td.words{white-space:normal;min-width:14em}
.unknown{border-left:4px solid #b3431e;background:#fbf1ec;padding:.6em 1em}
.bar{display:flex;height:44px;margin:1em 0;font-weight:600}.bar div{display:flex;align-items:center;
justify-content:center;overflow:hidden;min-width:2.2em}
.confirmed{background:#0b6e8f;color:#fff}.false{background:#b3431e;color:#fff}.unsure{background:#e6c65c}
.none{background:#c9d2d9}.key{font-size:14px}.key span{padding:.1em .6em;margin-right:1em}
"""
_VERDICT_CLASS = {"confirmed": "confirmed", "false": "false", "unknown": "unsure", "none": "none"}
_VERDICT_WORDS = {
    "confirmed": "confirmed",
    "false": "false",
    "unknown": "unknown, somebody looked",
    "none": "unknown, nobody answered",
}
Row = Sequence[object]


def page(figures: Figures, *, title: str, made_ns: int) -> str:
    """The whole page as HTML with everything in it."""
    alerts = len(figures.alerts)
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="sub">{_day(figures.since_ns)} to {_day(figures.until_ns)}, UTC. '
        f"Made {utc_iso(made_ns, digits=0)} by gunshot-central {escape(__version__)} from the record alone.</p>",
        "<h2>What came of the alerts</h2>",
        *_outcome(figures, alerts),
        "<h2>What is not known</h2>",
        '<div class="unknown"><ul>',
        *(f"<li>{escape(text)}</li>" for text in not_known(figures)),
        "</ul></div>",
        "<h2>Shootings that were missed</h2>",
        *_misses(figures),
        "<h2>How fast</h2>",
        _table(
            ("from the discharge to", "alerts", "median s", "90 %", "95 %", "slowest"), _speed_rows(figures)
        ),
        "<h2>People's judgement</h2>",
        *_judgement(figures),
        "<h2>Sensors</h2>",
        *_sensors(figures),
        "<h2>Privacy and integrity</h2>",
        f"<p>Sound of an event was listened to {figures.sound_heard} times. {figures.exercises} exercises are "
        f"in the record and in none of these figures. {figures.undeliverable} notifications could not be "
        f"delivered. The record is {escape(figures.record)}.</p>",
        "<h2>Every alert</h2>",
        _table(
            (
                "UTC",
                "site",
                "first called",
                "last called",
                "outcome",
                "told after s",
                "on scene after s",
                "id",
            ),
            (_alert_row(alert) for alert in figures.alerts),
        ),
        "<h2>How this is counted</h2>",
        f"<p>{escape(_METHOD)}</p>",
    ]
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>\n'


_METHOD = (
    "An alert is an incident that was called gunshot or probable gunshot in any of its versions; taking it back "
    "later does not remove it. Its outcome is the last word of dispatch, police or a file; a reviewer who listens "
    "is not counted as proof. Intervals are 95 %, Wilson's for shares. A node is up for 90 s after each health "
    "message; coverage is computed from noise floors and a model of how sound carries, not measured. Any alert "
    "can be exported and checked with the centre's public key: docs/auditor.md."
)


def not_known(figures: Figures) -> list[str]:
    """What a reader must not conclude from these figures."""
    open_, unknown = figures.verdicts["none"], figures.verdicts["unknown"]
    alerts = len(figures.alerts)
    found = [
        f"What {open_ + unknown} of {alerts} alerts were: of {open_} nobody reported an outcome, for {unknown} "
        "somebody looked and could not tell. Finding no evidence does not mean that nobody fired.",
        f"How many shootings were missed: {len(figures.missed)} were reported to the record. Shots that nobody "
        "reported, and indoor or suppressed shots, appear nowhere.",
    ]
    if not figures.detected.trials:
        found.append(
            "The share of shootings that are detected: no confirmed shooting and no miss to tell it by."
        )
    for spread, what in (
        (figures.dispatched_after, "when units were sent"),
        (figures.on_scene_after, "when they arrived"),
    ):
        if spread.count < alerts:
            found.append(f"For {alerts - spread.count} of {alerts} alerts, {what}: dispatch did not say.")
    silent = [node for node in figures.nodes if node.up_share is None]
    if silent:
        found.append(f"How {len(silent)} of {len(figures.nodes)} nodes were: not one health message came.")
    if not figures.coverage:
        found.append("How much of the area could be heard: no coverage was computed in this period.")
    found.append("How long officers were bound, and what they met: dispatch does not report it here.")
    if figures.contradicted:
        found.append(f"Who is right about {figures.contradicted} alerts on which sources disagree.")
    return found


def _outcome(figures: Figures, alerts: int) -> Iterable[str]:
    if not alerts:
        yield "<p>There was no alert.</p>"
        return
    counts = figures.verdicts
    unknown = counts["unknown"] + counts["none"]
    bars = "".join(
        f'<div class="{_VERDICT_CLASS[name]}" style="flex:{count}">{count}</div>'
        for name, count in counts.items()
        if count
    )
    yield f'<div class="bar">{bars}</div><p class="key">'
    yield "".join(f'<span class="{_VERDICT_CLASS[name]}">{_VERDICT_WORDS[name]}</span>' for name in counts)
    most = counts["confirmed"] + unknown
    yield (
        f"</p><p>Of <b>{alerts}</b> alerts, <b>{counts['confirmed']}</b> are confirmed, "
        f"<b>{counts['false']}</b> were false and <b>{unknown}</b> are unknown. So between "
        f"{_percent(counts['confirmed'] / alerts)} and {_percent(most / alerts)} were real, depending on what the "
        f"unknown ones were. Among those that were decided it is {_share(figures.confirmed_of_decided)}; those "
        "are not a fair sample, because evidence is found where there is some.</p>"
        f"<p>{figures.retracted} were taken back, {figures.not_located} could not be located, "
        f"{figures.repeated} came within two minutes and 100 m of another and may be the same shooting.</p>"
    )


def _misses(figures: Figures) -> Iterable[str]:
    yield (
        f"<p>Reported to the record: <b>{len(figures.missed)}</b>. Of confirmed alerts and reported misses "
        f"together, {_share(figures.detected)} were alerts: an upper estimate, since unreported misses are "
        "not in it. <code>gunshot-central explain-miss</code> tells for each why the nodes kept quiet.</p>"
    )
    if figures.missed:
        rows = ((utc_iso(item.at_ns, digits=0), item.source, item.text) for item in figures.missed)
        yield _table(("UTC", "told by", "what was said"), rows, words={2})


def _speed_rows(figures: Figures) -> Iterable[Row]:
    for spread, what in (
        (figures.located_after, "a place on the map"),
        (figures.told_after, "the first receiver's acknowledgement"),
        (figures.dispatched_after, "units sent"),
        (figures.on_scene_after, "units on the scene"),
    ):
        yield what, spread.count, *(_seconds(value) for value in _quantiles(spread))


def _quantiles(spread: Spread) -> tuple[float | None, ...]:
    return spread.p50, spread.p90, spread.p95, spread.most


def _judgement(figures: Figures) -> Iterable[str]:
    count = len(figures.reversals)
    yield f"<p>People changed what the machine had said {count} times; each with author and reason.</p>"
    if count:
        rows = ((r.incident_id, r.version, r.author, r.before, r.after, r.reason) for r in figures.reversals)
        yield _table(("incident", "version", "who", "before", "after", "reason"), rows, words={5})


def _sensors(figures: Figures) -> Iterable[str]:
    if not figures.nodes:
        yield "<p>No node is known to the record.</p>"
    else:
        rows = (
            (
                f"{node.site}/{node.node}",
                _percent(node.up_share),
                _hours(node.longest_silence_s),
                node.health_messages,
                _percent(node.problem_share),
            )
            for node in figures.nodes
        )
        yield _table(("node", "up", "longest silence h", "health messages", "with a problem"), rows)
    if figures.coverage:
        rows = (
            (site.site, _percent(site.mean), _percent(site.least), _percent(site.below_half), site.points)
            for site in figures.coverage
        )
        head = ("site", "covered on average", "at worst", "time below one half", "points")
        yield "<p>Covered, of what the site could cover on a quiet night with all nodes:</p>"
        yield _table(head, rows)


def _alert_row(alert: Alert) -> Row:
    return (
        utc_iso(alert.utc_ns, digits=0),
        alert.site,
        alert.first_class,
        "retracted" if alert.state == "retracted" else alert.last_class,
        _VERDICT_WORDS[alert.verdict] + (" (disputed)" if alert.contradicted else ""),
        _seconds(alert.told_after_s),
        _seconds(alert.on_scene_after_s),
        alert.incident_id,
    )


def _table(
    head: Sequence[str], rows: Iterable[Row], *, words: frozenset[int] | set[int] = frozenset()
) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{' class=words' if index in words else ''}>{escape(str(cell))}</td>"
            for index, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _share(value: Share) -> str:
    if value.value is None:
        return "unknown (none of either)"
    low, high = _percent(value.low), _percent(value.high)
    return f"{value.hits} of {value.trials}, {_percent(value.value)} (95 %: {low} to {high})"


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{100.0 * value:.1f} %"


def _seconds(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1f}"


def _hours(value_s: float | None) -> str:
    return "unknown" if value_s is None else f"{value_s / 3600.0:.1f}"


def _day(utc_ns: int) -> str:
    return utc_iso(utc_ns, digits=0)[:16].replace("T", " ")


def alerts_csv(figures: Figures) -> str:
    """Every alert, one a line; empty = unknown."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["utc", *(field.name for field in fields(Alert))])
    for alert in figures.alerts:
        values = ("" if value is None else value for value in astuple(alert))
        writer.writerow([utc_iso(alert.utc_ns), *map(_cell, values)])
    return text.getvalue()


def summary_csv(figures: Figures) -> str:
    """Every figure of the page with its interval: ``name, value, low, high, of``; empty = unknown."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["name", "value", "low", "high", "of"])
    for name, value in (
        ("alerts", len(figures.alerts)),
        *((f"alerts_{name}", count) for name, count in figures.verdicts.items()),
        ("retracted", figures.retracted),
        ("not_located", figures.not_located),
        ("repeated", figures.repeated),
        ("disputed", figures.contradicted),
        ("missed_reported", len(figures.missed)),
        ("incidents", figures.incidents),
        ("exercises", figures.exercises),
        ("undeliverable", figures.undeliverable),
        ("reversals", len(figures.reversals)),
        ("sound_heard", figures.sound_heard),
    ):
        writer.writerow([name, value, "", "", ""])
    for name, part in (
        ("confirmed_share_at_least", figures.confirmed),
        ("confirmed_of_decided", figures.confirmed_of_decided),
        ("detected_at_most", figures.detected),
    ):
        value = "" if part.value is None else f"{part.value:.4f}"
        writer.writerow([name, value, f"{part.low:.4f}", f"{part.high:.4f}", part.trials])
    for name, spread in (
        ("located_after_s", figures.located_after),
        ("told_after_s", figures.told_after),
        ("dispatched_after_s", figures.dispatched_after),
        ("on_scene_after_s", figures.on_scene_after),
    ):
        for quantile, seconds in zip(("p50", "p90", "p95", "max"), _quantiles(spread), strict=True):
            value = "" if seconds is None else f"{seconds:.3f}"
            writer.writerow([f"{name}_{quantile}", value, "", "", spread.count])
    for node in figures.nodes:
        value = "" if node.up_share is None else f"{node.up_share:.4f}"
        writer.writerow([f"up_{node.site}/{node.node}", value, "", "", node.health_messages])
    for site in figures.coverage:
        value = "" if site.mean is None else f"{site.mean:.4f}"
        writer.writerow([f"coverage_{site.site}", value, "", "", site.points])
    return text.getvalue()


def _cell(value: object) -> object:
    """Text that a spreadsheet would take for a formula is told apart."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value
