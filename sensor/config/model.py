"""The whole configuration as one frozen value: the stages' settings under the names of the YAML file."""

from __future__ import annotations

import hashlib
import json
import re
import socket
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator

from sensor import events
from sensor.capture.settings import CaptureSettings
from sensor.classify.settings import ClassifySettings
from sensor.config.settings import LogSettings, PathSettings, PositionSettings, PublishSettings
from sensor.detect.settings import DetectSettings
from sensor.timing.settings import TimingSettings
from sensor.uplink.settings import MqttSettings, OutboxSettings

Name = Annotated[str, StringConstraints(pattern=f"^{events.NAME_PATTERN.pattern}$")]


def host_node_name() -> str:
    """The machine's host name as the node name it can be: lower case, letters, digits and hyphens."""
    name = re.sub(r"[^a-z0-9-]+", "-", socket.gethostname().split(".")[0].lower()).strip("-")
    return name[:63] or "node"


class Config(BaseModel):
    """Everything a node can be told; frozen, complete, valid."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    site: Name = "local"
    """Name of the network this node belongs to, a level of its MQTT topics;
    lower-case letters, digits and hyphens."""
    node: Name = Field(default_factory=host_node_name)
    """Name of this node, unique in its site; lower-case letters, digits and hyphens. null: the machine's
    host name."""
    position: PositionSettings | None = None
    """Where the microphone is. Without it candidates carry no position and cannot be located."""
    audio: CaptureSettings = CaptureSettings()
    detect: DetectSettings = DetectSettings()
    classify: ClassifySettings = ClassifySettings()
    timing: TimingSettings = TimingSettings()
    publish: PublishSettings = PublishSettings()
    mqtt: MqttSettings = MqttSettings()
    paths: PathSettings = Field(default_factory=PathSettings)
    outbox: OutboxSettings = Field(default=OutboxSettings(), validate_default=True)
    log: LogSettings = LogSettings()

    @field_validator("outbox")
    @classmethod
    def _below_state_dir(cls, outbox: OutboxSettings, info: ValidationInfo) -> OutboxSettings:
        """A relative path is one below ``paths.state_dir``."""
        paths = info.data.get("paths")
        return outbox if paths is None else replace(outbox, path=paths.state_dir / outbox.path)

    @property
    def wire_position(self) -> events.Position | None:
        """The position as messages carry it."""
        at = self.position
        if at is None:
            return None
        return events.Position(
            lat_deg=at.lat_deg, lon_deg=at.lon_deg, height_m=at.height_m, sigma_m=at.sigma_m
        )

    def plain(self) -> dict[str, Any]:
        """Every key with its value in force, as JSON and YAML can say it."""
        return self.model_dump(mode="json")

    @cached_property
    def digest(self) -> str:
        """First 12 hex digits of the SHA-256 of the effective configuration.

        Where a machine keeps its files (``paths``, ``outbox.path``) is left out: it depends on who runs it
        and changes no result.
        Secrets are in files of their own and so never part of it.
        """
        body = self.plain()
        del body["paths"], body["outbox"]["path"]
        text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:12]
