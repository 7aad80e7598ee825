"""What changed between two replays of the same recordings."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sensor.errors import WireError
from sensor.pairing import TOLERANCE_S, pair


@dataclass(frozen=True, slots=True)
class Entry:
    """What a comparison looks at of one line."""

    file: str
    offset_s: float
    p: float


@dataclass(slots=True)
class Changes:
    """The differences; entries in order of file and time."""

    same: int = 0
    lost: list[Entry] = field(default_factory=list)
    """Only in the first replay."""
    found: list[Entry] = field(default_factory=list)
    """Only in the second."""
    moved: list[tuple[Entry, Entry]] = field(default_factory=list)
    """In both, at times further apart than asked about."""
    judged: list[tuple[Entry, Entry]] = field(default_factory=list)
    """In both, with probabilities further apart than asked about."""

    @property
    def any(self) -> bool:
        """Whether anything differs."""
        return bool(self.lost or self.found or self.moved or self.judged)


def read_entries(path: Path) -> list[Entry]:
    """The lines of ``replay --jsonl``.

    Raises:
        WireError: a line is none; it names file and line.
        OSError: the file cannot be read.
    """
    entries = []
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                entries.append(_entry(json.loads(line.decode("utf-8"))))
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                raise WireError(f"{path}:{number} is no line of replay --jsonl: {error!r:.200}") from error
    return entries


def _entry(body: Mapping[str, Any]) -> Entry:
    """One line's entry; raises ValueError, TypeError or KeyError when it is none."""
    entry = Entry(str(body["file"]), float(body["offset_s"]), float(body["p_gunshot"]))
    if not (math.isfinite(entry.offset_s) and math.isfinite(entry.p)):
        raise ValueError("offset_s or p_gunshot is no finite number")
    return entry


def compare(before: Iterable[Entry], after: Iterable[Entry], *, moved_s: float, judged_by: float) -> Changes:
    """Pair the candidates of each file one to one within 50 ms and list what differs."""
    changes = Changes()
    old, new = _by_file(before), _by_file(after)
    for file in sorted(old.keys() | new.keys()):
        _compare_file(old.get(file, []), new.get(file, []), changes, moved_s, judged_by)
    return changes


def _by_file(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    files: dict[str, list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: entry.offset_s):
        files.setdefault(entry.file, []).append(entry)
    return files


def _compare_file(
    old: Sequence[Entry], new: Sequence[Entry], changes: Changes, moved_s: float, judged_by: float
) -> None:
    pairs = pair([entry.offset_s for entry in old], [entry.offset_s for entry in new], TOLERANCE_S)
    kept_old, kept_new = {i for i, _ in pairs}, {j for _, j in pairs}
    changes.lost += [entry for index, entry in enumerate(old) if index not in kept_old]
    changes.found += [entry for index, entry in enumerate(new) if index not in kept_new]
    for i, j in pairs:
        moved = abs(new[j].offset_s - old[i].offset_s) > moved_s
        judged = abs(new[j].p - old[i].p) > judged_by
        if moved:
            changes.moved.append((old[i], new[j]))
        if judged:
            changes.judged.append((old[i], new[j]))
        changes.same += not (moved or judged)
