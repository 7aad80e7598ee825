"""``/api/live``: what changes, as server-sent events."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sensor.central.web.access import Viewer, Web, identify, web_of
from sensor.central.web.answers import NotLoggedIn, as_json
from sensor.central.web.live import Message
from sensor.central.web.redact import redacted
from sensor.central.web.sessions import COOKIE
from sensor.errors import StoreError

logger = logging.getLogger(__name__)

_RETRY_MS = 2000
"""How long a browser waits before it connects again."""
_PER_USER_MAX = 20
"""Live pages of one user: nobody takes all places of a control room."""
_KIND_NEEDS = {"node": "nodes", "coverage": "coverage"}
"""Kinds of messages that not everybody gets."""


async def live(request: Request) -> Response:
    """The stream of one page; catches up after ``Last-Event-ID``."""
    web = web_of(request)
    viewer = await run_in_threadpool(identify, web, request.cookies.get(COOKIE))
    viewer.require("incidents")
    if (full := _full(web, viewer)) is not None:
        return as_json({"error": full}, status=HTTPStatus.SERVICE_UNAVAILABLE, headers={"retry-after": "30"})
    last = request.headers.get("last-event-id") or request.query_params.get("last")
    return StreamingResponse(
        _events(web, viewer, request.cookies.get(COOKIE), last),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


def _full(web: Web, viewer: Viewer) -> str | None:
    """Why no further live page is served, in words; None where one is."""
    if web.live.readers(viewer.name) >= _PER_USER_MAX:
        return f"{_PER_USER_MAX} live pages of {viewer.name} are open, no more are served; close some"
    if web.live.readers() >= web.settings.streams_max:
        return f"{web.settings.streams_max} live pages are open, no more are served; close some"
    return None


async def _events(web: Web, viewer: Viewer, cookie: str | None, last: str | None) -> AsyncIterator[str]:
    """News as they come, a beat so that silence is noticed, and goodbye when the login has ended."""
    cursor, reload = web.live.start(last)
    loop = asyncio.get_running_loop()
    look_at_s = loop.time() + web.settings.beat_s
    with web.live.reading(viewer.name) as news:
        yield f"retry: {_RETRY_MS}\n\n"
        if reload:
            yield _event("reload", {}, web.live.event_id(cursor))
        yield _beat(web, cursor)
        while not web.live.closed:
            news.clear()
            batch = web.live.after(cursor)
            if batch.gap:
                yield _event("reload", {}, web.live.event_id(batch.cursor))
            for message in batch.messages:
                if (text := _told(web, viewer, message)) is not None:
                    yield text
            cursor = batch.cursor
            with suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), max(0.0, look_at_s - loop.time()))
            if loop.time() < look_at_s:
                continue
            look_at_s = loop.time() + web.settings.beat_s
            try:  # the user may have been disabled, or have logged out elsewhere
                viewer = await run_in_threadpool(identify, web, cookie)
            except NotLoggedIn:
                yield _event("goodbye", {})
                return
            except StoreError as error:  # what is known is still told; the record may come back
                logger.warning("live page of %s: %s", viewer.name, error)
            yield _beat(web, cursor)


def _told(web: Web, viewer: Viewer, message: Message) -> str | None:
    """A message as this viewer gets it; None where it is not for them."""
    if message.to not in (None, viewer.name) or not viewer.may(_KIND_NEEDS.get(message.kind, "incidents")):
        return None
    body = message.body
    if body.get("exercise"):
        return None  # it is on its trainee's own page and nowhere else
    if message.kind == "incident" and not viewer.may("nodes"):
        body = redacted(body)
    return _event(message.kind, body, web.live.event_id(message.seq))


def _beat(web: Web, cursor: int) -> str:
    return _event("beat", {"now_ns": web.now_ns()}, web.live.event_id(cursor))


def _event(kind: str, body: object, event_id: str = "") -> str:
    data = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    named = f"id: {event_id}\n" if event_id else ""
    return f"{named}event: {kind}\ndata: {data}\n\n"
