"""The score of a replay as one page that needs nothing else, and as JSON beside it."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from html import escape
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from sensor import __version__
from sensor.intervals import poisson_rate, wilson
from sensor.pairing import AFTER_S, BEFORE_S, CANDIDATE_P, TOLERANCE_S
from sensor.reliability import BINS, calibration_error
from sensor.replay import svg
from sensor.replay.counting import counted
from sensor.replay.excerpts import shown_false, shown_misses
from sensor.replay.labels import COUNTED
from sensor.replay.recordings import RecordingFile
from sensor.replay.runner import FileResult, ReplaySettings, classifier_for
from sensor.replay.scoring import (
    GroupScore,
    Recall,
    Scores,
    by_distance,
)
from sensor.replay.tables import (
    GROUP_HEAD,
    LABEL_HEAD,
    calibration_text,
    distance_table,
    group_rows,
    incomplete_text,
    label_rows,
    whose_scores,
)

QUANTILES = (5, 25, 50, 75, 95)
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1d2a35;max-width:1320px;margin:2em auto;padding:0 1em}
table{font-size:13px;border-collapse:collapse;margin:1em 0;display:block;overflow-x:auto}
th,td{padding:.25em .6em;text-align:right;border-bottom:1px solid #dde3e7}td{white-space:nowrap}
th:first-child,td:first-child{text-align:left}h2{margin-top:2em}
figure{display:inline-block;margin:.5em 1.5em .5em 0;vertical-align:top}
figcaption{font-size:13px;color:#52606b;max-width:460px}
"""

_LEFT_OUT = "Triggers inside windows that are nobody's pair are left out."
_METHOD = (
    f"A candidate counts at p ≥ {CANDIDATE_P}; pairs one to one within ±{TOLERANCE_S * 1e3:.0f} ms; "
    f"false = outside −{BEFORE_S} to +{AFTER_S} s of every listed onset. Onsets count as hit or miss "
    f"where their source is {', '.join(sorted(COUNTED - {''}))} or not given. "
    "Intervals are 95 %, Wilson for shares and exact Poisson for rates: "
    "0 in N h proves only fewer than 3/N an hour."
)


def write_report(
    folder: Path,
    scores: Scores,
    results: Sequence[FileResult],
    settings: ReplaySettings,
    files: Sequence[RecordingFile],
    told: Sequence[str] = (),
) -> Path:
    """Write ``index.html`` and ``scores.json``, each wholly or not at all; return the page.

    ``told``: lines about what does not count, which belong to the figures.

    Raises:
        OSError: the folder cannot be written.
    """
    model_id = classifier_for(settings.config).model_id
    body = json.dumps(scores_json(scores, model_id), indent=1, allow_nan=False) + "\n"
    page = _page(scores, results, settings, {file.name: file for file in files}, model_id, told)
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "scores.json", body)
    _write(folder / "index.html", page)
    return folder / "index.html"


def check_writable(folder: Path) -> None:
    """Make the folder of a report and try to write there, before hours are spent on what goes into it.

    Raises:
        OSError: the folder cannot be made or written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("scores.json", "index.html"):
        if (folder / name).is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
    trial = _beside(folder / "index.html")
    try:
        trial.write_text("trial\n", encoding="utf-8")
    finally:
        trial.unlink(missing_ok=True)


def _write(path: Path, text: str) -> None:
    """Put the whole text in the place of the file, or leave the old one."""
    draft = _beside(path)
    try:
        draft.write_text(text, encoding="utf-8", errors="backslashreplace")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    """A hidden name in the same folder for what is not finished."""
    return path.with_name(f".{path.name}.{os.getpid()}")


def scores_json(scores: Scores, model_id: str) -> dict[str, Any]:
    """Every figure of the report, for programs."""
    return {
        "model_id": model_id,
        "threshold": CANDIDATE_P,
        "recordings": scores.recordings,
        "recordings_not_read": scores.not_read,
        "tolerance_s": TOLERANCE_S,
        "window_s": [-BEFORE_S, AFTER_S],
        "groups": [_group_json(group) for group in scores.groups],
        "distances": [_recall_json(part) for part in by_distance(scores)],
        "file_labels": [_group_json(label) for label in scores.labels],
        "calibration": {
            "ece": calibration_error(scores.reliability) if scores.reliability else None,
            "prior": scores.prior,
            "bins": [asdict(part) for part in scores.reliability],
        },
        "misses": [
            {
                "file": miss.name,
                "onset_s": miss.onset.onset_s,
                "shot": miss.onset.shot,
                "p_nearby": miss.p_nearby,
                "refused": list(miss.refused),
            }
            for miss in scores.misses
        ],
        "false": [
            {
                "file": item.name,
                "offset_s": item.heard.offset_s,
                "p": item.heard.candidate.p_gunshot,
                "near": item.near,
            }
            for item in scores.false
        ],
    }


def _group_json(group: GroupScore) -> dict[str, Any]:
    hours = group.background_s / 3600.0
    errors_ms = np.percentile(group.errors_s, QUANTILES) * 1e3 if group.errors_s else np.zeros(0)
    return {
        "group": group.group,
        "files": group.files,
        "background_h": hours,
        "rounds": group.rounds,
        "listed": group.listed,
        "not_judged": group.not_judged,
        "hits": group.hits,
        "recall": group.hits / group.rounds if group.rounds else None,
        "recall_95": wilson(group.hits, group.rounds) if group.rounds else None,
        "first_rounds": group.first_rounds,
        "first_hits": group.first_hits,
        "candidates_per_round": group.per_round,
        "false": group.false,
        "false_per_h": group.false_per_h if hours else None,
        "false_per_h_95": poisson_rate(group.false, hours) if hours else None,
        "triggers_per_h": group.background_triggers / hours if hours else None,
        "files_without_shots": group.empty_files,
        "files_without_shots_with_candidate": group.false_files,
        "files_with_unlisted_shots": group.unlisted_files,
        "files_with_unlisted_shots_with_candidate": group.unlisted_heard,
        "error_ms": {f"p{q}": float(value) for q, value in zip(QUANTILES, errors_ms, strict=False)},
    }


def _recall_json(part: Recall) -> dict[str, Any]:
    return {
        "group": part.group,
        "from_m": part.from_m,
        "to_m": part.to_m if isfinite(part.to_m) else None,
        "rounds": part.rounds,
        "hits": part.hits,
        "recall": part.hits / part.rounds,
        "recall_95": wilson(part.hits, part.rounds),
    }


def _page(
    scores: Scores,
    results: Sequence[FileResult],
    settings: ReplaySettings,
    files: Mapping[str, RecordingFile],
    model_id: str,
    told: Sequence[str],
) -> str:
    heard = {result.name: result for result in results}
    hours = sum(result.seconds for result in results) / 3600.0
    listen = settings.config.audio.listen_channels
    distances = distance_table(scores)
    head = f"{hours:.2f} h; version {__version__}, configuration {settings.config.digest}."
    parts = [
        f"<h1>Replay of {counted(sum(result.refused is None for result in results), 'recording')}</h1>",
        f"<p>{head} {escape(whose_scores(model_id))} {_METHOD}</p>",
        f"<p><strong>{escape(incomplete_text(scores))}</strong></p>" if scores.not_read else "",
        f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in told)}</ul>" if told else "",
        "<h2>Groups</h2>",
        _table(GROUP_HEAD, group_rows(scores)),
        *(
            ["<h2>Files without listed onsets</h2>", _table(LABEL_HEAD, label_rows(scores))]
            if scores.labels
            else []
        ),
        *(["<h2>Recall by distance of the muzzle</h2>", _table(*distances)] if distances[1] else []),
        "<h2>Plots</h2>",
        _plots(scores),
        "<h2>Worst misses</h2>",
        *_listed(
            "Loudest first, those in digital silence last. Dashed: the listed onset.",
            shown_misses(scores.misses, heard, files, listen),
        ),
        "<h2>Worst false candidates</h2>",
        *_listed(
            "Most probable first. Dashed: the candidate.",
            shown_false(scores.false, files, listen),
        ),
    ]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Replay report</title>'
        f"<style>{_STYLE}</style><body>{''.join(parts)}</body></html>\n"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{top}</tr>{body}</table>"


def _plots(scores: Scores) -> str:
    with_rounds = [group for group in scores.groups if group.rounds]
    errors_ms = [error * 1e3 for group in with_rounds for error in group.errors_s]
    recalls = [(g.group, g.hits / g.rounds, *wilson(g.hits, g.rounds)) for g in with_rounds]
    figures = [
        (
            svg.interval_chart(recalls, "recall"),
            f"Recall per group with its 95 % interval.{_begins(recalls)}",
        ),
        (
            svg.reliability_chart([(part.p, part.share, part.triggers) for part in scores.reliability]),
            f"Reliability in {BINS} bins, all groups together; {calibration_text(scores)}. {_LEFT_OUT}",
        ),
        (
            svg.histogram(errors_ms, -50.0, 50.0, 100, "candidate minus listed onset, ms"),
            "Arrival error of the pairs, all groups together; the table has each group's.",
        ),
    ]
    return "".join(
        f"<figure>{plot}<figcaption>{escape(text)}</figcaption></figure>" for plot, text in figures
    )


def _begins(rows: Sequence[tuple[str, float, float, float]]) -> str:
    """A warning where a chart of shares does not begin at nothing."""
    floor = svg.lowest_shown(rows)
    return f" The axis begins at {100 * floor:.0f} %." if floor else ""


def _listed(order: str, figures: Sequence[str]) -> list[str]:
    return [f"<p>{order}</p>", *figures] if figures else ["<p>None.</p>"]
