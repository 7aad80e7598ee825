"""Push to telephones through a server of the ntfy kind: a JSON message to its root."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sensor.central.cad.words import headline, how_sure_words, utc_words, where_words
from sensor.central.notify.bodies import Bodies
from sensor.central.notify.channel import key_of
from sensor.central.notify.http import post
from sensor.central.notify.settings import PushSettings
from sensor.central.notify.signature import KEY
from sensor.central.types import IncidentVersion


class Push:
    """Publishes a headline and a short text to one topic."""

    def __init__(self, settings: PushSettings, bodies: Bodies) -> None:
        self._settings = settings
        self._bodies = bodies

    def deliver(self, version: IncidentVersion, *, former: Sequence[IncidentVersion] = ()) -> str:  # noqa: ARG002  a push stands alone
        """Post, and say with what status it was taken."""
        body: dict[str, Any] = {
            "topic": self._settings.topic,
            "title": headline(version),
            "message": f"{utc_words(version.utc_ns)}. {where_words(version)} {how_sure_words(version)}",
            "priority": _priority(version),
            "tags": [version.state, version.incident_class],
        }
        url = self._bodies.url_of(version)
        if url:
            body["click"] = url
        answer = post(
            self._settings.http,
            json.dumps(body, ensure_ascii=False).encode(),
            content_type="application/json",
            headers={KEY: key_of(version)},
        )
        return f"answered {answer.status}"


def _priority(version: IncidentVersion) -> int:
    """5 wakes people up, 3 is a plain message, 2 a quiet one."""
    if version.exercise or version.state == "retracted":
        return 3
    if version.incident_class == "gunshot" and version.place is not None:
        return 5
    return 4 if version.incident_class == "probable_gunshot" else 2
