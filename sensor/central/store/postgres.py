"""The record in a PostgreSQL database: for several workers, or where one is kept already.

Writers take turns by an advisory lock, so numbers are given in order of commit and chains do not fork,
however many workers there are. Reads see one moment and wait for nobody. A connection that a restarted
server has left dead is replaced before a question is asked, never in the middle of one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sensor.central.store.copying import copy_record
from sensor.central.store.database import Row
from sensor.central.store.layout import (
    APPLICATION_ID,
    LAYOUT_VERSION,
    TABLES,
    append_only_postgres,
    create_tables,
)
from sensor.central.store.postgres_advice import advice
from sensor.central.store.sql import SqlStore
from sensor.central.store.sqlite import SqliteDatabase, write_backup
from sensor.errors import StoreError

LOCK_MS = 10_000
"""Longest wait for another writer."""
IDLE_S = 60
"""A worker that freezes in the middle of a transaction is put out after this time, lest all others wait."""
_DEFAULTS: dict[str, str | int | None] = {
    "application_name": "gunshot-central",
    "connect_timeout": 10,
    # A server that vanishes without a word is noticed within half a minute, not in hours.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""In force where the DSN does not say otherwise."""
_TEXT = 'TEXT COLLATE "C"'
"""Sorted as SQLite sorts, whatever the server's language."""
_TURN = (
    f"SELECT pg_advisory_xact_lock((CAST({APPLICATION_ID} AS bigint) << 32) | "
    "CAST(CAST('mark' AS regclass) AS oid)::bigint)"
)
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_WRITE = f"BEGIN ISOLATION LEVEL READ COMMITTED; {_TURN}"
_SESSION = (
    "SELECT set_config(name, value, false) FROM (VALUES ('lock_timeout', '0', %s),"
    " ('idle_in_transaction_session_timeout', '0', %s), ('synchronous_commit', 'off', 'on'))"
    " AS ours (name, unless, value) WHERE current_setting(name) = unless"
)
"""Whoever set a limit keeps it; but what is committed is on the disk, whatever the server's default is."""
_COMMENT = "record of gunshot-central, layout "
"""Begins the comment on table ``mark``: tells a record from any other database."""
_FOUND = (
    "SELECT current_schema(), coalesce(obj_description(to_regclass('mark'), 'pg_class'), ''),"
    " (SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = ANY(%s))"
)
_MAKING = f"SELECT pg_advisory_xact_lock(CAST({APPLICATION_ID} AS bigint) << 32)"
"""Two workers that start at once do not both make the tables."""


@lru_cache(maxsize=256)
def _placed(sql: str) -> bytes:
    """Our ``?`` as psycopg writes it. No text of ours contains a question mark otherwise."""
    return sql.replace("%", "%%").replace("?", "%s").encode()


class _Session:
    """One borrowed connection."""

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self._connection = connection

    def all(self, sql: str, *values: object) -> list[Row]:
        return self._connection.execute(_placed(sql), values).fetchall()

    def one(self, sql: str, *values: object) -> Row | None:
        return self._connection.execute(_placed(sql), values).fetchone()

    def stream(self, sql: str) -> Iterator[Row]:
        with self._connection.cursor(name="stream") as cursor:
            cursor.itersize = 500
            yield from cursor.execute(_placed(sql), ())

    def run(self, sql: str, *values: object) -> int:
        return self._connection.execute(_placed(sql), values).rowcount

    def many(self, sql: str, rows: Sequence[Row]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(_placed(sql), rows)


class PostgresDatabase:
    """Connections to one database, for any number of threads."""

    def __init__(self, dsn: str) -> None:
        try:
            given = conninfo_to_dict(dsn)
        except psycopg.Error as error:
            raise StoreError(
                f"record: the DSN is not one of PostgreSQL ({str(error).strip()}); write for instance "
                "host=db dbname=gunshot user=central password=..."
            ) from error
        self._dsn = make_conninfo("", **(_DEFAULTS | given | {"client_encoding": "utf8"}))
        self.place = _place(given)
        self._lock = threading.Lock()
        self._idle: list[psycopg.Connection[Row]] = []
        self._closed = False

    @contextmanager
    def read(self) -> Iterator[_Session]:
        """A session that sees one moment of the database."""
        with self._begun(_READ) as connection:
            yield _Session(connection)

    @contextmanager
    def write(self) -> Iterator[_Session]:
        """A transaction: one writer at a time, committed at its end, undone by an exception."""
        with self._begun(_WRITE) as connection:
            yield _Session(connection)

    @contextmanager
    def _begun(self, begin: str) -> Iterator[psycopg.Connection[Row]]:
        """A connection in a transaction; it is kept afterwards only if it is clean."""
        with self._translated():
            connection = self._begin(begin)
            try:
                try:
                    yield connection
                except BaseException:
                    with suppress(psycopg.Error):  # the first error is the one to tell
                        connection.execute("ROLLBACK")
                    raise
                self._commit(connection)
            finally:
                self._give_back(connection)

    def _commit(self, connection: psycopg.Connection[Row]) -> None:
        try:
            connection.execute("COMMIT")
        except psycopg.OperationalError as error:
            if not connection.broken:
                raise
            raise StoreError(
                f"record {self.place}: the connection broke during the commit, so this may be stored or not; "
                "look before repeating it"
            ) from error

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise self._said(error) from error
        except UnicodeEncodeError as error:
            raise StoreError(f"record {self.place}: a value cannot be kept ({error})") from error

    def _said(self, error: psycopg.Error) -> StoreError:
        text = (error.diag.message_primary or str(error)).strip() or "the connection is lost"
        words = advice(error.sqlstate, text)
        shown = " ".join(text.replace("Is the server running", "; is the server running").split())
        return StoreError(f"record {self.place}: {shown}" + (f"; {words}" if words else ""))

    def _begin(self, begin: str) -> psycopg.Connection[Row]:
        """Take a connection and begin; one that was left dead while idle is replaced, once."""
        connection, is_new = self._take()
        try:
            connection.execute(begin)
        except psycopg.OperationalError:
            if is_new or not connection.broken:
                self._give_back(connection)
                raise
            self._drop_idle()
            connection = self.connect()
            try:
                connection.execute(begin)
            except BaseException:
                connection.close()
                raise
        except BaseException:
            self._give_back(connection)
            raise
        return connection

    def _take(self) -> tuple[psycopg.Connection[Row], bool]:
        """A connection, and whether it is new."""
        with self._lock:
            if self._closed:
                raise StoreError(f"record {self.place}: is closed")
            if self._idle:
                return self._idle.pop(), False
        return self.connect(), True

    def _give_back(self, connection: psycopg.Connection[Row]) -> None:
        clean = connection.info.transaction_status is psycopg.pq.TransactionStatus.IDLE
        with self._lock:
            if clean and not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def _drop_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def connect(self) -> psycopg.Connection[Row]:
        """A new connection, ready for use; the tables are made where there are none."""
        connection = psycopg.connect(self._dsn, autocommit=True)  # transactions are opened by hand
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: psycopg.Connection[Row]) -> None:
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise StoreError(
                f"record {self.place}: the database is in {encoding}; "
                "make one with createdb --encoding UTF8 --template template0"
            )
        connection.execute(_SESSION, (f"{LOCK_MS}ms", f"{IDLE_S}s"))
        if self._layout(connection) == "":
            with connection.transaction():
                connection.execute(_MAKING)
                if self._layout(connection) == "":
                    for statement in create_tables(text=_TEXT) + append_only_postgres():
                        connection.execute(statement.encode())
                    connection.execute(f"COMMENT ON TABLE mark IS '{_COMMENT}{LAYOUT_VERSION}'".encode())

    def _layout(self, connection: psycopg.Connection[Row]) -> str:
        """Number of the layout of the tables, empty where there are none; StoreError unless it is ours."""
        found = connection.execute(_FOUND, (list(TABLES),)).fetchone()
        schema, comment, count = found or (None, "", 0)
        if schema is None:
            raise StoreError(
                f"record {self.place}: search_path names no schema that is there; make it with CREATE SCHEMA"
            )
        if not count:
            return ""
        if not comment.startswith(_COMMENT):
            raise StoreError(
                f"record {self.place}: schema {schema} has tables of another program; name another database"
            )
        layout = str(comment.removeprefix(_COMMENT))
        if layout != str(LAYOUT_VERSION):
            raise StoreError(
                f"record {self.place}: has layout {layout}, this software knows {LAYOUT_VERSION}; "
                "install the version of gunshot-sensor that wrote it"
            )
        return layout

    def close(self) -> None:
        """Close every connection; those in use close when they are given back."""
        with self._lock:
            self._closed = True
        self._drop_idle()


class PostgresStore(SqlStore):
    """The record in a PostgreSQL database."""

    def __init__(self, dsn: str) -> None:
        """Reach the database that ``dsn`` names; make its tables where there are none.

        Raises:
            StoreError: it cannot be reached, does not let us in, or is of another program.
        """
        self._postgres = PostgresDatabase(dsn)
        super().__init__(self._postgres)
        try:
            with self._postgres.read():
                pass
        except StoreError:
            self._postgres.close()
            raise

    @property
    def place(self) -> str:
        """Where the record is, without the password."""
        return self._postgres.place

    def backup(self, path: Path) -> None:
        """Copy the record as of one moment into a new SQLite file while others go on writing."""
        with self._postgres.read() as session:
            write_backup(path, session)

    def fill(self, backup: Path) -> int:
        """Copy a backup into this record, which must be empty; return how many rows.

        Raises:
            StoreError: the backup cannot be read, or there is something here already; nothing was changed.
        """
        file = SqliteDatabase(backup, read_only=True)
        try:
            with file.read() as source, self._postgres.write() as target:
                for table in TABLES:
                    if table != "mark" and target.one(f"SELECT 1 FROM {table} LIMIT 1"):  # noqa: S608  names are ours
                        raise StoreError(
                            f"record {self.place}: is not empty (table {table}); make an empty database "
                            "with createdb, name it in the file of record.postgres_dsn_file, and repeat: "
                            "the old record stays where it is"
                        )
                target.run("DELETE FROM mark")
                return copy_record(source, target)
        finally:
            file.close()


def _place(given: Mapping[str, object]) -> str:
    """The database in words, without its password."""
    host = given.get("host") or given.get("hostaddr") or given.get("service") or "this machine"
    port = f":{given['port']}" if given.get("port") else ""
    return f"PostgreSQL {given.get('dbname') or given.get('user') or ''} on {host}{port}".replace("  ", " ")
