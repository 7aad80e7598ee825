"""The monthly report as one page that needs nothing else.

It is written for those who have to judge the system: it says what is not known as plainly as what is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from sensor import __version__
from sensor.central.cad.words import utc_iso
from sensor.central.record.figures import Alert, Figures
from sensor.central.record.intervals import MEDIAN_MIN, TAIL_MIN, Share, Spread
from sensor.central.record.unknown import not_known

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#1d2a35;max-width:1000px;margin:2em auto;padding:0 1em}
h1{font-size:1.6em;margin-bottom:0}h2{margin-top:2em;font-size:1.2em}.sub{color:#52606b;margin-top:.2em}
table{font-size:14px;border-collapse:collapse;margin:1em 0;display:block;overflow-x:auto}
th,td{padding:.3em .8em;text-align:right;border-bottom:1px solid #dde3e7;white-space:nowrap}
th:first-child,td:first-child{text-align:left}code{overflow-wrap:anywhere}
.unknown{border-left:4px solid #b3431e;background:#fbf1ec;padding:.2em 1em}
.bar{display:flex;height:44px;margin:1em 0;font-weight:600}.bar div{display:flex;align-items:center;
justify-content:center;overflow:hidden;min-width:2.2em}
.confirmed{background:#0b6e8f;color:#fff}.false{background:#b3431e;color:#fff}.unsure{background:#e6c65c}
.none{background:#c9d2d9}.key{font-size:14px}.key span{padding:.1em .6em;margin-right:1em}
"""
_VERDICT_CLASS = {"confirmed": "confirmed", "false": "false", "unknown": "unsure", "none": "none"}
VERDICT_WORDS = {
    "confirmed": "confirmed",
    "false": "false",
    "unknown": "unknown, somebody looked",
    "none": "unknown, nobody answered",
}
_METHOD = (
    "An alert is an incident that was called gunshot or probable gunshot in any of its versions; taking it "
    "back later does not remove it. Its outcome is the last word of dispatch, of officers on the scene or of "
    "a file; what a reviewer heard is not counted as proof. Intervals are 95 %: Wilson's for shares, order "
    f"statistics for medians, from {MEDIAN_MIN} values on; a 90 % quantile needs {TAIL_MIN[0.9]} values, a "
    f"95 % quantile {TAIL_MIN[0.95]}. A node is up for 90 s after each health message; coverage is computed "
    "from noise floors and a model of how sound carries, not measured. Places are rounded to some 500 m, "
    "sensors are numbered, nobody is named. Any alert can be exported and checked with the centre's public "
    "key; docs/auditor.md says how."
)
Row = Sequence[object]


def page(figures: Figures, *, title: str, made_ns: int, names: Mapping[str, str]) -> str:
    """The whole page as HTML with everything in it.

    Args:
        figures: of the period.
        title: heading.
        made_ns: when it is made, UTC.
        names: ``site/node`` -> what the page calls it.
    """
    period = f"{_minute(figures.since_ns)} to {_minute(figures.until_ns)}, UTC."
    made = (
        f"Made {utc_iso(made_ns, digits=0)} by gunshot-central {escape(__version__)} from the record alone."
    )
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="sub">{period} {made}</p>',
        "<h2>What came of the alerts</h2>",
        *_outcome(figures),
        "<h2>What is not known</h2>",
        '<div class="unknown"><ul>',
        *(f"<li>{escape(text)}</li>" for text in not_known(figures)),
        "</ul></div>",
        "<h2>Shootings that were missed</h2>",
        *_misses(figures),
        "<h2>How fast</h2>",
        _table(
            ("from the discharge to", "alerts", "median s", "95 % interval", "90 %", "95 %", "slowest"),
            _speed_rows(figures),
        ),
        "<h2>People's judgement</h2>",
        *_judgement(figures),
        "<h2>Sensors</h2>",
        *_sensors(figures, names),
        "<h2>Privacy</h2>",
        _table(("in this period", "times"), figures.privacy.items()),
        "<h2>Integrity</h2>",
        *_integrity(figures),
        "<h2>Every alert</h2>",
        _table(_ALERT_HEAD, (_alert_row(alert) for alert in figures.alerts)),
        "<h2>How this is counted</h2>",
        f"<p>{escape(_METHOD)}</p>",
    ]
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>\n'


def _outcome(figures: Figures) -> Iterable[str]:
    alerts = len(figures.alerts)
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
    yield "".join(f'<span class="{_VERDICT_CLASS[name]}">{VERDICT_WORDS[name]}</span>' for name in counts)
    least, most = counts["confirmed"] / alerts, (counts["confirmed"] + unknown) / alerts
    yield (
        f"</p><p>Of <b>{alerts}</b> alerts, <b>{counts['confirmed']}</b> are confirmed, "
        f"<b>{counts['false']}</b> false and <b>{unknown}</b> are unknown. So between "
        f"{percent(least)} and {percent(most)} were real, depending on what the unknown ones were. "
        f"Among those that were decided it is {_share(figures.confirmed_of_decided)}; those "
        "are not a fair sample, because evidence is found where there is some.</p>"
        f"<p>Taken back: {figures.retracted}. Not located: {figures.not_located}. "
        f"Within two minutes and 100 m of another: {figures.repeated}, perhaps the same shooting. "
        f"Exercises, in none of these figures: {figures.exercises}.</p>"
    )


def _misses(figures: Figures) -> Iterable[str]:
    yield (
        f"<p>Reported to the record: <b>{len(figures.missed)}</b>. Of confirmed alerts and reported misses "
        f"together, {_share(figures.detected)} were alerts: an upper estimate, since unreported misses are "
        "not in it. <code>gunshot-central explain-miss</code> tells for each why the nodes kept quiet.</p>"
    )
    if figures.missed:
        rows = ((utc_iso(item.at_ns, digits=0), place(item.near), item.source) for item in figures.missed)
        yield _table(("UTC", "near", "told by"), rows)


def _speed_rows(figures: Figures) -> Iterable[Row]:
    for spread, what in (
        (figures.located_after, "a place on the map"),
        (figures.told_after, "the first receiver's acknowledgement"),
        (figures.dispatched_after, "units sent"),
        (figures.on_scene_after, "units on the scene"),
    ):
        tails = (_tail(spread, spread.p90), _tail(spread, spread.p95))
        yield what, spread.count, seconds(spread.p50), _interval(spread), *tails, seconds(spread.most)


def _interval(spread: Spread) -> str:
    if spread.p50_low is None or spread.p50_high is None:
        return "too few" if spread.count else "unknown"
    return f"{spread.p50_low:.1f} to {spread.p50_high:.1f}"


def _tail(spread: Spread, value: float | None) -> str:
    return "too few" if value is None and spread.count else seconds(value)


def _judgement(figures: Figures) -> Iterable[str]:
    count = len(figures.reversals)
    yield (
        f"<p>Times that people changed what the machine had said: {count}. The record keeps who and why of "
        "each, this page does not.</p>"
    )
    if count:
        rows = ((r.incident_id, r.version, r.before, r.after) for r in figures.reversals)
        yield _table(("incident", "version", "before", "after"), rows)


def _sensors(figures: Figures, names: Mapping[str, str]) -> Iterable[str]:
    fleet = figures.fleet
    if not fleet.nodes:
        yield "<p>No node is known to the record.</p>"
        return
    yield (
        f"<p>At least one node was heard during {percent(fleet.heard_any_share)} of the time; any rest was "
        "an outage of the centre, the broker or the line.</p>"
    )
    rows = (
        (
            names[f"{node.site}/{node.node}"],
            percent(node.up_share),
            _hours(node.longest_silence_s),
            node.health_messages,
            percent(node.problem_share),
        )
        for node in fleet.nodes
    )
    yield _table(("sensor", "up", "longest silence h", "health messages", "with a problem"), rows)
    if fleet.coverage:
        head = ("site", "covered on average", "at worst", "time below one half", "points")
        yield "<p>Covered, of what the site could cover on a quiet night with all nodes:</p>"
        yield _table(
            head,
            (
                (site.site, percent(site.mean), percent(site.least), percent(site.below_half), site.points)
                for site in fleet.coverage
            ),
        )


def _integrity(figures: Figures) -> Iterable[str]:
    yield f"<p>The record is {escape(figures.record)}. "
    yield f"Notifications that could not be delivered: {figures.undeliverable}.</p>"
    if figures.anchor is not None:
        yield (
            f"<p>Anchor: <code>{figures.anchor}</code>. Keep it: nobody can change the record up to here any "
            "more without its being seen.</p>"
        )


_ALERT_HEAD = (
    "UTC",
    "site",
    "near",
    "first called",
    "last called",
    "outcome",
    "told after s",
    "on scene after s",
    "id",
)


def _alert_row(alert: Alert) -> Row:
    return (
        utc_iso(alert.utc_ns, digits=0),
        alert.site,
        place(alert.near),
        alert.first_class,
        "retracted" if alert.state == "retracted" else alert.last_class,
        VERDICT_WORDS[alert.verdict] + (" (disputed)" if alert.contradicted else ""),
        seconds(alert.told_after_s),
        seconds(alert.on_scene_after_s),
        alert.incident_id,
    )


def _table(head: Sequence[str], rows: Iterable[Row]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _share(value: Share) -> str:
    if value.value is None:
        return "unknown (there is none of either)"
    low, high = percent(value.low), percent(value.high)
    return f"{value.hits} of {value.trials}, {percent(value.value)} (95 %: {low} to {high})"


def place(near: tuple[float, float] | None) -> str:
    """Rounded latitude and longitude in words."""
    return "unknown" if near is None else f"{near[0]:.3f}, {near[1]:.3f}"


def percent(value: float | None) -> str:
    """A share in words."""
    return "unknown" if value is None else f"{100.0 * value:.1f} %"


def seconds(value: float | None) -> str:
    """Seconds in words."""
    return "unknown" if value is None else f"{value:.1f}"


def _hours(value_s: float | None) -> str:
    return "unknown" if value_s is None else f"{value_s / 3600.0:.1f}"


def _minute(utc_ns: int) -> str:
    return utc_iso(utc_ns, digits=0)[:16].replace("T", " ")
