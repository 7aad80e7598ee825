"""A signed POST to an endpoint of one's own."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from sensor.central.notify.bodies import Bodies
from sensor.central.notify.channel import key_of
from sensor.central.notify.http import post
from sensor.central.notify.secret import HMAC_MIN, read_secret
from sensor.central.notify.settings import WebhookSettings
from sensor.central.notify.signature import signed_headers
from sensor.central.types import IncidentVersion


class Webhook:
    """Posts every told version with its key and a signature made anew for each attempt."""

    def __init__(
        self, settings: WebhookSettings, bodies: Bodies, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._settings = settings
        self._bodies = bodies
        self._clock = clock

    def deliver(self, version: IncidentVersion, *, former: Sequence[IncidentVersion] = ()) -> str:
        """Post, and say with what status it was taken."""
        body, content_type = self._bodies.write(version, self._settings.format, former=former)
        secret = read_secret(self._settings.secret_file, "secret_file", least=HMAC_MIN)
        headers = signed_headers(secret, key=key_of(version), timestamp_s=int(self._clock()), body=body)
        answer = post(self._settings.http, body, content_type=content_type, headers=headers)
        return f"answered {answer.status}"
