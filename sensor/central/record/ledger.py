"""The whole record: every version of every incident in one chain, and the anchor that pins it down.

An **anchor** is how many versions there were and the running hash over them, ``1234:<64 hex digits>``. Each
monthly report prints it. Whoever keeps one can prove later that nothing before it was changed, put in or left
out, even by somebody who holds the centre's key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sensor.central.incidents.chain import Verifier
from sensor.central.store import Store
from sensor.central.store.versions import ledger_hash
from sensor.errors import CentralError, ChainError

_ANCHOR = re.compile(r"(\d{1,12}):([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Anchor:
    """The record up to one moment."""

    versions: int
    hash: str

    def __str__(self) -> str:
        """As reports print it."""
        return f"{self.versions}:{self.hash}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordProof:
    """What was found to hold."""

    versions: int
    incidents: int
    labels: int
    audit_entries: int
    anchor: Anchor
    """Of the record as it stands."""
    signed: bool
    """Signatures were checked against keys."""
    anchors: int
    """Former anchors that still hold."""


def read_anchor(text: str) -> Anchor:
    """Read ``1234:<64 hex digits>``; raise CentralError when it is none."""
    found = _ANCHOR.fullmatch(text.strip())
    if found is None:
        raise CentralError(
            f"{text[:100]!r} is no anchor; a report prints it as a number, a colon and 64 hex digits"
        )
    return Anchor(int(found[1]), found[2])


def verify_record(store: Store, keys: Verifier | None = None, anchors: Sequence[Anchor] = ()) -> RecordProof:
    """Walk everything.

    Args:
        store: the record.
        keys: the centre's public keys, present and former; None checks hashes only.
        anchors: of former reports.

    Raises:
        ChainError: the first thing that does not hold, in words.
        StoreError: the record cannot be read.
    """
    sought = {anchor.versions: anchor for anchor in anchors}
    for anchor in anchors:
        if sought[anchor.versions] != anchor:
            raise ChainError(f"two anchors after {anchor.versions} versions differ: one of them is forged")
    running, count, incidents = "", 0, set[str]()
    for place, text in store.all_bodies():
        body = json.loads(text)
        running, count = ledger_hash(running, str(body.get("hash"))), count + 1
        incidents.add(str(body.get("incident_id")))
        known = sought.pop(place, None)
        if known is not None and known.hash != running:
            raise ChainError(f"anchor {known}: the record was rewritten at or before version {place}")
    # Written by nobody in between: what is walked second may be longer, never shorter.
    if store.verify_ledger(keys) < count:
        raise ChainError("the record became shorter while it was read")
    for anchor in sought.values():
        if anchor.versions > count:
            raise ChainError(f"anchor {anchor}: only {count} versions are left; the end was cut off")
    labels = store.verify_labels()
    return RecordProof(
        versions=count,
        incidents=len(incidents),
        labels=labels,
        audit_entries=store.verify_audit(),
        anchor=Anchor(count, running),
        signed=keys is not None,
        anchors=len(anchors),
    )
