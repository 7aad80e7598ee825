"""What changed, to every live page: a ring of messages that any thread adds to and every page reads from."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One thing that happened."""

    seq: int
    kind: str
    """``incident``, ``desk``, ``node``."""
    body: Mapping[str, Any]
    to: str | None = None
    """For this user alone; None = for everybody whose role may see it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What a page has to catch up with."""

    messages: tuple[Message, ...]
    cursor: int
    """Where to read on."""
    gap: bool = False
    """Older messages are gone, or the server began anew: load everything again."""


class _Reader(NamedTuple):
    user: str
    loop: asyncio.AbstractEventLoop
    news: asyncio.Event


class LiveFeed:
    """A ring of the latest messages; pages that fall behind it are told to load everything again.

    Args:
        kept: messages that are kept for pages that reconnect.
    """

    def __init__(self, *, kept: int = 2000) -> None:
        self._epoch = secrets.token_hex(4)
        self._lock = threading.Lock()
        self._messages: deque[Message] = deque(maxlen=kept)
        self._last = 0
        self._wakers: dict[object, _Reader] = {}
        self._closed = False

    def publish(
        self,
        kind: str,
        body: Mapping[str, Any],
        id: str | None = None,  # noqa: A002, ARG002  the interface's word; the feed numbers by itself
        *,
        to: str | None = None,
    ) -> str:
        """Hand a message to all pages; from any thread, never waits for a page.

        Args:
            kind: what happened, the name of the event in the browser.
            body: plain JSON values; it must not be changed afterwards.
            id: the sender's own name for it; not used, the feed numbers by itself.
            to: name of the only user it is for.

        Returns:
            The message's id, as ``Last-Event-ID`` carries it.
        """
        with self._lock:
            self._last += 1
            self._messages.append(Message(seq=self._last, kind=kind, body=body, to=to))
            self._wake()
            return self.event_id(self._last)

    def close(self) -> None:
        """End all streams, so that the server can stop."""
        with self._lock:
            self._closed = True
            self._wake()

    @property
    def closed(self) -> bool:
        """Whether the server is about to stop."""
        return self._closed

    def readers(self, user: str | None = None) -> int:
        """How many live pages are open, of one user or of all."""
        with self._lock:
            return sum(user in (None, reader.user) for reader in self._wakers.values())

    def event_id(self, seq: int) -> str:
        """``Last-Event-ID`` of a message."""
        return f"{self._epoch}-{seq}"

    def start(self, last_event_id: str | None) -> tuple[int, bool]:
        """Cursor to read from, and whether the page must load everything again first."""
        with self._lock:
            if not last_event_id:
                return self._last, False
            epoch, _, number = last_event_id.partition("-")
            if epoch != self._epoch or not number.isascii() or not number.isdigit() or len(number) > 18:
                return self._last, True
            return min(int(number), self._last), False

    def after(self, cursor: int) -> Batch:
        """Messages after ``cursor``."""
        with self._lock:
            oldest = self._messages[0].seq if self._messages else self._last + 1
            if cursor + 1 < oldest:
                return Batch(messages=(), cursor=self._last, gap=True)
            # From the right: a page is behind by a few, the ring holds thousands.
            fresh = []
            for message in reversed(self._messages):
                if message.seq <= cursor:
                    break
                fresh.append(message)
            return Batch(messages=tuple(reversed(fresh)), cursor=self._last)

    @contextmanager
    def reading(self, user: str) -> Iterator[asyncio.Event]:
        """An event of the running loop that is set whenever there is something for ``user`` to read."""
        key, event = object(), asyncio.Event()
        with self._lock:
            self._wakers[key] = _Reader(user, asyncio.get_running_loop(), event)
        try:
            yield event
        finally:
            with self._lock:
                del self._wakers[key]

    def _wake(self) -> None:
        for reader in self._wakers.values():
            with suppress(RuntimeError):  # its loop has just ended; its page goes with it
                reader.loop.call_soon_threadsafe(reader.news.set)
