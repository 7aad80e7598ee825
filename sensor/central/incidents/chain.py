"""The record's form: one canonical JSON object per incident version, hashed, chained and signed.

Canonical means: keys sorted, no spaces, UTF-8 without escapes, integers exact, other numbers in the
shortest form that reads back to the same double. ``body`` is what is hashed and signed; ``incident_json``
is the same object with ``hash`` and ``signature`` added, so whoever holds a message can check it: take
those two keys away, write it canonically, hash it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Protocol, get_args

from sensor.central.types import (
    Alternative,
    Confidence,
    Ellipse,
    IncidentClass,
    IncidentVersion,
    Place,
    RoundTime,
    State,
    Tag,
)
from sensor.errors import ChainError

SCHEMA = "gunshot.incident.v1"
SEALS = ("hash", "signature")
"""Keys of the message that are about its body and so not in it."""


class Signer(Protocol):
    """Signs on behalf of the centre."""

    def sign(self, data: bytes) -> str:
        """Signature of ``data`` as text that names its kind and key."""
        ...


class Verifier(Protocol):
    """Knows the centre's public keys."""

    def verify(self, data: bytes, signature: str) -> None:
        """Raise ChainError unless ``signature`` is the centre's over ``data``."""
        ...


def canonical(value: object) -> bytes:
    """``value`` as canonical JSON; raise ChainError at what JSON cannot carry."""
    try:
        text = json.dumps(
            value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain
        )
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ChainError(f"cannot be written to the record: {error}") from error


def _plain(value: object) -> object:
    """What ``json`` does not know: mappings that are not dict, numpy's scalars and arrays, sets."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, frozenset | set):
        return sorted(value)
    for name in ("tolist", "item"):
        convert = getattr(value, name, None)
        if callable(convert):
            return convert()
    raise TypeError(f"{type(value).__name__} is no JSON value")


def body(version: IncidentVersion) -> dict[str, Any]:
    """``version`` as the object that is hashed and signed: everything but its hash and signature."""
    place, ellipse = version.place, version.ellipse_95
    return {
        "schema": SCHEMA,
        "incident_id": version.incident_id,
        "version": version.version,
        "state": version.state,
        "site": version.site,
        "utc_ns": version.utc_ns,
        "position": None if place is None else asdict(place),
        "ellipse_95": None if ellipse is None else asdict(ellipse),
        "rounds": [asdict(item) for item in version.rounds],
        "rounds_lo": version.rounds_lo,
        "rounds_hi": version.rounds_hi,
        "p_gunshot": version.p_gunshot,
        "class": version.incident_class,
        "confidence": version.confidence,
        "nodes": list(version.nodes),
        "residuals_ms": dict(version.residuals_ms),
        "event_ids": list(version.event_ids),
        "tags": [{"name": tag.name, "evidence": dict(tag.evidence)} for tag in version.tags],
        "alternatives": [_alternative(item) for item in version.alternatives],
        "related_to": list(version.related_to),
        "card": dict(version.card),
        "author": version.author,
        "reason": version.reason,
        "created_ns": version.created_ns,
        "exercise": version.exercise,
        "prev_hash": version.prev_hash,
    }


def _alternative(item: Alternative) -> dict[str, Any]:
    return {"position": asdict(item.place), "ellipse_95": asdict(item.ellipse_95), "odds": item.odds}


def incident_json(version: IncidentVersion) -> dict[str, Any]:
    """``version`` as every reader gets it: replay, MQTT, web, CAD, export."""
    return {**body(version), "hash": version.hash, "signature": version.signature}


def hash_of(version: IncidentVersion) -> str:
    """SHA-256 of the canonical body, hexadecimal."""
    return hashlib.sha256(canonical(body(version))).hexdigest()


def seal(version: IncidentVersion, signer: Signer | None) -> IncidentVersion:
    """``version`` with its hash, and with a signature where there is a key."""
    data = canonical(body(version))
    return replace(
        version,
        hash=hashlib.sha256(data).hexdigest(),
        signature=None if signer is None else signer.sign(data),
    )


def verify_version(version: IncidentVersion, verifier: Verifier | None = None) -> None:
    """Raise ChainError unless hash and, where ``verifier`` is given, signature are those of the body."""
    name = f"incident {version.incident_id} version {version.version}"
    data = canonical(body(version))
    if version.hash != hashlib.sha256(data).hexdigest():
        raise ChainError(f"{name}: its hash is not that of its content; it was changed after it was written")
    if verifier is None:
        return
    if version.signature is None:
        raise ChainError(f"{name}: carries no signature")
    try:
        verifier.verify(data, version.signature)
    except ChainError as error:
        raise ChainError(f"{name}: {error}") from error


def verify_chain(versions: Sequence[IncidentVersion], verifier: Verifier | None = None) -> None:
    """Raise ChainError unless ``versions`` are 1, 2, 3, ... of one incident, each naming the last."""
    previous: IncidentVersion | None = None
    for version in versions:
        expected = 1 if previous is None else previous.version + 1
        name = f"incident {version.incident_id} version {version.version}"
        if previous is not None and version.incident_id != previous.incident_id:
            raise ChainError(f"{name}: follows incident {previous.incident_id}")
        if version.version != expected:
            raise ChainError(f"{name}: version {expected} is missing")
        if version.prev_hash != (None if previous is None else previous.hash):
            raise ChainError(f"{name}: does not follow version {expected - 1} that is here")
        verify_version(version, verifier)
        previous = version


def version_from(message: Mapping[str, Any]) -> IncidentVersion:
    """Read back what `incident_json` wrote; raise ChainError when it is none."""
    try:
        if message["schema"] != SCHEMA:
            raise ChainError(f"schema is {message['schema']!r}, not {SCHEMA}")
        position, ellipse = message["position"], message["ellipse_95"]
        return IncidentVersion(
            incident_id=message["incident_id"],
            version=message["version"],
            state=_one_of(message["state"], State),
            site=message["site"],
            utc_ns=message["utc_ns"],
            place=None if position is None else Place(**position),
            ellipse_95=None if ellipse is None else Ellipse(**ellipse),
            rounds=tuple(RoundTime(**item) for item in message["rounds"]),
            rounds_lo=message["rounds_lo"],
            rounds_hi=message["rounds_hi"],
            p_gunshot=message["p_gunshot"],
            incident_class=_one_of(message["class"], IncidentClass),
            nodes=tuple(message["nodes"]),
            residuals_ms=message["residuals_ms"],
            event_ids=tuple(message["event_ids"]),
            tags=tuple(Tag(name=tag["name"], evidence=tag["evidence"]) for tag in message["tags"]),
            confidence=_one_of(message["confidence"], Confidence),
            alternatives=tuple(_alternative_from(item) for item in message["alternatives"]),
            related_to=tuple(message["related_to"]),
            card=message["card"],
            author=message["author"],
            reason=message["reason"],
            created_ns=message["created_ns"],
            exercise=message["exercise"],
            prev_hash=message["prev_hash"],
            hash=message.get("hash"),
            signature=message.get("signature"),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ChainError(f"not an incident version: {error}") from error


def _alternative_from(item: Mapping[str, Any]) -> Alternative:
    return Alternative(
        place=Place(**item["position"]), ellipse_95=Ellipse(**item["ellipse_95"]), odds=item["odds"]
    )


def _one_of(value: Any, literal: Any) -> Any:  # noqa: ANN401  a Literal is no type that can be named
    if value not in get_args(literal):
        raise ChainError(f"{value!r} is none of {', '.join(get_args(literal))}")
    return value
