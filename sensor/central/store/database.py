"""What the queries need of a database, whichever it is: rows, and transactions that are all or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

Row = tuple[Any, ...]


class Session(Protocol):
    """A connection for the time of one question or one transaction. Values are bound to ``?``."""

    def all(self, sql: str, *values: object) -> list[Row]:
        """Every row of the answer."""
        ...

    def one(self, sql: str, *values: object) -> Row | None:
        """The first row of the answer."""
        ...

    def stream(self, sql: str) -> Iterator[Row]:
        """Every row of the answer, a few at a time, however many there are."""
        ...

    def run(self, sql: str, *values: object) -> int:
        """How many rows a statement changed."""
        ...

    def many(self, sql: str, rows: Sequence[Row]) -> None:
        """Run a statement for each row."""
        ...


class Database(Protocol):
    """SQLite or PostgreSQL. Foreign errors leave as StoreError."""

    def read(self) -> AbstractContextManager[Session]:
        """A session that sees one moment of the database."""
        ...

    def write(self) -> AbstractContextManager[Session]:
        """A transaction: one writer at a time, committed to the disk at its end, undone by an exception."""
        ...

    def close(self) -> None:
        """Close every connection."""
        ...


class Where:
    """Conditions that are joined with AND, and their values."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self.values: list[object] = []

    def add(self, condition: str, *values: object) -> None:
        """Add a condition with its values."""
        self._parts.append(condition)
        self.values += values

    def add_if(self, condition: str, value: object | None) -> None:
        """Add a condition unless its value is None."""
        if value is not None:
            self.add(condition, value)

    def among(self, column: str, values: Sequence[object]) -> None:
        """The column is one of ``values``."""
        self.add(f"{column} IN ({', '.join('?' * len(values))})" if values else "1 = 0", *values)

    def between(self, column: str, since_ns: int | None, until_ns: int | None) -> None:
        """``since_ns <= column < until_ns``; None = open."""
        self.add_if(f"{column} >= ?", since_ns)
        self.add_if(f"{column} < ?", until_ns)

    def __str__(self) -> str:
        """The clause, empty without conditions."""
        return f" WHERE {' AND '.join(self._parts)}" if self._parts else ""
