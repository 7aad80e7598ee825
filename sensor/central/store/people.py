"""Queries on labels, audit and users."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sensor.central.incidents.chain import canonical
from sensor.central.store.database import Database, Row, Where
from sensor.central.store.marks import next_number
from sensor.central.store.proof import label_hash
from sensor.central.store.values import AuditEntry, Label, User
from sensor.errors import ChainError

_AUDIT = "SELECT number, actor, action, subject, detail, at_ns, prev_hash, hash FROM audit"
_USER = "SELECT name, role, password_hash, disabled, created_ns FROM person"
_PUT_USER = (
    "INSERT INTO person (name, role, password_hash, disabled, created_ns) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (name) DO UPDATE SET role = excluded.role, password_hash = excluded.password_hash,"
    " disabled = excluded.disabled"
)
_PAGE = 1000


class PeopleQueries:
    """What people say, what they did, and who they are."""

    _database: Database

    def add_label(
        self,
        incident_id: str,
        *,
        source: str,
        label: str,
        reason: str,
        author: str,
        at_ns: int,
        key: str | None = None,
    ) -> bool:
        """Add a label; False when the same one (by ``key``, or by its whole content) is there already."""
        content = [source, label, reason, author, at_ns] if key is None else [key]
        same = hashlib.sha256(canonical([incident_id, key is None, *content])).hexdigest()
        with self._database.write() as session:
            if session.one("SELECT 1 FROM label WHERE same = ?", same) is not None:
                return False
            number = next_number(session, "label")
            last = session.one("SELECT hash FROM label WHERE number = ?", number - 1)
            row = (number, incident_id, source, label, reason, author, at_ns, same, key)
            session.run(
                "INSERT INTO label (number, incident_id, source, label, reason, author, at_ns, same,"
                " given_key, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                *row,
                label_hash(last[0] if last else "", row),
            )
        return True

    def labels(
        self, incident_id: str | None = None, *, label: str | None = None, reason: str | None = None
    ) -> list[Label]:
        """Labels of one incident or of all, with this label and these words where given, oldest first."""
        where = Where()
        for column, value in (("incident_id", incident_id), ("label", label), ("reason", reason)):
            where.add_if(f"{column} = ?", value)
        with self._database.read() as session:
            found = session.all(
                "SELECT incident_id, source, label, reason, author, at_ns, given_key"  # noqa: S608  conditions are ours
                f" FROM label{where} ORDER BY number",
                *where.values,
            )
        return [
            Label(
                incident_id=row[0],
                source=row[1],
                label=row[2],
                reason=row[3],
                author=row[4],
                at_ns=int(row[5]),
                key=row[6],
            )
            for row in found
        ]

    def audit(
        self, *, actor: str, action: str, subject: str, detail: Mapping[str, Any], at_ns: int
    ) -> AuditEntry:
        """Write down who did what."""
        text = canonical(detail).decode()
        with self._database.write() as session:
            number = next_number(session, "audit")
            last = session.one("SELECT hash FROM audit WHERE number = ?", number - 1)
            prev_hash = None if last is None else str(last[0])
            row = (number, actor, action, subject, text, at_ns, prev_hash)
            digest = _audit_hash(row)
            session.run(
                "INSERT INTO audit (number, actor, action, subject, detail, at_ns, prev_hash, hash)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                *row,
                digest,
            )
        return _entry((*row, digest))

    def audit_log(
        self,
        *,
        since_ns: int | None = None,
        until_ns: int | None = None,
        actor: str | None = None,
        action: str | None = None,
        subject: str | None = None,
        limit: int = 1000,
    ) -> list[AuditEntry]:
        """Entries of the audit, newest first."""
        where = Where()
        where.between("at_ns", since_ns, until_ns)
        for column, value in (("actor", actor), ("action", action), ("subject", subject)):
            where.add_if(f"{column} = ?", value)
        with self._database.read() as session:
            found = session.all(f"{_AUDIT}{where} ORDER BY number DESC LIMIT ?", *where.values, limit)
        return [_entry(row) for row in found]

    def verify_audit(self) -> int:
        """Walk the audit; return how many entries; raise ChainError where it does not hold."""
        count, before = 0, None
        while True:
            with self._database.read() as session:
                page = session.all(f"{_AUDIT} WHERE number > ? ORDER BY number LIMIT ?", count, _PAGE)
                given = session.one("SELECT number FROM mark WHERE name = 'number/audit'")
            if not page:
                break
            for row in page:
                count += 1
                if int(row[0]) != count or row[6] != before or row[7] != _audit_hash(row[:7]):
                    raise ChainError(
                        f"audit entry {row[0]}: the audit was changed at or before entry {count}"
                    )
                before = row[7]
        if (int(given[0]) if given else 0) != count:
            raise ChainError("the end of the audit is missing: more entries were stored than are there")
        return count

    def users(self) -> list[User]:
        """Everybody, by name."""
        with self._database.read() as session:
            return [_user(row) for row in session.all(f"{_USER} ORDER BY name")]

    def user(self, name: str) -> User | None:
        """One user."""
        with self._database.read() as session:
            found = session.one(f"{_USER} WHERE name = ?", name)
        return None if found is None else _user(found)

    def put_user(self, user: User) -> None:
        """Add a user, or change one."""
        with self._database.write() as session:
            session.run(
                _PUT_USER, user.name, user.role, user.password_hash, int(user.disabled), user.created_ns
            )

    def remove_user(self, name: str) -> bool:
        """Remove a user; False when there is none."""
        with self._database.write() as session:
            return session.run("DELETE FROM person WHERE name = ?", name) > 0


def _audit_hash(row: Row) -> str:
    return hashlib.sha256(canonical(list(row))).hexdigest()


def _entry(row: Row) -> AuditEntry:
    return AuditEntry(
        row=int(row[0]),
        actor=row[1],
        action=row[2],
        subject=row[3],
        detail=json.loads(row[4]),
        at_ns=int(row[5]),
        prev_hash=row[6],
        hash=row[7],
    )


def _user(row: Row) -> User:
    return User(name=row[0], role=row[1], password_hash=row[2], disabled=bool(row[3]), created_ns=int(row[4]))
