"""Checks an exported incident with nothing but its file and the centre's public keys.

This module reads no database and no configuration. What it proves: every byte of the file is as the centre
sealed it; the versions are 1, 2, 3, ... without a gap, each naming the hash of the one before; each carries
the hash of its own content and the centre's signature over it. What it cannot prove: that the centre did not
leave out the latest version. Whoever got the incident by MQTT, webhook or CAP holds the hash of what they
got, and can compare.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sensor.central.incidents.chain import SEALS, Verifier, canonical
from sensor.errors import ChainError

SCHEMA = "gunshot.export.v1"
FILE_MAX = 500_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was found to hold."""

    incident_id: str
    versions: int
    last_hash: str
    signed: bool
    """Signatures were checked against keys; False = only that the file agrees with itself."""
    candidates: int
    """Candidates whose messages are in the file."""
    missing: tuple[str, ...]
    """Candidates that the incident rests on and that are not in the file."""


def verify_export(data: bytes, keys: Verifier | None) -> Proof:
    """Check an export, byte for byte.

    Args:
        data: the file.
        keys: the centre's public keys; None checks hashes only, which a forger can make anew.

    Raises:
        ChainError: the first thing that does not hold, in words.
    """
    bundle = _read(data)
    seals = {name: bundle.pop(name, None) for name in SEALS}
    content = canonical(bundle)
    digest = hashlib.sha256(content).hexdigest()
    if seals["hash"] != digest:
        raise ChainError("the export's hash is not that of its content: something in the file was changed")
    _check_signature(content, seals["signature"], keys, "the export")
    versions = bundle.get("versions")
    if not isinstance(versions, list) or not versions:
        raise ChainError("the export holds no versions")
    before: str | None = None
    for number, message in enumerate(versions, 1):
        before = _check_version(message, number, before, bundle.get("incident_id"), keys)
    missing = _check_candidates(bundle, versions)
    return Proof(
        incident_id=str(bundle["incident_id"]),
        versions=len(versions),
        last_hash=str(before),
        signed=keys is not None,
        candidates=len(bundle.get("candidates") or {}),
        missing=missing,
    )


def _read(data: bytes) -> dict[str, Any]:
    if len(data) > FILE_MAX:
        raise ChainError(f"the file has {len(data)} bytes; no export has more than {FILE_MAX}")
    try:
        bundle = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ChainError(f"the file is not JSON any more: {error}") from error
    if not isinstance(bundle, dict) or bundle.get("schema") != SCHEMA:
        raise ChainError(f"the file is no export of an incident ({SCHEMA})")
    # One way of writing only: a space more or less, or a key given twice, is a change as well.
    if canonical(bundle) + b"\n" != data:
        raise ChainError("the file is not written as exports are: it was edited or reformatted")
    return bundle


def _check_version(
    message: object, number: int, before: str | None, incident_id: object, keys: Verifier | None
) -> str:
    name = f"version {number}"
    if not isinstance(message, dict):
        raise ChainError(f"{name}: is no object")
    if message.get("incident_id") != incident_id:
        raise ChainError(f"{name}: belongs to incident {message.get('incident_id')}")
    if message.get("version") != number:
        raise ChainError(f"{name}: is missing; version {message.get('version')} stands in its place")
    if message.get("prev_hash") != before:
        raise ChainError(f"{name}: does not follow the version before it")
    content = canonical({key: value for key, value in message.items() if key not in SEALS})
    digest = hashlib.sha256(content).hexdigest()
    if message.get("hash") != digest:
        raise ChainError(f"{name}: its hash is not that of its content; it was changed after it was written")
    _check_signature(content, message.get("signature"), keys, name)
    return digest


def _check_signature(content: bytes, signature: object, keys: Verifier | None, name: str) -> None:
    if keys is None:
        return
    if not isinstance(signature, str):
        raise ChainError(f"{name}: carries no signature; the centre has no key, or it was taken off")
    try:
        keys.verify(content, signature)
    except ChainError as error:
        raise ChainError(f"{name}: {error}") from error


def _check_candidates(bundle: Mapping[str, Any], versions: list[dict[str, Any]]) -> tuple[str, ...]:
    """Candidates in the file are the ones that the versions name; return those that are not here."""
    named = {event for message in versions for event in message.get("event_ids", [])}
    held = bundle.get("candidates") or {}
    if not isinstance(held, dict):
        raise ChainError("candidates: is no object")
    for event_id, text in held.items():
        try:
            told = json.loads(text)["event_id"]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ChainError(f"candidate {event_id}: is no message of a node") from error
        if told != event_id or event_id not in named:
            raise ChainError(f"candidate {event_id}: is not one that the incident rests on")
    return tuple(sorted(named - set(held)))
