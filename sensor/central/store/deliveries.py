"""Queries on the outbox of notifications."""

from __future__ import annotations

from sensor.central.store.database import Database, Row, Where
from sensor.central.store.marks import next_number
from sensor.central.store.values import Delivery, DeliveryState
from sensor.errors import StoreError

_COLUMNS = (
    "SELECT number, channel, incident_id, version, due_ns, attempts, state, reason, created_ns, settled_ns"
    " FROM delivery"
)
_CHARGE = (
    "INSERT INTO charge (name, holder, until_ns) VALUES (?, ?, ?)"
    " ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_ns = excluded.until_ns"
)
_CHARGE_MAX_NS = 86_400 * 10**9


class DeliveryQueries:
    """What is owed to whom."""

    _database: Database

    def add_delivery(self, channel: str, incident_id: str, version: int, *, due_ns: int) -> int:
        """Owe a channel a version; return its id. Idempotent; earlier ones that wait are superseded."""
        with self._database.write() as session:
            known = session.one(
                "SELECT number FROM delivery WHERE channel = ? AND incident_id = ? AND version = ?",
                channel,
                incident_id,
                version,
            )
            if known is not None:
                return int(known[0])
            session.run(
                "UPDATE delivery SET state = 'superseded', settled_ns = ?, reason = ? WHERE channel = ?"
                " AND incident_id = ? AND version < ? AND state = 'waiting'",
                due_ns,
                f"version {version} takes its place",
                channel,
                incident_id,
                version,
            )
            number = next_number(session, "delivery")
            session.run(
                "INSERT INTO delivery (number, channel, incident_id, version, due_ns, attempts, state,"
                " reason, created_ns, settled_ns) VALUES (?, ?, ?, ?, ?, 0, 'waiting', '', ?, NULL)",
                number,
                channel,
                incident_id,
                version,
                due_ns,
                due_ns,
            )
        return number

    def due_deliveries(self, channel: str, now_ns: int, limit: int = 20) -> list[Delivery]:
        """Waiting and due: fewest attempts first, then oldest."""
        with self._database.read() as session:
            found = session.all(
                f"{_COLUMNS} WHERE channel = ? AND state = 'waiting' AND due_ns <= ?"
                " ORDER BY attempts, due_ns, number LIMIT ?",
                channel,
                now_ns,
                limit,
            )
        return [_delivery(row) for row in found]

    def next_due_ns(self, channel: str) -> int | None:
        """When the next waiting delivery of a channel is due; None when none waits."""
        with self._database.read() as session:
            found = session.one(
                "SELECT min(due_ns) FROM delivery WHERE channel = ? AND state = 'waiting'", channel
            )
        return None if found is None or found[0] is None else int(found[0])

    def settle_delivery(
        self,
        delivery_id: int,
        *,
        state: DeliveryState,
        attempts: int,
        due_ns: int,
        reason: str,
        at_ns: int,
    ) -> None:
        """Say how an attempt ended; ``waiting`` means another one at ``due_ns``.

        One that was superseded meanwhile stays so, unless it was delivered after all.
        """
        with self._database.write() as session:
            changed = session.run(
                "UPDATE delivery SET state = ?, attempts = ?, due_ns = ?, reason = ?, settled_ns = ?"
                " WHERE number = ? AND (state <> 'superseded' OR ? = 'delivered')",
                state,
                attempts,
                due_ns,
                reason,
                None if state == "waiting" else at_ns,
                delivery_id,
                state,
            )
            if not changed and session.one("SELECT 1 FROM delivery WHERE number = ?", delivery_id) is None:
                raise StoreError(f"there is no delivery {delivery_id}")

    def take_charge(self, name: str, holder: str, *, now_ns: int, until_ns: int) -> bool:
        """Take or keep charge of what one worker at a time may do; False while another one has it."""
        with self._database.write() as session:
            found = session.one("SELECT holder, until_ns FROM charge WHERE name = ?", name)
            # Beyond a day it was given by a clock that was wrong.
            if found is not None and found[0] != holder and 0 < found[1] - now_ns < _CHARGE_MAX_NS:
                return False
            session.run(_CHARGE, name, holder, until_ns)
        return True

    def leave_charge(self, name: str, holder: str) -> None:
        """Give charge up, for another worker to take it at once; nothing happens to another's."""
        with self._database.write() as session:
            session.run("DELETE FROM charge WHERE name = ? AND holder = ?", name, holder)

    def deliveries(
        self,
        *,
        channel: str | None = None,
        incident_id: str | None = None,
        state: DeliveryState | None = None,
        limit: int = 1000,
    ) -> list[Delivery]:
        """Deliveries, newest first."""
        where = Where()
        for column, value in (("channel", channel), ("incident_id", incident_id), ("state", state)):
            where.add_if(f"{column} = ?", value)
        with self._database.read() as session:
            found = session.all(f"{_COLUMNS}{where} ORDER BY number DESC LIMIT ?", *where.values, limit)
        return [_delivery(row) for row in found]


def _delivery(row: Row) -> Delivery:
    return Delivery(
        delivery_id=int(row[0]),
        channel=row[1],
        incident_id=row[2],
        version=int(row[3]),
        due_ns=int(row[4]),
        attempts=int(row[5]),
        state=row[6],
        reason=row[7],
        created_ns=int(row[8]),
        settled_ns=None if row[9] is None else int(row[9]),
    )
