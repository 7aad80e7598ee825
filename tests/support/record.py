"""A real record on disk with sealed, chained incident versions in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from sensor.central.incidents.chain import Signer, seal
from sensor.central.store import Store
from sensor.central.store.sqlite import SqliteStore
from sensor.central.types import IncidentVersion
from tests.support.incidents import incident_version, next_version


@contextmanager
def record(folder: Path) -> Iterator[SqliteStore]:
    """A new record in ``folder``, closed at the end."""
    store = SqliteStore(folder / "record.db")
    try:
        yield store
    finally:
        store.close()


def append(store: Store, version: IncidentVersion, signer: Signer | None = None) -> IncidentVersion:
    """Seal ``version`` as the next one of its incident and store it."""
    last = store.latest_of(version.incident_id)
    sealed = seal(
        replace(
            version,
            version=1 if last is None else last.version + 1,
            prev_hash=None if last is None else last.hash,
            hash=None,
            signature=None,
        ),
        signer,
    )
    store.append_version(sealed)
    return sealed


def fill(store: Store) -> None:
    """Two incidents of two versions each, two entries of the audit and a label."""
    for number in (1, 2):
        first = incident_version(number)
        store.append_version(first)
        store.append_version(next_version(first, state="closed"))
    store.audit(actor="ann", action="view", subject="incident-1", detail={}, at_ns=1)
    store.audit(actor="ann", action="view", subject="incident-2", detail={}, at_ns=2)
    store.add_label("incident-1", source="cad", label="confirmed", reason="", author="a", at_ns=1)


def meddle(path: Path, *statements: str) -> None:
    """Change the file as somebody with a database editor would."""
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
