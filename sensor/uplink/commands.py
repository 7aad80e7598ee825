"""The few things that the centre may ask of a node. There is no verb that records or streams.

A command is a JSON object ``{"command_id": "...", "verb": "..."}`` on the node's ``command`` topic; each
gets one reply on its ``reply`` topic. What is not on the list below is refused, with the reason.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, ClassVar

from sensor.errors import WireError
from sensor.events import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VERBS = ("ping", "report")
"""``ping``: answer. ``report``: send health now."""
COMMAND_BYTES_MAX = 1024
RATE_MAX_HZ = 2.0
"""Answers per second in the long run; commands beyond it are counted and not answered."""
_BURST = 10
_ID_LENGTH_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Answer to a command."""

    SCHEMA: ClassVar[str] = "gunshot.reply.v1"

    site: str
    node: str
    utc_ns: int
    """UTC of the answer by the node's system clock, integer nanoseconds since 1970."""
    command_id: str | None
    """The command's own; None when it had none that could be read."""
    verb: str | None
    ok: bool
    error: str | None = None
    """Why it was refused; None when it was done."""

    def to_json(self) -> bytes:
        """Compact UTF-8 JSON."""
        return json.dumps({"schema": self.SCHEMA, **asdict(self)}, separators=(",", ":")).encode()


class Commands:
    """Checks commands against the list, runs them, counts them."""

    def __init__(self, site: str, node: str, actions: Mapping[str, Callable[[], None]]) -> None:
        """Run ``actions[verb]``; ``ping`` needs none."""
        self._site = site
        self._node = node
        self._actions = {"ping": _nothing, **actions}
        self._tokens = float(_BURST)
        self._tokens_at_s = time.monotonic()
        self.done = 0
        self.refused = 0

    def answer(self, payload: bytes, *, retained: bool) -> Reply | None:
        """Run the command in ``payload`` and return the reply; None when there are too many to answer."""
        now_s = time.monotonic()
        self._tokens = min(float(_BURST), self._tokens + RATE_MAX_HZ * (now_s - self._tokens_at_s))
        self._tokens_at_s = now_s
        if self._tokens < 1.0:
            self.refused += 1
            return None
        self._tokens -= 1.0
        command_id = verb = error = None
        try:
            command_id, verb = _read(payload)
            self._action(verb, retained=retained)()
            self.done += 1
        except WireError as refusal:
            error = str(refusal)
            self.refused += 1
        return Reply(
            site=self._site,
            node=self._node,
            utc_ns=time.time_ns(),
            command_id=command_id,
            verb=verb,
            ok=error is None,
            error=error,
        )

    def _action(self, verb: str, *, retained: bool) -> Callable[[], None]:
        if retained:
            raise WireError("a command must not be retained: it would be run again at every connection")
        if verb not in self._actions:
            raise WireError(f"unknown verb; this node knows {', '.join(sorted(self._actions))}")
        return self._actions[verb]


def _nothing() -> None:
    """Do nothing; the reply is the answer."""


def _read(payload: bytes) -> tuple[str, str]:
    """``command_id`` and ``verb``; raise WireError when it is no command."""
    if len(payload) > COMMAND_BYTES_MAX:
        raise WireError(f"a command has at most {COMMAND_BYTES_MAX} bytes, this has {len(payload)}")
    body = decode(payload)
    command_id, verb = body.get("command_id"), body.get("verb")
    if not isinstance(command_id, str) or not 0 < len(command_id) <= _ID_LENGTH_MAX:
        raise WireError(f"command_id must be a string of 1 to {_ID_LENGTH_MAX} characters")
    if not isinstance(verb, str):
        raise WireError("verb must be a string")
    return command_id, verb
