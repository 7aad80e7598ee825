"""The application: every address and what answers it."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from sensor.central.fleet.settings import FleetSettings
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

logger = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"
_HASHING_THREADS = 2
"""Each takes 32 MB while it hashes."""
PAGES = ("/", "/map", "/desk", "/history", "/practice", "/audit", "/incident/{incident_id}")
"""Addresses that a browser may be sent to; one page answers them all."""


async def _page(request: Request) -> Response:
    del request
    return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})


async def _healthz(request: Request) -> Response:
    """``GET /healthz``: 200 while the record answers. It needs no login, so it says no more than that."""
    web = web_of(request)
    try:
        await run_in_threadpool(web.store.check)
    except StoreError as error:
        logger.warning("the record does not answer: %s", error)
        return as_json({"status": "failing"}, status=HTTPStatus.SERVICE_UNAVAILABLE)
    return as_json({"status": "ok"})


def _routes() -> list[BaseRoute]:
    one = "/api/incidents/{incident_id}"
    return [
        *(Route(path, _page) for path in PAGES),
        Route("/healthz", _healthz),
        Route("/api/login", login.log_in, methods=["POST"]),
        Route("/api/logout", login.log_out, methods=["POST"]),
        Route("/api/password", login.change_password, methods=["POST"]),
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
        Route("/ground/tiles/{z}/{x}/{y}.png", looking("incidents", ground.tile)),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]


def create_app(
    store: Store,
    live: LiveFeed,
    settings: WebSettings,
    *,
    reviewer: Reviewer | None = None,
    clips: Clips | None = None,
    fleet: FleetSettings | None = None,
    routes: tuple[BaseRoute, ...] = (),
) -> Starlette:
    """The web side as an ASGI application.

    Args:
        store: the record; used from worker threads.
        live: what changes; the owner of the store publishes ``incident`` and ``node`` into it.
        settings: where and for whom; without ``secret_path`` logins end with the process.
        reviewer: makes the versions that people decide on; None = this server only shows.
        clips: where sound is kept; None = nowhere.
        fleet: what counts as covered; None = the defaults.
        routes: further addresses, such as the door through which CAD sends dispositions.

    Raises:
        ConfigError: the key of the logins cannot be read or made.
    """
    web = Web(
        store=store,
        live=live,
        settings=settings,
        fleet=fleet or FleetSettings(),
        sessions=Sessions(secret_path=settings.secret_path, lifetime_s=settings.session_hours * 3600.0),
        throttle=Throttle(failures_max=settings.login_failures_max, window_s=settings.login_window_s),
        reviewer=reviewer,
        clips=clips,
        practice=Room(store, recorder=reviewer),
        hashing=ThreadPoolExecutor(_HASHING_THREADS, thread_name_prefix="passwords"),
    )
    tls = bool(settings.tls_certificate) or settings.behind_tls_proxy
    app = Starlette(
        routes=[*routes, *_routes()],
        middleware=[Middleware(Headers, tls=tls)],
        exception_handlers=HANDLERS,
    )
    app.state.web = web
    return app
