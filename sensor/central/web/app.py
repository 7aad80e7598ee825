"""The application: every address and what answers it."""

from __future__ import annotations

import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from sensor.central.store.protocol import Store
from sensor.central.web import (
    audit_pages,
    desk,
    fleet_pages,
    ground,
    incident_pages,
    login,
    practice_pages,
    stream,
)
from sensor.central.web.access import Web, changing, looking, web_of
from sensor.central.web.answers import HANDLERS, as_json
from sensor.central.web.clips import Clips
from sensor.central.web.headers import Headers
from sensor.central.web.live import LiveFeed
from sensor.central.web.practice.room import Room
from sensor.central.web.reviewing import Reviewer
from sensor.central.web.sessions import Sessions
from sensor.central.web.settings import WebSettings
from sensor.central.web.throttle import Throttle
from sensor.errors import StoreError

STATIC = Path(__file__).parent / "static"
PAGES = ("/", "/map", "/desk", "/history", "/practice", "/audit", "/incident/{incident_id}")
"""Addresses that a browser may be sent to; one page answers them all."""


async def _page(request: Request) -> Response:
    del request
    return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})


async def _healthz(request: Request) -> Response:
    """``GET /healthz``: 200 while the record answers. It says nothing of who or where: it needs no login."""
    web = web_of(request)
    try:
        told = await run_in_threadpool(web.store.check)
    except StoreError as error:
        return as_json({"status": "failing", "problem": str(error)}, status=HTTPStatus.SERVICE_UNAVAILABLE)
    return as_json({"status": "ok", "store": told, "live_pages": web.live.readers})


def _routes() -> list[BaseRoute]:
    one = "/api/incidents/{incident_id}"
    return [
        *(Route(path, _page) for path in PAGES),
        Route("/healthz", _healthz),
        Route("/api/login", login.log_in, methods=["POST"]),
        Route("/api/logout", login.log_out, methods=["POST"]),
        Route("/api/password", changing("incidents", login.change_password), methods=["POST"]),
        Route("/api/session", login.session),
        Route("/api/live", stream.live),
        Route("/api/incidents", looking("incidents", incident_pages.incidents)),
        Route("/api/incidents.csv", looking("export", incident_pages.export_csv)),
        Route("/api/incidents.geojson", looking("export", incident_pages.export_geojson)),
        Route(one, looking("incidents", incident_pages.incident)),
        Route(f"{one}/acknowledge", changing("acknowledge", desk.acknowledge), methods=["POST"]),
        Route(f"{one}/review", changing("review", desk.review), methods=["POST"]),
        Route(f"{one}/disposition", changing("disposition", desk.disposition), methods=["POST"]),
        Route(one + "/evidence/{event_id}", looking("audio", incident_pages.evidence)),
        Route("/api/nodes", looking("nodes", fleet_pages.nodes)),
        Route("/api/coverage", looking("coverage", fleet_pages.covered)),
        Route("/api/audit", looking("audit", audit_pages.audit)),
        Route("/api/practice", looking("practice", practice_pages.practice)),
        Route("/api/practice/start", changing("practice", practice_pages.start), methods=["POST"]),
        Route("/api/practice/next", changing("practice", practice_pages.following), methods=["POST"]),
        Route(
            "/api/practice/acknowledge", changing("practice", practice_pages.acknowledge), methods=["POST"]
        ),
        Route("/api/practice/decide", changing("practice", practice_pages.decide), methods=["POST"]),
        Route("/api/practice/stop", changing("practice", practice_pages.stop), methods=["POST"]),
        Route("/ground/streets.geojson", looking("incidents", ground.streets)),
        Route("/ground/map.pmtiles", looking("incidents", ground.archive)),
        Route("/ground/tiles/{z:int}/{x:int}/{y:int}.png", looking("incidents", ground.tile)),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]


def create_app(
    store: Store,
    live: LiveFeed,
    settings: WebSettings,
    *,
    reviewer: Reviewer | None = None,
    clips: Clips | None = None,
    routes: tuple[BaseRoute, ...] = (),
    now_ns: Callable[[], int] = time.time_ns,
) -> Starlette:
    """The web side as an ASGI application.

    Args:
        store: the record; used from worker threads.
        live: what changes; the owner of the store publishes ``incident`` and ``node`` into it.
        settings: where and for whom.
        reviewer: makes the versions that people decide on; None = this server only shows.
        clips: where sound is kept; None = nowhere.
        routes: further addresses, such as the door through which CAD sends dispositions.
        now_ns: the clock, nanoseconds since 1970.

    Raises:
        ConfigError: the key of the logins cannot be read or made.
    """
    web = Web(
        store=store,
        live=live,
        settings=settings,
        sessions=Sessions(
            secret_path=settings.secret_path,
            lifetime_s=settings.session_hours * 3600.0,
            wall_s=lambda: now_ns() / 1e9,
        ),
        throttle=Throttle(failures_max=settings.login_failures_max, window_s=settings.login_window_s),
        reviewer=reviewer,
        clips=clips,
        practice=Room(store, now_ns=now_ns),
        now_ns=now_ns,
    )
    tls = bool(settings.tls_certificate) or settings.behind_tls_proxy
    app = Starlette(
        routes=[*routes, *_routes()],
        middleware=[Middleware(Headers, tls=tls)],
        exception_handlers=HANDLERS,
    )
    app.state.web = web
    return app
