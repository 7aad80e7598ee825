"""One incident with all that is known of it, in one file that outsiders can check."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import Any

from sensor.central.incidents.chain import Signer, canonical, incident_json
from sensor.central.record.verify import SCHEMA
from sensor.central.store import Store
from sensor.errors import CentralError

_AUDIT_MAX = 100_000


def export_incident(
    store: Store,
    incident_id: str,
    *,
    signer: Signer | None,
    exported_by: str,
    now_ns: int,
    candidates: bool = True,
) -> bytes:
    """Canonical JSON: every version, what was said of it, who was told when, who looked, and its candidates.

    Args:
        store: the record.
        incident_id: which incident.
        signer: the centre's key; None leaves the export unsigned.
        exported_by: who asked for it.
        now_ns: when, UTC.
        candidates: whether the nodes' messages go along; they tell where microphones are.

    Raises:
        CentralError: there is no such incident.
        StoreError: the record cannot be read.
    """
    versions = store.versions(incident_id)
    if not versions:
        raise CentralError(
            f"there is no incident {incident_id}; ids stand in the alerts.csv of `gunshot-central report` "
            "and in what Export CSV of the page History saves"
        )
    events = sorted({event for version in versions for event in version.event_ids})
    bundle: dict[str, Any] = {
        "schema": SCHEMA,
        "incident_id": incident_id,
        "exported_ns": now_ns,
        "exported_by": exported_by,
        "versions": [incident_json(version) for version in versions],
        "labels": [asdict(label) for label in store.labels(incident_id)],
        "deliveries": [asdict(item) for item in reversed(store.deliveries(incident_id=incident_id))],
        "audit": [
            {**asdict(entry), "detail": dict(entry.detail)}
            for entry in reversed(store.audit_log(subject=incident_id, limit=_AUDIT_MAX))
        ],
        "candidates": store.arrival_bodies(events) if candidates else {},
    }
    content = canonical(bundle)
    seals = {
        "hash": hashlib.sha256(content).hexdigest(),
        "signature": None if signer is None else signer.sign(content),
    }
    return canonical({**bundle, **seals}) + b"\n"
