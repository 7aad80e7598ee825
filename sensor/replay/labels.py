"""Listed onsets to score against, in the layout of the corpus.

``events.csv`` has at least ``path`` and ``onset_s``; of its other columns ``label``, ``truth_source``,
``shot``, ``group``, ``weapon``, ``distance_m``, ``peak_over_floor_db`` and ``spl_db`` are read where they
are there. A ``files.csv`` beside it (``path, label, group``) names groups and says what else a file holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from sensor.errors import ConfigError
from sensor.pairing import AFTER_S, BEFORE_S, PUBLISHED
from sensor.replay.counting import counted
from sensor.replay.manifest import number, read_table
from sensor.replay.recordings import RecordingFile, match_rows

COUNTED = PUBLISHED | {"simulated", ""}
"""``truth_source`` of onsets that count as hit or miss. The others were predicted and not observed: they
keep their window free of false candidates, no more. A table without the column counts all."""
POSITIVE = "gunshot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Onset:
    """One listed arrival of a gunshot."""

    onset_s: float
    counted: bool
    shot: int = 0
    """Which round of its burst, from 0."""
    weapon: str = ""
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
        return bool(self.onsets) or self.label.startswith(POSITIVE)

    @property
    def unlisted_shots(self) -> bool:
        """Shots are in it, but nobody listed when: its candidates are neither right nor false."""
        return not self.onsets and self.label.startswith(POSITIVE)

    @property
    def ignored_until_s(self) -> float:
        """Before this nothing counts: a first listed round that is not round 0 had others before it."""
        if not self.onsets or self.onsets[0].shot == 0:
            return 0.0
        return max(0.0, self.onsets[0].onset_s - BEFORE_S)

    def windows(self, seconds: float) -> list[tuple[float, float]]:
        """Merged stretches round the listed onsets, within ``[0, seconds]``, with the ignored beginning."""
        spans = [(onset.onset_s - BEFORE_S, onset.onset_s + AFTER_S) for onset in self.onsets]
        if self.ignored_until_s > 0.0:
            spans.insert(0, (0.0, self.ignored_until_s))
        if self.unlisted_shots:
            spans = [(0.0, seconds)]
        merged: list[tuple[float, float]] = []
        for begin, end in spans:
            if merged and begin <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((begin, end))
        return [
            (max(0.0, begin), min(seconds, end)) for begin, end in merged if end > 0.0 and begin < seconds
        ]


Truth = Mapping[str, FileTruth]
"""By the file's printed name; every file of the replay is there."""


def read_labels(table: Path, files: Sequence[RecordingFile]) -> Truth:
    """The truth about each of ``files``.

    Raises:
        ConfigError: the table cannot be used, or it knows none of the files; one line per fault.
    """
    rows = read_table(table, ("path", "onset_s"))
    beside = table.with_name("files.csv")
    about = [row for _, row in read_table(beside, ("path",))] if beside.is_file() and beside != table else []
    known = match_rows(table, list({row["path"]: None for row in (*about, *(row for _, row in rows))}), files)
    if not known:
        raise ConfigError(
            f"{table}: lists none of the {counted(len(files), 'file')}; "
            "its paths are relative to its own folder"
        )
    files_by_path = {row["path"]: row for row in about}
    truth: dict[str, FileTruth] = {}
    for file in files:
        path = known.get(file.name)
        row = files_by_path.get(path or "", {})
        truth[file.name] = FileTruth(
            file.name, row.get("group") or _top(path or file.name), row.get("label", "")
        )
    _add_onsets(table, rows, {path: truth[name] for name, path in known.items()})
    return truth


def _add_onsets(
    table: Path, rows: Sequence[tuple[int, Mapping[str, str]]], by_path: Mapping[str, FileTruth]
) -> None:
    faults = []
    for line, row in rows:
        about = by_path.get(row["path"])
        if about is None:
            continue
        try:
            onset = _onset(row)
        except ValueError as error:
            faults.append(f"{table}:{line} {error}")
            continue
        if row.get("group"):
            about.group = row["group"]
        if row.get("label", POSITIVE) == POSITIVE:
            about.onsets.append(onset)
        else:
            about.others.append((onset.onset_s, row["label"]))
    if faults:
        raise ConfigError("\n".join(faults))
    for about in by_path.values():
        about.onsets.sort(key=lambda onset: onset.onset_s)


def _onset(row: Mapping[str, str]) -> Onset:
    onset_s = number(row, "onset_s", -3600.0, 1e6)
    if onset_s is None:
        raise ValueError("onset_s: is empty")
    return Onset(
        onset_s=onset_s,
        counted=row.get("truth_source", "") in COUNTED,
        shot=int(number(row, "shot", 0.0, 1e6) or 0),
        weapon=row.get("weapon", ""),
        distance_m=number(row, "distance_m", 0.0, 1e6),
        level_db=number(row, "spl_db", -1e6, 1e6) or number(row, "peak_over_floor_db", -1e6, 1e6),
    )


def _top(path: str) -> str:
    """The folder that a path begins with; a lone file is its own group."""
    parts = [part for part in PurePath(path).parts if part not in (".", "..", "/")]
    return parts[0] if len(parts) > 1 else "files"
