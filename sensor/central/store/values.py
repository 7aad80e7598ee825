"""What the store keeps, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from sensor.central.types import Arrival
from sensor.errors import StoreError
from sensor.events import Position

NodeCondition = Literal["alive", "silent", "stopped", "quarantined"]
DeliveryState = Literal["waiting", "delivered", "superseded", "dead"]


class VersionConflict(StoreError):  # noqa: N818  named for what happened, as Overrun is
    """That version of the incident is there already, or the one before it is not: somebody was faster."""


class ArrivalRow(NamedTuple):
    """A candidate as it came, and what the centre makes of it."""

    arrival: Arrival
    body: str
    """The message itself, byte for byte."""
    seq: int | None = None
    chain_id: str | None = None


class Numbered(NamedTuple):
    """An arrival with its place in the order of storing."""

    row: int
    arrival: Arrival


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What somebody says an incident really was: ground truth for the figures."""

    incident_id: str
    source: str
    """``review``, ``cad``, ``police report``, ..."""
    label: str
    reason: str
    author: str
    at_ns: int
    key: str | None = None
    """What makes it the same label if it comes twice; None where nothing but its content does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Who did what. Chained by hashes like the incidents, over the whole store."""

    row: int
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]
    at_ns: int
    prev_hash: str | None
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """The latest that is known of a node."""

    site: str
    node: str
    state: NodeCondition
    utc_ns: int
    """When it was last heard of, the centre's time."""
    position: Position | None = None
    clock_source: str | None = None
    clock_sigma_ns: int | None = None
    noise_db_spl: float | None = None
    noise_dbfs: float | None = None
    problems: tuple[str, ...] = ()
    quarantine_reason: str = ""
    software: str | None = None
    boot_id: str | None = None
    """The run of its daemon, as its status says."""
    health: Mapping[str, Any] = field(default_factory=dict)
    """Its latest health message."""

    @property
    def key(self) -> str:
        """``site/node``."""
        return f"{self.site}/{self.node}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSample:
    """One reading of a node's history."""

    site: str
    node: str
    utc_ns: int
    kind: str
    """``health``, ``status``, ``gap``, ``residual``, ..."""
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody who may log in."""

    name: str
    role: str
    password_hash: str
    disabled: bool = False
    created_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A notification that is owed to a channel, or how it ended."""

    delivery_id: int
    channel: str
    incident_id: str
    version: int
    due_ns: int
    attempts: int
    state: DeliveryState
    reason: str
    created_ns: int
    settled_ns: int | None
