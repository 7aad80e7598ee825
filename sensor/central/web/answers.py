"""Answers: JSON, and errors of ours as status codes with words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sensor.central.store.values import VersionConflict
from sensor.central.web.bodies import BodyTooLarge
from sensor.central.web.headers import HEADERS
from sensor.central.web.throttle import TooOften
from sensor.errors import AccessError, CentralError, ConfigError, SensorError, StoreError, WireError


class NotLoggedIn(AccessError):  # noqa: N818  a state, not a fault
    """Nobody is logged in, or no longer."""


class NotThere(CentralError):  # noqa: N818  a state, not a fault
    """What was asked for does not exist, or not for this role."""


class Conflict(CentralError):  # noqa: N818  a state, not a fault
    """Somebody was faster."""


_STATUS: Mapping[type[Exception], HTTPStatus] = {
    NotLoggedIn: HTTPStatus.UNAUTHORIZED,
    AccessError: HTTPStatus.FORBIDDEN,
    NotThere: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    VersionConflict: HTTPStatus.CONFLICT,
    BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    TooOften: HTTPStatus.TOO_MANY_REQUESTS,
    WireError: HTTPStatus.BAD_REQUEST,
    StoreError: HTTPStatus.SERVICE_UNAVAILABLE,
    ConfigError: HTTPStatus.SERVICE_UNAVAILABLE,
}


def as_json(
    body: object, *, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> Response:
    """``body`` as an answer."""
    text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(
        text, status_code=status, media_type="application/json", headers=dict(headers) if headers else None
    )


def status_of(error: Exception) -> HTTPStatus:
    """Status code of an error of ours; the nearest class of its ancestry counts."""
    for kind in type(error).__mro__:
        if kind in _STATUS:
            return _STATUS[kind]
    return HTTPStatus.UNPROCESSABLE_ENTITY


async def on_sensor_error(request: Request, error: Exception) -> Response:
    """An error that this package raised on purpose."""
    del request
    headers = {"retry-after": str(int(error.wait_s) + 1)} if isinstance(error, TooOften) else None
    return as_json({"error": str(error)}, status=status_of(error), headers=headers)


async def on_http_error(request: Request, error: Exception) -> Response:
    """No such page, or not with this method."""
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.NOT_FOUND
    headers = error.headers if isinstance(error, HTTPException) else None
    words = {
        HTTPStatus.NOT_FOUND: f"there is nothing at {request.url.path}",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{request.url.path} does not take {request.method}",
    }
    told = words.get(HTTPStatus(status), HTTPStatus(status).phrase)
    return as_json({"error": told}, status=status, headers=headers)


async def on_unforeseen(request: Request, error: Exception) -> Response:
    """A fault of this program: the log has it, the browser gets no inner matters."""
    del request, error
    return as_json(
        {"error": "the server made a mistake; the administrator finds it in the log"},
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        headers=HEADERS,  # this answer is made outside of the middleware that adds them
    )


HANDLERS = {
    SensorError: on_sensor_error,
    HTTPException: on_http_error,
    Exception: on_unforeseen,
}
"""For Starlette."""
