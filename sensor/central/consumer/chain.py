"""A node's chain: each candidate that is signed names the hash of the one before it.

The hash is the SHA-256, in hexadecimal, of the candidate's canonical JSON (`sensor.central.incidents.chain`)
without ``signature``; that same text is what the node signs. A link can be checked only while both its ends
are here; messages may come in any order, so it is looked for on both sides.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sensor.central.incidents.chain import canonical
from sensor.central.store.values import ArrivalRow

_SEALED = re.compile(r'"(?:prev_hash|signature)"\s*:\s*"')
"""What a candidate has that is linked or signed: the others need not be read again."""


class Record(Protocol):
    """What is needed of the store."""

    def event_with(self, site: str, node: str, chain_id: str, seq: int) -> str | None:
        """``event_id`` that holds a number of a chain."""
        ...

    def arrival_bodies(self, event_ids: Sequence[str]) -> dict[str, str]:
        """Messages as they came."""
        ...


class Beside:
    """What is held of the nodes' chains: the record, and the batch that is about to be stored in it."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._numbers: dict[tuple[str, str, str, int], str] = {}
        self._bodies: dict[str, str] = {}

    def add(self, row: ArrivalRow) -> None:
        """Count a candidate of the batch in."""
        self._bodies[row.arrival.event_id] = row.body
        if row.chain_id is not None and row.seq is not None:
            self._numbers[row.arrival.site, row.arrival.node, row.chain_id, row.seq] = row.arrival.event_id

    def batched(self, event_id: str) -> str | None:
        """The candidate of this id as the batch holds it."""
        return self._bodies.get(event_id)

    def holder(self, row: ArrivalRow, seq: int) -> str | None:
        """``event_id`` that holds a number of the chain of ``row``; None when there is none."""
        if row.chain_id is None or seq < 1:
            return None
        key = (row.arrival.site, row.arrival.node, row.chain_id, seq)
        return self._numbers.get(key) or self._record.event_with(*key)

    def body(self, row: ArrivalRow, seq: int) -> dict[str, Any] | None:
        """The candidate that holds a number of the chain of ``row``."""
        event_id = self.holder(row, seq)
        if event_id is None:
            return None
        text = self._bodies.get(event_id) or self._record.arrival_bodies([event_id]).get(event_id)
        return None if text is None else json.loads(text)


def signed_text(body: Mapping[str, Any]) -> bytes:
    """What a node signs and hashes of its candidate."""
    return canonical({name: value for name, value in body.items() if name != "signature"})


def hash_of(body: Mapping[str, Any]) -> str:
    """What the next candidate of the chain names as ``prev_hash``."""
    return hashlib.sha256(signed_text(body)).hexdigest()


def broken_link(beside: Beside, row: ArrivalRow) -> str:
    """What does not fit between a candidate and its neighbours, in words; empty when all does."""
    if row.seq is None or row.chain_id is None or not _SEALED.search(row.body):
        return ""
    body = json.loads(row.body)
    if body.get("prev_hash") is not None:
        before = beside.body(row, row.seq - 1)
        if before is not None and hash_of(before) != body["prev_hash"]:
            return f"number {row.seq} does not follow number {row.seq - 1} that is here"
    if body.get("signature") is not None:
        after = beside.body(row, row.seq + 1)
        if after is not None and after.get("prev_hash") not in (None, hash_of(body)):
            return f"number {row.seq + 1} that is here does not follow this number {row.seq}"
    return ""
