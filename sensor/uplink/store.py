"""One SQLite database of numbered candidates, on disk or in memory. The policy is in ``outbox``.

The number of a candidate is committed together with the candidate: WAL with ``synchronous=FULL``, so a
committed one survives SIGKILL and, if the disk keeps its promises, a power cut. Deletions of
acknowledged candidates are committed without waiting for the disk: should a power cut undo one, the
candidate is sent twice, which subscribers expect of QoS 1 anyway.
"""

from __future__ import annotations

import json
import mmap
import re
import sqlite3
import time
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sensor.errors import OutboxError, WireError
from sensor.events import Candidate, event_id, topic
from sensor.uplink.numbering import Numbering

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

APPLICATION_ID = 0x47554E53  # "GUNS", in the file's header: tells an outbox from any other database
LAYOUT_VERSION = 1
_LAYOUT = """
CREATE TABLE chain (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    chain_id TEXT NOT NULL, site TEXT NOT NULL, node TEXT NOT NULL,
    seq INTEGER NOT NULL, proved_ns INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE event (
    row INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL UNIQUE,
    topic TEXT NOT NULL,
    stored_ns INTEGER NOT NULL,
    body BLOB NOT NULL,
    quarantine TEXT
);
"""
_WAL_LIMIT_BYTES = 4 << 20
_PAGE_BYTES = 4096
_BODY_START = re.compile(re.escape(f'{{"schema":"{Candidate.SCHEMA}"'.encode()))
_DELETE = "DELETE FROM event WHERE {} RETURNING length(body), quarantine IS NOT NULL"
_QUARANTINE = "UPDATE event SET quarantine = ? WHERE event_id = ? AND quarantine IS NULL"
_DELETE_ONE = _DELETE.format("event_id = ?")
_DELETE_OLDEST = _DELETE.format("row = (SELECT min(row) FROM event)")


class DamagedError(OutboxError):
    """The file is not a usable database any more, or of a layout this software does not know."""


class RefusedError(OutboxError):
    """The file must not be used: it is another program's, or another process has it."""


@dataclass(frozen=True, slots=True)
class Row:
    """A stored candidate."""

    event_id: str
    topic: str
    stored_ns: int
    """UTC at which it was stored, by the system's clock of that moment."""
    body: bytes
    """The candidate as JSON, exactly as it will be published."""
    quarantine: str | None = None
    """Why it is held back; None = it waits to be sent."""


def _translate(error: sqlite3.Error, path: Path | None) -> OutboxError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    where = path or "memory"
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return DamagedError(f"outbox {where} is damaged: {error}")
    advice = {
        sqlite3.SQLITE_FULL: "the disk is full: free some space",
        sqlite3.SQLITE_READONLY: "it is read-only: check the mount and the owner of the file",
        sqlite3.SQLITE_CANTOPEN: "it cannot be opened: check that the folder exists and is writable",
        sqlite3.SQLITE_BUSY: "another program holds a lock on it: close that program",
        sqlite3.SQLITE_IOERR: "the disk reports an error: check it",
    }.get(code, "")
    return OutboxError(f"outbox {where}: {error}" + (f"; {advice}" if advice else ""))


class Store:
    """A chain and the candidates that wait in it. Not thread-safe: ``Outbox`` holds a lock around it.

    Every method raises OutboxError when the database refuses, DamagedError when it is damaged; a
    refused write changes nothing.
    """

    def __init__(self, path: Path | None, site: str, node: str, *, busy_timeout_s: float = 0.25) -> None:
        """Open or create the database at ``path``, in memory if None."""
        self.path = path
        self.depth = 0
        """Candidates that wait to be sent."""
        self.quarantined = 0
        """Candidates held back."""
        self.bytes = 0
        """Bytes of all of them."""
        with self._errors():
            self._db = sqlite3.connect(
                path or ":memory:",
                timeout=busy_timeout_s,
                isolation_level=None,  # transactions are opened by hand, in `_transaction`
                check_same_thread=False,  # Outbox holds a lock
            )
        self._passed_over: dict[str, str | None] = {}
        try:
            with self._errors():
                self._prepare()
                self.chain = self._chain(site, node)
                self._count()
        except OutboxError:
            self._db.close()
            raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise _translate(error, self.path) from error

    def _prepare(self) -> None:
        """Lay the file out if it is new; refuse what is not ours, and find damage before it is written to."""
        application_id = self._scalar("PRAGMA application_id")
        version = self._scalar("PRAGMA user_version")
        empty = self._scalar("SELECT count(*) FROM sqlite_schema") == 0
        if not empty and application_id != APPLICATION_ID:
            raise RefusedError(f"{self.path} is a database of another program: name another path")
        if not empty and version != LAYOUT_VERSION:
            raise DamagedError(
                f"outbox {self.path} has layout {version}, this software knows {LAYOUT_VERSION}"
            )
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute(f"PRAGMA journal_size_limit={_WAL_LIMIT_BYTES}")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("PRAGMA temp_store=MEMORY")
        self._db.execute("PRAGMA secure_delete=FAST")  # so that `salvage` finds few that were sent already
        if empty:
            self._db.execute(f"PRAGMA page_size={_PAGE_BYTES}")
            with self._transaction():
                for statement in _LAYOUT.split(";"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA application_id={APPLICATION_ID}")
                self._db.execute(f"PRAGMA user_version={LAYOUT_VERSION}")
        elif (finding := self._scalar("PRAGMA quick_check(1)")) != "ok":
            raise DamagedError(f"outbox {self.path} is damaged: {finding}")
        self._db.create_function("passed_over", 1, self._passed_over.__contains__)

    def _chain(self, site: str, node: str) -> Numbering:
        """The chain of this node; a new one if the file is new or was another node's."""
        found = self._db.execute("SELECT chain_id, site, node, seq FROM chain").fetchone()
        if found is not None and found[1:3] == (site, node):
            return Numbering(site, node, found[0], seq=found[3])
        chain = Numbering(site, node, str(uuid.uuid4()))
        with self._transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO chain (one, chain_id, site, node, seq) VALUES (1, ?, ?, ?, 0)",
                (chain.chain_id, site, node),
            )
        return chain

    def _scalar(self, statement: str, *values: object) -> object:
        return self._db.execute(statement, values).fetchone()[0]

    def _count(self) -> None:
        self.depth, self.quarantined, self.bytes = self._db.execute(
            "SELECT count(*) - count(quarantine), count(quarantine), coalesce(sum(length(body)), 0)"
            " FROM event WHERE NOT passed_over(event_id)"
        ).fetchone()

    @contextmanager
    def _transaction(self, *, durable: bool = True) -> Iterator[None]:
        """Commit at the end, roll back at an exception; ``durable`` waits until it is on the disk."""
        if not durable:
            self._db.execute("PRAGMA synchronous=NORMAL")
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        finally:
            if not durable:
                self._db.execute("PRAGMA synchronous=FULL")

    def _insert(self, row: Row) -> int:
        """Insert ``row`` unless its id is there; return how many rows that made."""
        return self._db.execute(
            "INSERT INTO event (event_id, topic, stored_ns, body, quarantine) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (event_id) DO NOTHING",
            (row.event_id, row.topic, row.stored_ns, row.body, row.quarantine),
        ).rowcount

    def append(self, candidate: Candidate) -> Candidate:
        """Number ``candidate``, store it and return it as stored, all in one durable commit.

        Raises WireError when JSON cannot carry it.
        """
        stamped = self.chain.peek(candidate)
        row = Row(
            event_id=str(stamped.event_id),
            topic=topic(stamped.site, stamped.node, "candidate"),
            stored_ns=time.time_ns(),
            body=stamped.to_json(),
        )
        with self._errors(), self._transaction():
            self._db.execute("UPDATE chain SET seq = ?", (stamped.seq,))
            self._insert(row)
        self.chain.stamp(candidate)
        self.depth += 1
        self.bytes += len(row.body)
        return stamped

    def adopt(self, rows: Iterable[Row]) -> int:
        """Store rows that have their identity already, those known left out; return how many were new.

        With no rows it still writes, and so proves that the disk takes writes.
        """
        new = 0
        with self._errors():
            with self._transaction():
                self._db.execute("UPDATE chain SET proved_ns = ?", (time.time_ns(),))
                for event_id, quarantine in self._passed_over.items():
                    if quarantine is None:
                        self._db.execute("DELETE FROM event WHERE event_id = ?", (event_id,))
                    else:
                        self._db.execute(_QUARANTINE, (quarantine, event_id))
                for row in rows:
                    new += self._insert(row)
            self._passed_over.clear()
            self._count()
        return new

    def rows(self) -> Iterator[Row]:
        """Every row, oldest first."""
        with self._errors():
            for values in self._db.execute(
                "SELECT event_id, topic, stored_ns, body, quarantine FROM event"
                " WHERE NOT passed_over(event_id) ORDER BY row"
            ):
                yield Row(*values)

    def pending(
        self, limit: int, *, skip: Collection[str], held_topics: Collection[str], newest: bool
    ) -> list[Row]:
        """The oldest or newest rows that wait, save the ids in ``skip`` and what goes to ``held_topics``."""
        with self._errors():
            found = self._db.execute(
                "SELECT event_id, topic, stored_ns, body, quarantine FROM event WHERE quarantine IS NULL"  # noqa: S608  only question marks and a direction are filled in
                f" AND event_id NOT IN ({','.join('?' * len(skip))})"
                f" AND topic NOT IN ({','.join('?' * len(held_topics))})"
                f" AND NOT passed_over(event_id) ORDER BY row {'DESC' if newest else 'ASC'} LIMIT ?",
                (*skip, *held_topics, limit),
            ).fetchall()
        return [Row(*values) for values in found]

    def delete(self, event_ids: Collection[str]) -> None:
        """Remove rows."""
        gone: list[tuple[int, int]] = []
        with self._errors(), self._transaction(durable=False):
            for event_id in event_ids:
                gone += self._db.execute(_DELETE_ONE, (event_id,))
        self._subtract(gone)

    def pass_over(self, event_ids: Collection[str], quarantine: str | None = None) -> None:
        """Do not hand these rows out again, though the disk refuses the change.

        When it stores again, `adopt` deletes them, or holds them back for the reason ``quarantine``.
        """
        with self._errors():
            self._passed_over.update(dict.fromkeys(event_ids, quarantine))
            self._count()

    def drop_oldest(self, max_bytes: int) -> int:
        """Remove the oldest rows until at most ``max_bytes`` are left; return how many went."""
        gone: list[tuple[int, int]] = []
        left = self.bytes
        if left <= max_bytes:
            return 0
        with self._errors(), self._transaction(durable=False):
            while left > max_bytes:
                oldest = self._db.execute(_DELETE_OLDEST).fetchall()
                if not oldest:
                    break
                gone += oldest
                left -= oldest[0][0]
        self._subtract(gone)
        return len(gone)

    def _subtract(self, gone: Collection[tuple[int, int]]) -> None:
        held = sum(flag for _, flag in gone)
        self.quarantined -= held
        self.depth -= len(gone) - held
        self.bytes -= sum(size for size, _ in gone)

    def quarantine(self, event_id: str, reason: str) -> None:
        """Hold a row back, for ``reason``; it stays stored."""
        with self._errors():
            with self._transaction(durable=False):
                changed = self._db.execute(_QUARANTINE, (reason, event_id)).rowcount
            self.quarantined += changed
            self.depth -= changed

    def requeue(self, prefix: str, max_body_bytes: int | None = None) -> int:
        """Let rows held back for a reason beginning with ``prefix`` wait again; return how many."""
        with self._errors():
            with self._transaction(durable=False):
                changed = self._db.execute(
                    "UPDATE event SET quarantine = NULL WHERE quarantine IS NOT NULL"
                    " AND substr(quarantine, 1, length(?1)) = ?1"
                    " AND length(body) <= coalesce(?2, length(body))",
                    (prefix, max_body_bytes),
                ).rowcount
            self.quarantined -= changed
            self.depth += changed
        return changed

    def oldest_ns(self) -> int | None:
        """UTC at which the longest-waiting row was stored; None if none waits."""
        rows = self.pending(1, skip=(), held_topics=(), newest=False)
        return rows[0].stored_ns if rows else None

    def close(self) -> None:
        """Release the file; safe to repeat."""
        with self._errors():
            self._db.close()


def salvage(path: Path) -> list[Row]:
    """Every whole candidate in the bytes of the damaged database at ``path`` and its log, in chain order.

    SQLite keeps a row of less than a page in one piece, so it is found whatever became of the pages around
    it. Some may have been acknowledged already: better sent twice than lost.
    """
    found: dict[str, Candidate] = {}
    bodies: dict[str, bytes] = {}
    for file in (path, path.with_name(path.name + "-wal")):
        with (
            suppress(OSError, ValueError),  # ValueError: an empty file
            file.open("rb") as opened,
            mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            for match in _BODY_START.finditer(content):
                body = _whole_object(content[match.start() : match.start() + _PAGE_BYTES])
                with suppress(WireError):
                    item = Candidate.from_json(body)
                    identity = event_id(item.site, item.node, str(item.chain_id), int(item.seq or 0))
                    if item.event_id == identity:
                        found[identity], bodies[identity] = item, body
    ordered = sorted(found.items(), key=lambda item: (str(item[1].chain_id), item[1].seq))
    return [
        Row(identity, topic(item.site, item.node, "candidate"), time.time_ns(), bodies[identity])
        for identity, item in ordered
    ]


def _whole_object(piece: bytes) -> bytes:
    """The JSON object that ``piece`` begins with; nothing if it is cut off."""
    text = piece.decode(errors="surrogateescape")
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except ValueError:
        return b""
    return text[:end].encode(errors="surrogateescape")
