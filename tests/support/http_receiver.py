"""A real HTTP server that takes what is posted, and misbehaves on demand."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True)
class Request:
    """What came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What is answered."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] | None = None


class Hang:
    """Take the message and never answer."""


class Drip:
    """Answer one byte now and then, for ever."""


class Close:
    """Close the connection without a word."""


class Garbage:
    """Answer what is not HTTP."""


@dataclass(frozen=True)
class Raw:
    """Answer these bytes, again and again if so told, and close."""

    content: bytes
    endless: bool = False


Behaviour = Reply | Raw | type[Hang | Drip | Close | Garbage]


class Receiver:
    """Answers each request as ``behave`` says; a fixed behaviour or a function of the request."""

    def __init__(
        self,
        behave: Behaviour | Callable[[Request], Behaviour] = Reply(),
        *,
        certificates: Path | None = None,
        server_name: str = "server",
    ) -> None:
        self.requests: list[Request] = []
        self.behave = behave
        self._ending = threading.Event()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                owner.handle(self)

            do_GET = do_POST  # noqa: N815  the base class's name

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._scheme = "http"
        if certificates is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates / f"{server_name}.crt", certificates / f"{server_name}.key")
            # The handshake belongs to the thread of the connection, not to the one that accepts.
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
            self._scheme = "https"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """Its address."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._server.shutdown()
        self._server.server_close()

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        """Note a request and answer it; on the connection's own thread."""
        length = int(handler.headers.get("Content-Length", "0"))
        request = Request(handler.command, handler.path, dict(handler.headers), handler.rfile.read(length))
        # Decided before it shows, so that a test that waits for a request sees the answer's cause.
        behave = self.behave
        behaviour = behave if isinstance(behave, Reply | Raw | type) else behave(request)
        self.requests.append(request)
        with suppress(OSError):
            self._answer(handler, behaviour)

    def _answer(self, handler: BaseHTTPRequestHandler, behaviour: Any) -> None:
        handler.close_connection = True
        if behaviour is Hang:
            self._ending.wait()
        elif behaviour is Garbage:
            handler.wfile.write(b"\x00\xff SSH-2.0-nothing like HTTP\r\n\r\n")
        elif behaviour is Drip:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while not self._ending.wait(0.05):
                handler.wfile.write(b"x")
                handler.wfile.flush()
        elif isinstance(behaviour, Raw):
            handler.wfile.write(behaviour.content)
            while behaviour.endless and not self._ending.is_set():
                handler.wfile.write(behaviour.content)
        elif isinstance(behaviour, Reply):
            handler.send_response(behaviour.status)
            headers = {"Content-Type": "application/json", **(behaviour.headers or {})}
            for name, value in headers.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(behaviour.body)))
            handler.end_headers()
            handler.wfile.write(behaviour.body)
