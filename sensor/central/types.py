"""Values that pass between the stages of the central side: Arrival -> Association -> Fix -> IncidentVersion.

All are frozen. Absolute times are integer nanoseconds UTC, as the candidates say them; lengths are metres,
azimuths degrees clockwise from north. Local coordinates are metres east and north of a frame's origin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sensor.events import Position

Confidence = Literal["high", "medium", "low"]
State = Literal["open", "located", "classified", "reviewed", "closed", "retracted"]
IncidentClass = Literal[
    "gunshot", "probable_gunshot", "fireworks", "construction", "backfire", "other", "unknown"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One candidate as the centre uses it: a sound that began at one microphone at one time."""

    event_id: str
    site: str
    node: str
    utc_ns: int
    sigma_ns: int
    """One sigma of ``utc_ns`` as the node states it: pick and clock, not the path."""
    position: Position
    p_gunshot: float | None = None
    """None where the candidate does not say (a foreign sensor's pulse)."""
    classes: Mapping[str, float] = field(default_factory=dict)
    snr_db: float | None = None
    peak_dbfs: float | None = None
    peak_db_spl: float | None = None
    rise_ms: float | None = None
    duration_ms: float | None = None
    clip_fraction: float | None = None
    later_arrivals: tuple[Mapping[str, float], ...] = ()
    bearing_deg: float | None = None
    bearing_sigma_deg: float | None = None
    clock_source: str | None = None

    @property
    def key(self) -> str:
        """``site/node``: what makes a node unique in the whole network."""
        return f"{self.site}/{self.node}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Air:
    """What carries the sound: still-air speed from temperature, and the wind it drifts with."""

    temperature_c: float = 15.0
    wind_east_m_s: float = 0.0
    """Towards the east, so a west wind is positive."""
    wind_north_m_s: float = 0.0
    sigma_speed_m_s: float = 1.2
    """One sigma of the speed of sound (2 °C are 1.2 m/s)."""
    sigma_wind_m_s: float = 1.5
    """One sigma of each wind component."""
    source: str = "default"
    """Where it comes from: ``default``, ``manual``, ``metar KAGC``, ``mqtt``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A node that could hear: what negative evidence and coverage need to know of it."""

    site: str
    node: str
    position: Position
    alive: bool = True
    noise_db_spl: float | None = None
    """Present noise floor, None where uncalibrated."""
    quarantined: bool = False
    """Its candidates are kept but take no part in fixes."""

    @property
    def key(self) -> str:
        """``site/node``."""
        return f"{self.site}/{self.node}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """Arrivals that belong to one place that fired: what is to be located together."""

    rounds: tuple[tuple[Arrival, ...], ...]
    """Discharges in order of time; in each at most one arrival per node."""
    start_m: tuple[float, float] | None = None
    """East and north where the search found it, in the frame it was searched in."""
    score: float = 0.0
    silent: tuple[str, ...] = ()
    """Keys of nodes that should have heard and did not."""
    echoes: tuple[Arrival, ...] = ()
    """Arrivals explained as echoes of these rounds."""
    shock_waves: tuple[Arrival, ...] = ()
    """Arrivals explained as the ballistic shock wave ahead of a blast."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ellipse:
    """An error ellipse on the ground."""

    semi_major_m: float
    semi_minor_m: float
    azimuth_deg: float
    """Of the major axis, 0 to 180."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A point on the earth, WGS 84, height above the ellipsoid."""

    lat_deg: float
    lon_deg: float
    height_m: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTime:
    """One discharge: when the source fired, not when it was heard."""

    utc_ns: int
    sigma_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Residual:
    """What one arrival says against the fix: observed minus computed; late is positive."""

    event_id: str
    node: str
    round: int
    """Index into the fix's rounds."""
    residual_s: float
    sigma_s: float
    """Of clock, pick and path together, as the fix weighted it before it was made robust."""
    weight: float
    """0 (ignored as an outlier) to 1 (fully believed)."""
    distance_m: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """A second place that the same arrivals allow."""

    place: Place
    ellipse_95: Ellipse
    odds: float
    """Probability of this place against the one told first, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """Where and when: the solution of one association, with what it rests on."""

    place: Place
    ellipse_95: Ellipse
    covariance_m2: tuple[tuple[float, float], tuple[float, float]]
    """East and north, scaled as the ellipse is."""
    rounds: tuple[RoundTime, ...]
    residuals: tuple[Residual, ...]
    air: Air
    """With the speed and wind that the arrivals themselves ask for."""
    n_effective: float
    """Sum of the weights of the best heard round: how many nodes the fix really rests on."""
    confidence: Confidence
    alternatives: tuple[Alternative, ...] = ()
    """The mirror solution where geometry allows two."""
    card: Mapping[str, Any] = field(default_factory=dict)
    """The explain card: what was tried, chosen and left out, in plain JSON values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What fusion says of one place that fired: an association, and its fix where there is one."""

    association: Association
    fix: Fix | None
    """None: heard, not located."""
    reason: str = ""
    """Why there is no fix, in words: ``heard by 2 nodes, 4 are needed``."""

    @property
    def event_ids(self) -> frozenset[str]:
        """Candidates that this source explains as rounds: what makes it the same source later on."""
        return frozenset(arrival.event_id for volley in self.association.rounds for arrival in volley)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A statement of a rule about an incident, with what it rests on."""

    name: str
    """``full_auto``, ``several_shooters``, ``elevated``, ``fireworks_mode``, ..."""
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentVersion:
    """One version of an incident. Never overwritten: what changes becomes the next version.

    ``body()`` of `sensor.central.incidents.chain` is the canonical JSON that is hashed and signed.
    """

    incident_id: str
    version: int
    """From 1."""
    state: State
    site: str
    utc_ns: int
    """First discharge; of an incident that was not located, its first arrival."""
    place: Place | None
    ellipse_95: Ellipse | None
    rounds: tuple[RoundTime, ...]
    rounds_lo: int
    rounds_hi: int
    p_gunshot: float
    incident_class: IncidentClass
    nodes: tuple[str, ...]
    residuals_ms: Mapping[str, float]
    """Node -> residual of its first round used, late positive."""
    event_ids: tuple[str, ...]
    tags: tuple[Tag, ...] = ()
    confidence: Confidence = "low"
    alternatives: tuple[Alternative, ...] = ()
    related_to: tuple[str, ...] = ()
    """Incidents of the same moment, such as a second shooter."""
    card: Mapping[str, Any] = field(default_factory=dict)
    author: str = "fusion"
    """``fusion``, or who reviewed."""
    reason: str = "first arrivals"
    created_ns: int = 0
    """When this version was made: in replay the candidates' own time."""
    exercise: bool = False
    """A recorded incident in practice mode: never to be acted on."""
    prev_hash: str | None = None
    hash: str | None = None
    signature: str | None = None
