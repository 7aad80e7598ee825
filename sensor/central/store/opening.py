"""The record that the settings name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sensor.central.settings import RecordSettings
from sensor.central.store.sql import SqlStore
from sensor.errors import StoreError

if TYPE_CHECKING:
    from sensor.central.store.postgres import PostgresStore


def open_store(settings: RecordSettings, state_dir: Path) -> SqlStore:
    """Open the record, and make it where there is none.

    Args:
        settings: where it is.
        state_dir: folder below which a SQLite file lies unless its path is absolute.

    Raises:
        StoreError: it cannot be opened; the message says why and how to mend it.
    """
    if settings.postgres_dsn_file is None:
        from sensor.central.store.sqlite import SqliteStore  # noqa: PLC0415  only the kind in use is loaded

        return SqliteStore(state_dir / settings.path)
    return open_postgres(settings.postgres_dsn_file)


def open_postgres(dsn_file: Path) -> PostgresStore:
    """Open the record in the database that a file names, and make it where there is none.

    Raises:
        StoreError: as `open_store`.
    """
    try:
        from sensor.central.store.postgres import PostgresStore  # noqa: PLC0415  psycopg may not be installed
    except ImportError as error:
        raise StoreError(
            f"record.postgres_dsn_file is given, yet psycopg cannot be used ({error}); "
            "pip install '.[postgres]' in the checkout"
        ) from error
    return PostgresStore(read_dsn(dsn_file))


def read_dsn(path: Path) -> str:
    """First line of the file that says how to reach the database; StoreError where there is none."""
    try:
        with path.open(encoding="utf-8") as file:
            dsn = file.readline().strip()
    except (OSError, UnicodeDecodeError) as error:
        fault = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise StoreError(f"record.postgres_dsn_file {path}: {fault}") from error
    if not dsn:
        raise StoreError(
            f"record.postgres_dsn_file {path}: its first line is empty; write for instance "
            "host=db dbname=gunshot user=central password=..."
        )
    return dsn
