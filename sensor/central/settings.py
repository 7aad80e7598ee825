"""Settings of the central side that belong to no single stage: broker, intake, record, air, folders."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from annotated_types import Interval, Len

from sensor.broker.settings import BrokerAccess
from sensor.errors import ConfigError

APPLICATION = "gunshot-central"
_FORBID: dict[str, object] = {"extra": "forbid"}


def default_state_dir() -> Path:
    """``$STATE_DIRECTORY`` (systemd), else the user's state folder."""
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    home = os.environ.get("XDG_STATE_HOME") or str(Path("~/.local/state").expanduser())
    return Path(given) if given else Path(home) / APPLICATION


@dataclass(frozen=True, kw_only=True)
class BrokerSettings(BrokerAccess):
    """The connection to the broker."""

    host: Annotated[str, Len(1, 253)] = "127.0.0.1"
    """Name or address of the broker; with TLS it must be in the broker's certificate."""
    client_id: Annotated[str, Len(1, 200)] = "gunshot-central"
    """MQTT client identifier, unique at the broker; each worker has its own and keeps it, since the broker
    keeps what a worker has missed under this name."""
    sites: tuple[str, ...] = ()
    """Sites whose candidates are taken in; none = all."""
    share_group: Annotated[str, Len(0, 60)] = ""
    """Name of a group of workers among which the broker divides the candidates (MQTT 5 shared subscription);
    they need one PostgreSQL record. Empty = this worker gets everything."""
    keepalive_s: Annotated[int, Interval(ge=2, le=3600)] = 20
    """Longest silence before the connection is probed, seconds."""
    connect_timeout_s: Annotated[float, Interval(ge=0.2, le=120.0)] = 20.0
    """Longest wait for TCP, for TLS and for the broker's greeting, each, seconds."""
    session_expiry_s: Annotated[int, Interval(ge=60, le=2**32 - 2)] = 7 * 86400
    """How long the broker keeps candidates for a centre that is away, seconds. Mosquitto also counts:
    set max_queued_messages 0 there."""
    receive_max: Annotated[int, Interval(ge=1, le=10_000)] = 500
    """Most messages taken and not yet committed."""
    backoff_min_s: Annotated[float, Interval(ge=0.01, le=60.0)] = 0.5
    """Shortest wait before a new attempt to connect, seconds."""
    backoff_max_s: Annotated[float, Interval(ge=0.01, le=3600.0)] = 30.0
    """Longest wait before a new attempt to connect, seconds."""


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """What this one does where several share the work; a single one does everything."""

    __pydantic_config__: ClassVar[dict[str, object]] = _FORBID

    sites: tuple[str, ...] = ()
    """Sites whose incidents it makes and whose nodes it watches, whoever took their candidates in; none =
    all. Each site belongs to one worker."""
    notifies: bool = True
    """Whether it tells the receivers in notify. Several may: one at a time has charge of each receiver, and
    another takes over when it falls silent."""


@dataclass(frozen=True, kw_only=True)
class IntakeSettings:
    """Which candidates are believed. Every refusal is counted by its reason."""

    __pydantic_config__: ClassVar[dict[str, object]] = _FORBID

    future_max_s: Annotated[float, Interval(ge=0.1, le=86400.0)] = 30.0
    """A candidate dated further ahead of the centre's clock is refused, seconds, 0.1 to 86400."""
    age_max_days: Annotated[float, Interval(ge=0.01, le=3650.0)] = 30.0
    """An older candidate is refused, days, 0.01 to 3650."""
    moved_max_m: Annotated[float, Interval(ge=1.0, le=1_000_000.0)] = 100.0
    """A candidate from further away than this from where its node announced itself (status) is refused,
    metres, 1 to 1000000."""
    per_minute_max: Annotated[float, Interval(ge=10.0, le=1_000_000.0)] = 1200.0
    """Most candidates of one node per minute in the long run, 10 to 1000000; the rest is refused."""
    burst_max: Annotated[int, Interval(ge=10, le=1_000_000)] = 2000
    """Most candidates of one node at once, 10 to 1000000: an outbox that is emptied after an outage."""
    nodes_max: Annotated[int, Interval(ge=1, le=1_000_000)] = 20_000
    """Most nodes that may speak, 1 to 1000000; more names than that are invented ones and refused."""
    unsigned: Literal["accept", "refuse"] = "accept"
    """What becomes of candidates without signature. A signature that does not hold is always refused."""
    node_keys_dir: Path | None = None
    """Folder with the nodes' public keys, site/node.pem; null = signatures are not checked."""
    known_nodes: tuple[str, ...] = ()
    """Nodes that may speak, each site/node; none = any."""


@dataclass(frozen=True, kw_only=True)
class RecordSettings:
    """Where everything is kept."""

    __pydantic_config__: ClassVar[dict[str, object]] = _FORBID

    path: Path = Path("record.db")
    """SQLite file, below paths.state_dir unless absolute."""
    postgres_dsn_file: Path | None = None
    """File whose first line says how to reach a PostgreSQL database, such as
    host=db dbname=gunshot user=central password=...; null = the SQLite file is used."""
    candidates_days: Annotated[float, Interval(ge=1.0, le=36500.0)] = 365.0
    """How long candidates are kept, days. Incidents, labels and the audit are never deleted."""
    node_history_days: Annotated[float, Interval(ge=1.0, le=36500.0)] = 90.0
    """How long the nodes' history is kept, days."""


@dataclass(frozen=True, kw_only=True)
class AirSettings:
    """What carries the sound: reports where there are fresh ones, else what is set here."""

    __pydantic_config__: ClassVar[dict[str, object]] = _FORBID

    temperature_c: Annotated[float, Interval(ge=-60.0, le=60.0)] = 15.0
    """Air temperature where no report is fresh, °C, -60 to 60."""
    wind_east_m_s: Annotated[float, Interval(ge=-60.0, le=60.0)] = 0.0
    """Wind towards the east where no report is fresh, m/s: a west wind is positive."""
    wind_north_m_s: Annotated[float, Interval(ge=-60.0, le=60.0)] = 0.0
    """Wind towards the north where no report is fresh, m/s: a south wind is positive."""
    metar_file: Path | None = None
    """Text file with METAR reports of a station nearby, which something of yours keeps up to date; null =
    none. Looked at every 30 s."""
    mqtt: bool = True
    """Whether reports are taken from the broker: gunshot/v1/{site}/weather, JSON with temperature_c and,
    where known, wind_east_m_s, wind_north_m_s and utc_ns."""
    report_max_age_min: Annotated[float, Interval(ge=5.0, le=1440.0)] = 120.0
    """A report further than this from the time of a sound says nothing about it, minutes, 5 to 1440."""

    @property
    def is_set(self) -> bool:
        """Whether a person set anything."""
        return (self.temperature_c, self.wind_east_m_s, self.wind_north_m_s) != (15.0, 0.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class CentralPaths:
    """Where the daemon keeps its files."""

    __pydantic_config__: ClassVar[dict[str, object]] = _FORBID

    state_dir: Path = field(default_factory=default_state_dir)
    """Folder that survives a reboot: the record and the centre's key. null: $STATE_DIRECTORY (set by
    systemd), else ~/.local/state/gunshot-central."""

    def make_state_dir(self) -> None:
        """Make the folder if it is not there; raise ConfigError where that cannot be."""
        try:
            self.state_dir.mkdir(parents=True, exist_ok=True, mode=0o750)
        except OSError as error:
            raise ConfigError(
                f"paths.state_dir {self.state_dir}: cannot be made: {error.strerror}; name a folder that "
                "this user may write to"
            ) from error
