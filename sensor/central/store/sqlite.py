"""The record in one SQLite file: the default.

Write-ahead log and synchronous=FULL: what is committed survives kill -9. Connections are borrowed from a
small pool, so threads read beside each other; SQLite itself lets one write at a time.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from sensor.central.store.copying import copy_record
from sensor.central.store.database import Row, Session
from sensor.central.store.layout import (
    APPLICATION_ID,
    LAYOUT_VERSION,
    append_only_sqlite,
    create_tables,
)
from sensor.central.store.sql import SqlStore
from sensor.errors import StoreError

BUSY_S = 10.0
"""Longest wait for another writer."""
_ADVICE = {
    sqlite3.SQLITE_FULL: "the disk is full: free some space",
    sqlite3.SQLITE_READONLY: "it is read-only: check the mount and the owner of the file",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: check that the folder exists and is writable",
    sqlite3.SQLITE_BUSY: "another program holds a lock on it: close that program",
    sqlite3.SQLITE_IOERR: "the disk reports an error: check it",
    sqlite3.SQLITE_CORRUPT: "it is damaged: restore a backup with `gunshot-central restore`",
    sqlite3.SQLITE_NOTADB: "it is no SQLite database: name another path",
}


def _translate(error: sqlite3.Error, path: Path) -> StoreError:
    advice = _ADVICE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, "")
    return StoreError(f"record {path}: {error}" + (f"; {advice}" if advice else ""))


class _Session:
    """One borrowed connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def all(self, sql: str, *values: object) -> list[Row]:
        return self._connection.execute(sql, values).fetchall()

    def one(self, sql: str, *values: object) -> Row | None:
        found: Row | None = self._connection.execute(sql, values).fetchone()
        return found

    def stream(self, sql: str) -> Iterator[Row]:
        return self._connection.execute(sql)

    def run(self, sql: str, *values: object) -> int:
        return self._connection.execute(sql, values).rowcount

    def many(self, sql: str, rows: Sequence[Row]) -> None:
        self._connection.executemany(sql, rows)


class SqliteDatabase:
    """Connections to one file, for any number of threads."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self._read_only = read_only
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._file: tuple[int, int] | None = None
        """Device and inode that was opened."""
        self._closed = False

    @contextmanager
    def read(self) -> Iterator[_Session]:
        """A session that sees one moment of the database."""
        with self._borrowed() as connection:
            connection.execute("BEGIN")
            try:
                yield _Session(connection)
            finally:
                connection.execute("COMMIT")

    @contextmanager
    def write(self) -> Iterator[_Session]:
        """A transaction, committed at its end, undone by an exception."""
        with self._borrowed() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield _Session(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    with suppress(sqlite3.Error):  # the first error is the one to tell
                        connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _borrowed(self) -> Iterator[sqlite3.Connection]:
        """A connection that is good when it is handed out; after an error of the database it is not kept."""
        connection = self._take()
        healthy = True
        try:
            yield connection
        except sqlite3.Error as error:
            healthy = isinstance(error, sqlite3.IntegrityError)
            raise _translate(error, self.path) from error
        except (OverflowError, UnicodeEncodeError) as error:
            raise StoreError(f"record {self.path}: a value cannot be kept ({error})") from error
        finally:
            with self._lock:
                healthy = healthy and not self._closed and not connection.in_transaction
                if healthy:
                    self._idle.append(connection)
            if not healthy:
                with suppress(sqlite3.Error):
                    connection.close()

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._closed:
                raise StoreError(f"record {self.path}: is closed")
            self._check_file()
            if self._idle:
                return self._idle.pop()
        return self.connect()

    def _check_file(self) -> None:
        """Refuse to write into a file that has been deleted or replaced: SQLite itself would not notice."""
        try:
            status = self.path.stat()
            found = (status.st_dev, status.st_ino)
        except OSError as error:
            found, fault = None, error.strerror or str(error)
        if self._file is None or found == self._file:
            return
        stale, self._idle = self._idle, []
        for connection in stale:
            with suppress(sqlite3.Error):
                connection.close()
        if found is None:
            raise StoreError(
                f"record {self.path}: the file has vanished ({fault}); "
                "mount the disk again, or restore a backup"
            )
        self._file = found  # another file was put in its place: a restored backup

    def connect(self) -> sqlite3.Connection:
        """A new connection, ready for use."""
        name: Path | str = self.path
        if self._read_only:
            name = f"{self.path.absolute().as_uri()}?mode=ro"
        else:
            # Not for everybody, since it has password hashes. What goes wrong here SQLite says better.
            with suppress(OSError):
                os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640))
        try:
            connection = sqlite3.connect(
                name,
                uri=self._read_only,
                timeout=BUSY_S,
                isolation_level=None,  # transactions are opened by hand
                check_same_thread=False,  # one thread at a time has it
            )
        except sqlite3.Error as error:
            raise _translate(error, self.path) from error
        try:
            self._prepare(connection)
        except sqlite3.Error as error:
            connection.close()
            raise _translate(error, self.path) from error
        except StoreError:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        application_id, version, tables = connection.execute(
            "SELECT (SELECT application_id FROM pragma_application_id),"
            " (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)"
        ).fetchone()
        if tables and application_id != APPLICATION_ID:
            raise StoreError(f"record {self.path}: is a database of another program; name another path")
        if tables and version != LAYOUT_VERSION:
            raise StoreError(
                f"record {self.path}: has layout {version}, this software knows {LAYOUT_VERSION}; "
                "install the version of gunshot-sensor that wrote it"
            )
        connection.execute("PRAGMA temp_store=MEMORY")
        if not self._read_only:
            self._make_ready(connection, empty=not tables)
        elif not tables:
            raise StoreError(f"record {self.path}: is empty")
        status = self.path.stat()
        self._file = (status.st_dev, status.st_ino)

    def _make_ready(self, connection: sqlite3.Connection, *, empty: bool) -> None:
        connection.execute("PRAGMA synchronous=FULL")
        # A backup that was put in place is not in this mode; a file that we may only read stays as it is.
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode=WAL")
        if empty:
            self.create(connection)

    @staticmethod
    def create(connection: sqlite3.Connection) -> None:
        """Make the tables in a file that has none."""
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0:
            for statement in create_tables() + append_only_sqlite():
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={LAYOUT_VERSION}")
        connection.execute("COMMIT")

    def close(self) -> None:
        """Close every connection; those in use close when they are given back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            with suppress(sqlite3.Error):
                connection.close()


class SqliteStore(SqlStore):
    """The record in one file."""

    def __init__(self, path: Path | str, *, read_only: bool = False) -> None:
        """Open or create the record at ``path``, whose folder must exist; StoreError if it cannot be.

        ``read_only`` leaves the file exactly as it is and refuses one that is not there.
        """
        self.path = Path(path)
        self._sqlite = SqliteDatabase(self.path, read_only=read_only)
        super().__init__(self._sqlite)
        with self._sqlite.read():
            pass

    @property
    def place(self) -> str:
        """Where the record is."""
        return str(self.path)

    def backup(self, path: Path) -> None:
        """Copy the record into a new file while others go on writing."""
        with _new_file(path) as target, closing(self._sqlite.connect()) as source:
            source.backup(target)

    def check_pages(self) -> None:
        """Have SQLite look over the whole file; StoreError where it is damaged."""
        with self._sqlite.read() as session:
            found = session.one("PRAGMA integrity_check(1)")
        if found is None or found[0] != "ok":
            raise StoreError(f"record {self.path}: is damaged: {found[0] if found else 'no answer'}")


def retire(path: Path) -> None:
    """Make one file of a record and its companions, for it to be put aside.

    Only the last program that has it open can do that, so others are found. A damaged record stays as it is.

    Raises:
        StoreError: another program has it open.
    """
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(path, timeout=0.0)) as connection:
        try:
            connection.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise StoreError(
                    f"record {path}: a program has it open; stop gunshot-central first, then repeat"
                ) from error
            raise


def write_backup(path: Path, source: Session) -> None:
    """Copy a record of any kind, as ``source`` sees it, into a new file; StoreError if it cannot be."""
    with _new_file(path) as target:
        SqliteDatabase.create(target)
        target.execute("BEGIN IMMEDIATE")
        copy_record(source, _Session(target))
        target.execute("COMMIT")


@contextmanager
def _new_file(path: Path) -> Iterator[sqlite3.Connection]:
    """A SQLite file for its owner alone that has its name only when it is whole and on the disk."""
    if path.exists():
        raise StoreError(f"{path} exists already; name a file that does not")
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        unfinished.unlink(missing_ok=True)
        os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(sqlite3.connect(unfinished, isolation_level=None)) as target:
            yield target
            target.execute("PRAGMA journal_mode=DELETE")  # one file, no companions
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.rename(path)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"backup to {path}: {error}; nothing was left behind") from error
    finally:
        for left in ("", "-wal", "-shm", "-journal"):
            with suppress(OSError):
                unfinished.with_name(unfinished.name + left).unlink()
