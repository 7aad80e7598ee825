"""Queries on candidates."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sensor.central.arrivals import read_arrival
from sensor.central.store.database import Database, Session, Where
from sensor.central.store.marks import next_number
from sensor.central.store.values import ArrivalRow, Numbered

_CHUNK = 500
"""Values bound at once; SQLite allows 32766, PostgreSQL 65535."""
_INSERT = (
    "INSERT INTO arrival (number, event_id, site, node, utc_ns, received_ns, chain_id, seq, body)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class ArrivalQueries:
    """Candidates as they came."""

    _database: Database

    def append_arrivals(self, rows: Sequence[ArrivalRow], *, received_ns: int) -> frozenset[str]:
        """Store candidates in one commit; return the ``event_id`` of those that were new."""
        unique: dict[str, ArrivalRow] = {}
        for row in rows:
            unique.setdefault(row[0].event_id, row)
        if not unique:
            return frozenset()
        with self._database.write() as session:
            known = _known(session, list(unique))
            new = [row for event_id, row in unique.items() if event_id not in known]
            if new:
                first = next_number(session, "arrival", len(new))
                session.many(
                    _INSERT,
                    [
                        (number, a.event_id, a.site, a.node, a.utc_ns, received_ns, chain_id, seq, text)
                        for number, (a, text, seq, chain_id) in enumerate(new, first)
                    ],
                )
        return frozenset(row[0].event_id for row in new)

    def arrivals(
        self,
        *,
        since_ns: int | None = None,
        until_ns: int | None = None,
        after_row: int | None = None,
        sites: Sequence[str] | None = None,
        limit: int = 100_000,
    ) -> list[Numbered]:
        """``since_ns <= utc_ns < until_ns``, stored after ``after_row``, in order of storing."""
        where = Where()
        where.between("utc_ns", since_ns, until_ns)
        where.add_if("number > ?", after_row)
        if sites is not None:
            where.among("site", sites)
        with self._database.read() as session:
            found = session.all(
                f"SELECT number, site, node, body FROM arrival{where} ORDER BY number LIMIT ?",  # noqa: S608  conditions are ours, values are bound
                *where.values,
                limit,
            )
        return [
            Numbered(number, read_arrival(json.loads(body), site=site, node=node))
            for number, site, node, body in found
        ]

    def arrival_bodies(self, event_ids: Sequence[str]) -> dict[str, str]:
        """The messages as they came, by event id; unknown ids are left out."""
        found: dict[str, str] = {}
        with self._database.read() as session:
            for start in range(0, len(event_ids), _CHUNK):
                where = Where()
                where.among("event_id", event_ids[start : start + _CHUNK])
                found |= dict(
                    session.all(f"SELECT event_id, body FROM arrival{where}", *where.values)  # noqa: S608  values are bound
                )
        return found

    def event_with(self, site: str, node: str, chain_id: str, seq: int) -> str | None:
        """``event_id`` that holds this number of a node's chain; None when there is none."""
        with self._database.read() as session:
            found = session.one(
                "SELECT event_id FROM arrival WHERE site = ? AND node = ? AND chain_id = ? AND seq = ?",
                site,
                node,
                chain_id,
                seq,
            )
        return None if found is None else str(found[0])

    def chain_extent(self, site: str, node: str, chain_id: str) -> tuple[int, int, int]:
        """Least and greatest number stored of a node's chain, and how many; 0, 0, 0 for none."""
        with self._database.read() as session:
            found = session.one(
                "SELECT coalesce(min(seq), 0), coalesce(max(seq), 0), count(DISTINCT seq) FROM arrival"
                " WHERE site = ? AND node = ? AND chain_id = ?",
                site,
                node,
                chain_id,
            )
        return (int(found[0]), int(found[1]), int(found[2])) if found else (0, 0, 0)

    def forget_arrivals(self, before_ns: int) -> int:
        """Delete candidates of before ``before_ns`` (retention); return how many."""
        with self._database.write() as session:
            return session.run("DELETE FROM arrival WHERE utc_ns < ?", before_ns)


def _known(session: Session, event_ids: list[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(event_ids), _CHUNK):
        where = Where()
        where.among("event_id", event_ids[start : start + _CHUNK])
        found |= {row[0] for row in session.all(f"SELECT event_id FROM arrival{where}", *where.values)}  # noqa: S608  conditions are ours, values are bound
    return found
