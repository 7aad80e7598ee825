"""Bodies of requests: a JSON object of bounded size, and typed fields out of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from sensor.errors import CentralError, WireError
from sensor.events import decode


class BodyTooLarge(CentralError):  # noqa: N818  a state, not a fault
    """A request's body is larger than the settings allow."""


async def read_bytes(request: Request, most: int) -> bytes:
    """The body, read no further than ``most`` bytes.

    Raises:
        BodyTooLarge: there is more.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise BodyTooLarge(f"the body is larger than {most} bytes (web.body_max_bytes)")
    return bytes(body)


async def read_object(request: Request, most: int) -> dict[str, Any]:
    """The body as a JSON object.

    Raises:
        BodyTooLarge: it is larger than ``most`` bytes.
        WireError: it is none, or not declared as JSON (so that no foreign form can send it).
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise WireError("send the body as content-type application/json")
    return decode(await read_bytes(request, most))


def text(body: Mapping[str, Any], key: str, *, most: int, least: int = 0) -> str:
    """A field of text, stripped, without control characters.

    Raises:
        WireError: it is no text, too short or too long.
    """
    value = body.get(key, "")
    if not isinstance(value, str):
        raise WireError(f"{key}: text is wanted, not {type(value).__name__}")
    value = "".join(sign if sign.isprintable() else " " for sign in value).strip()
    if len(value) < least:
        raise WireError(f"{key}: please give {'a few words' if least > 1 else 'it'}; it must not be empty")
    if len(value) > most:
        raise WireError(f"{key}: {len(value)} characters, at most {most} are kept")
    return value


def choice(body: Mapping[str, Any], key: str, allowed: tuple[str, ...]) -> str:
    """A field that is one of ``allowed``.

    Raises:
        WireError: it is none of them.
    """
    value = body.get(key)
    if not isinstance(value, str) or value not in allowed:
        raise WireError(f"{key}: one of {', '.join(allowed)} is wanted")
    return value


def whole_number(body: Mapping[str, Any], key: str, *, least: int, most: int) -> int:
    """A field that is a whole number within bounds.

    Raises:
        WireError: it is none.
    """
    value = body.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise WireError(f"{key}: a whole number from {least} to {most} is wanted")
    return value
