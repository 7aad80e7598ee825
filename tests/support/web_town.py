"""The town on a web server: users of every role, its evening in a real store, and a real server over them."""

from __future__ import annotations

import hashlib
import json
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sensor.central.incidents.chain import incident_json
from sensor.central.incidents.machine import Incidents
from sensor.central.incidents.recorder import Recorder
from sensor.central.incidents.settings import IncidentSettings
from sensor.central.store import Store, User
from sensor.central.store.sqlite import SqliteStore
from sensor.central.types import IncidentVersion
from sensor.central.web.app import create_app
from sensor.central.web.clips import FolderClips
from sensor.central.web.live import LiveFeed
from sensor.central.web.server import WebServer
from sensor.central.web.settings import WebSettings
from tests.support.town_evening import evening
from tests.support.town_map import node_states, streets

PASSWORD = "correct horse battery"  # noqa: S105  a test's
ROLES = ("viewer", "officer", "dispatcher", "reviewer", "auditor", "admin")
NAMES = {
    "dispatcher": "kim",
    "reviewer": "ada",
    "officer": "lee",
    "viewer": "vic",
    "auditor": "otto",
    "admin": "root",
}


@cache
def password_hash() -> str:
    """One cheap hash for all: a real one takes a fifth of a second, and a busy machine many times that."""
    salt = b"sixteen bytes ok"
    digest = hashlib.scrypt(PASSWORD.encode(), salt=salt, n=1024, r=8, p=1, dklen=32)
    return "$".join(["scrypt", "1024", "8", "1", *(b64encode(part).decode() for part in (salt, digest))])


@dataclass(frozen=True, kw_only=True)
class Site:
    """A served town."""

    url: str
    store: SqliteStore
    live: LiveFeed
    settings: WebSettings
    folder: Path

    def happens(self, version: IncidentVersion) -> None:
        """A version is stored and told, as the daemon does it."""
        self.store.append_version(version)
        self.live.publish("incident", incident_json(version))


def seed(store: Store, now_ns: int, *, incidents: bool = True) -> None:
    """Users of all roles, sensors, and the evening."""
    for role in ROLES:
        store.put_user(User(name=NAMES[role], role=role, password_hash=password_hash(), created_ns=now_ns))
    for state in node_states(now_ns):
        store.put_node(state)
    for version in evening(now_ns) if incidents else []:
        store.append_version(version)


@contextmanager
def served(
    folder: Path, *, incidents: bool = True, now_ns: int | None = None, **changes: Any
) -> Iterator[Site]:
    """A real server on a port of its own, with a real store in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "streets.geojson").write_text(json.dumps(streets()), encoding="utf-8")
    clips = folder / "clips"
    clips.mkdir(exist_ok=True)
    store = SqliteStore(folder / "record.db")
    seed(store, now_ns or time.time_ns(), incidents=incidents)
    settings = WebSettings(
        **{
            "port": 0,
            "title": "Riverside",
            "map_streets": str(folder / "streets.geojson"),
            "beat_s": 1.0,
            "secret_path": str(folder / "key"),
            **changes,
        }
    )
    live = LiveFeed()

    def tell(version: IncidentVersion, number: int) -> None:
        live.publish("incident", incident_json(version), str(number))

    recorder = Recorder(store, Incidents(IncidentSettings()), signer=None, on_version=tell)
    app = create_app(store, live, settings, reviewer=recorder, clips=FolderClips(clips))
    try:
        with WebServer(app, settings) as server:
            yield Site(url=server.url, store=store, live=live, settings=settings, folder=folder)
    finally:
        store.close()
