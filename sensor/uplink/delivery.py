"""What is sent next and what an acknowledgement, or its absence, means. No network, no threads.

The window of unacknowledged messages is kept here and not in paho, which forgets the broker's limit and
sends its backlog at once after a reconnection.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sensor.complaints import Complaints
from sensor.events import topic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sensor.uplink.outbox import Outbox
    from sensor.uplink.store import Row

_log = logging.getLogger(__name__)

TOPIC_AT_FAULT = frozenset({0x87, 0x97})
"""MQTT 5 "not authorized" and "quota exceeded": these condemn the topic or the user, never a message."""
BLAME_MAX = 3.0
"""How often a message fails while others pass, before it is held back."""
POST_COUNTS = 0.25
"""What it counts that only status or health passed meanwhile: less, for they go on other topics."""
TOO_LARGE = "too large"
REFUSED = "refused"
LOST = "connection lost"
_REPLIES_MAX = 32
_LONGEST_TOPIC = topic("s" * 63, "n" * 63, "candidate")


@dataclass(frozen=True, slots=True)
class Message:
    """Something to publish at QoS 1."""

    topic: str
    body: bytes
    event_id: str | None = None
    """The candidate that it is; None for status, health and replies, which are not stored."""
    retain: bool = False
    expiry_s: int = 0
    """How long the broker keeps it for a subscriber that is away, seconds; 0 = for ever."""

    @property
    def key(self) -> str:
        """What its failures are counted under."""
        return self.event_id or self.topic


@dataclass(slots=True)
class _Hold:
    """A topic that the broker refuses: one message is tried when ``until_s`` has come."""

    until_s: float
    delay_s: float


class Delivery:
    """The window, the order of sending, and the account of failures. For one thread.

    A message is suspect when the broker refused it, or when the connection broke with it alone in
    flight. Suspects stand back; only if something else passes meanwhile is it their own fault. That a few
    times, and a candidate is held back. If nothing passes, the fault is the broker's and all keep waiting.
    """

    def __init__(
        self, outbox: Outbox, *, window: int, hold_min_s: float, hold_max_s: float, expiry_s: int
    ) -> None:
        """Send from ``outbox``; a refused topic is asked again after ``hold_min_s`` to ``hold_max_s``."""
        self._outbox = outbox
        self._window_wanted = self.window = window
        self._hold_min_s = hold_min_s
        self._hold_max_s = hold_max_s
        self._expiry_s = expiry_s
        self._complaints = Complaints(_log)
        self._max_packet_bytes: int | None = None
        self._posts: dict[str, Message] = {}
        self._replies: deque[Message] = deque(maxlen=_REPLIES_MAX)
        self._flight: dict[int, tuple[Message, float]] = {}
        self._done: list[str] = []
        self._holds: dict[str, _Hold] = {}
        self._suspects: dict[str, tuple[Message, str]] = {}
        self._blame: dict[str, float] = {}
        self._one_by_one = 0
        self.published = 0
        """Candidates acknowledged."""
        self.refused = 0
        """Refusals by the broker, of whatever message."""
        self.last_refusal: str | None = None

    def begin(self, now_s: float, *, receive_maximum: int, max_packet_bytes: int | None) -> None:
        """A new connection with the broker's limits; nothing is in flight on it."""
        self.window = min(self._window_wanted, receive_maximum)
        self._max_packet_bytes = max_packet_bytes
        self._flight.clear()
        self._posts.clear()
        self._replies.clear()
        for hold in self._holds.values():
            hold.until_s = now_s
        limit = None if max_packet_bytes is None else max_packet_bytes - _overhead_bytes(_LONGEST_TOPIC)
        self._outbox.requeue(TOO_LARGE, limit)

    def post(self, message: Message) -> None:
        """Send a message that is not stored, before any candidate; the latest of a topic wins."""
        if message.key not in self._suspects and self._blame.get(message.key, 0) < BLAME_MAX:
            self._posts[message.topic] = message

    def reply(self, message: Message) -> None:
        """Send a message that is not stored, before any candidate, each of them."""
        self._replies.append(message)

    @property
    def in_flight(self) -> int:
        """Messages sent and not yet acknowledged."""
        return len(self._flight)

    @property
    def held(self) -> bool:
        """Whether the broker refuses a topic at present."""
        return bool(self._holds)

    @property
    def idle(self) -> bool:
        """Whether nothing is in flight or to be sent, stored candidates left out."""
        return not (self._flight or self._posts or self._replies)

    def sendable(self, now_s: float, *, candidates: bool = True) -> Iterator[Message]:
        """What may be sent now, as far as the window goes; the caller reports each by ``sent``."""
        room = (1 if self._one_by_one else self.window) - len(self._flight)
        while room > 0 and (self._replies or self._posts):
            message = self._replies.popleft() if self._replies else self._posts.pop(next(iter(self._posts)))
            if self._fits(message):
                room -= 1
                yield message
        if candidates and room > 0:
            yield from self._candidates(now_s, room)

    def _candidates(self, now_s: float, room: int) -> Iterator[Message]:
        flying = [message for message, _ in self._flight.values() if message.event_id]
        busy = {message.topic for message in flying}
        held = [name for name, hold in self._holds.items() if now_s < hold.until_s or name in busy]
        skip = [message.key for message in flying]
        rows = self._rows(room, [*skip, *self._suspects], held)
        if not rows and not flying:  # nobody else is there to prove the suspects guilty: try them again
            self._suspects = {k: v for k, v in self._suspects.items() if v[0].topic in held}
            rows = self._rows(room, [*skip, *self._suspects], held)
        for row in rows:
            if row.topic in self._holds and row.topic in busy:
                continue  # one at a time, until the broker takes this topic again
            message = Message(row.topic, row.body, event_id=row.event_id, expiry_s=self._expiry_s)
            if self._fits(message):
                busy.add(row.topic)
                yield message

    def _rows(self, room: int, skip: list[str], held: list[str]) -> list[Row]:
        """Half of them the newest, so that a shot of now does not wait behind an outage's backlog."""
        newest = self._outbox.pending((room + 1) // 2, skip=skip, held_topics=held, newest=True)
        skip = skip + [row.event_id for row in newest]
        left = room - len(newest)
        return (self._outbox.pending(left, skip=skip, held_topics=held) if left else []) + newest[::-1]

    def _fits(self, message: Message) -> bool:
        size = len(message.body) + _overhead_bytes(message.topic)
        if self._max_packet_bytes is None or size <= self._max_packet_bytes:
            return True
        self._give_up(message, f"{TOO_LARGE}: {size} bytes, the broker takes {self._max_packet_bytes}")
        return False

    def _give_up(self, message: Message, reason: str) -> None:
        self.last_refusal = f"{message.topic}: {reason}"
        if message.event_id is None:
            self._complaints.error(f"uplink: {message.topic} not sent, {reason}")
        else:
            self._complaints.error(f"uplink: candidate {message.event_id} held back, {reason}")
            self._outbox.quarantine(message.event_id, reason)

    def sent(self, mid: int, message: Message, now_s: float) -> None:
        """``message`` left under the packet identifier ``mid``."""
        self._flight[mid] = (message, now_s)

    def acknowledged(self, mid: int, code: int, name: str, now_s: float) -> None:
        """The broker answered ``mid`` with an MQTT 5 reason."""
        if mid not in self._flight:
            return
        message, _ = self._flight.pop(mid)
        if code >= 0x80:
            self._refuse(message, code, name, now_s)
            return
        self._one_by_one = max(0, self._one_by_one - 1)
        self._holds.pop(message.topic, None)
        self._blame.pop(message.key, None)
        if message.event_id is not None:
            self.published += 1
            self._done.append(message.event_id)
        self._convict(message)

    def _refuse(self, message: Message, code: int, name: str, now_s: float) -> None:
        self.refused += 1
        self.last_refusal = f"{message.topic}: {name}"
        self._complaints.error(f"uplink: the broker refuses {message.topic}: {name}; check its access rules")
        if message.event_id is None:
            return  # the next one is sent anyway
        hold = self._holds.get(message.topic)
        delay_s = self._hold_min_s if hold is None else min(self._hold_max_s, 2.0 * hold.delay_s)
        self._holds[message.topic] = _Hold(now_s + delay_s, delay_s)
        if code not in TOPIC_AT_FAULT:
            self._suspects[message.key] = (message, f"{REFUSED}: {name} (0x{code:02x})")

    def lost(self, why: str) -> None:
        """The connection broke; what was in flight is sent again, one by one, to find a culprit if any."""
        flying = [message for message, _ in self._flight.values()]
        self._flight.clear()
        self._one_by_one = max(self._one_by_one, len(flying))
        if len(flying) == 1:
            self._suspects[flying[0].key] = (flying[0], f"{LOST}: {why}")

    def _convict(self, passed: Message) -> None:
        """``passed`` did while the suspects did not: count it, and let them try again or hold them back.

        A refusal may be about the topic, so it only counts beside a candidate that passed on the same.
        """
        counts = POST_COUNTS if passed.event_id is None else 1.0
        for key, (message, reason) in list(self._suspects.items()):
            if reason.startswith(REFUSED) and passed.topic != message.topic:
                continue
            del self._suspects[key]
            self._blame[key] = self._blame.get(key, 0.0) + counts
            if self._blame[key] >= BLAME_MAX:
                self._give_up(message, f"{reason}, again and again while others passed")
                if message.event_id is not None:
                    del self._blame[key]

    def settle(self) -> None:
        """Forget acknowledged candidates, all in one commit."""
        if self._done:
            self._outbox.delete(self._done)
            self._done = []

    def oldest_s(self, now_s: float) -> float:
        """How long the broker has owed its oldest acknowledgement, seconds; 0 if it owes none."""
        return max((now_s - at_s for _, at_s in self._flight.values()), default=0.0)


def _overhead_bytes(name: str) -> int:
    """Upper bound of what a PUBLISH to topic ``name`` adds to its payload (headers, properties), bytes."""
    return 5 + 2 + len(name.encode()) + 2 + 40
