"""Logging in and out, and what a page must know about who uses it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from sensor.central.web.access import Viewer, Web, address_of, changer, identify, same_origin, web_of
from sensor.central.web.answers import NotLoggedIn, as_json
from sensor.central.web.bodies import read_object, text
from sensor.central.web.passwords import hash_password, verify_password
from sensor.central.web.sessions import COOKIE, Login
from sensor.errors import AccessError, WireError


def _secure(web: Web) -> bool:
    return bool(web.settings.tls_certificate) or web.settings.behind_tls_proxy


def _with_cookie(web: Web, answer: Response, value: str) -> Response:
    answer.set_cookie(
        COOKIE,
        value,
        max_age=int(web.settings.session_hours * 3600),
        path="/",
        secure=_secure(web),
        httponly=True,
        samesite="strict",
    )
    return answer


def _whoami(web: Web, viewer: Viewer) -> dict[str, object]:
    settings = web.settings
    return {
        "name": viewer.name,
        "role": viewer.role,
        "permissions": list(viewer.permissions()),
        "token": web.sessions.token(viewer.login),
        "title": settings.title,
        "beat_s": settings.beat_s,
        "now_ns": web.now_ns(),
        "map": {
            "streets": bool(settings.map_streets),
            "tiles": bool(settings.map_tiles),
            "pmtiles": bool(settings.map_pmtiles),
            "attribution": settings.map_attribution,
        },
    }


async def log_in(request: Request) -> Response:
    """``POST /api/login {name, password}``."""
    web = web_of(request)
    same_origin(request)
    body = await read_object(request, web.settings.body_max_bytes)
    name = text(body, "name", most=100, least=1)
    password = body.get("password")
    given = password if isinstance(password, str) else ""
    address = address_of(request)
    web.throttle.attempt(address, name)

    def work() -> tuple[str, Login, str]:
        """Compare the password and begin the login; on the threads for hashing, which is slow on purpose."""
        user = web.store.user(name)
        stored = None if user is None or user.disabled else user.password_hash
        if not verify_password(given, stored) or user is None:
            web.audit(name, "login.refused", name, address=address)
            raise NotLoggedIn("name or password is wrong")
        web.throttle.succeeded(address, name)
        cookie, login = web.sessions.issue(user.name, user.password_hash)
        web.audit(user.name, "login", user.name, address=address)
        return cookie, login, user.role

    cookie, login, role = await asyncio.get_running_loop().run_in_executor(web.hashing, work)
    viewer = Viewer(name=name, role=role, login=login, settings=web.settings)
    return _with_cookie(web, as_json(_whoami(web, viewer)), cookie)


async def session(request: Request) -> Response:
    """``GET /api/session``: who is logged in here, and what they may; ``name`` is null where nobody is."""
    web = web_of(request)
    try:
        viewer = await run_in_threadpool(identify, web, request.cookies.get(COOKIE))
    except NotLoggedIn:
        return as_json({"name": None, "title": web.settings.title})
    return as_json(_whoami(web, viewer))


async def log_out(request: Request) -> Response:
    """``POST /api/logout``."""
    web = web_of(request)
    viewer = await changer(request)

    def work() -> None:
        web.sessions.end(viewer.login)
        web.audit(viewer.name, "logout", viewer.name)

    await run_in_threadpool(work)
    answer = as_json({"ended": True})
    answer.delete_cookie(COOKIE, path="/", secure=_secure(web), httponly=True, samesite="strict")
    return answer


async def change_password(request: Request) -> Response:
    """``POST /api/password {old, new}``: ends all logins with the old one and goes on with a new one."""
    web = web_of(request)
    viewer = await changer(request, "incidents")
    body = await read_object(request, web.settings.body_max_bytes)
    old, new = body.get("old"), body.get("new")
    if not isinstance(old, str) or not isinstance(new, str):
        raise WireError("old, new: give the old and the new password")
    address = address_of(request)
    web.throttle.attempt(address, viewer.name)

    def work() -> tuple[str, Login]:
        """Compare the old and store the new; on the threads for hashing."""
        user = web.store.user(viewer.name)
        if user is None or not verify_password(old, user.password_hash):
            web.audit(viewer.name, "password.refused", viewer.name, address=address)
            raise AccessError("the old password is wrong")
        web.throttle.succeeded(address, viewer.name)
        fresh = replace(user, password_hash=hash_password(new))
        web.store.put_user(fresh)
        web.audit(viewer.name, "password.change", viewer.name, address=address)
        return web.sessions.issue(fresh.name, fresh.password_hash)

    cookie, login = await asyncio.get_running_loop().run_in_executor(web.hashing, work)
    renewed = Viewer(name=viewer.name, role=viewer.role, login=login, settings=web.settings)
    return _with_cookie(web, as_json(_whoami(web, renewed)), cookie)
