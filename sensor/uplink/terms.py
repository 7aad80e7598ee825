"""How a node introduces itself to its broker: with a last will, and ready for a few small commands."""

from __future__ import annotations

from sensor.broker.connection import Terms, Will
from sensor.uplink.settings import MqttSettings

_INCOMING_BYTES_MAX = 8192
_INCOMING_MAX = 10


def client_id(settings: MqttSettings, site: str, node: str) -> str:
    """The MQTT client identifier of a node."""
    return settings.client_id or f"gunshot-{site}-{node}"


def terms(settings: MqttSettings, name: str, will: Will, *, keepalive_s: int | None = None) -> Terms:
    """What the client ``name`` asks of the broker; ``keepalive_s`` = None: that of the settings."""
    return Terms(
        client_id=name,
        keepalive_s=keepalive_s or settings.keepalive_s,
        connect_timeout_s=settings.connect_timeout_s,
        receive_max=_INCOMING_MAX,
        packet_bytes_max=_INCOMING_BYTES_MAX,
        will=will,
    )
