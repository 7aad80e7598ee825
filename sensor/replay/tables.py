"""The scores as rows of text: one wording for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import numpy as np

from sensor.intervals import poisson_rate, wilson
from sensor.pairing import CANDIDATE_P
from sensor.reliability import calibration_error
from sensor.replay.counting import counted
from sensor.replay.scoring import GroupScore, Scores, by_distance

GROUP_HEAD = (
    "group",
    "files",
    "rounds",
    "not judged",
    "recall",
    "first rounds",
    "cand./round",
    "background h",
    "false",
    "false/h",
    "triggers/h",
    "error µs (5, 50, 95 %)",
)
LABEL_HEAD = ("what the file holds", "files", "with a candidate", "hours", "false", "false/h")

Rows = list[tuple[str, ...]]


def group_rows(scores: Scores) -> Rows:
    """One row per group, in the columns of ``GROUP_HEAD``; blank where there is nothing to tell."""
    return [_group_row(group) for group in scores.groups]


def _group_row(group: GroupScore) -> tuple[str, ...]:
    hours = group.background_s / 3600.0
    errors_us = np.percentile(group.errors_s, (5, 50, 95)) * 1e6 if group.errors_s else np.zeros(0)
    return (
        group.group,
        str(group.files),
        str(group.rounds or ""),
        str(group.not_judged or ""),
        share_text(group.hits, group.rounds),
        share_text(group.first_hits, group.first_rounds),
        "" if group.per_round is None else f"{group.per_round:.2f}",
        f"{hours:.3f}",
        str(group.false),
        rate_text(group.false, hours),
        f"{group.background_triggers / hours:.0f}" if hours else "",
        " ".join(str(round(error_us)) for error_us in errors_us.tolist()),
    )


def label_rows(scores: Scores) -> Rows:
    """One row per label of files without listed onsets, in the columns of ``LABEL_HEAD``."""
    rows: Rows = []
    for label in scores.labels:
        files, found = label.empty_files, label.false_files
        if label.unlisted_files:
            files, found = label.unlisted_files, label.unlisted_heard
        hours = label.background_s / 3600.0
        rows.append(
            (
                label.group,
                str(files),
                share_text(found, files),
                f"{hours:.3f}",
                str(label.false),
                rate_text(label.false, hours),
            )
        )
    return rows


def distance_table(scores: Scores) -> tuple[tuple[str, ...], Rows]:
    """Head and rows of recall by group and distance; no rows where no distance is listed."""
    found = by_distance(scores)
    spans = sorted({(part.from_m, part.to_m) for part in found})
    cells = {(part.group, part.from_m): share_text(part.hits, part.rounds) for part in found}
    head = [f"{low_m:g}–{high_m:g} m" if isfinite(high_m) else f"> {low_m:g} m" for low_m, high_m in spans]
    groups = dict.fromkeys(part.group for part in found)
    rows = [(group, *(cells.get((group, low_m), "") for low_m, _ in spans)) for group in groups]
    return ("group", *head), rows


def calibration_text(scores: Scores) -> str:
    """Expected calibration error and over how many triggers of all groups."""
    triggers = sum(part.triggers for part in scores.reliability)
    if not triggers:
        return "no calibration error: of no trigger is it known what it was"
    at = "" if scores.prior is None else f" at prior {scores.prior:g}"
    error = calibration_error(scores.reliability)
    return f"expected calibration error over {counted(triggers, 'trigger')} of all groups{at}: {error:.3f}"


def whose_scores(model_id: str) -> str:
    """What the scores are of, and when they say little."""
    return (
        f"Scores at p ≥ {CANDIDATE_P} of model {model_id}. "
        "Recordings that the weights have learned from flatter them: see the model card."
    )


def incomplete_text(scores: Scores) -> str:
    """That recordings are missing from the figures; empty when none is."""
    if not scores.not_read:
        return ""
    return f"incomplete: {scores.not_read} of {scores.recordings} recordings were not read"


def score_text(scores: Scores, model_id: str) -> str:
    """Everything as aligned columns for a terminal."""
    parts = [whose_scores(model_id), _aligned(GROUP_HEAD, group_rows(scores))]
    if scores.labels:
        parts.append(_aligned(LABEL_HEAD, label_rows(scores)))
    last = [calibration_text(scores), incomplete_text(scores)]
    return "\n\n".join([*parts, "\n".join(filter(None, last))])


def _aligned(head: Sequence[str], rows: Rows) -> str:
    widths = [max(len(line[column]) for line in (head, *rows)) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in (head, *rows)
    )


def share_text(hits: int, trials: int) -> str:
    """A share with its interval and counts; blank without trials."""
    if trials == 0:
        return ""
    low, high = wilson(hits, trials)
    return f"{hits / trials:.1%} [{low:.1%}, {high:.1%}] {hits}/{trials}"


def rate_text(count: int, hours: float) -> str:
    """A rate per hour with its interval; blank without hours."""
    if hours <= 0.0:
        return ""
    low, high = poisson_rate(count, hours)
    return f"{count / hours:.1f} [{low:.1f}, {high:.1f}]"
