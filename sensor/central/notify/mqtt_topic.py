"""Incidents on the broker, and an event entity for Home Assistant."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from typing import get_args

from sensor.central.cad.words import description, headline
from sensor.central.incidents.chain import canonical, incident_json
from sensor.central.notify.channel import Publish
from sensor.central.types import IncidentClass, IncidentVersion
from sensor.errors import NotifyError, SensorError
from sensor.events import TOPIC_ROOT


def incident_topic(site: str, incident_id: str) -> str:
    """``gunshot/v1/{site}/incident/{incident_id}``."""
    return f"{TOPIC_ROOT}/{site}/incident/{incident_id}"


class MqttTopic:
    """Publishes each version, signed record and all, on the incident's own topic."""

    def __init__(self, publish: Publish, *, retained: bool) -> None:
        self._publish = publish
        self._retained = retained

    def deliver(self, version: IncidentVersion, *, former: Sequence[IncidentVersion] = ()) -> str:  # noqa: ARG002  the message is the whole record
        """Publish, and say that the broker has it."""
        topic = incident_topic(version.site, version.incident_id)
        _publish(self._publish, topic, canonical(incident_json(version)), retain=self._retained)
        return "acknowledged by the broker"


class HomeAssistant:
    """Announces one event entity per site, then fires it for each version."""

    def __init__(self, publish: Publish, *, prefix: str) -> None:
        self._publish = publish
        self._prefix = prefix
        self._announced: set[str] = set()
        self._lock = threading.Lock()

    def deliver(self, version: IncidentVersion, *, former: Sequence[IncidentVersion] = ()) -> str:  # noqa: ARG002  an event stands alone
        """Publish the event, after the announcement if this is the site's first since the start."""
        with self._lock:
            if version.site not in self._announced:
                self._announce(version.site)
                self._announced.add(version.site)
        place = version.place
        body = {
            "event_type": "retracted" if version.state == "retracted" else version.incident_class,
            "headline": headline(version),
            "description": description(version),
            "incident_id": version.incident_id,
            "version": version.version,
            "exercise": version.exercise,
            "confidence": version.confidence,
            "p_gunshot": version.p_gunshot,
            "latitude": None if place is None else place.lat_deg,
            "longitude": None if place is None else place.lon_deg,
        }
        # Not retained: an event that the broker repeats at every restart would ring again.
        _publish(self._publish, self._state_topic(version.site), json.dumps(body).encode(), retain=False)
        return "acknowledged by the broker"

    def _state_topic(self, site: str) -> str:
        return f"{self._prefix}/event/gunshot_{site}/state"

    def _announce(self, site: str) -> None:
        body = {
            "name": "Gunfire",
            "unique_id": f"gunshot_{site}",
            "object_id": f"gunshot_{site}",
            "state_topic": self._state_topic(site),
            "event_types": [*get_args(IncidentClass), "retracted"],
            "icon": "mdi:bullhorn-variant",
            "qos": 1,
            "device": {
                "identifiers": [f"gunshot_{site}"],
                "name": f"Gunshot sensors {site}",
                "manufacturer": "gunshot-sensor",
            },
        }
        topic = f"{self._prefix}/event/gunshot_{site}/config"
        _publish(self._publish, topic, json.dumps(body).encode(), retain=True)


def _publish(publish: Publish, topic: str, payload: bytes, *, retain: bool) -> None:
    """Publish; whatever error of ours the connection raises means: not now."""
    try:
        publish(topic, payload, retain=retain)
    except NotifyError:
        raise
    except SensorError as error:
        raise NotifyError(f"broker: {error}") from error
