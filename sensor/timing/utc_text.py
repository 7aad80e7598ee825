"""UTC as people and tables write it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

LAST_YEAR = 2261
"""The last whole year whose nanoseconds since 1970 fit into 64 bits."""
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?\s*(Z|z|[+-]\d\d:?\d\d)?", re.ASCII
)


def utc_ns_from_iso(text: str) -> int:
    """Nanoseconds since 1970 of an ISO 8601 date and time with ``Z`` or an offset; keeps nine decimals.

    Raises:
        ValueError: it is none, does not say its time zone, or is before 1970 or after 2261.
    """
    match = _ISO.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            f"{text!r} is no date and time; write 2026-06-14T21:04:00Z or 2026-06-14T17:04:00-04:00"
        )
    day, clock, second, fraction, zone = match.groups()
    if zone is None:
        raise ValueError(
            f"{text} does not say its time zone; end it with Z for UTC, or with an offset like -04:00"
        )
    if int(day[:4]) > LAST_YEAR:
        raise ValueError(f"{text} is after {LAST_YEAR}, the last year that can be told in nanoseconds")
    moment = datetime.fromisoformat(f"{day}T{clock}:{second or '00'}{'+00:00' if zone in 'Zz' else zone}")
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    if since.days < 0:
        raise ValueError(f"{text} is before 1970")
    return (since.days * 86_400 + since.seconds) * 10**9 + int((fraction or "").ljust(9, "0"))
