"""The central side's whole configuration as one frozen value, read as strictly as a node's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from sensor import events
from sensor.central.fleet.settings import FleetSettings
from sensor.central.fusion import FusionSettings
from sensor.central.incidents.settings import IncidentSettings
from sensor.central.notify.settings import NotifySettings
from sensor.central.settings import (
    AirSettings,
    BrokerSettings,
    CentralPaths,
    IntakeSettings,
    RecordSettings,
    WorkerSettings,
)
from sensor.central.web.settings import WebSettings
from sensor.config.crosschecks import broker_contradictions, unexpanded_paths
from sensor.config.loader import find_file, read_model
from sensor.config.settings import LogSettings
from sensor.config.text import dump_text
from sensor.config.text import example_text as example_of
from sensor.config.yaml_reader import Document, Fault, KeyPath, dotted

SYSTEM_FILE = Path("/etc/gunshot-sensor/central.yaml")
FILE_VARIABLE = "GUNSHOT_CENTRAL_CONFIG"
HEAD = """\
# Configuration of gunshot-central: every key, commented out at its default.
#
# To change a value, take away the # that stands directly before its key; leave section names as they are.
# `gunshot-central config check -c FILE` names every fault of a file, `config show` prints what is in force.
# Passwords and keys are never written here: keys that end in _file name the files that hold them.
# Units are part of the names: _s _ns _m _deg _db _days.
"""


class CentralConfig(BaseModel):
    """Everything the central side can be told; frozen, complete, valid."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    mqtt: BrokerSettings = BrokerSettings()
    worker: WorkerSettings = WorkerSettings()
    intake: IntakeSettings = IntakeSettings()
    record: RecordSettings = RecordSettings()
    fusion: FusionSettings = FusionSettings()
    air: AirSettings = AirSettings()
    incidents: IncidentSettings = IncidentSettings()
    fleet: FleetSettings = FleetSettings()
    notify: NotifySettings = NotifySettings()
    web: WebSettings = WebSettings()
    paths: CentralPaths = Field(default_factory=CentralPaths)
    log: LogSettings = LogSettings()

    @property
    def record_path(self) -> Path:
        """The SQLite file."""
        return self.paths.state_dir / self.record.path

    @property
    def key_path(self) -> Path:
        """The centre's private key."""
        return self.incidents.key_file or self.paths.state_dir / "centre.key"

    def plain(self) -> dict[str, Any]:
        """Every key with its value in force, as JSON and YAML can say it."""
        return self.model_dump(mode="json")


def find_config() -> Path | None:
    """The file to read when none is named: $GUNSHOT_CENTRAL_CONFIG, else the one in /etc, else None."""
    return find_file(FILE_VARIABLE, SYSTEM_FILE)


def load_config(path: Path | None) -> CentralConfig:
    """Read a configuration file; None means the defaults.

    Raises ConfigError whose text is one line per fault, ``file:line key: what, and how to mend it``.
    """
    return read_model(path, CentralConfig, _contradictions, "gunshot-central")[0]


def example_text() -> str:
    """The text of ``central.example.yaml``."""
    return example_of(CentralConfig, HEAD, lambda _: False)


def show_text(config: CentralConfig) -> str:
    """The configuration in force as YAML that reads back to the same values."""
    return dump_text(config.plain())


def _contradictions(document: Document, config: CentralConfig) -> list[Fault]:
    """Combinations that cannot work."""
    return [Fault(document.lines.get(path, 0), dotted(path), text) for path, text in _found(config)]


def _found(config: CentralConfig) -> Iterator[tuple[KeyPath, str]]:
    mqtt = config.mqtt
    yield from broker_contradictions(mqtt, mqtt.backoff_min_s, mqtt.backoff_max_s)
    yield from unexpanded_paths(config)
    yield from _found_in_sharing(config)
    for name in config.intake.known_nodes:
        site, _, node = name.partition("/")
        if not (events.NAME_PATTERN.fullmatch(site) and events.NAME_PATTERN.fullmatch(node)):
            yield ("intake", "known_nodes"), f"{name!r} is no node; write site/node"
    if config.intake.unsigned == "refuse" and config.intake.node_keys_dir is None:
        text = "refuse needs the nodes' public keys; give intake.node_keys_dir as well"
        yield ("intake", "unsigned"), text


def _found_in_sharing(config: CentralConfig) -> Iterator[tuple[KeyPath, str]]:
    mqtt, worker = config.mqtt, config.worker
    for section, sites in (("mqtt", mqtt.sites), ("worker", worker.sites)):
        for site in sites:
            if not events.NAME_PATTERN.fullmatch(site):
                yield (section, "sites"), f"{site!r} is no site; lower-case letters, digits and hyphens"
    for site in worker.sites:
        if mqtt.sites and site not in mqtt.sites and not mqtt.share_group:
            text = f"{site} is not among mqtt.sites, so nothing of it is taken in; add it there"
            yield ("worker", "sites"), text
    if mqtt.share_group and config.record.postgres_dsn_file is None:
        text = "several workers need one PostgreSQL record; give record.postgres_dsn_file as well"
        yield ("mqtt", "share_group"), text
