"""Listed onsets to score against, in the layout of the corpus.

``events.csv`` has at least ``path`` and ``onset_s``; of its other columns ``label``, ``truth_source``,
``shot``, ``group``, ``distance_m``, ``peak_over_floor_db`` and ``spl_db`` are read where they are there.
A ``files.csv`` beside it (``path, label, group``) names groups and says what else a file holds.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

from sensor.errors import ConfigError
from sensor.pairing import AFTER_S, BEFORE_S, PUBLISHED
from sensor.replay.counting import counted
from sensor.replay.manifest import number, read_table
from sensor.replay.recordings import RecordingFile, Tell, match_rows, some, tell_idle, tell_unmatched

COUNTED = PUBLISHED | {"simulated", ""}
"""``truth_source`` of onsets that count as hit or miss. The others were predicted and not observed: they
keep their window free of false candidates, no more. A table without the column counts all."""
POSITIVE = "gunshot"
"""What the label of a gunshot begins with, whatever its case."""
BEFORE_OTHER_S = 0.1
AFTER_OTHER_S = 1.5
"""Span round a listed other sound within which a candidate is put down to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Onset:
    """One listed arrival of a gunshot."""

    onset_s: float
    counted: bool
    shot: int = 0
    """Which round of its burst, from 0."""
    distance_m: float | None = None
    level_db: float | None = None
    """Peak in dB SPL, or over the floor where only that is listed."""


@dataclass(slots=True)
class FileTruth:
    """What is known of one file."""

    name: str
    group: str
    label: str = ""
    """What the whole file holds, if ``files.csv`` says so."""
    onsets: list[Onset] = field(default_factory=list)
    """In order of time."""
    others: list[tuple[float, str]] = field(default_factory=list)
    """Time and label of listed sounds that are not gunshots."""

    @property
    def has_shots(self) -> bool:
        """Shots are in it, listed or not."""
        return bool(self.onsets) or self.unlisted_shots

    @property
    def unlisted_shots(self) -> bool:
        """Shots are in it, but nobody listed when: its candidates are neither right nor false."""
        return not self.onsets and _names_shot(self.label)

    @property
    def ignored_until_s(self) -> float:
        """Before this nothing counts: a first listed round that is not round 0 had others before it."""
        if not self.onsets or self.onsets[0].shot == 0:
            return 0.0
        return max(0.0, self.onsets[0].onset_s - BEFORE_S)

    def windows(self, seconds: float) -> list[tuple[float, float]]:
        """Merged stretches round the listed onsets that touch ``[0, seconds]``, with the ignored beginning.

        They may reach beyond: a sound that a recording begins with may be picked before its first sample.
        """
        spans = [(onset.onset_s - BEFORE_S, onset.onset_s + AFTER_S) for onset in self.onsets]
        if self.ignored_until_s > 0.0:
            spans.insert(0, (-math.inf, self.ignored_until_s))
        if self.unlisted_shots:
            spans = [(-math.inf, math.inf)]
        merged: list[tuple[float, float]] = []
        for begin, end in spans:
            if merged and begin <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((begin, end))
        return [(begin, end) for begin, end in merged if end > 0.0 and begin < seconds]


Truth = Mapping[str, FileTruth]
"""By the file's printed name; every file of the replay is there."""


@dataclass(frozen=True, slots=True)
class _Event:
    """One row of the table."""

    line: int
    path: str
    label: str
    group: str
    source: str
    onset: Onset
    shot: int | None
    """Which round of its burst, as listed; None = not listed."""

    @property
    def is_shot(self) -> bool:
        """Whether a gunshot is listed, and not another sound."""
        return _names_shot(self.label)


def read_labels(table: Path, files: Sequence[RecordingFile], tell: Tell = lambda _: None) -> Truth:
    """The truth about each of ``files``.

    Args:
        table: the CSV of onsets.
        files: all recordings.
        tell: gets a line about each sort of thing that is listed and does not count, or is not listed.

    Raises:
        ConfigError: the table cannot be used, or it knows none of the files; one line per fault.
    """
    rows = read_table(table, ("path", "onset_s"))
    beside = table.with_name("files.csv")
    about = read_table(beside, ("path",)) if beside.is_file() and beside != table else []
    if not rows and not about:
        raise ConfigError(f"{table}: has no rows below the names of its columns")
    events = _from_zero(table, _events(table, rows), tell)
    known = match_rows(table, list(dict.fromkeys(row["path"] for _, row in (*about, *rows))), files)
    if not known:
        raise ConfigError(
            f"{table}: lists none of the {counted(len(files), 'file')}; "
            "its paths are relative to its own folder"
        )
    truth = _about_files(beside, about, known, files)
    names: dict[str, list[str]] = {}
    for name, paths in known.items():
        for path in paths:
            names.setdefault(path, []).append(name)
    _refuse_repeated(table, events, names)
    _add_events(table, events, names, truth)
    tell_unmatched(table, [(event.line, event.path) for event in events], known, files, tell)
    tell_idle(beside, [(line, row["path"]) for line, row in about], known, tell)
    _tell_uncounted(table, events, names, truth, tell)
    _tell_twins(files, tell)
    return truth


def beyond_end(truth: Truth, lengths_s: Mapping[str, float]) -> list[str]:
    """Listed times after the end of their recording, in words; ``lengths_s`` by the file's printed name."""
    late = []
    for name, length_s in lengths_s.items():
        about = truth[name]
        times_s = sorted([onset.onset_s for onset in about.onsets] + [time_s for time_s, _ in about.others])
        late += [f"{time_s:g} s in {name} ({length_s:.2f} s)" for time_s in times_s if time_s >= length_s]
    return late


def put_down_to(others: Sequence[tuple[float, str]], offset_s: float) -> tuple[float, str] | None:
    """The listed sound, time and label, that a candidate at ``offset_s`` comes from: the latest that may."""
    near = [other for other in others if -BEFORE_OTHER_S <= offset_s - other[0] <= AFTER_OTHER_S]
    return max(near, default=None)


def _about_files(
    beside: Path,
    about: Sequence[tuple[int, Mapping[str, str]]],
    known: Mapping[str, Sequence[str]],
    files: Sequence[RecordingFile],
) -> dict[str, FileTruth]:
    """What the table of files says of each, without onsets."""
    rows_by_path: dict[str, list[tuple[int, Mapping[str, str]]]] = {}
    for line, row in about:
        rows_by_path.setdefault(row["path"], []).append((line, row))
    faults: dict[str, None] = {}
    truth: dict[str, FileTruth] = {}
    for file in files:
        paths = known.get(file.name, [])
        listed = [found for path in paths for found in rows_by_path.get(path, [])]
        for line, row in listed[1:]:
            faults[f"{beside}:{line} path: {row['path']} is listed twice, first in line {listed[0][0]}"] = (
                None
            )
        row = listed[0][1] if listed else {}
        # By the recording's own place: how a table spells its paths says nothing of what belongs together.
        group = row.get("group") or _top(file.below or "/".join(file.path.absolute().parts[-2:]))
        truth[file.name] = FileTruth(file.name, group, row.get("label", ""))
    if faults:
        raise ConfigError("\n".join(faults))
    return truth


def _events(table: Path, rows: Sequence[tuple[int, Mapping[str, str]]]) -> list[_Event]:
    events, faults = [], []
    for line, row in rows:
        try:
            label, group, source = _label(row), row.get("group", ""), row.get("truth_source", "")
            events.append(_Event(line, row["path"], label, group, source, _onset(row), _shot(row)))
        except ValueError as error:
            faults.append(f"{table}:{line} {error}")
    if faults:
        raise ConfigError("\n".join(faults))
    return events


def _from_zero(table: Path, events: list[_Event], tell: Tell) -> list[_Event]:
    """The events with their rounds counted from 0; a table that knows a 1 but no 0 counts from 1."""
    if min((event.shot for event in events if event.is_shot and event.shot is not None), default=0) != 1:
        return events
    tell(f"{table}: no gunshot is shot 0, so its rounds are taken as counted from 1")
    return [
        replace(event, shot=event.shot - 1) if event.is_shot and event.shot else event for event in events
    ]


def _refuse_repeated(table: Path, events: Sequence[_Event], names: Mapping[str, Sequence[str]]) -> None:
    """Refuse two rows that list one moment of one recording: it would be two rounds, one of them missed."""
    lines: dict[tuple[str, float], int] = {}
    faults = []
    for event in events:
        for name in names.get(event.path, [event.path]):
            first = lines.setdefault((name, event.onset.onset_s), event.line)
            if first != event.line:
                faults.append(
                    f"{table}:{event.line} onset_s: {event.onset.onset_s:g} s of {event.path} is listed "
                    f"twice, first in line {first}; keep one of the rows"
                )
                break
    if faults:
        raise ConfigError("\n".join(faults))


def _add_events(
    table: Path,
    events: Sequence[_Event],
    names: Mapping[str, Sequence[str]],
    truth: Mapping[str, FileTruth],
) -> None:
    grouped: dict[str, _Event] = {}
    rounds: dict[str, list[_Event]] = {}
    faults: dict[str, None] = {}
    for event in events:
        for name in names.get(event.path, ()):
            about = truth[name]
            if event.group:
                first = grouped.setdefault(name, event)
                about.group = first.group
                if event.group != first.group:
                    faults[
                        f"{table}:{event.line} group: {event.group} is not {first.group}, the group of "
                        f"{event.path} in line {first.line}; a recording belongs to one group"
                    ] = None
            if event.is_shot:
                rounds.setdefault(name, []).append(event)
            else:
                about.others.append((event.onset.onset_s, event.label))
    if faults:
        raise ConfigError("\n".join(faults))
    for name, listed in rounds.items():
        truth[name].onsets.extend(_numbered(listed))


def _numbered(events: Sequence[_Event]) -> list[Onset]:
    """One recording's rounds in order of time, each with its number.

    Where none is listed, a round begins a burst if the last one is more than its window ago.
    """
    onsets: list[Onset] = []
    for event in sorted(events, key=lambda event: event.onset.onset_s):
        shot = event.shot
        if shot is None:
            follows = onsets and event.onset.onset_s - onsets[-1].onset_s <= AFTER_S
            shot = onsets[-1].shot + 1 if follows else 0
        onsets.append(replace(event.onset, shot=shot))
    return onsets


def _tell_uncounted(
    table: Path,
    events: Sequence[_Event],
    names: Mapping[str, Sequence[str]],
    truth: Truth,
    tell: Tell,
) -> None:
    """Say which rows are no gunshots, which gunshots do not count, and where nothing counts."""
    labels = Counter(event.label for event in events if not event.is_shot)
    if labels:
        rows = counted(len(events), "row")
        listed = some([label for label, _ in labels.most_common()])
        if labels.total() == len(events):
            tell(f"{table}: none of its {rows} is a gunshot; labels: {listed}; write {POSITIVE} for gunshots")
        else:
            tell(f"{table}: no gunshot in {labels.total()} of its {rows}; labels: {listed}")
    sources = Counter(
        event.source for event in events if event.is_shot and not event.onset.counted and event.path in names
    )
    if sources:
        listed = some([source for source, _ in sources.most_common()])
        tell(
            f"{counted(sources.total(), 'listed onset')} {'is' if sources.total() == 1 else 'are'} not "
            f"counted: truth_source {listed}; "
            f"what counts is {', '.join(sorted(COUNTED - {''}))}, an empty cell, or no such column"
        )
    late = [about for about in truth.values() if about.ignored_until_s > 0.0]
    if late:
        tell(
            f"before the first listed round of {counted(len(late), 'recording')} nothing counts, for it is "
            f"not shot 0: {some([about.name for about in late])}"
        )


def _tell_twins(files: Sequence[RecordingFile], tell: Tell) -> None:
    """Say which recordings were found under more names than one."""
    by_place: dict[str, list[str]] = {}
    for file in files:
        by_place.setdefault(os.path.realpath(file.path), []).append(file.name)
    twins = [" = ".join(names) for names in by_place.values() if len(names) > 1]
    if twins:
        tell(f"{counted(len(twins), 'recording')} counted under more than one name: {some(twins)}")


def _names_shot(label: str) -> bool:
    return label.casefold().startswith(POSITIVE)


def _label(row: Mapping[str, str]) -> str:
    label = row.get("label", POSITIVE)
    if not label:
        raise ValueError(f"label: is empty; write {POSITIVE} or what else is heard there")
    if not any(letter.isalpha() for letter in label):
        raise ValueError(f"label: {label} is no word; write decimals of onset_s with a point")
    return label


def _onset(row: Mapping[str, str]) -> Onset:
    onset_s = number(row, "onset_s", 0.0, 1e6)
    if onset_s is None:
        raise ValueError("onset_s: is empty")
    level_db = number(row, "spl_db", -1e6, 1e6)
    return Onset(
        onset_s=onset_s,
        counted=row.get("truth_source", "").casefold() in COUNTED,
        distance_m=number(row, "distance_m", 0.0, 1e6),
        level_db=number(row, "peak_over_floor_db", -1e6, 1e6) if level_db is None else level_db,
    )


def _shot(row: Mapping[str, str]) -> int | None:
    shot = number(row, "shot", 0.0, 1e6)
    if shot is not None and not shot.is_integer():
        raise ValueError(f"shot: {row['shot']} is no whole number; count the rounds of a burst from 0")
    return None if shot is None else int(shot)


def _top(path: str) -> str:
    """The folder that a path begins with; those without one are a group together."""
    parts = [part for part in PurePath(path).parts if part not in (".", "..", "/")]
    return parts[0] if len(parts) > 1 else "files"
