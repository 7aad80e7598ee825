"""What each key allows and several together do not, and what is allowed and probably not meant."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from sensor.broker.settings import BrokerAccess
from sensor.config.model import Config
from sensor.config.yaml_reader import Document, Fault, KeyPath, dotted
from sensor.detect.settings import LEAST_BAND_HZ

MIN_DECIMALS = 5
"""Decimals of a degree that keep a position within half a metre."""
_FACTORY_NAMES = ("raspberrypi", "debian", "localhost", "node")


def contradictions(document: Document, config: Config) -> list[Fault]:
    """Combinations that cannot work."""
    return [Fault(_line(document, path), dotted(path), text) for path, text in _contradictions(config)]


def hints(document: Document, config: Config) -> list[Fault]:
    """Values that can work and look like an oversight."""
    found = [Fault(_line(document, path), dotted(path), text) for path, text in _hints(config)]
    return sorted(found + list(_coarse_position(document, config)))


def _contradictions(config: Config) -> Iterator[tuple[KeyPath, str]]:
    mqtt, channel = config.mqtt, config.timing.pps_channel
    yield from broker_contradictions(mqtt, mqtt.backoff_min_s, mqtt.backoff_max_s)
    if channel is not None and channel >= config.audio.channels:
        text = f"channel {channel} is not captured; audio.channels must be at least {channel + 1}"
        yield ("timing", "pps_channel"), text
    low_hz, high_hz = config.detect.band_low_hz, config.detect.band_high_hz
    if high_hz - low_hz < LEAST_BAND_HZ:
        needed = f"give {low_hz + LEAST_BAND_HZ:g} or more, or lower band_low_hz"
        text = f"{high_hz:g} leaves too narrow a band above band_low_hz ({low_hz:g}): {needed}"
        yield ("detect", "band_high_hz"), text
    yield from unexpanded_paths(config)


def broker_contradictions(
    mqtt: BrokerAccess, backoff_min_s: float, backoff_max_s: float
) -> Iterator[tuple[KeyPath, str]]:
    """What cannot work in a section ``mqtt``, of a node or of the centre."""
    tls = mqtt.tls
    if "@" in mqtt.host:  # not repeated: it may hold a password
        yield (
            ("mqtt", "host"),
            "holds more than a name; give the bare name, mqtt.username and mqtt.password_file",
        )
    elif re.search(r"[/\s\[\]]", mqtt.host) or re.fullmatch(r"[^:]*:\d+", mqtt.host):
        yield (
            ("mqtt", "host"),
            f"{mqtt.host} is more than a name; give the bare name or address, the port in mqtt.port",
        )
    if tls is not None and tls.key_file is not None and tls.cert_file is None:
        yield (
            ("mqtt", "tls", "key_file"),
            "a key is of no use without its certificate; give cert_file as well",
        )
    if mqtt.password_file is not None and mqtt.username is None:
        yield ("mqtt", "password_file"), "a password is of no use without a name; give mqtt.username as well"
    if backoff_max_s < backoff_min_s:
        text = f"{backoff_max_s:g} is below backoff_min_s ({backoff_min_s:g}); swap them"
        yield ("mqtt", "backoff_max_s"), text


def unexpanded_paths(config: BaseModel) -> Iterator[tuple[KeyPath, str]]:
    """Paths that a shell would have understood."""
    for path, value in _paths(config):
        if any(part.startswith("~") for part in value.parts):
            yield path, f"{value}: ~ is not understood here; write the path in full, from / on"


def _paths(section: object, at: KeyPath = ()) -> Iterator[tuple[KeyPath, Path]]:
    """Every path that is set, with its key."""
    if isinstance(section, Path):
        yield at, section
    elif isinstance(section, BaseModel):
        for name in type(section).model_fields:
            yield from _paths(getattr(section, name), (*at, name))
    elif dataclasses.is_dataclass(section):
        for item in dataclasses.fields(section):
            yield from _paths(getattr(section, item.name), (*at, item.name))


def _hints(config: Config) -> Iterator[tuple[KeyPath, str]]:
    if config.node in _FACTORY_NAMES:
        yield (
            ("node",),
            f"{config.node} is what every new machine is called; two nodes of one name hide each other",
        )
    if config.position is None:
        yield ("position",), "is not given: candidates carry no position and cannot be located"
    if config.mqtt.host and config.mqtt.tls is None and not _is_local(config.mqtt.host):
        text = f"everything to {config.mqtt.host} is sent unencrypted; `tls: {{}}` switches encryption on"
        yield ("mqtt", "tls"), text
    for path, value in _paths(config):
        if not value.is_absolute():
            yield path, f"{value} depends on where the daemon is started; write the path in full, from / on"


def _coarse_position(document: Document, config: Config) -> Iterator[Fault]:
    for name in ("lat_deg", "lon_deg"):
        path = ("position", name)
        written = document.texts.get(path)
        if written is None:
            continue
        decimals = len(written.partition(".")[2])
        if decimals < MIN_DECIMALS:
            off_m = 111_000 / 10**decimals / 2
            text = f"{written} may be {off_m:.2g} m off; give at least {MIN_DECIMALS} decimals"
            yield Fault(_line(document, path), dotted(path), text)
    if config.position is not None and ("position", "sigma_m") not in document.lines:
        text = (
            f"sigma_m is not given, {config.position.sigma_m:g} m is taken; say how the position was measured"
        )
        yield Fault(_line(document, ("position",)), "position", text)


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _line(document: Document, path: KeyPath) -> int:
    """Line of a key, or of the section that lacks it; 0 when neither is written."""
    return next((document.lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in document.lines), 0)
