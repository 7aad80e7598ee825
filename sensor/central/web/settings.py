"""Settings of the web side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Interval

Role = Literal["viewer", "officer", "dispatcher", "reviewer", "auditor", "admin"]


@dataclass(frozen=True, kw_only=True)
class WebSettings:
    """Where the pages are served, who may see what, and what the map stands on."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    enabled: bool = True
    """Whether the pages are served at all."""

    host: str = "127.0.0.1"
    """Address to listen on. Anything but the loopback wants TLS: here, or in a proxy before it."""

    port: Annotated[int, Interval(ge=0, le=65535)] = 8080
    """TCP port, 0 to 65535; 0 takes a free one and logs it."""

    tls_certificate: str = ""
    """PEM file of the certificate chain; empty = no TLS here."""

    tls_key: str = ""
    """PEM file of its private key."""

    behind_tls_proxy: bool = False
    """A proxy before it speaks TLS: cookies are marked Secure, and the caller's address is taken from
    ``X-Forwarded-For``. Only with a listener that nobody but the proxy can reach."""

    title: str = "Gunshot sensor network"
    """Name of the network, in the head line of every page."""

    session_hours: Annotated[float, Interval(ge=0.1, le=72.0)] = 12.0
    """How long a login lasts, hours, 0.1 to 72: one shift."""

    secret_path: str = ""
    """File with the key that signs cookies; made at the first start, readable by its owner alone. Empty =
    logins.key in paths.state_dir."""

    login_failures_max: Annotated[int, Interval(ge=1, le=100)] = 5
    """Wrong passwords for one name from one address within `login_window_s` before a pause, 1 to 100."""

    login_window_s: Annotated[float, Interval(ge=1.0, le=86400.0)] = 300.0
    """How long wrong passwords count, seconds, 1 to 86400."""

    body_max_bytes: Annotated[int, Interval(ge=1024, le=10_000_000)] = 65_536
    """Largest body of a request, bytes, 1024 to 10000000."""

    streams_max: Annotated[int, Interval(ge=1, le=5000)] = 200
    """Live pages at one time, 1 to 5000; more are told to wait."""

    beat_s: Annotated[float, Interval(ge=0.5, le=60.0)] = 5.0
    """How often a live page gets a sign of life, seconds, 0.5 to 60; after three missed it says that it is
    blind."""

    rows_max: Annotated[int, Interval(ge=10, le=100_000)] = 10_000
    """Most incidents in one answer or export, 10 to 100000; the answer says when it was cut."""

    node_roles: tuple[Role, ...] = ("reviewer", "auditor", "admin")
    """Roles that see where the sensors are. To the others nodes have no names and no places."""

    audio_roles: tuple[Role, ...] = ("dispatcher", "reviewer", "auditor")
    """Roles that may hear evidence, where there is any. Every hearing is audited."""

    map_streets: str = ""
    """GeoJSON file with streets, water and place names, drawn as the map's ground; empty = a metric grid."""

    map_tiles: str = ""
    """Folder of raster tiles, ``{z}/{x}/{y}.png``; empty = none."""

    map_pmtiles: str = ""
    """PMTiles archive (one file, version 3) of raster tiles; empty = none."""

    map_attribution: str = ""
    """Who made the map, shown on it as the licence of the data asks."""
