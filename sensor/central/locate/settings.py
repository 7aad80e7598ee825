"""Settings of the location solver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Interval


@dataclass(frozen=True, kw_only=True)
class LocateSettings:
    """What the solver believes of paths, air and geometry before it has heard anything."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    path_sigma_s: Annotated[float, Interval(ge=0.0002, le=0.1)] = 0.007
    """One sigma of what the way through a street adds to an arrival, seconds, 0.0002 to 0.1."""

    path_sigma_s_per_km: Annotated[float, Interval(ge=0.0, le=0.1)] = 0.0
    """Growth of that sigma with distance, seconds per kilometre, 0 to 0.1; added in squares."""

    loss: Literal["mixture", "cauchy", "squares"] = "mixture"
    """How residuals are judged: by what makes sound late, by their size alone, or not at all."""

    corner_share: Annotated[float, Interval(ge=0.0, le=0.6)] = 0.3
    """Share of arrivals that come round a corner, 0 to 0.6 (``mixture``)."""

    corner_s: Annotated[float, Interval(ge=0.001, le=0.1)] = 0.015
    """Their mean delay, seconds, 0.001 to 0.1."""

    echo_share: Annotated[float, Interval(ge=0.0, le=0.3)] = 0.1
    """Share of nodes that miss the first arrival and report an echo, 0 to 0.3 (``mixture``)."""

    echo_s: Annotated[float, Interval(ge=0.02, le=0.5)] = 0.1
    """Their mean delay, seconds, 0.02 to 0.5."""

    stray_share: Annotated[float, Interval(ge=0.0001, le=0.1)] = 0.01
    """Share of arrivals that are something else, 0.0001 to 0.1 (``mixture``)."""

    cauchy_early: Annotated[float, Interval(ge=0.5, le=50.0)] = 2.0
    """Residual in sigmas, early side, that halves an arrival's vote, 0.5 to 50 (``cauchy``)."""

    cauchy_late: Annotated[float, Interval(ge=0.5, le=50.0)] = 2.0
    """The same for late arrivals, 0.5 to 50."""

    neighbourhood_m: Annotated[float, Interval(ge=50.0, le=100000.0)] = 400.0
    """One sigma per axis of the source about the middle of the nodes that heard it, metres, 50 to 100000."""

    estimate_air: bool = True
    """Let the arrivals correct speed of sound and wind within what the weather allows."""

    nodes_min: Annotated[int, Interval(ge=3, le=20)] = 3
    """Nodes that must have heard a source before it is located, 3 to 20."""

    height_above_ground_m: Annotated[float, Interval(ge=0.0, le=200.0)] = 0.0
    """How far the nodes stand above the ground on which people fire, metres, 0 to 200."""

    height_sigma_m: Annotated[float, Interval(ge=0.01, le=200.0)] = 10.0
    """One sigma of the source's height about the ground that the nodes suggest, metres, 0.01 to 200."""

    ground_scale_m: Annotated[float, Interval(ge=1.0, le=1000.0)] = 300.0
    """Distance over which a node's height stops telling of the ground beside it, metres, 1 to 1000."""

    reach_m: Annotated[float, Interval(ge=100.0, le=20000.0)] = 3000.0
    """A source further than this from the nearest node that heard it is not believed, m, 100 to 20000."""

    semi_major_max_m: Annotated[float, Interval(ge=10.0, le=10000.0)] = 1000.0
    """A 95 % ellipse longer than this is no location, metres, 10 to 10000."""

    prior_dof: Annotated[float, Interval(ge=0.5, le=100.0)] = 8.0
    """How many residuals the belief in the sigmas is worth when the ellipse is scaled, 0.5 to 100."""

    prior_scale: Annotated[float, Interval(ge=0.1, le=100.0)] = 0.6
    """Variance of residuals over what their sigmas say, believed beforehand, 0.1 to 100."""

    sampled_votes_max: Annotated[float, Interval(ge=0.0, le=100.0)] = 8.0
    """Up to so many nodes' votes the posterior is sampled for the ellipse, 0 to 100: above, one echo no
    longer moves the place. It takes a third of the time."""
