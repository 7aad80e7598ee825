"""Settings of what dispatch centres are told: names, codes and addresses that the agencies agree on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from annotated_types import Interval, Len

from sensor.central.types import IncidentClass
from sensor.errors import ConfigError


def _incident_types() -> Mapping[IncidentClass, str]:
    return {
        "gunshot": "SHOOT",
        "probable_gunshot": "WEAPON",
        "fireworks": "FIREWRKS",
        "construction": "NOISE",
        "backfire": "NOISE",
        "other": "NOISE",
        "unknown": "NOISE",
    }


def _dispositions() -> Mapping[str, str]:
    return {
        "confirmed": "confirmed",
        "founded": "confirmed",
        "gunshot": "confirmed",
        "false": "false",
        "unfounded": "false",
        "fireworks": "false",
        "unknown": "unknown",
        "unconfirmed": "unknown",
        "no evidence": "unknown",
    }


@dataclass(frozen=True, kw_only=True)
class EidoSettings:
    """How an Emergency Incident Data Object (NENA-STA-021) names this system and its codes."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    domain: Annotated[str, Len(1, 253)] = "gunshot.example"
    """Domain name of this centre: the end of every identifier, so that no other system gives the same."""
    agency_id: Annotated[str, Len(1, 253)] = "gunshot.example"
    """Identifier of the agency that runs this centre, as the receiving agency knows it."""
    agency_role: Annotated[str, Len(1, 100)] = "Other"
    """The agency's role, a value of the NENA Agency Role registry."""
    agency_type: Annotated[str, Len(1, 100)] = "police"
    """The agency's type without ``urn:emergency:service:responder.``."""
    agent_role: Annotated[str, Len(1, 100)] = "Automaton"
    """Role of this program as an agent, a value of the NENA Agent Role registry."""
    location_type: Annotated[str, Len(1, 100)] = "Incident"
    """What the location is, a value of the NENA Location Type registry."""
    status_active: Annotated[str, Len(1, 100)] = "Active"
    """Incident status while the incident stands, a value of the NENA Incident Status registry."""
    status_cancelled: Annotated[str, Len(1, 100)] = "Cancelled"
    """Incident status of a retracted incident, a value of that registry."""
    incident_types: Mapping[IncidentClass, str] = field(default_factory=_incident_types)
    """APCO common incident type (ANS 2.103) for each class."""


@dataclass(frozen=True, kw_only=True)
class CapSettings:
    """How a CAP 1.2 alert names its sender and whom it is for. Its scope is always Restricted."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    sender: Annotated[str, Len(3, 253)] = "centre@gunshot.example"
    """Identifier of the sender, unique in the world; by convention an address. No spaces, commas, < or &."""
    sender_name: Annotated[str, Len(0, 200)] = "Acoustic gunshot sensors"
    """Sender in words."""
    restriction: Annotated[str, Len(1, 500)] = "For dispatch centres and responders of the site only."
    """Who may see an alert: the text that CAP asks for with scope Restricted."""
    expires_s: Annotated[int, Interval(ge=60, le=7 * 86400)] = 3600
    """How long an alert stands after its discharge, seconds."""
    contact: Annotated[str, Len(0, 200)] = ""
    """Whom to ask; empty = nobody is named."""

    def __post_init__(self) -> None:
        """Refuse a sender that would break every reference to an alert."""
        if any(c.isspace() or c in ",<&" for c in self.sender):
            raise ConfigError(f"sender {self.sender!r} may hold no spaces, commas, < or &")


@dataclass(frozen=True, kw_only=True)
class DispositionSettings:
    """How what came of an incident is taken back from the dispatch centre."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    codes: Mapping[str, str] = field(default_factory=_dispositions)
    """The agency's disposition codes, in any case, and what each says: ``confirmed``, ``false`` or
    ``unknown``. A code that is not here is kept as ``unknown`` with its own words."""
    max_age_s: Annotated[int, Interval(ge=10, le=3600)] = 300
    """Oldest signed message accepted, seconds: older ones may be replays."""
