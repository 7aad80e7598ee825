"""Settings of notifications: who is told of which incidents, where, and how long it is tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from annotated_types import Interval, Len

from sensor.central.cad.settings import CapSettings, DispositionSettings, EidoSettings
from sensor.central.types import Confidence, IncidentClass
from sensor.errors import ConfigError

Name = Annotated[str, Len(1, 60)]
_FORBID: dict[str, object] = {"extra": "forbid"}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, kw_only=True)
class CircleSettings:
    """A circle on the map."""

    __pydantic_config__: ClassVar[dict[str, object]] = _FORBID

    lat_deg: Annotated[float, Interval(ge=-90.0, le=90.0)]
    """Latitude of the centre, degrees north."""
    lon_deg: Annotated[float, Interval(ge=-180.0, le=180.0)]
    """Longitude of the centre, degrees east."""
    radius_m: Annotated[float, Interval(ge=1.0, le=1_000_000.0)]
    """Radius, metres."""


@dataclass(frozen=True, kw_only=True)
class RuleSettings:
    """Which incidents a receiver is told of. Once told, it always hears of retraction and correction."""

    __pydantic_config__: ClassVar[dict[str, object]] = _FORBID

    classes: tuple[IncidentClass, ...] = ("gunshot", "probable_gunshot")
    """Classes that are told."""
    p_min: Annotated[float, Interval(ge=0.0, le=1.0)] = 0.5
    """Least probability of a gunshot."""
    confidence_min: Confidence = "low"
    """Least confidence in the place: high, medium or low."""
    not_located: bool = False
    """Whether incidents that were heard but not located are told."""
    sites: tuple[str, ...] = ()
    """Sites that are told; none = all."""
    circles: tuple[CircleSettings, ...] = ()
    """Where an incident must be: its 95 % ellipse touches one of these or ``polygons``; none = anywhere."""
    polygons: tuple[tuple[tuple[float, float], ...], ...] = ()
    """The same as polygons: each a list of at least three [latitude, longitude] pairs."""
    exercise: Literal["never", "also", "only"] = "never"
    """Whether exercises are told: never, also, or only they."""
    updates: Literal["all", "important", "first"] = "important"
    """Which later versions are told: all; those in which class, place, rounds, confidence, tags or a
    person's word changed; or none but retraction and a change of class."""
    max_age_s: Annotated[float, Interval(ge=10.0, le=31_536_000.0)] = 21_600.0
    """Oldest incident of which a receiver is told for the first time, seconds after its discharge."""

    def __post_init__(self) -> None:
        """Refuse polygons without an area."""
        for index, polygon in enumerate(self.polygons):
            if len(polygon) < 3:
                raise ConfigError(f"polygon {index + 1} has {len(polygon)} corners; it needs at least 3")


@dataclass(frozen=True, kw_only=True)
class RetrySettings:
    """How long delivery to one receiver is tried."""

    __pydantic_config__: ClassVar[dict[str, object]] = _FORBID

    attempts_max: Annotated[int, Interval(ge=1, le=1000)] = 20
    """Attempts per incident version; after that it is set aside as undeliverable, with the reason. With the
    other defaults that is after about an hour."""
    backoff_min_s: Annotated[float, Interval(ge=0.01, le=600.0)] = 1.0
    """Longest wait after the first failure, seconds; it doubles each time, chance takes up to half off."""
    backoff_max_s: Annotated[float, Interval(ge=0.01, le=86_400.0)] = 300.0
    """Longest wait between two attempts, seconds."""


@dataclass(frozen=True, kw_only=True)
class HttpSettings:
    """A receiver that is reached by HTTP POST."""

    __pydantic_config__: ClassVar[dict[str, object]] = _FORBID

    url: Annotated[str, Len(8, 2000)]
    """Where to post: https, or http on this machine. Redirects are not followed: give the final address."""
    allow_plain_http: bool = False
    """Allow http to another machine: everybody on the way can read and change what is sent."""
    timeout_s: Annotated[float, Interval(ge=0.2, le=120.0)] = 10.0
    """Longest time for one attempt from connecting to the end of the answer, seconds."""
    ca_file: Path | None = None
    """Authority that signed the receiver's certificate (PEM); null = the system's authorities."""
    token_file: Path | None = None
    """File whose first line is sent as ``Authorization: Bearer``; read at every attempt."""

    def __post_init__(self) -> None:
        """Refuse addresses that cannot be posted to, or not safely."""
        try:
            parts = urlsplit(self.url)
            port = parts.port
        except ValueError as error:
            raise ConfigError(f"url {self.url!r}: {error}") from error
        if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
            raise ConfigError(f"url {self.url!r} is no address to post to; write https://host/path")
        if parts.username is not None or parts.password is not None:
            raise ConfigError("a url must not hold a password: use token_file")
        if any(ord(c) <= 32 or ord(c) > 126 for c in self.url):
            raise ConfigError(f"url {self.url!r} holds characters that must be percent-encoded")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK and not self.allow_plain_http:
            raise ConfigError(f"url {self.url!r} is not encrypted; use https, or set allow_plain_http")


@dataclass(frozen=True, kw_only=True)
class WebhookSettings:
    """An HTTP endpoint of one's own that gets every told version, signed."""

    __pydantic_config__: ClassVar[dict[str, object]] = _FORBID

    name: Name
    """Name of the receiver, unique; the queue and the log know it by that."""
    http: HttpSettings
    """Where and how."""
    secret_file: Path
    """File whose first line is the HMAC signature's key, 16 characters or more; read at every attempt."""
    format: Literal["incident", "geojson", "cap", "eido"] = "incident"
    """What is sent: the signed incident as JSON, GeoJSON, CAP 1.2, or EIDO."""
    rule: RuleSettings = RuleSettings()
    """Which incidents."""
    retry: RetrySettings = RetrySettings()
    """How long it is tried."""


@dataclass(frozen=True, kw_only=True)
class CadSettings:
    """A dispatch centre's computer that takes incidents over HTTP and answers with its own number."""

    __pydantic_config__: ClassVar[dict[str, object]] = _FORBID

    name: Name
    """Name of the dispatch centre, unique."""
    http: HttpSettings
    """Where and how."""
    secret_file: Path | None = None
    """Key of the HMAC signature as in a webhook; null = not signed that way (``http.token_file`` then)."""
    format: Literal["eido", "cap"] = "eido"
    """What is sent."""
    number_field: Annotated[str, Len(0, 200)] = "incidentComponent.internalIncidentId"
    """Where in the JSON answer the dispatch centre's own number stands, names joined by dots; empty =
    nowhere."""
    rule: RuleSettings = RuleSettings()
    """Which incidents."""
    retry: RetrySettings = RetrySettings()
    """How long it is tried."""


@dataclass(frozen=True, kw_only=True)
class PushSettings:
    """A push service of the ntfy kind."""

    __pydantic_config__: ClassVar[dict[str, object]] = _FORBID

    name: Name
    """Name of the receiver, unique."""
    http: HttpSettings
    """The server's address, without the topic; ``token_file`` for a protected one."""
    topic: Annotated[str, Len(1, 64)]
    """Topic to publish to. On an open server whoever knows it can read it: choose one nobody can guess."""
    rule: RuleSettings = RuleSettings()
    """Which incidents."""
    retry: RetrySettings = RetrySettings()
    """How long it is tried."""


@dataclass(frozen=True, kw_only=True)
class MailSettings:
    """E-mail through an SMTP server."""

    __pydantic_config__: ClassVar[dict[str, object]] = _FORBID

    name: Name
    """Name of the receiver, unique."""
    host: Annotated[str, Len(1, 253)]
    """SMTP server."""
    port: Annotated[int, Interval(ge=1, le=65535)] | None = None
    """TCP port; null = 587 with starttls, 465 with tls, 25 without."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """Encryption: demanded with starttls and tls (certificate and name are verified); none is for a server
    on this machine."""
    ca_file: Path | None = None
    """Authority that signed the server's certificate (PEM); null = the system's authorities."""
    username: str | None = None
    """User at the server; null = no log-in."""
    password_file: Path | None = None
    """File whose first line is the password; read at every attempt."""
    sender: Annotated[str, Len(3, 254)]
    """Address in From."""
    recipients: Annotated[tuple[Annotated[str, Len(3, 254)], ...], Len(1, 100)]
    """Addresses in To."""
    timeout_s: Annotated[float, Interval(ge=0.2, le=120.0)] = 20.0
    """Longest time for one attempt, seconds."""
    rule: RuleSettings = RuleSettings()
    """Which incidents."""
    retry: RetrySettings = RetrySettings()
    """How long it is tried."""


@dataclass(frozen=True, kw_only=True)
class TopicRuleSettings(RuleSettings):
    """Which incidents go to the broker: by default all."""

    classes: tuple[IncidentClass, ...] = (
        "gunshot",
        "probable_gunshot",
        "fireworks",
        "construction",
        "backfire",
        "other",
        "unknown",
    )
    """Classes that are told."""
    p_min: Annotated[float, Interval(ge=0.0, le=1.0)] = 0.0
    """Least probability of a gunshot."""
    not_located: bool = True
    """Whether incidents that were heard but not located are told."""
    exercise: Literal["never", "also", "only"] = "also"
    """Whether exercises are told: never, also, or only they."""
    updates: Literal["all", "important", "first"] = "all"
    """Which later versions are told: all; those in which class, place, rounds, confidence, tags or a
    person's word changed; or none but retraction and a change of class."""


@dataclass(frozen=True, kw_only=True)
class MqttTopicSettings:
    """Incidents on the broker: ``gunshot/v1/{site}/incident/{incident_id}``, QoS 1."""

    __pydantic_config__: ClassVar[dict[str, object]] = _FORBID

    enabled: bool = True
    """Whether incidents go to the broker."""
    retained: bool = True
    """Whether the broker keeps the latest version of each incident for whoever subscribes later."""
    rule: TopicRuleSettings = TopicRuleSettings()
    """Which incidents; by default all, exercises too: the message says what it is."""
    retry: RetrySettings = RetrySettings()
    """How long it is tried."""


@dataclass(frozen=True, kw_only=True)
class HomeAssistantSettings:
    """An event entity in Home Assistant by MQTT discovery, on the same broker."""

    __pydantic_config__: ClassVar[dict[str, object]] = _FORBID

    enabled: bool = False
    """Whether it is announced."""
    discovery_prefix: Annotated[str, Len(1, 100)] = "homeassistant"
    """Home Assistant's discovery prefix."""
    rule: RuleSettings = RuleSettings()
    """Which incidents."""
    retry: RetrySettings = RetrySettings()
    """How long it is tried."""


@dataclass(frozen=True, kw_only=True)
class NotifySettings:
    """Everybody who is told. Each receiver has a queue of its own on disk: none can hold up another."""

    __pydantic_config__: ClassVar[dict[str, object]] = _FORBID

    incident_url: Annotated[str, Len(0, 500)] = ""
    """Address at which people and programs find an incident, with ``{incident_id}`` and ``{version}`` where
    they belong, as ``https://centre.example/incidents/{incident_id}``; empty = messages carry no link."""
    mqtt: MqttTopicSettings = MqttTopicSettings()
    """The incident topic."""
    home_assistant: HomeAssistantSettings = HomeAssistantSettings()
    """Home Assistant."""
    webhooks: tuple[WebhookSettings, ...] = ()
    """Endpoints of one's own."""
    mails: tuple[MailSettings, ...] = ()
    """E-mail."""
    pushes: tuple[PushSettings, ...] = ()
    """Push services."""
    cads: tuple[CadSettings, ...] = ()
    """Dispatch centres."""
    eido: EidoSettings = field(default_factory=EidoSettings)
    """Names and codes in EIDO."""
    cap: CapSettings = field(default_factory=CapSettings)
    """Names in CAP."""
    dispositions: DispositionSettings = field(default_factory=DispositionSettings)
    """How results come back."""
    disposition_secrets: Mapping[str, Path] = field(default_factory=dict)
    """Who may send dispositions: name -> file with the key of their HMAC signature."""

    def __post_init__(self) -> None:
        """Refuse two receivers of one name: they would share a queue."""
        groups = (self.webhooks, self.mails, self.pushes, self.cads)
        names = [item.name for group in groups for item in group]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigError(f"more than one receiver is called {', '.join(twice)}; names must differ")
        if set(self.incident_url.replace("{incident_id}", "").replace("{version}", "")) & set("{} "):
            raise ConfigError("incident_url may hold {incident_id} and {version} in braces and nothing else")

    def url_of(self, incident_id: str, version: int) -> str:
        """The address of one version; empty where none is configured."""
        return self.incident_url.replace("{incident_id}", incident_id).replace("{version}", str(version))
