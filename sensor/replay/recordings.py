"""Which files a replay reads, under which names, and which row of a table belongs to which of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sensor.capture.audiofile import AUDIO_SUFFIXES
from sensor.errors import ConfigError


@dataclass(frozen=True, slots=True)
class RecordingFile:
    """One file to read."""

    name: str
    """As printed: the argument as typed, joined with the path below it."""
    path: Path


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An argument, or a folder below one, that gives no recording."""

    name: str
    reason: str


def find_recordings(arguments: Sequence[str]) -> Iterator[RecordingFile | Unreadable]:
    """Files in the order of the arguments; those of a folder, however deep, sorted by their path.

    Hidden files and folders are passed over. A name that was given before is not given again.
    """
    seen: set[str] = set()
    for argument in arguments:
        if not os.path.isdir(argument):  # noqa: PTH112  the name must stay as typed, ./ and // included
            found: Iterable[RecordingFile | Unreadable] = [RecordingFile(argument, Path(argument))]
        else:
            found = _in_folder(argument)
        for item in found:
            if item.name not in seen:
                seen.add(item.name)
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
        found.append(RecordingFile(name, Path(name)))
    if not found and not unreadable:
        unreadable.append(Unreadable(argument, "holds no audio file"))
    return [*found, *sorted(unreadable, key=lambda item: item.name)]


def match_rows(table: Path, paths: Sequence[str], files: Sequence[RecordingFile]) -> dict[str, str]:
    """File name -> the path by which ``table`` (a CSV) knows the file; files it does not know are left out.

    A table's paths are relative to its own folder. If none of them leads to any of the files (the table
    was moved), a path matches the files whose own path ends with it.

    Raises:
        ConfigError: such an ending fits several files.
    """
    by_place = {os.path.realpath(table.parent / path): path for path in paths}
    direct = {
        file.name: by_place[place] for file in files if (place := os.path.realpath(file.path)) in by_place
    }
    if direct:
        return direct
    by_ending = {tuple(Path(path).parts): path for path in paths}
    matched: dict[str, str] = {}
    owner: dict[str, str] = {}
    for file in files:
        parts = file.path.absolute().parts
        for start in range(len(parts)):
            path = by_ending.get(parts[start:])
            if path is None:
                continue
            if path in owner:
                raise ConfigError(
                    f"{table}: {path} could be {owner[path]} or {file.name}; put the table into the folder "
                    "that its paths are relative to"
                )
            matched[file.name], owner[path] = path, file.name
            break
    return matched
