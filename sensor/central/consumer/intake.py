"""Judges what comes off the wire. No I/O: it is told the time and what is known of the nodes."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sensor import events
from sensor.central.arrivals import MAX_NAME, read_arrival
from sensor.central.consumer.chain import signed_text
from sensor.central.consumer.message import read_message
from sensor.central.consumer.refusals import Counts, Refusal
from sensor.central.frame import Frame
from sensor.central.incidents.chain import Verifier
from sensor.central.settings import IntakeSettings
from sensor.central.store.values import ArrivalRow
from sensor.central.types import Arrival, Place
from sensor.errors import ChainError, WireError
from sensor.events import Position

logger = logging.getLogger(__name__)
Kind = Literal["health", "status"]
SCHEMAS = {"health": "gunshot.health.v1", "status": "gunshot.status.v1"}
CHAINS_KEPT = 4
ALTERNATIONS = 3
"""So often a node may go back to a chain it had left: a backup put back does it once."""


class Refused(WireError):  # noqa: N818  named for what happened
    """A message that is not taken."""

    def __init__(self, reason: Refusal, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What a node says of itself."""

    kind: Kind
    site: str
    node: str
    body: Mapping[str, Any]
    retained: bool


@dataclass(slots=True)
class _Speaker:
    """What is known of one node."""

    registered: Position | None = None
    tokens: float = 0.0
    filled_ns: int = 0
    chains: list[str] = field(default_factory=list)
    """Chains it used, the latest last."""
    alternations: int = 0


class Intake:
    """Turns messages into rows for the record, or refuses them in words.

    Args:
        settings: what is believed.
        verifier_of: the public keys of a node, by site and node; None where there are none.
    """

    def __init__(
        self, settings: IntakeSettings, *, verifier_of: Callable[[str, str], Verifier | None] | None = None
    ) -> None:
        self._settings = settings
        self._known = frozenset(settings.known_nodes)
        self._verifier_of = verifier_of
        self._speakers: dict[str, _Speaker] = {}
        self.refused: Counts = Counts()
        self.taken = 0

    def read(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> ArrivalRow | Note:
        """What a message says; raise Refused, counted, if it is not to be believed."""
        try:
            found = self._read(topic, payload, retained=retained, now_ns=now_ns)
        except Refused as refused:
            self.refused[refused.reason] += 1
            raise
        except Exception as error:
            # One message that nobody foresaw must not come again for ever: it is refused like any other.
            logger.exception("%s: cannot be read", topic[:200])
            self.refused[Refusal.UNEXPECTED] += 1
            raise Refused(Refusal.UNEXPECTED, f"{topic[:200]}: {error!r}") from error
        self.taken += isinstance(found, ArrivalRow)
        return found

    def register(self, site: str, node: str, position: Position | None) -> None:
        """Remember where a node announced itself."""
        if position is not None:
            self._speaker(f"{site}/{node}").registered = position

    def take_doubts(self) -> list[str]:
        """Nodes whose numbering went back and forth between chains since the last call: two machines."""
        found = [key for key, speaker in self._speakers.items() if speaker.alternations >= ALTERNATIONS]
        for key in found:
            self._speakers[key].alternations = 0
        return found

    def _read(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> ArrivalRow | Note:
        """What is doubted, in this order: name, form, topic, time, place, signature, rate."""
        site, node, kind = _parts(topic)
        if self._known and f"{site}/{node}" not in self._known:
            raise Refused(Refusal.UNKNOWN_NODE, f"{topic}: intake.known_nodes does not name {site}/{node}")
        self._check_name(topic, f"{site}/{node}")
        try:
            text, body = read_message(payload)
        except WireError as error:
            raise Refused(Refusal.MALFORMED, f"{topic}: {error}") from error
        if kind != "candidate":
            return self._note(topic, site, node, kind, body, retained=retained)
        if body.get("schema", events.Candidate.SCHEMA) != events.Candidate.SCHEMA:
            raise Refused(Refusal.OTHER_SCHEMA, f"{topic}: schema {body.get('schema')!r} is left alone")
        if (body.get("site", site), body.get("node", node)) != (site, node):
            raise Refused(
                Refusal.FORGED_TOPIC,
                f"{topic}: says it is of {body.get('site')}/{body.get('node')}; "
                "check the broker's access rules",
            )
        try:
            arrival = read_arrival({"site": site, "node": node, **body}, site=site, node=node)
        except WireError as error:
            raise Refused(Refusal.MALFORMED, f"{topic}: {error}") from error
        self._check_time(topic, arrival, now_ns)
        self._check_place(topic, arrival)
        self._check_signature(topic, site, node, body)
        self._check_rate(topic, arrival.key, now_ns)
        seq, chain_id = _numbering(body)
        self._watch_chain(arrival.key, chain_id)
        return ArrivalRow(arrival, text, seq, chain_id)

    def _note(
        self, topic: str, site: str, node: str, kind: str, body: Mapping[str, Any], *, retained: bool
    ) -> Note:
        if kind not in SCHEMAS or body.get("schema") != SCHEMAS[kind]:
            raise Refused(Refusal.OTHER_SCHEMA, f"{topic}: schema {body.get('schema')!r} is left alone")
        if (body.get("site", site), body.get("node", node)) != (site, node):
            raise Refused(Refusal.FORGED_TOPIC, f"{topic}: says it is of another node")
        if kind == "status" and isinstance(body.get("position"), Mapping):
            self.register(site, node, _position_of(body))
        return Note(kind=kind, site=site, node=node, body=body, retained=retained)  # type: ignore[arg-type]  # a key of SCHEMAS

    def _check_name(self, topic: str, key: str) -> None:
        """Room for one more node: names cost memory, and whoever may publish can invent them."""
        if key not in self._speakers and len(self._speakers) >= self._settings.nodes_max:
            raise Refused(
                Refusal.TOO_MANY_NODES,
                f"{topic}: {self._settings.nodes_max} nodes have spoken already (intake.nodes_max)",
            )

    def _check_time(self, topic: str, arrival: Arrival, now_ns: int) -> None:
        ahead_s = (arrival.utc_ns - now_ns) / 1e9
        if ahead_s > self._settings.future_max_s:
            raise Refused(Refusal.FUTURE, f"{topic}: dated {ahead_s:.0f} s ahead; check the node's clock")
        if -ahead_s > self._settings.age_max_days * 86400.0:
            days = -ahead_s / 86400.0
            raise Refused(Refusal.TOO_OLD, f"{topic}: {days:.0f} days old; a recording, or a wrong clock")

    def _check_place(self, topic: str, arrival: Arrival) -> None:
        at = arrival.position
        if abs(at.lat_deg) < 1e-3 and abs(at.lon_deg) < 1e-3:
            raise Refused(Refusal.NOWHERE, f"{topic}: 0, 0 is no place; check the node's position")
        registered = self._speaker(arrival.key).registered
        if registered is None:
            return
        frame = Frame(Place(lat_deg=at.lat_deg, lon_deg=at.lon_deg, height_m=at.height_m))
        east, north, _ = frame.enu(registered)
        moved_m = math.hypot(east, north)
        if moved_m > self._settings.moved_max_m:
            raise Refused(
                Refusal.MOVED,
                f"{topic}: {moved_m:.0f} m from where the node announced itself; check its position",
            )

    def _check_signature(self, topic: str, site: str, node: str, body: Mapping[str, Any]) -> None:
        signature = body.get("signature")
        if signature is None:
            if self._settings.unsigned == "refuse":
                raise Refused(Refusal.UNSIGNED, f"{topic}: carries no signature")
            return
        verifier = None if self._verifier_of is None else self._verifier_of(site, node)
        if verifier is None:
            if self._settings.unsigned == "refuse":
                raise Refused(Refusal.BAD_SIGNATURE, f"{topic}: no public key is known for this node")
            return
        try:
            verifier.verify(signed_text(body), str(signature))
        except ChainError as error:
            raise Refused(Refusal.BAD_SIGNATURE, f"{topic}: {error}") from error

    def _check_rate(self, topic: str, key: str, now_ns: int) -> None:
        """A bucket of ``burst_max`` that fills with ``per_minute_max``."""
        speaker, burst = self._speaker(key), float(self._settings.burst_max)
        if not speaker.filled_ns:
            speaker.tokens, speaker.filled_ns = burst, now_ns
        gained = max(0, now_ns - speaker.filled_ns) / 60e9 * self._settings.per_minute_max
        speaker.tokens = min(burst, speaker.tokens + gained)
        speaker.filled_ns = max(now_ns, speaker.filled_ns)
        if speaker.tokens < 1.0:
            raise Refused(
                Refusal.RATE_LIMITED, f"{topic}: more candidates than intake allows; look at the node"
            )
        speaker.tokens -= 1.0

    def _watch_chain(self, key: str, chain_id: str | None) -> None:
        if chain_id is None:
            return
        speaker = self._speaker(key)
        if speaker.chains and speaker.chains[-1] == chain_id:
            return
        if chain_id in speaker.chains:
            speaker.alternations += 1
            speaker.chains.remove(chain_id)
        speaker.chains = [*speaker.chains, chain_id][-CHAINS_KEPT:]

    def _speaker(self, key: str) -> _Speaker:
        return self._speakers.setdefault(key, _Speaker())


def _parts(topic: str) -> tuple[str, str, str]:
    """Site, node and kind of a topic of ours."""
    prefix, _, rest = topic.partition(f"{events.TOPIC_ROOT}/")
    parts = rest.split("/")
    if prefix or len(parts) != 3 or not all(events.NAME_PATTERN.fullmatch(part) for part in parts[:2]):
        raise Refused(Refusal.FORGED_TOPIC, f"{topic[:120]}: is no topic of a node")
    return parts[0], parts[1], parts[2]


def _numbering(body: Mapping[str, Any]) -> tuple[int | None, str | None]:
    seq, chain_id = body.get("seq"), body.get("chain_id")
    good = isinstance(seq, int) and not isinstance(seq, bool) and 0 < seq < 2**62
    named = isinstance(chain_id, str) and len(chain_id) <= MAX_NAME
    return (seq if good else None), (chain_id if good and named else None)


def _position_of(body: Mapping[str, Any]) -> Position | None:
    """The position of a status message; None where it is none."""
    try:
        probe = {"event_id": "x", "node": "x", "utc_ns": 1, "sigma_ns": 1, "position": body["position"]}
        return read_arrival(probe).position
    except WireError:
        return None
