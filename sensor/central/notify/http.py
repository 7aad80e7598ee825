"""HTTP POST over the standard library: verified TLS, one deadline for everything, no redirects, no surprises.

The only file of the centre that imports ``http.client``; its errors leave as NotifyError.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

from sensor.central.notify.failure import LaterError, RefusedError
from sensor.central.notify.secret import read_secret
from sensor.central.notify.settings import HttpSettings
from sensor.errors import NotifyError

ANSWER_MAX = 64 * 1024
"""Bytes of an answer that are read; the rest is not waited for."""
AGENT = "gunshot-central"
_FOR_GOOD = frozenset({400, 405, 406, 411, 413, 414, 415, 422, 431, 501})
"""What no later attempt with the same message can change. 401, 403 and 404 can be mended at the receiver."""
_PAUSE_MAX_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a receiver said to a message it took."""

    status: int
    content_type: str
    body: bytes


def post(settings: HttpSettings, body: bytes, *, content_type: str, headers: Mapping[str, str]) -> Answer:
    """Post ``body`` and return the answer of a receiver that took it (2xx).

    Raises:
        RefusedError: it will never take it.
        LaterError: it asks to be left alone for a while.
        NotifyError: it cannot be reached, is too slow, answers garbage, redirects, or fails.
    """
    where = _place(settings.url)
    sent = {"User-Agent": AGENT, "Content-Type": content_type, "Connection": "close", **headers}
    if settings.token_file is not None:
        token = read_secret(settings.token_file, "token_file")
        if not (token.isascii() and token.isprintable()):
            raise NotifyError(f"token_file {settings.token_file}: HTTP carries printable ASCII only")
        sent["Authorization"] = f"Bearer {token}"
    try:
        answer, location, retry_after = _exchange(settings, body, sent)
    except TimeoutError as error:
        raise NotifyError(f"{where}: no complete answer within {settings.timeout_s:g} s") from error
    except ssl.SSLCertVerificationError as error:
        raise NotifyError(f"{where}: its certificate is not accepted: {error.verify_message}") from error
    except (http.client.HTTPException, ValueError) as error:
        raise NotifyError(f"{where}: answered what is not HTTP ({type(error).__name__})") from error
    except OSError as error:
        raise NotifyError(f"{where}: {error.strerror or error}") from error
    if 200 <= answer.status < 300:
        return answer
    raise _failure(where, answer, location, retry_after)


def _failure(where: str, answer: Answer, location: str, retry_after: str) -> NotifyError:
    said = answer.body[:200].decode("utf-8", "replace").replace("\n", " ").strip()
    text = f"{where}: answered {answer.status}" + (f": {said}" if said else "")
    if 300 <= answer.status < 400:
        return NotifyError(f"{where}: redirects to {location or 'nowhere'}; give the final address as url")
    if answer.status in _FOR_GOOD:
        return RefusedError(text)
    pause_s = _pause_s(retry_after)
    return NotifyError(text) if pause_s is None else LaterError(text, after_s=pause_s)


def _exchange(settings: HttpSettings, body: bytes, headers: Mapping[str, str]) -> tuple[Answer, str, str]:
    parts = urlsplit(settings.url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    deadline_s = time.monotonic() + settings.timeout_s
    connection = _connection(settings)
    try:
        connection.connect()
        with cut_off(lambda: connection.sock, deadline_s):
            connection.request("POST", path, body=body, headers=dict(headers))
            response = connection.getresponse()
            content = response.read(ANSWER_MAX)
            if response.length and len(content) < ANSWER_MAX:  # read() with a limit keeps silent about it
                raise http.client.IncompleteRead(content, response.length)
        answer = Answer(
            status=response.status, content_type=response.headers.get_content_type(), body=content
        )
        return answer, response.headers.get("Location", ""), response.headers.get("Retry-After", "")
    finally:
        connection.close()


def _connection(settings: HttpSettings) -> http.client.HTTPConnection:
    parts = urlsplit(settings.url)
    host = parts.hostname or ""
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, parts.port, timeout=settings.timeout_s)
    context = tls_context(settings.ca_file)
    return http.client.HTTPSConnection(host, parts.port, timeout=settings.timeout_s, context=context)


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Verifies name and certificate; raise NotifyError when ``ca_file`` cannot be used."""
    try:
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except OSError as error:
        raise NotifyError(f"ca_file {ca_file}: {error.strerror or 'not a usable PEM file'}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@contextmanager
def cut_off(sock_of: Callable[[], socket.socket | None], deadline_s: float) -> Iterator[None]:
    """Shut a socket down at ``deadline_s`` (monotonic): a receiver that drips bytes is cut off, too.

    ``sock_of`` is asked at that moment: a connection may be made, and encrypted, inside.

    Raises:
        TimeoutError: that happened.
    """
    late, over = threading.Event(), threading.Event()

    def cut() -> None:
        """Shut it down again and again until the exchange is over."""
        late.set()
        while not over.is_set():
            sock = sock_of()
            if sock is not None:
                with suppress(OSError):
                    # Not SSLSocket's own, which would change its state under the thread that reads.
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)
            over.wait(0.1)  # it may be in the middle of being replaced by an encrypted one

    timer = threading.Timer(max(0.0, deadline_s - time.monotonic()), cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException, ValueError) as error:
        if late.is_set():
            raise TimeoutError from error
        raise
    finally:
        over.set()
        timer.cancel()
    if late.is_set():
        raise TimeoutError


def _pause_s(retry_after: str) -> float | None:
    """``Retry-After`` in seconds, from a number or a date, at most an hour; None without one."""
    text = retry_after.strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), _PAUSE_MAX_S)
    try:
        wait_s = parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(wait_s, 0.0), _PAUSE_MAX_S)


def _place(url: str) -> str:
    """The address without its query, which may hold a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"
