"""Queries on incidents: ``version`` is the record, ``incident`` points at each one's last version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from sensor.central.incidents.chain import canonical, incident_json, version_from
from sensor.central.store.database import Database, Where
from sensor.central.store.marks import next_number
from sensor.central.store.values import VersionConflict
from sensor.central.types import IncidentVersion
from sensor.errors import ChainError, StoreError

_LAST = (
    "SELECT v.version, v.hash FROM incident i JOIN version v ON v.number = i.number WHERE i.incident_id = ?"
)
_POINT = (
    "INSERT INTO incident"
    " (incident_id, number, site, utc_ns, state, class, lat_deg, lon_deg, exercise, words)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (incident_id) DO UPDATE SET number = excluded.number,"
    " site = excluded.site, utc_ns = excluded.utc_ns, state = excluded.state, class = excluded.class,"
    " lat_deg = excluded.lat_deg, lon_deg = excluded.lon_deg, exercise = excluded.exercise,"
    " words = excluded.words"
)
_PAGE = 500


def ledger_hash(before: str, version_hash: str) -> str:
    """The running hash over all versions of all incidents in the order they were stored."""
    return hashlib.sha256(f"{before}{version_hash}".encode()).hexdigest()


class VersionQueries:
    """Incidents: only ever appended to."""

    _database: Database

    def append_version(self, version: IncidentVersion) -> int:
        """Store a sealed version; return its place in the record; VersionConflict when it is not the next."""
        name = f"incident {version.incident_id} version {version.version}"
        if version.hash is None:
            raise StoreError(f"{name}: has no hash; seal it before it is stored")
        text = canonical(incident_json(version)).decode()
        with self._database.write() as session:
            last = session.one(_LAST, version.incident_id)
            expected, prev_hash = (1, None) if last is None else (int(last[0]) + 1, last[1])
            if version.version != expected or version.prev_hash != prev_hash:
                raise VersionConflict(
                    f"{name}: cannot be stored, version {expected} is next; "
                    "read the incident again and repeat"
                )
            number = next_number(session, "version")
            before = session.one("SELECT ledger FROM version WHERE number = ?", number - 1)
            session.run(
                "INSERT INTO version (number, incident_id, version, created_ns, hash, ledger, body)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                number,
                version.incident_id,
                version.version,
                version.created_ns,
                version.hash,
                ledger_hash(before[0] if before else "", version.hash),
                text,
            )
            session.run(_POINT, *pointer(number, version))
        return number

    def versions(self, incident_id: str) -> list[IncidentVersion]:
        """All versions of an incident, oldest first; empty when there is none."""
        with self._database.read() as session:
            found = session.all(
                "SELECT body FROM version WHERE incident_id = ? ORDER BY version", incident_id
            )
        return [_read(row[0]) for row in found]

    def latest_of(self, incident_id: str) -> IncidentVersion | None:
        """The last version of an incident."""
        with self._database.read() as session:
            found = session.one(
                "SELECT v.body FROM incident i JOIN version v ON v.number = i.number WHERE i.incident_id = ?",
                incident_id,
            )
        return None if found is None else _read(found[0])

    def latest(
        self,
        *,
        since_ns: int | None = None,
        until_ns: int | None = None,
        limit: int = 200,
        filters: Mapping[str, Any] | None = None,
    ) -> list[IncidentVersion]:
        """The last version of each incident with ``since_ns <= utc_ns < until_ns``, newest first."""
        where = _conditions(since_ns, until_ns, filters or {})
        with self._database.read() as session:
            found = session.all(
                "SELECT v.body FROM incident i JOIN version v ON v.number = i.number"  # noqa: S608  conditions are ours
                f"{where} ORDER BY i.utc_ns DESC, i.number DESC LIMIT ?",
                *where.values,
                limit,
            )
        return [_read(row[0]) for row in found]

    def versions_after(self, row: int, limit: int = 1000) -> list[tuple[int, IncidentVersion]]:
        """Versions in the order they were stored, after place ``row`` of the record."""
        with self._database.read() as session:
            found = session.all(
                "SELECT number, body FROM version WHERE number > ? ORDER BY number LIMIT ?", row, limit
            )
        return [(int(number), _read(text)) for number, text in found]

    def all_bodies(self) -> Iterator[tuple[int, str]]:
        """Every version as it is stored, canonical JSON with hash and signature, in order."""
        last = 0
        while True:
            with self._database.read() as session:
                page = session.all(
                    "SELECT number, body FROM version WHERE number > ? ORDER BY number LIMIT ?", last, _PAGE
                )
            if not page:
                return
            for number, text in page:
                last = int(number)
                yield last, text


def pointer(number: int, version: IncidentVersion) -> tuple[object, ...]:
    """The row by which an incident is found, as its last version, at place ``number``, says."""
    place = version.place
    words = [version.incident_id, version.reason, version.author, *(tag.name for tag in version.tags)]
    return (
        version.incident_id,
        number,
        version.site,
        version.utc_ns,
        version.state,
        version.incident_class,
        None if place is None else place.lat_deg,
        None if place is None else place.lon_deg,
        int(version.exercise),
        "\n".join(words).lower().replace("\0", " "),  # PostgreSQL holds no NUL
    )


def _conditions(since_ns: int | None, until_ns: int | None, filters: Mapping[str, Any]) -> Where:
    """The WHERE of `latest`; raises StoreError for a filter that is none."""
    unknown = set(filters) - {
        "classes",
        "states",
        "site",
        "text",
        "bbox",
        "include_retracted",
        "exercise",
    }
    if unknown:
        raise StoreError(f"no filter {', '.join(sorted(unknown))}")
    where = Where()
    where.between("i.utc_ns", since_ns, until_ns)
    where.add_if("i.site = ?", filters.get("site"))
    if filters.get("exercise") is not None:
        where.add("i.exercise = ?", int(filters["exercise"]))
    for name, column in (("classes", "i.class"), ("states", "i.state")):
        if filters.get(name):
            where.among(column, list(filters[name]))
    if not filters.get("include_retracted", True):
        where.add("i.state <> ?", "retracted")
    if filters.get("text"):
        sought = str(filters["text"]).lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        where.add("i.words LIKE ? ESCAPE '\\'", f"%{sought}%")
    if filters.get("bbox"):
        west, south, east, north = filters["bbox"]
        where.add("i.lat_deg BETWEEN ? AND ?", south, north)
        if west <= east:
            where.add("i.lon_deg BETWEEN ? AND ?", west, east)
        else:  # across the date line
            where.add("(i.lon_deg >= ? OR i.lon_deg <= ?)", west, east)
    return where


def _read(text: str) -> IncidentVersion:
    try:
        return version_from(json.loads(text))
    except ValueError as error:
        raise ChainError(f"what is stored is not JSON any more: {error}") from error
