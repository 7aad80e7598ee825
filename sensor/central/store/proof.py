"""Queries that prove the record whole: nothing changed, put in, left out, moved or hidden since."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from sensor.central.incidents.chain import (
    Verifier,
    canonical,
    incident_json,
    verify_chain,
    verify_version,
    version_from,
)
from sensor.central.store.database import Database, Row, Session
from sensor.central.store.versions import ledger_hash, pointer
from sensor.central.types import IncidentVersion
from sensor.errors import ChainError

_VERSIONS = "SELECT number, incident_id, version, created_ns, hash, ledger, body FROM version ORDER BY number"
_POINTERS = (
    "SELECT i.incident_id, i.number, i.site, i.utc_ns, i.state, i.class, i.lat_deg, i.lon_deg, i.exercise,"
    " i.words, v.body FROM incident i LEFT JOIN version v ON v.number = i.number ORDER BY i.incident_id"
)
_LABELS = (
    "SELECT number, incident_id, source, label, reason, author, at_ns, same, given_key, hash"
    " FROM label ORDER BY number"
)


def label_hash(before: str, row: Row) -> str:
    """The running hash over all labels in the order they were given."""
    return hashlib.sha256(before.encode() + canonical(list(row))).hexdigest()


@dataclass(frozen=True, slots=True)
class _Head:
    """The last version of an incident that was met."""

    place: int
    version: int
    hash: str | None


class ProofQueries:
    """Walks from end to end, each as of one moment, while others go on writing."""

    _database: Database

    def verify_ledger(self, verifier: Verifier | None = None) -> int:
        """Walk the whole record; return how many versions; raise ChainError where it does not hold."""
        heads: dict[str, _Head] = {}
        running, count = "", 0
        with self._database.read() as session:
            for row in session.stream(_VERSIONS):
                count += 1
                running = ledger_hash(running, row[4])
                version = _read(row, count)
                name = f"incident {version.incident_id} version {version.version}"
                if version.hash != row[4] or row[5] != running:
                    raise ChainError(f"{name}: the record was changed at or before place {count}")
                _verify_next(heads.get(version.incident_id), version, name, verifier)
                heads[version.incident_id] = _Head(count, version.version, version.hash)
            _verify_end(session, "version", count)
            _verify_pointers(session, heads)
        return count

    def verify_labels(self) -> int:
        """Walk the labels; return how many; raise ChainError where they do not hold."""
        running, count = "", 0
        with self._database.read() as session:
            for row in session.stream(_LABELS):
                count += 1
                running = label_hash(running, row[:-1])
                if int(row[0]) != count or row[-1] != running:
                    raise ChainError(f"label {row[0]}: the labels were changed at or before label {count}")
            _verify_end(session, "label", count)
        return count


def _read(row: Row, place: int) -> IncidentVersion:
    """The version in a row, whose columns must say what it says itself, in the one way of writing."""
    try:
        version = version_from(json.loads(row[6]))
    except (ValueError, ChainError) as error:
        raise ChainError(f"place {place} of the record cannot be read: {error}") from error
    name = f"incident {version.incident_id} version {version.version}"
    if int(row[0]) != place:
        raise ChainError(f"place {place} of the record is missing: {name} stands at {row[0]}")
    if (row[1], row[2], row[3]) != (version.incident_id, version.version, version.created_ns):
        raise ChainError(f"{name}: is filed as {row[1]} version {row[2]}")
    # What no reader of ours sees, another's might: a name more, or one given twice.
    if canonical(incident_json(version)).decode() != row[6]:
        raise ChainError(f"{name}: holds what is no part of it, or is not written as the record is")
    return version


def _verify_next(last: _Head | None, version: IncidentVersion, name: str, verifier: Verifier | None) -> None:
    if last is None:
        verify_chain([version], verifier)
        return
    if version.version != last.version + 1 or version.prev_hash != last.hash:
        raise ChainError(f"{name}: does not follow version {last.version}, which was stored before it")
    verify_version(version, verifier)


def _verify_pointers(session: Session, heads: dict[str, _Head]) -> None:
    """Lists, maps and reports find incidents by these: each must be the last version's, none missing."""
    found = 0
    for row in session.stream(_POINTERS):
        head = heads.get(row[0])
        if head is None or head.place != row[1]:
            raise ChainError(f"incident {row[0]}: its last version is not the one that is shown as the last")
        if tuple(row[:10]) != pointer(int(row[1]), version_from(json.loads(row[10]))):
            raise ChainError(f"incident {row[0]}: is listed as something else than its last version says")
        found += 1
    if found != len(heads):
        raise ChainError(f"{len(heads) - found} incidents are in the record and not in the list of incidents")


def _verify_end(session: Session, table: str, count: int) -> None:
    given = session.one("SELECT number FROM mark WHERE name = ?", f"number/{table}")
    if (int(given[0]) if given else 0) != count:
        raise ChainError(f"the end of the record is missing: more {table}s were stored than are there")
