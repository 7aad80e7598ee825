"""When and where recordings were made: ``--start``, and a CSV with one row per file."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sensor.errors import ConfigError
from sensor.events import NAME_PATTERN, Position
from sensor.replay.recordings import RecordingFile, match_rows

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

_ISO = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9})\d*)?\s*(Z|z|[+-]\d\d:?\d\d)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """How one recording was made; what is None comes from the configuration or is unknown."""

    start_utc_ns: int | None = None
    start_sigma_s: float = 0.0
    node: str | None = None
    position: Position | None = None
    full_scale_db_spl: float | None = None


def utc_ns_from_iso(text: str) -> int:
    """Nanoseconds since 1970 of an ISO 8601 date and time with ``Z`` or an offset; keeps nine decimals.

    Raises:
        ValueError: it is none, or does not say its time zone.
    """
    match = _ISO.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            f"{text!r} is no date and time; write 2026-06-14T21:04:00Z or 2026-06-14T17:04:00-04:00"
        )
    day, clock, fraction, zone = match.groups()
    if zone is None:
        raise ValueError(
            f"{text} does not say its time zone; end it with Z for UTC, or with an offset like -04:00"
        )
    moment = datetime.fromisoformat(f"{day}T{clock}{'+00:00' if zone in 'Zz' else zone}")
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    if since.days < 0:
        raise ValueError(f"{text} is before 1970")
    return (since.days * 86_400 + since.seconds) * 10**9 + int((fraction or "").ljust(9, "0"))


def read_manifest(table: Path, files: Sequence[RecordingFile]) -> dict[str, Made]:
    """File name -> how it was made, for the files that the manifest lists.

    Raises:
        ConfigError: one line per fault, ``file:line column: what, and how to mend it``.
    """
    rows = read_table(table, REQUIRED_COLUMNS)
    made: dict[str, Made] = {}
    faults: list[str] = []
    for line, row in rows:
        try:
            how = _made(row)
        except ValueError as error:
            faults.append(f"{table}:{line} {error}")
            continue
        if row["path"] in made:
            faults.append(f"{table}:{line} path: {row['path']} is listed twice")
        made[row["path"]] = how
    if faults:
        raise ConfigError("\n".join(faults))
    return {name: made[path] for name, path in match_rows(table, list(made), files).items()}


def read_table(table: Path, required: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """Line number and cells of each row of a CSV with a header; cells are stripped, missing ones empty.

    Raises:
        ConfigError: it cannot be read, is no such table or lacks a column.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            header = [name.strip() for name in reader.fieldnames or []]
            missing = [name for name in required if name not in header]
            if missing:
                raise ConfigError(
                    f"{table}:1 has no column {', '.join(missing)}; the first line must name the columns"
                )
            reader.fieldnames = header
            return [
                (
                    reader.line_num,
                    {key: (value or "").strip() for key, value in row.items() if isinstance(key, str)},
                )
                for row in reader
            ]
    except OSError as error:
        raise ConfigError(f"{table}: cannot be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{table}: is no CSV in UTF-8: {error}") from error


def _made(row: Mapping[str, str]) -> Made:
    node = row.get("node") or None
    if node is not None and NAME_PATTERN.fullmatch(node) is None:
        raise ValueError(f"node: {node} is no node's name; use lower-case letters, digits and hyphens")
    try:
        start_utc_ns = utc_ns_from_iso(row["start_utc"]) if row["start_utc"] else None
    except ValueError as error:
        raise ValueError(f"start_utc: {error}") from error
    return Made(
        start_utc_ns=start_utc_ns,
        start_sigma_s=(number(row, "start_sigma_ms", 0.0, 1e9) or 0.0) * 1e-3,
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
        value = float(text)
    except ValueError:
        raise ValueError(f"{column}: {text} is no number") from None
    if not low <= value <= high:
        raise ValueError(f"{column}: {text} is not between {low:g} and {high:g}")
    return value
