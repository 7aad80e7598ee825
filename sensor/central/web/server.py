"""uvicorn in a thread of its own. Its only importer."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Self

import uvicorn
from starlette.applications import Starlette

from sensor.central.web.access import Web
from sensor.central.web.settings import WebSettings
from sensor.errors import CentralError

logger = logging.getLogger(__name__)

_START_S = 30.0
_STOP_S = 10.0


class _Server(uvicorn.Server):
    """Tells when it listens. Signals stay the daemon's: uvicorn takes them in the main thread alone."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup(sockets)  # type: ignore[arg-type]
        self.listening.set()


class WebServer:
    """Serves an application until `stop`; a context manager.

    Args:
        app: what `create_app` made.
        settings: address, port and certificate.
    """

    def __init__(self, app: Starlette, settings: WebSettings) -> None:
        self._web: Web = app.state.web
        self._settings = settings
        config = uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            ssl_certfile=settings.tls_certificate or None,
            ssl_keyfile=settings.tls_key or None,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # access.address_of reads them, and only where the settings say so
            lifespan="off",
            timeout_graceful_shutdown=3,
            limit_concurrency=settings.streams_max * 2 + 200,
            h11_max_incomplete_event_size=32_768,
        )
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)
        self._problem: BaseException | None = None

    def start(self) -> None:
        """Listen; raise CentralError when the address cannot be had."""
        self._thread.start()
        waited_s = 0.0
        while not self._server.listening.wait(0.05):
            waited_s += 0.05
            if not self._thread.is_alive() or waited_s > _START_S:
                raise CentralError(
                    f"web: cannot serve on {self._settings.host} port {self._settings.port} "
                    f"({self._problem or 'see the log'}); is another program there, is the certificate "
                    "readable?"
                )
        logger.info("pages at %s", self.url)

    @property
    def port(self) -> int:
        """The port it listens on."""
        sockets = [each for server in self._server.servers for each in server.sockets]
        return int(sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """Address of the pages."""
        scheme = "https" if self._settings.tls_certificate else "http"
        host = self._settings.host
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def alive(self) -> bool:
        """Whether it serves."""
        return self._thread.is_alive() and self._server.started

    def stop(self) -> None:
        """End the streams, let answers under way be finished, and let go of the port."""
        self._web.live.close()
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(_STOP_S)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def _run(self) -> None:
        try:
            self._server.run()
        except BaseException as error:  # noqa: BLE001  uvicorn leaves by SystemExit; start() tells it
            self._problem = error
