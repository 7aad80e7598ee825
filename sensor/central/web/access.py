"""Who asks, and whether they may: every endpoint is made here."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from sensor.central.fleet.settings import FleetSettings
from sensor.central.store.protocol import Store
from sensor.central.store.values import User
from sensor.central.web.answers import NotLoggedIn, as_json
from sensor.central.web.bodies import read_object
from sensor.central.web.clips import Clips
from sensor.central.web.live import LiveFeed
from sensor.central.web.practice.room import Room
from sensor.central.web.reviewing import Reviewer
from sensor.central.web.roles import may, permissions
from sensor.central.web.sessions import COOKIE, Login, Sessions, fingerprint
from sensor.central.web.settings import WebSettings
from sensor.central.web.throttle import Throttle
from sensor.errors import AccessError

Endpoint = Callable[[Request], Awaitable[Response]]
Body = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Web:
    """What the endpoints work with."""

    store: Store
    live: LiveFeed
    settings: WebSettings
    fleet: FleetSettings
    sessions: Sessions
    throttle: Throttle
    reviewer: Reviewer | None
    clips: Clips | None
    practice: Room
    hashing: Executor
    """Where passwords are hashed: threads of its own, so that a flood of logins holds up nothing else."""
    now_ns: Callable[[], int] = time.time_ns

    def audit(self, actor: str, action: str, subject: str, **detail: object) -> None:
        """Write down who did what."""
        self.store.audit(actor=actor, action=action, subject=subject, detail=detail, at_ns=self.now_ns())


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Somebody who is logged in."""

    name: str
    role: str
    login: Login
    settings: WebSettings

    def may(self, permission: str) -> bool:
        """Whether their role has a permission."""
        return may(self.role, permission, self.settings)

    def require(self, permission: str) -> None:
        """Raise AccessError unless they may."""
        if not self.may(permission):
            raise AccessError(
                f"your role ({self.role}) does not include “{permission}”; ask an administrator if it should"
            )

    def permissions(self) -> tuple[str, ...]:
        """All that they may."""
        return permissions(self.role, self.settings)


def web_of(request: Request) -> Web:
    """What this application works with."""
    web: Web = request.app.state.web
    return web


def address_of(request: Request) -> str:
    """Where a request comes from."""
    if web_of(request).settings.behind_tls_proxy:
        # The last entry is the proxy's own observation; those before it are the caller's word.
        told = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
        if told:
            return told
    return request.client.host if request.client else "unknown"


def identify(web: Web, cookie: str | None) -> Viewer:
    """Whose cookie it is; asks the store, so call it from a worker thread.

    Raises:
        NotLoggedIn: nobody's, or the user is gone, disabled or has another password now.
    """
    try:
        login = web.sessions.read(cookie)
    except AccessError as error:
        raise NotLoggedIn(str(error)) from error
    user: User | None = web.store.user(login.name)
    if user is None or user.disabled or fingerprint(user.password_hash) != login.fingerprint:
        raise NotLoggedIn("this login has ended; log in again")
    return Viewer(name=user.name, role=user.role, login=login, settings=web.settings)


def same_origin(request: Request) -> None:
    """Raise AccessError when a page of another site sent the request."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise AccessError("this was sent by a page of another site and is refused")
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise AccessError("this was sent by a page of another site and is refused")


def looking(permission: str, work: Callable[[Web, Viewer, Request], object]) -> Endpoint:
    """An endpoint that reads: ``work`` runs in a worker thread and returns an answer or plain JSON values."""

    async def endpoint(request: Request) -> Response:
        web = web_of(request)

        def run() -> object:
            viewer = identify(web, request.cookies.get(COOKIE))
            viewer.require(permission)
            return work(web, viewer, request)

        return _answer(await run_in_threadpool(run))

    return endpoint


async def changer(request: Request, permission: str | None = None) -> Viewer:
    """Who sent a request that changes something.

    Raises:
        NotLoggedIn: nobody who is logged in.
        AccessError: a page of another site sent it, it lacks the login's token, or the role may not.
    """
    web = web_of(request)
    same_origin(request)
    viewer = await run_in_threadpool(identify, web, request.cookies.get(COOKIE))
    web.sessions.check_token(viewer.login, request.headers.get("x-csrf-token"))
    if permission is not None:
        viewer.require(permission)
    return viewer


def changing(permission: str, work: Callable[[Web, Viewer, Request, Body], object]) -> Endpoint:
    """An endpoint that changes something: it wants the login's token and a JSON object."""

    async def endpoint(request: Request) -> Response:
        web = web_of(request)
        viewer = await changer(request, permission)
        body = await read_object(request, web.settings.body_max_bytes)
        return _answer(await run_in_threadpool(work, web, viewer, request, body))

    return endpoint


def _answer(result: object) -> Response:
    return result if isinstance(result, Response) else as_json(result)
