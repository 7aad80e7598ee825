"""Numbers that are kept under a name: how far somebody has read, and the last number given in a table."""

from __future__ import annotations

from sensor.central.store.database import Database, Session

_PUT = (
    "INSERT INTO mark (name, number) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET number = excluded.number"
)


def next_number(session: Session, table: str, count: int = 1) -> int:
    """The first of ``count`` new numbers of ``table``, in order of commit and never given twice."""
    name = f"number/{table}"
    last = session.one("SELECT number FROM mark WHERE name = ?", name)
    first = 1 if last is None else int(last[0]) + 1
    session.run(_PUT, name, first + count - 1)
    return first


class MarkQueries:
    """Marks."""

    _database: Database

    def mark(self, name: str) -> int | None:
        """A number that was put there under this name."""
        with self._database.read() as session:
            found = session.one("SELECT number FROM mark WHERE name = ?", name)
        return None if found is None else int(found[0])

    def put_mark(self, name: str, value: int) -> None:
        """Keep a number under a name."""
        with self._database.write() as session:
            session.run(_PUT, name, value)
