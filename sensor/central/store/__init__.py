"""The centre's record: arrivals, incident versions, labels, audit, nodes, users, deliveries."""

from sensor.central.store.opening import open_store
from sensor.central.store.protocol import Store
from sensor.central.store.values import (
    ArrivalRow,
    AuditEntry,
    Delivery,
    Label,
    NodeSample,
    NodeState,
    User,
    VersionConflict,
)

__all__ = [
    "ArrivalRow",
    "AuditEntry",
    "Delivery",
    "Label",
    "NodeSample",
    "NodeState",
    "Store",
    "User",
    "VersionConflict",
    "open_store",
]
