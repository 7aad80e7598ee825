"""Which incidents are asked for: the query of an address, read strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_args

from starlette.datastructures import QueryParams

from sensor.central.types import IncidentClass, State
from sensor.errors import WireError

CLASSES: tuple[str, ...] = get_args(IncidentClass)
STATES: tuple[str, ...] = get_args(State)
_KNOWN = frozenset(
    {"since", "until", "class", "state", "site", "text", "bbox", "reviewed", "retracted", "limit"}
)
_EARLIEST_NS, _LATEST_NS = 0, 7_258_118_400_000_000_000  # 1970 to 2200


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What of the record is wanted."""

    since_ns: int | None
    until_ns: int | None
    limit: int
    reviewed: bool | None
    """None = either."""
    filters: Mapping[str, Any]
    """As `Store.latest` takes them."""


def read_query(params: QueryParams, *, most: int) -> Query:
    """The query of ``/api/incidents`` and of the exports.

    Raises:
        WireError: a parameter is unknown, or has no meaning.
    """
    unknown = sorted(set(params) - _KNOWN)
    if unknown:
        raise WireError(f"{unknown[0]}: no such filter; there are {', '.join(sorted(_KNOWN))}")
    filters: dict[str, Any] = {"exercise": False, "include_retracted": _yes(params, "retracted") is not False}
    if classes := _several(params, "class", CLASSES):
        filters["classes"] = classes
    if states := _several(params, "state", STATES):
        filters["states"] = states
    for key in ("site", "text"):
        if value := params.get(key, "").strip():
            if len(value) > 200:
                raise WireError(f"{key}: at most 200 characters")
            filters[key] = value
    if box := params.get("bbox", "").strip():
        filters["bbox"] = read_box(box)
    return Query(
        since_ns=_moment(params, "since"),
        until_ns=_moment(params, "until"),
        limit=_limit(params, most),
        reviewed=_yes(params, "reviewed"),
        filters=filters,
    )


def read_box(text: str) -> tuple[float, float, float, float]:
    """``west,south,east,north`` in degrees; raise WireError when it is no box."""
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError as error:
        raise WireError("bbox: four numbers are wanted: west,south,east,north in degrees") from error
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        raise WireError("bbox: west,south,east,north within ±180 and ±90 degrees, south below north")
    return west, south, east, north


def _moment(params: QueryParams, key: str) -> int | None:
    """A time: integer nanoseconds, or ISO 8601 (UTC where it names no zone)."""
    text = params.get(key, "").strip()
    if not text:
        return None
    try:
        if text.isascii() and text.isdigit():
            moment_ns = int(text[:20])
        else:
            moment = datetime.fromisoformat(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            moment_ns = round(moment.timestamp() * 1000) * 1_000_000
    except (ValueError, OverflowError) as error:
        raise WireError(f"{key}: {text[:40]!r} is no time; write 2026-11-25T14:00:00Z") from error
    if not _EARLIEST_NS <= moment_ns <= _LATEST_NS:
        raise WireError(f"{key}: {text[:40]!r} is not between 1970 and 2200")
    return moment_ns


def _several(params: QueryParams, key: str, allowed: tuple[str, ...]) -> list[str]:
    values = [part for text in params.getlist(key) for part in text.split(",") if part]
    for value in values:
        if value not in allowed:
            raise WireError(f"{key}: one of {', '.join(allowed)} is wanted, not {value[:40]!r}")
    return values


def _yes(params: QueryParams, key: str) -> bool | None:
    text = params.get(key, "").strip().lower()
    if text not in ("", "yes", "no"):
        raise WireError(f"{key}: yes or no is wanted")
    return None if not text else text == "yes"


def _limit(params: QueryParams, most: int) -> int:
    text = params.get("limit", "").strip()
    if not text:
        return min(500, most)
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most):
        raise WireError(f"limit: a whole number from 1 to {most} is wanted")
    return int(text[:9])
