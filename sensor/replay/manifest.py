"""When and where recordings were made: ``--start``, and a CSV with one row per file."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from sensor.errors import ConfigError
from sensor.events import NAME_PATTERN, Position
from sensor.replay.recordings import RecordingFile, Tell, match_rows, tell_unmatched
from sensor.timing.utc_text import utc_ns_from_iso

REQUIRED_COLUMNS = ("path", "start_utc")
COLUMNS = (
    *REQUIRED_COLUMNS,
    "node",
    "lat_deg",
    "lon_deg",
    "height_m",
    "sigma_m",
    "start_sigma_ms",
    "full_scale_db_spl",
)
"""``sigma_m`` is one sigma of the position, ``start_sigma_ms`` of the start; ``full_scale_db_spl`` the level
of 0 dBFS. Other columns are passed over."""
DEFAULT_POSITION_SIGMA_M = 5.0
"""Taken where a row gives a position without its sigma, as in the node's own configuration."""
SEPARATORS = (",", ";", "\t")


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """How one recording was made; what is None comes from the configuration or is unknown."""

    start_utc_ns: int | None = None
    start_sigma_s: float = 0.0
    """One sigma of that start; 0 = it is taken as exact."""
    node: str | None = None
    position: Position | None = None
    full_scale_db_spl: float | None = None


def read_manifest(
    table: Path, files: Sequence[RecordingFile], tell: Tell = lambda _: None
) -> dict[str, Made]:
    """File name -> how it was made, for the files that the manifest lists.

    Args:
        table: the CSV.
        files: all recordings.
        tell: gets a line about recordings that are not listed, and one about rows that name no recording.

    Raises:
        ConfigError: one line per fault, ``file:line column: what, and how to mend it``.
    """
    rows = read_table(table, REQUIRED_COLUMNS)
    if not rows:
        raise ConfigError(f"{table}: has no rows below the names of its columns")
    made: dict[str, Made] = {}
    line_of: dict[str, int] = {}
    faults: list[str] = []
    for line, row in rows:
        path = row["path"]
        try:
            how = _made(row)
        except ValueError as error:
            faults.append(f"{table}:{line} {error}")
            continue
        if path in made:
            faults.append(f"{table}:{line} path: {path} is listed twice, first in line {line_of[path]}")
        made[path] = how
        line_of.setdefault(path, line)
    if faults:
        raise ConfigError("\n".join(faults))
    matched = match_rows(table, list(made), files)
    faults += [
        f"{table}:{line_of[again]} path: {again} is {name}, which line {line_of[paths[0]]} lists "
        f"as {paths[0]}; keep one of the two rows"
        for name, paths in matched.items()
        for again in paths[1:]
    ]
    if faults:
        raise ConfigError("\n".join(dict.fromkeys(faults)))
    tell_unmatched(table, [(line, row["path"]) for line, row in rows], matched, files, tell)
    return {name: made[paths[0]] for name, paths in matched.items()}


def read_table(table: Path, required: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """Line number and cells of each row of a CSV with a header; cells are stripped, missing ones empty.

    Cells are separated by commas, or by semicolons or tabs where those separate the columns' names.
    A row is one line: a cell over several lines cannot be told from a quote that nobody closed.

    Raises:
        ConfigError: it cannot be read, is no such table, lacks a column or names one twice; or a row has more
            cells than the header, no path, or a cell that goes on in the next line. One line per fault.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            line = 1
            faults: list[str] = []
            rows: list[tuple[int, dict[str, str]]] = []
            try:
                first = file.readline()
                reader = csv.reader(chain([first], file), strict=True, delimiter=_separator(first, required))
                header = _header(table, next(reader, []), required)
                line = reader.line_num + 1
                for cells in reader:
                    fault = _row_fault(cells, header, required)
                    if fault:
                        faults.append(f"{table}:{line} {fault}")
                    elif any(cell.strip() for cell in cells):
                        rows.append((line, _row(cells, header)))
                    line = reader.line_num + 1
            except csv.Error as error:
                faults.append(f"{table}:{line} is no row of a CSV: {error}; a quote may not be closed")
    except OSError as error:
        raise ConfigError(f"{table}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{table}: is no CSV in UTF-8: {error}") from error
    if faults:
        raise ConfigError("\n".join(faults))
    return rows


def _separator(first: str, required: Sequence[str]) -> str:
    """What separates the cells, by the first line: that with which it names what is required."""
    for mark in SEPARATORS:
        names = {name.strip() for cells in csv.reader([first], delimiter=mark) for name in cells}
        if names.issuperset(required):
            return mark
    return SEPARATORS[0]


def _header(table: Path, cells: Sequence[str], required: Sequence[str]) -> list[str]:
    header = [name.strip() for name in cells]
    missing = [name for name in required if name not in header]
    if missing:
        raise ConfigError(
            f"{table}:1 has no column {', '.join(missing)}; the first line must name the columns, "
            "separated by commas, semicolons or tabs"
        )
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise ConfigError(f"{table}:1 names column {', '.join(twice)} twice; keep one of them")
    return header


def _row_fault(cells: Sequence[str], header: Sequence[str], required: Sequence[str]) -> str | None:
    """What is wrong with the form of a row; None: nothing."""
    for cell in cells:
        if "\n" in cell or "\r" in cell:
            return "has a cell that goes on in the next line; close its quote, and keep to one line a row"
        if "\0" in cell:
            return "holds a NUL byte; save the table as text in UTF-8"
    if any(cell.strip() for cell in cells[len(header) :]):
        return (
            f"has {len(cells)} cells below {len(header)} columns; "
            "write decimals with a point, and put cells that hold a separator in quotes"
        )
    if "path" in required and any(cell.strip() for cell in cells) and not _row(cells, header)["path"]:
        return "path: is empty; name the recording"
    return None


def _row(cells: Sequence[str], header: Sequence[str]) -> dict[str, str]:
    return {
        name: cells[index].strip() if index < len(cells) else "" for index, name in enumerate(header) if name
    }


def _made(row: Mapping[str, str]) -> Made:
    node = row.get("node") or None
    if node is not None and NAME_PATTERN.fullmatch(node) is None:
        raise ValueError(f"node: {node} is no node's name; use lower-case letters, digits and hyphens")
    try:
        start_utc_ns = utc_ns_from_iso(row["start_utc"]) if row["start_utc"] else None
    except ValueError as error:
        raise ValueError(f"start_utc: {error}") from error
    start_sigma_ms = number(row, "start_sigma_ms", 0.0, 1e9)
    if start_sigma_ms is not None and start_utc_ns is None:
        raise ValueError("start_sigma_ms: belongs to a start, and start_utc is empty; give both or none")
    return Made(
        start_utc_ns=start_utc_ns,
        start_sigma_s=(start_sigma_ms or 0.0) * 1e-3,
        node=node,
        position=_position(row),
        full_scale_db_spl=number(row, "full_scale_db_spl", 0.0, 250.0),
    )


def _position(row: Mapping[str, str]) -> Position | None:
    values = [
        number(row, "lat_deg", -90.0, 90.0),
        number(row, "lon_deg", -180.0, 180.0),
        number(row, "height_m", -500.0, 9000.0),
    ]
    if values == [None, None, None]:
        return None
    lat_deg, lon_deg, height_m = values
    if lat_deg is None or lon_deg is None or height_m is None:
        raise ValueError("lat_deg, lon_deg, height_m: give all three or none")
    sigma_m = number(row, "sigma_m", 0.01, 1000.0) or DEFAULT_POSITION_SIGMA_M
    return Position(lat_deg=lat_deg, lon_deg=lon_deg, height_m=height_m, sigma_m=sigma_m)


def number(row: Mapping[str, str], column: str, low: float, high: float) -> float | None:
    """The cell as a number in ``[low, high]``; None when it is empty. Raises ValueError naming the column."""
    text = row.get(column, "")
    if not text:
        return None
    try:
        value = float("" if "_" in text else text)  # 3_7 is 37 to Python, and a slip to everybody else
    except ValueError:
        raise ValueError(f"{column}: {text} is no number; write it like 3.7") from None
    if not low <= value <= high:
        raise ValueError(f"{column}: {text} is not between {low:g} and {high:g}")
    return value
