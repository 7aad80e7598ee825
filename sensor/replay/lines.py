"""Candidates of recordings as lines: JSON for programs, a table for people."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from sensor.command_line import shown
from sensor.replay.counting import counted
from sensor.replay.runner import FileResult, Heard
from sensor.types import ClockSource

TABLE_HEAD = f"{'offset s':>10}  {'p':>5}  {'class':<14} {'snr dB':>6}  {'peak':>6}  {'utc':<27}  file"


def json_line(name: str, heard: Heard, *, only_ascii: bool = False) -> str:
    """The candidate as the broker gets it, plus ``file`` and ``offset_s``.

    ``only_ascii``: write other letters as JSON's escapes, for an output that does not take them.
    """
    body = json.loads(heard.candidate.to_json())
    return json.dumps(
        {**body, "file": name, "offset_s": heard.offset_s},
        separators=(",", ":"),
        ensure_ascii=only_ascii or not _speakable(name),
    )


def table_line(name: str, heard: Heard) -> str:
    """One line of the table below ``TABLE_HEAD``; levels are dBFS, UTC is blank when unknown."""
    candidate = heard.candidate
    likely = max(candidate.classes, key=lambda label: candidate.classes[label])
    known = candidate.clock["source"] != ClockSource.NONE.value
    return (
        f"{heard.offset_s:10.4f}  {candidate.p_gunshot:5.3f}  {likely:<14} {candidate.snr_db:6.1f}  "
        f"{candidate.peak_dbfs:6.1f}  {_utc(candidate.utc_ns) if known else '':<27}  {shown(name)}"
    )


def summary(results: Iterable[FileResult], unreadable: int = 0) -> str:
    """What was read, found and refused, in one or two lines.

    ``unreadable``: how many arguments and folders gave no recording; they are refused as well.
    """
    results = list(results)
    counts: Counter[str] = sum((result.counts for result in results), Counter())
    seconds = sum(result.seconds for result in results)
    refused = sum(result.refused is not None for result in results)
    triggers, candidates = counts.pop("triggers", 0), counts.pop("candidates", 0)
    text = (
        f"{counted(len(results) - refused, 'file')} read ({seconds / 3600:.2f} h), "
        f"{refused + unreadable} refused: "
        f"{counted(triggers, 'trigger')}, {counted(candidates, 'candidate')}"
    )
    reasons = ", ".join(f"{reason} {count}" for reason, count in counts.most_common())
    return f"{text}\nnot reported: {reasons}" if reasons else text


def _utc(utc_ns: int) -> str:
    seconds, rest_ns = divmod(utc_ns, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest_ns // 1000:06d}Z"


def _speakable(name: str) -> bool:
    """Whether the name is proper text; on Linux it may be any bytes."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)
