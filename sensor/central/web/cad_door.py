"""The door for dispatch centres: signed dispositions in, what became of each out. It needs no login."""

from __future__ import annotations

import logging
from dataclasses import asdict

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sensor.central.cad.dispositions import BODY_MAX
from sensor.central.cad.inbox import DispositionInbox
from sensor.central.web.answers import as_json
from sensor.central.web.bodies import read_bytes
from sensor.errors import NotifyError, StoreError

logger = logging.getLogger(__name__)

PATH = "/api/cad/dispositions"


def cad_door(inbox: DispositionInbox) -> Route:
    """``POST /api/cad/dispositions``, signed as docs/cad.md says; the signature is the permission."""

    async def take(request: Request) -> Response:
        body = await read_bytes(request, BODY_MAX)
        try:
            outcomes = await run_in_threadpool(inbox.post, request.headers, body)
        except NotifyError as error:  # whoever is not known yet need not know where secrets lie
            logger.error("a disposition could not be checked: %s", error)  # noqa: TRY400  the words say it
            raise StoreError("signatures cannot be checked at present; send it again later") from error
        return as_json({"outcomes": [asdict(outcome) for outcome in outcomes]})

    return Route(PATH, take, methods=["POST"])
