"""Which files a replay reads, under which names, and which row of a table belongs to which of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sensor.capture.audiofile import AUDIO_SUFFIXES
from sensor.errors import ConfigError

NAMED = 3
"""How many of many things a line names."""

Tell = Callable[[str], None]
"""Takes one line about input that was passed over."""


@dataclass(frozen=True, slots=True)
class RecordingFile:
    """One file to read."""

    name: str
    """As printed: the argument as typed, joined with the path below it."""
    path: Path
    below: str = ""
    """The path below the folder that was named; empty for a file that was named itself."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An argument, or a folder below one, that gives no recording."""

    name: str
    reason: str


def find_recordings(arguments: Sequence[str]) -> Iterator[RecordingFile | Unreadable]:
    """Files in the order of the arguments; those of a folder, however deep, sorted by their path.

    Hidden files and folders are passed over. What was given before, under whatever spelling of the path to
    its folder, is not given again; a link to a recording is another recording, with labels of its own.
    """
    seen: set[str] = set()
    for argument in arguments:
        if not os.path.isdir(argument):  # noqa: PTH112  the name must stay as typed, ./ and // included
            found: Iterable[RecordingFile | Unreadable] = [RecordingFile(argument, Path(argument))]
        else:
            found = _in_folder(argument)
        for item in found:
            folder, name = os.path.split(item.name)
            place = os.path.join(os.path.realpath(folder), name)  # noqa: PTH118  same
            if place not in seen:
                seen.add(place)
                yield item


def _in_folder(argument: str) -> list[RecordingFile | Unreadable]:
    files: list[str] = []
    unreadable: list[Unreadable] = []

    def refuse(error: OSError) -> None:
        unreadable.append(Unreadable(str(error.filename), f"cannot be read: {error.strerror}"))

    visited: set[tuple[int, int]] = set()
    for folder, subfolders, names in os.walk(argument, onerror=refuse, followlinks=True):
        status = os.stat(folder)  # noqa: PTH116  os.walk speaks in strings
        if (status.st_dev, status.st_ino) in visited:  # a link back up the tree
            subfolders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        below = os.path.relpath(folder, argument)
        files += [
            name if below == "." else os.path.join(below, name)  # noqa: PTH118  same
            for name in names
            if not name.startswith(".") and Path(name).suffix.lower() in AUDIO_SUFFIXES
        ]
    found: list[RecordingFile | Unreadable] = []
    for below in sorted(files, key=lambda name: Path(name).parts):
        name = os.path.join(argument, below)  # noqa: PTH118  same
        found.append(RecordingFile(name, Path(name), below))
    if not found and not unreadable:
        unreadable.append(Unreadable(argument, "holds no audio file"))
    return [*found, *sorted(unreadable, key=lambda item: item.name)]


def match_rows(table: Path, paths: Sequence[str], files: Sequence[RecordingFile]) -> dict[str, list[str]]:
    """File name -> the paths by which ``table`` (a CSV) knows the file; files it does not know are left out.

    A table's paths are relative to its own folder. A file goes by its own name, and by what its links lead to
    if the table does not have that name; so several files can share a row. If no path leads to any of the
    files (the table was moved), a path matches the files whose own path ends with it.

    Raises:
        ConfigError: such an ending fits several recordings.
    """
    return _match_places(table, paths, files) or _match_endings(table, paths, files)


def _match_places(table: Path, paths: Sequence[str], files: Sequence[RecordingFile]) -> dict[str, list[str]]:
    known: tuple[dict[str, list[str]], ...] = ({}, {}, {})
    for path in paths:
        for by_place, place in zip(known, _places(table.parent / path), strict=True):
            by_place.setdefault(place, []).append(path)
    matched = {}
    for file in files:
        for by_place, place in zip(known, _places(file.path), strict=True):
            if place in by_place:
                matched[file.name] = by_place[place]
                break
    return matched


def _places(path: Path) -> tuple[str, str, str]:
    """Where a path leads: as it is written, with the links of its folder followed, with all followed."""
    written = os.path.abspath(path)  # noqa: PTH100  Path has nothing that takes out the dots
    folder = os.path.realpath(path.parent)
    if os.path.realpath(Path(written).parent) != folder:  # behind a link .. is not the folder before it
        written = str(path.absolute())
    return written, str(Path(folder) / path.name), os.path.realpath(path)


def _match_endings(table: Path, paths: Sequence[str], files: Sequence[RecordingFile]) -> dict[str, list[str]]:
    by_ending: dict[tuple[str, ...], list[str]] = {}
    for path in paths:
        by_ending.setdefault(tuple(Path(path).parts), []).append(path)
    matched: dict[str, list[str]] = {}
    owner: dict[str, RecordingFile] = {}
    for file in files:
        parts = file.path.absolute().parts
        endings = (parts[start:] for start in range(len(parts)))
        fitting = next((by_ending[ending] for ending in endings if ending in by_ending), [])
        for path in fitting:
            other = owner.setdefault(path, file)
            if os.path.realpath(other.path) != os.path.realpath(file.path):
                raise ConfigError(
                    f"{table}: {path} could be {other.name} or {file.name}; put the table into the folder "
                    "that its paths are relative to"
                )
        if fitting:
            matched[file.name] = fitting
    return matched


def tell_unmatched(
    table: Path,
    rows: Sequence[tuple[int, str]],
    matched: Mapping[str, Sequence[str]],
    files: Sequence[RecordingFile],
    tell: Tell,
) -> None:
    """Name the recordings that ``table`` does not list, and those of its rows that list no recording.

    Args:
        table: the CSV, for the words.
        rows: line and path of each row.
        matched: file name -> paths of rows, as ``match_rows`` gives it.
        files: all recordings.
        tell: gets at most one line of each kind.
    """
    unlisted = [file.name for file in files if file.name not in matched]
    if unlisted:
        tell(f"{len(unlisted)} of {len(files)} recordings are not listed in {table}: {some(unlisted)}")
    tell_idle(table, rows, matched, tell)


def tell_idle(
    table: Path, rows: Sequence[tuple[int, str]], matched: Mapping[str, Sequence[str]], tell: Tell
) -> None:
    """Name the rows of ``table`` that list no recording, as ``tell_unmatched`` does."""
    used = {path for found in matched.values() for path in found}
    idle: dict[str, int] = {}
    count = 0
    for line, path in rows:
        if path not in used:
            count += 1
            idle.setdefault(path, line)
    if idle:
        named = some([f"{table}:{line} path {path}" for path, line in idle.items()])
        tell(f"{count} of {len(rows)} rows of {table} name no recording: {named}")


def some(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
