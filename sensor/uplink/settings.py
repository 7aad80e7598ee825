"""Settings of the outbox and of the connection to the broker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from annotated_types import Interval, Len

from sensor.broker.settings import BrokerAccess

MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class OutboxSettings:
    """Where candidates wait until the broker has acknowledged them."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    path: Path = Path("outbox.db")
    """SQLite file, below ``paths.state_dir`` unless absolute, on a disk that keeps its content over a power
    cut (not tmpfs). Beside it appear ``-wal``, ``-shm`` and ``.lock``, and ``.damaged-*`` should it ever be
    found damaged."""
    max_bytes: Annotated[int, Interval(ge=16 * 1024, le=64 * 1024 * MIB)] = 64 * MIB
    """Most bytes of stored candidates; 64 MiB hold some 40,000. Beyond it the oldest are dropped and
    counted. The file itself grows to about a third more."""
    max_memory_bytes: Annotated[int, Interval(ge=16 * 1024, le=1024 * MIB)] = 4 * MIB
    """Most bytes of candidates held in memory while the disk cannot store; 4 MiB hold some 2,500. Beyond
    it the oldest are dropped and counted."""
    busy_timeout_s: Annotated[float, Interval(ge=0.0, le=2.0)] = 0.25
    """Longest wait of the dsp thread for a lock that another program holds on the file, seconds."""


@dataclass(frozen=True, kw_only=True)
class MqttSettings(BrokerAccess):
    """The connection to the broker."""

    host: Annotated[str, Len(0, 253)] = ""
    """Name or address of the broker; with TLS it must be in the broker's certificate. Empty = no broker:
    candidates wait in the outbox."""
    client_id: Annotated[str, Len(1, 255)] | None = None
    """MQTT client identifier, unique at the broker; null = ``gunshot-{site}-{node}``."""
    keepalive_s: Annotated[int, Interval(ge=2, le=3600)] = 20
    """Longest silence before the connection is probed, seconds; a dead one is noticed within twice that.
    The broker may ask for less."""
    connect_timeout_s: Annotated[float, Interval(ge=0.2, le=120.0)] = 20.0
    """Longest wait for TCP, for TLS and for the broker's greeting, each, seconds."""
    window: Annotated[int, Interval(ge=1, le=1000)] = 20
    """Most messages sent and not yet acknowledged. The broker may ask for less."""
    backoff_min_s: Annotated[float, Interval(ge=0.01, le=60.0)] = 1.0
    """Shortest wait before a new attempt to connect, seconds."""
    backoff_max_s: Annotated[float, Interval(ge=0.01, le=3600.0)] = 60.0
    """Longest wait before a new attempt to connect, seconds; the waits between are random, so that a
    fleet does not return all at once."""
    candidate_expiry_s: Annotated[int, Interval(ge=0, le=2**32 - 2)] = 7 * 86400
    """How long the broker keeps a candidate for a subscriber that is away, seconds; 0 = for ever."""
