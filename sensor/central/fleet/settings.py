"""Settings of the watch over the nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Interval


@dataclass(frozen=True, kw_only=True)
class FleetSettings:
    """When a node is silent, when it is not to be believed, and when too little of the town is heard."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    silent_after_s: Annotated[float, Interval(ge=5.0, le=3600.0)] = 90.0
    """A node that said nothing at all for so long is silent, seconds, 5 to 3600. Health comes every 60 s. One
    whose connection breaks is known sooner: by its last will, 30 s after with the nodes' usual keep-alive."""

    residuals_kept: Annotated[int, Interval(ge=10, le=1000)] = 60
    """Located sounds per node that its statistics rest on, 10 to 1000; older ones are forgotten."""

    shared_sounds_min: Annotated[int, Interval(ge=5, le=200)] = 8
    """A node's clock and position are judged by at least so many sounds shared with others, 5 to 200."""

    clock_off_ms: Annotated[float, Interval(ge=1.0, le=10_000.0)] = 40.0
    """A clock off by more than this, and by four of its own sigmas, is not believed, ms, 1 to 10000."""

    position_off_m: Annotated[float, Interval(ge=1.0, le=10_000.0)] = 25.0
    """The same for where a node says it stands, metres, 1 to 10000."""

    residual_off_ms: Annotated[float, Interval(ge=1.0, le=10_000.0)] = 60.0
    """A node whose median residual is beyond this is not believed either, ms, 1 to 10000: so large an offset
    shows before the shared sounds are enough to say what is wrong."""

    quarantine_share_max: Annotated[float, Interval(ge=0.0, le=1.0)] = 0.25
    """Largest share of a site's nodes that is quarantined without a person, 0 to 1; beyond it there is an
    alarm and no more: when many nodes disagree it may be the rest that is wrong."""

    override_days: Annotated[float, Interval(ge=0.0, le=365.0)] = 30.0
    """For so long a node that a person released is not quarantined again by rule, days, 0 to 365."""

    coverage_nodes_min: Annotated[int, Interval(ge=1, le=10)] = 4
    """Nodes that must hear a shot for its place to count as covered, 1 to 10."""

    coverage_excess_db: Annotated[float, Interval(ge=0.0, le=60.0)] = 17.0
    """What buildings take off a shot's level over free field, dB, 0 to 60."""

    coverage_alarm_share: Annotated[float, Interval(ge=0.0, le=1.0)] = 0.5
    """Alarm when less than this share of what the site could cover on a quiet night with all nodes is
    covered now, 0 to 1; cleared a tenth above it."""

    coverage_interval_s: Annotated[float, Interval(ge=1.0, le=86_400.0)] = 300.0
    """Time between two points of the coverage's time series, seconds, 1 to 86400."""
