"""Puts a backup in place of the record, after proving that it is whole; what was there is kept."""

from __future__ import annotations

import os
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sensor.central.incidents.chain import Verifier
from sensor.central.store.sqlite import SqliteStore, retire
from sensor.errors import ChainError, StoreError


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What a backup was found to hold."""

    versions: int
    audit_entries: int
    last_ns: int | None
    """When the last of its incident versions was written, UTC; None where there is none."""


def prove(backup: Path, verifier: Verifier | None) -> Holdings:
    """Walk a backup from end to end without changing it.

    Args:
        backup: the file.
        verifier: the centre's public keys; None checks hashes only.

    Raises:
        StoreError: it is no record, cannot be read, is damaged, or its chain or a signature does not hold.
    """
    if not backup.is_file():
        raise StoreError(f"backup {backup}: there is no such file")
    with closing(SqliteStore(backup, read_only=True)) as store:
        try:
            store.check_pages()
            versions, entries = store.verify_ledger(verifier), store.verify_audit()
            store.verify_labels()
        except ChainError as error:
            raise StoreError(f"backup {backup}: is refused, for its chain does not hold: {error}") from error
        last = store.versions_after(versions - 1, 1)
        return Holdings(
            versions=versions, audit_entries=entries, last_ns=last[0][1].created_ns if last else None
        )


def restore_file(backup: Path, record: Path, *, force: bool) -> Path | None:
    """Put a proven backup in place of a record that nobody has open.

    Args:
        backup: the file, which stays where it is.
        record: the SQLite record.
        force: whether a record that is there may be put aside.

    Returns:
        Where the old record is kept now; None where there was none.

    Raises:
        StoreError: there is a record and no ``force``, a program has it open, or the disk refuses; in each
            case the old record is still in place.
    """
    there = record.exists()
    if there and backup.samefile(record):
        raise StoreError(f"record {record}: is the very file that you want to restore")
    if there and not force:
        raise StoreError(
            f"record {record}: exists; say --force to have it put aside and the backup in its place"
        )
    new = record.with_name(record.name + ".restored")
    try:
        new.unlink(missing_ok=True)
        with closing(SqliteStore(backup, read_only=True)) as store:
            store.backup(new)
        new.chmod(0o640)
        _give_to_owner(new, like=record if there else record.parent)
        kept = _put_aside(record, there=there)
        new.replace(record)  # at no moment is there no record: the daemon would begin an empty one
        _sync_folder(record.parent)
    except OSError as error:
        raise StoreError(f"record {record}: cannot be restored: {error}; what was there is there") from error
    finally:
        new.unlink(missing_ok=True)
    return kept


def _put_aside(record: Path, *, there: bool) -> Path | None:
    """Give the old record a second name; the first is taken from it when the new one is put there."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    kept = record.with_name(f"{record.name}.replaced-{moment}")
    if there:
        retire(record)
        os.link(record, kept)
    # Left only by a record that is damaged or gone; SQLite would put their content into the new one.
    for companion in ("-wal", "-shm", "-journal"):
        with suppress(FileNotFoundError):
            record.with_name(record.name + companion).rename(kept.with_name(kept.name + companion))
    return kept if there else None


def _give_to_owner(path: Path, *, like: Path) -> None:
    """An administrator restores as root; the daemon, who owns what was there, must be able to write."""
    if os.geteuid() == 0:
        status = like.stat()
        os.chown(path, status.st_uid, status.st_gid)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
