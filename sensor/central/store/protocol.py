"""What any store can do.

Every method raises StoreError, in words, when the database refuses; a refused write changes nothing. All may
be called from several threads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from sensor.central.incidents.chain import Verifier
from sensor.central.store.values import (
    ArrivalRow,
    AuditEntry,
    Delivery,
    DeliveryState,
    Label,
    NodeSample,
    NodeState,
    Numbered,
    User,
)
from sensor.central.types import IncidentVersion


class Arrivals(Protocol):
    """Candidates as they came."""

    def append_arrivals(self, rows: Sequence[ArrivalRow], *, received_ns: int) -> frozenset[str]:
        """Store candidates in one commit; return the ``event_id`` of those that were new."""
        ...

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
        ...

    def arrival_bodies(self, event_ids: Sequence[str]) -> dict[str, str]:
        """The messages as they came, by event id; unknown ids are left out."""
        ...

    def event_with(self, site: str, node: str, chain_id: str, seq: int) -> str | None:
        """``event_id`` that holds this number of a node's chain; None when there is none."""
        ...

    def chain_extent(self, site: str, node: str, chain_id: str) -> tuple[int, int, int]:
        """Least and greatest number stored of a node's chain, and how many are there; 0, 0, 0 for none."""
        ...

    def forget_arrivals(self, before_ns: int) -> int:
        """Delete candidates of before ``before_ns`` (retention); return how many."""
        ...


class Versions(Protocol):
    """Incidents: only ever appended to."""

    def append_version(self, version: IncidentVersion) -> int:
        """Store a sealed version; return its place in the record; VersionConflict when it is not the next."""
        ...

    def versions(self, incident_id: str) -> list[IncidentVersion]:
        """All versions of an incident, oldest first; empty when there is none."""
        ...

    def latest_of(self, incident_id: str) -> IncidentVersion | None:
        """The last version of an incident."""
        ...

    def latest(
        self,
        *,
        since_ns: int | None = None,
        until_ns: int | None = None,
        limit: int = 200,
        filters: Mapping[str, Any] | None = None,
    ) -> list[IncidentVersion]:
        """The last version of each incident with ``since_ns <= utc_ns < until_ns``, newest first.

        ``filters``, all optional: ``classes`` and ``states`` (lists), ``site``, ``text`` (in id, reason,
        author or tags), ``bbox`` (west, south, east, north), ``include_retracted`` (default True) and
        ``exercise``.
        """
        ...

    def versions_after(self, row: int, limit: int = 1000) -> list[tuple[int, IncidentVersion]]:
        """Versions in the order they were stored, after place ``row`` of the record."""
        ...

    def verify_ledger(self, verifier: Verifier | None = None) -> int:
        """Walk the whole record; return how many versions; raise ChainError where it does not hold."""
        ...


class People(Protocol):
    """Labels, audit and users."""

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
        ...

    def labels(
        self, incident_id: str | None = None, *, label: str | None = None, reason: str | None = None
    ) -> list[Label]:
        """Labels of one incident or of all, with this label and these words where given, oldest first."""
        ...

    def audit(
        self, *, actor: str, action: str, subject: str, detail: Mapping[str, Any], at_ns: int
    ) -> AuditEntry:
        """Write down who did what."""
        ...

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
        ...

    def verify_labels(self) -> int:
        """Walk the labels; return how many; raise ChainError where they do not hold."""
        ...

    def verify_audit(self) -> int:
        """Walk the audit; return how many entries; raise ChainError where it does not hold."""
        ...

    def users(self) -> list[User]:
        """Everybody, by name."""
        ...

    def user(self, name: str) -> User | None:
        """One user."""
        ...

    def put_user(self, user: User) -> None:
        """Add a user, or change one."""
        ...

    def remove_user(self, name: str) -> bool:
        """Remove a user; False when there is none."""
        ...


class Nodes(Protocol):
    """What is known of the nodes."""

    def put_node(self, state: NodeState) -> None:
        """Replace the latest state of a node."""
        ...

    def node(self, site: str, node: str) -> NodeState | None:
        """The latest state of one node."""
        ...

    def nodes(self) -> list[NodeState]:
        """The latest state of every node."""
        ...

    def add_node_samples(self, samples: Sequence[NodeSample]) -> None:
        """Add to the nodes' history; a reading of the same node, time and kind replaces the former."""
        ...

    def node_samples(
        self,
        *,
        site: str | None = None,
        node: str | None = None,
        kind: str | None = None,
        since_ns: int | None = None,
        until_ns: int | None = None,
        limit: int = 10_000,
    ) -> list[NodeSample]:
        """The nodes' history, oldest first."""
        ...

    def forget_node_samples(self, before_ns: int) -> int:
        """Delete history of before ``before_ns`` (retention); return how much."""
        ...


class Deliveries(Protocol):
    """The outbox of notifications."""

    def add_delivery(self, channel: str, incident_id: str, version: int, *, due_ns: int) -> int:
        """Owe a channel a version; return its id. Idempotent; earlier ones that wait are superseded."""
        ...

    def due_deliveries(self, channel: str, now_ns: int, limit: int = 20) -> list[Delivery]:
        """Waiting and due: fewest attempts first, then oldest."""
        ...

    def next_due_ns(self, channel: str) -> int | None:
        """When the next waiting delivery of a channel is due; None when none waits."""
        ...

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
        """Say how an attempt ended; ``waiting`` means another one at ``due_ns``."""
        ...

    def take_charge(self, name: str, holder: str, *, now_ns: int, until_ns: int) -> bool:
        """Take or keep charge of what one worker at a time may do; False while another one has it."""
        ...

    def leave_charge(self, name: str, holder: str) -> None:
        """Give charge up, for another worker to take it at once; nothing happens to another's."""
        ...

    def deliveries(
        self,
        *,
        channel: str | None = None,
        incident_id: str | None = None,
        state: DeliveryState | None = None,
        limit: int = 1000,
    ) -> list[Delivery]:
        """Deliveries, newest first."""
        ...


class Store(Arrivals, Versions, People, Nodes, Deliveries, Protocol):
    """Everything the centre keeps."""

    def mark(self, name: str) -> int | None:
        """A number that was put there under this name."""
        ...

    def put_mark(self, name: str, value: int) -> None:
        """Keep a number under a name: how far fusion has read, for instance."""
        ...

    def check(self) -> str:
        """Say in words that the database answers and takes writes."""
        ...

    def backup(self, path: Path) -> None:
        """Copy everything into a new file while others go on writing."""
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...

    def all_bodies(self) -> Iterator[tuple[int, str]]:
        """Every incident version as it is stored, canonical JSON with hash and signature, in order."""
        ...
