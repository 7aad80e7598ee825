"""One check per thing the centre needs; each ends in findings and never in an exception."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from sensor.central.cli.record import opened_record
from sensor.central.config import CentralConfig
from sensor.errors import SensorError
from sensor.findings import Finding, Verdict, findings_of

DISK_FREE_MB = 1000.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def run_checks(config: CentralConfig) -> Iterator[Finding]:
    """Every check but that of the configuration itself."""
    checks: Mapping[str, Callable[[CentralConfig], Iterator[Finding]]] = {
        "record": check_record,
        "key": check_key,
        "node keys": check_node_keys,
        "broker": check_broker,
        "pages": check_pages,
        "secrets": check_secrets,
        "disk": check_disk,
    }
    return findings_of({name: partial(check, config) for name, check in checks.items()})


def check_record(config: CentralConfig) -> Iterator[Finding]:
    """The record answers, takes writes, and somebody may log in."""
    with opened_record(config, make=True) as store:
        yield Finding("record", Verdict.OK, store.check())
        users = [item for item in store.users() if not item.disabled]
        if config.web.enabled and not users:
            text = "nobody may log in; gunshot-central user add NAME --role admin"
            yield Finding("users", Verdict.WARN, text)
        elif config.web.enabled:
            yield Finding("users", Verdict.OK, f"{len(users)} may log in")


def check_key(config: CentralConfig) -> Iterator[Finding]:
    """The centre's key can be read by this user and by nobody else."""
    from sensor.central.incidents.signing import CentreKey  # noqa: PLC0415  loads cryptography

    path = config.key_path
    if not path.exists():
        yield Finding("key", Verdict.WARN, f"{path}: there is none yet; the first start makes it")
        return
    yield Finding("key", Verdict.OK, f"{path}: id {CentreKey.load(path).key_id}")


def check_node_keys(config: CentralConfig) -> Iterator[Finding]:
    """The nodes' public keys, where signatures are checked."""
    from sensor.central.incidents.signing import CentreKeys  # noqa: PLC0415  loads cryptography

    folder = config.intake.node_keys_dir
    if folder is None:
        text = "none: signatures of nodes are not checked (intake.node_keys_dir)"
        yield Finding("node keys", Verdict.WARN, text)
        return
    files = sorted(folder.glob("*/*.pem"))
    for file in files:
        try:
            CentreKeys.load([file])
        except SensorError as error:
            yield Finding("node keys", Verdict.FAIL, str(error))
    verdict = Verdict.OK if files else Verdict.WARN
    yield Finding("node keys", verdict, f"{folder}: {len(files)} keys, each SITE/NODE.pem")


def check_broker(config: CentralConfig) -> Iterator[Finding]:
    """Connect and subscribe as the daemon does."""
    from sensor.central.consumer.consumer import topic_filters  # noqa: PLC0415  loads paho
    from sensor.central.mqtt import try_broker  # noqa: PLC0415  same

    mqtt = config.mqtt
    try_broker(mqtt, topic_filters(mqtt))
    how = "TLS" if mqtt.tls is not None else "without encryption"
    yield Finding("broker", Verdict.OK, f"{mqtt.where}, {how}: connected, subscribed")
    if mqtt.tls is None and mqtt.host not in _LOOPBACK:
        text = "what goes to another machine is not encrypted; give mqtt.tls"
        yield Finding("broker", Verdict.WARN, text)


def check_pages(config: CentralConfig) -> Iterator[Finding]:
    """The pages' address is free, or served already."""
    web = config.web
    if not web.enabled:
        yield Finding("pages", Verdict.WARN, "are not served (web.enabled)")
        return
    where = f"{web.host}:{web.port}"
    for path in (web.tls_certificate, web.tls_key, web.map_streets, web.map_pmtiles):
        if path and not os.access(path, os.R_OK):
            yield Finding("pages", Verdict.FAIL, f"{path}: cannot be read by this user")
    if not web.tls_certificate and not web.behind_tls_proxy and web.host not in _LOOPBACK:
        text = f"{where}: passwords cross the network in the clear; give web.tls_certificate, or a proxy"
        yield Finding("pages", Verdict.WARN, text)
    family = socket.AF_INET6 if ":" in web.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((web.host, web.port))
        except OSError as error:
            text = f"{where}: {error.strerror}; a centre that runs already, or another program"
            yield Finding("pages", Verdict.WARN, text)
            return
    yield Finding("pages", Verdict.OK, f"{where} is free")


def check_secrets(config: CentralConfig) -> Iterator[Finding]:
    """Every file that a setting names for a secret can be read."""
    named = {**_secret_files(config.plain(), ""), **_dispositions(config)}
    for key, path in named.items():
        if not os.access(path, os.R_OK):
            yield Finding("secrets", Verdict.FAIL, f"{key} {path}: cannot be read by this user")
    if named:
        yield Finding("secrets", Verdict.OK, f"{len(named)} files are named")


def _secret_files(value: object, at: str) -> dict[str, Path]:
    found: dict[str, Path] = {}
    if isinstance(value, Mapping):
        for name, item in value.items():
            key = f"{at}.{name}" if at else str(name)
            if isinstance(item, str) and str(name).endswith("_file") and name != "key_file":
                found[key] = Path(item)
            found |= _secret_files(item, key)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            found |= _secret_files(item, f"{at}[{number}]")
    return found


def _dispositions(config: CentralConfig) -> dict[str, Path]:
    return {
        f"notify.disposition_secrets.{name}": path for name, path in config.notify.disposition_secrets.items()
    }


def check_disk(config: CentralConfig) -> Iterator[Finding]:
    """There is room for the record."""
    folder = config.paths.state_dir
    free_mb = shutil.disk_usage(folder).free / 1e6
    if free_mb < DISK_FREE_MB:
        text = f"{folder}: {free_mb:.0f} MB free; make room, the record only grows"
        yield Finding("disk", Verdict.WARN, text)
    else:
        yield Finding("disk", Verdict.OK, f"{folder}: {free_mb / 1000.0:.1f} GB free")
