"""A whole record from one database into another, whichever kinds they are."""

from __future__ import annotations

from itertools import islice

from sensor.central.store.database import Session
from sensor.central.store.layout import TABLES, columns

_ROWS = 2000
"""Rows held in memory at once."""


def copy_record(source: Session, target: Session) -> int:
    """Copy every row of ``source`` into the empty tables of ``target``; return how many."""
    count = 0
    for table in TABLES:
        names = ", ".join(columns(table))
        order = ", ".join(columns(table)[:4])  # the keys stand first: the same record gives the same file
        marks = ", ".join("?" * len(columns(table)))
        rows = source.stream(f"SELECT {names} FROM {table} ORDER BY {order}")  # noqa: S608  names are ours
        while some := list(islice(rows, _ROWS)):
            target.many(f"INSERT INTO {table} ({names}) VALUES ({marks})", some)  # noqa: S608  as above
            count += len(some)
    return count
