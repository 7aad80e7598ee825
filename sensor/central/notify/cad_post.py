"""Incidents into a dispatch centre's computer, and its number for them back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence

from sensor.central.notify.bodies import Bodies
from sensor.central.notify.channel import key_of
from sensor.central.notify.http import Answer, post
from sensor.central.notify.secret import HMAC_MIN, read_secret
from sensor.central.notify.settings import CadSettings
from sensor.central.notify.signature import KEY, signed_headers
from sensor.central.types import IncidentVersion

_NUMBER_MAX = 100

OnNumber = Callable[[str, str, str], None]
"""Called with incident_id, name of the dispatch centre, its number."""


class CadPost:
    """Posts EIDO or CAP; what the dispatch centre calls the incident is kept as a label."""

    def __init__(
        self,
        settings: CadSettings,
        bodies: Bodies,
        on_number: OnNumber,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._bodies = bodies
        self._on_number = on_number
        self._clock = clock

    def deliver(self, version: IncidentVersion, *, former: Sequence[IncidentVersion] = ()) -> str:
        """Post, and say under which number it was taken."""
        settings = self._settings
        body, content_type = self._bodies.write(version, settings.format, former=former)
        headers = {KEY: key_of(version)}
        if settings.secret_file is not None:
            secret = read_secret(settings.secret_file, "secret_file", least=HMAC_MIN)
            headers = signed_headers(secret, key=key_of(version), timestamp_s=int(self._clock()), body=body)
        answer = post(settings.http, body, content_type=content_type, headers=headers)
        if not settings.number_field:
            return f"answered {answer.status}"
        number = number_in(answer, settings.number_field)
        if number is None:
            # It has the incident; posting again because of its answer would make a second one there.
            return f"answered {answer.status}; no number in its answer at {settings.number_field}"
        self._on_number(version.incident_id, settings.name, number)
        return f"taken as {number}"


def number_in(answer: Answer, field: str) -> str | None:
    """The value at ``field`` (names joined by dots) of a JSON answer; None where there is none."""
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    for name in field.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value).strip()
    return text if 0 < len(text) <= _NUMBER_MAX and text.isprintable() else None
