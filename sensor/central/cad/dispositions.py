"""What came of an incident, as dispatch centres tell it: read, and kept as labels beside the record.

Two ways lead here, a signed POST and a file, in two forms: a plain JSON object, or an
EIDO whose ``dispositionComponent`` says it. A label never changes an incident: it is ground truth beside it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sensor.central.cad.eido import incident_id_of
from sensor.central.cad.settings import DispositionSettings
from sensor.central.incidents.chain import canonical
from sensor.central.store import Store
from sensor.errors import WireError

Verdict = Literal["confirmed", "false", "unknown"]
VERDICTS: tuple[Verdict, ...] = ("confirmed", "false", "unknown")
CAD_NUMBER = "cad_number"
DISPATCHED, ON_SCENE = "dispatched", "on_scene"
"""Labels whose ``at_ns`` is when units were sent, and when they arrived."""
MISSED = "missed"
"""Label of a shooting that the sensors did not report; its incident is ``missed/...``."""
TEXT_MAX = 2000
BODY_MAX = 1_000_000
_YEAR_2200_NS = 7_258_118_400 * 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposition:
    """One statement about one incident."""

    incident_id: str
    """Ours; empty where only ``number`` is known."""
    number: str
    """The dispatch centre's own number; empty where not told."""
    label: str
    """``confirmed``, ``false``, ``unknown``, ``dispatched``, ``on_scene`` or ``missed``."""
    text: str
    at_ns: int | None
    """When it was decided, or happened; None where not told."""
    key: str
    """What makes it the same statement if it comes twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was done with one statement."""

    incident_id: str
    label: str
    result: Literal["recorded", "duplicate", "unknown_incident"]
    words: str


def parse(body: bytes, settings: DispositionSettings) -> list[Disposition]:
    """Read every statement of a message.

    Raises:
        WireError: it is no such message; what is wrong and where.
    """
    if len(body) > BODY_MAX:
        raise WireError(f"a disposition has at most {BODY_MAX} bytes, this has {len(body)}")
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise WireError(f"not JSON: {error}") from error
    if isinstance(message, dict) and "eidoVersion" in message:
        return _from_eido(message, settings)
    items = message if isinstance(message, list) else [message]
    found: list[Disposition] = []
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            raise WireError(f"[{index}]: a disposition is a JSON object, this is a {type(item).__name__}")
        found += _from_plain(item, settings, f"[{index}]" if isinstance(message, list) else "disposition")
    return found


def accept(
    store: Store, dispositions: Sequence[Disposition], *, source: str, author: str, now_ns: int
) -> list[Outcome]:
    """Keep statements as labels; what came before is told and not kept twice.

    Raises:
        StoreError: the record cannot be written; what was not answered can be sent again.
    """
    return [_accept(store, item, source, author, now_ns) for item in dispositions]


def _accept(store: Store, item: Disposition, source: str, author: str, now_ns: int) -> Outcome:
    """Label the incident that is meant; where there is none, the audit keeps what was refused."""
    incident_id = _known(store, item, source)
    if incident_id is None:
        named = item.incident_id or f"number {item.number}"
        store.audit(
            actor=author,
            action="disposition_refused",
            subject=named[:200],
            detail={"source": source, "label": item.label, "reason": "unknown incident"},
            at_ns=now_ns,
        )
        return Outcome(
            incident_id=item.incident_id,
            label=item.label,
            result="unknown_incident",
            words=f"there is no incident {named}; check the number, or send it as missed with time and place",
        )
    at_ns = now_ns if item.at_ns is None else item.at_ns
    fresh = store.add_label(
        incident_id,
        source=source,
        label=item.label,
        reason=item.text,
        author=author,
        at_ns=at_ns,
        key=f"{source}/{item.key}",
    )
    if fresh and item.number:
        store.add_label(
            incident_id,
            source=source,
            label=CAD_NUMBER,
            reason=item.number,
            author=author,
            at_ns=at_ns,
            key=f"{source}/number/{item.number}",
        )
    words = "kept as a label of the incident" if fresh else "this statement was received before"
    result: Literal["recorded", "duplicate"] = "recorded" if fresh else "duplicate"
    return Outcome(incident_id=incident_id, label=item.label, result=result, words=words)


def _known(store: Store, item: Disposition, source: str) -> str | None:
    """Our incident that is meant: by our id, else by the dispatch centre's number.

    Two dispatch centres may give the same number: the sender's own counts first, then the latest.
    """
    if item.label == MISSED:
        return item.incident_id
    if item.incident_id and store.latest_of(item.incident_id) is not None:
        return item.incident_id
    if item.number:
        numbered = store.labels(label=CAD_NUMBER, reason=item.number)
        own = [label for label in numbered if label.source == source]
        if numbered:
            return (own or numbered)[-1].incident_id
    return None


def _from_eido(message: Mapping[str, Any], settings: DispositionSettings) -> list[Disposition]:
    incident = message.get("incidentComponent")
    if not isinstance(incident, dict):
        raise WireError("incidentComponent: missing; it holds the dispositionComponent")
    components = incident.get("dispositionComponent")
    if not isinstance(components, list) or not components:
        raise WireError("incidentComponent.dispositionComponent: missing or empty; nothing is said")
    return [
        _from_component(message, incident, component, settings, index)
        for index, component in enumerate(components)
    ]


def _from_component(
    message: Mapping[str, Any],
    incident: Mapping[str, Any],
    component: object,
    settings: DispositionSettings,
    index: int,
) -> Disposition:
    path = f"incidentComponent.dispositionComponent[{index}]"
    if not isinstance(component, dict):
        raise WireError(f"{path}: is no object")
    code = _text(component, "dispositionCommonRegistryCode", path, required=True)
    words = _text(component, "dispositionDescriptionText", path)
    return Disposition(
        incident_id=incident_id_of(_text(message, "$id", "EIDO", required=True)),
        number=_text(incident, "internalIncidentId", "incidentComponent"),
        label=_verdict(code, settings),
        text=f"{code}: {words}" if words else code,
        at_ns=_time_ns(component.get("lastUpdateTimeStamp"), f"{path}.lastUpdateTimeStamp"),
        key=_key(message["$id"], _text(component, "$id", path), code, words),
    )


def _from_plain(item: Mapping[str, Any], settings: DispositionSettings, path: str) -> list[Disposition]:
    incident_id = incident_id_of(_text(item, "incident_id", path))
    number = _text(item, "number", path)
    said: list[tuple[str, str, int | None]] = []
    code = _text(item, "disposition", path)
    words = _text(item, "text", path)
    if code:
        text = f"{code}: {words}" if words else code
        said.append((_verdict(code, settings), text, _time_ns(item.get("at"), f"{path}.at")))
    said += [
        (label, words, _time_ns(item[label], f"{path}.{label}"))
        for label in (DISPATCHED, ON_SCENE)
        if item.get(label) is not None
    ]
    if item.get(MISSED) is not None:
        return [_missed(item[MISSED], number, words, f"{path}.{MISSED}")]
    if not incident_id and not number:
        raise WireError(f"{path}: names no incident; give incident_id, or number")
    if not said:
        raise WireError(f"{path}: says nothing; give disposition, dispatched, on_scene or missed")
    given = _text(item, "id", path)
    return [
        Disposition(
            incident_id=incident_id,
            number=number,
            label=label,
            text=text,
            at_ns=at_ns,
            key=_key(incident_id or number, label, given or text, None if given else at_ns),
        )
        for label, text, at_ns in said
    ]


def _missed(said: object, number: str, words: str, path: str) -> Disposition:
    """A shooting that the sensors did not report: time and place make it what it is."""
    if not isinstance(said, dict):
        raise WireError(f"{path}: is an object with at, lat_deg and lon_deg")
    at_ns = _time_ns(said.get("at"), f"{path}.at")
    if at_ns is None:
        raise WireError(f"{path}.at: missing; when was it?")
    place = {name: _number(said.get(name), f"{path}.{name}") for name in ("lat_deg", "lon_deg")}
    if abs(place["lat_deg"]) > 90.0 or abs(place["lon_deg"]) > 180.0:
        raise WireError(f"{path}: {place['lat_deg']}, {place['lon_deg']} is no place on the earth")
    key = _key(number, at_ns, place)
    text = json.dumps({**place, "number": number, "text": words}, ensure_ascii=False, sort_keys=True)
    return Disposition(
        incident_id=f"{MISSED}/{key[:16]}", number="", label=MISSED, text=text, at_ns=at_ns, key=key
    )


def _verdict(code: str, settings: DispositionSettings) -> Verdict:
    """What a code of the agency says; one that nobody explained says that nothing is known."""
    said = {name.casefold(): verdict for name, verdict in settings.codes.items()}.get(code.casefold())
    return next((verdict for verdict in VERDICTS if verdict == said), "unknown")


def _text(item: Mapping[str, Any], name: str, path: str, *, required: bool = False) -> str:
    value = item.get(name)
    if value is None and not required:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or (required and not value.strip()):
        raise WireError(f"{path}.{name}: {'missing' if value in (None, '') else 'is no text'}")
    # Neither half characters nor control codes: they would break the record, or the terminal that shows them.
    return "".join(c if c.isprintable() else " " for c in value).strip()[:TEXT_MAX]


def _number(value: object, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WireError(f"{path}: is no number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise WireError(f"{path}: is no number")
    return number


def _time_ns(value: object, path: str) -> int | None:
    """Nanoseconds since 1970, or RFC 3339 with its offset; None where nothing is told."""
    if value is None:
        return None
    at_ns = None
    if isinstance(value, int) and not isinstance(value, bool):
        at_ns = value
    elif isinstance(value, str):
        at_ns = _from_iso(value, path)
    if at_ns is None or not 0 <= at_ns < _YEAR_2200_NS:
        raise WireError(
            f"{path}: {value!r} is no time; write 2026-11-23T08:45:00Z, or nanoseconds since 1970"
        )
    return at_ns


def _from_iso(text: str, path: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        raise WireError(f"{path}: {text!r} has no offset from UTC; append Z or +hh:mm")
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000


def _key(*parts: object) -> str:
    return hashlib.sha256(canonical(list(parts))).hexdigest()
