"""Settings of the association: what is believed of paths, echoes and hearing before anything was heard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Interval


@dataclass(frozen=True, kw_only=True)
class AssociateSettings:
    """Beliefs of physics, not of one town. Figures measured on real shots are named as such."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    reach_m: Annotated[float, Interval(ge=100.0, le=5000.0)] = 1200.0
    """No node further than this takes part in locating a source, metres, 100 to 5000."""

    path_sigma_s: Annotated[float, Interval(ge=0.0005, le=0.1)] = 0.009
    """One sigma of what street and surveyed positions add to an arrival, seconds, 0.0005 to 0.1."""

    late_share: Annotated[float, Interval(ge=0.0, le=0.6)] = 0.25
    """Share of arrivals that come round a corner, late by ``late_s`` on average, 0 to 0.6."""

    late_s: Annotated[float, Interval(ge=0.001, le=0.1)] = 0.015
    """Mean delay of an arrival round a corner, seconds, 0.001 to 0.1."""

    echo_share: Annotated[float, Interval(ge=0.0, le=0.3)] = 0.05
    """Share of nodes that miss the first arrival and report an echo, late by ``echo_s``, 0 to 0.3."""

    echo_s: Annotated[float, Interval(ge=0.02, le=0.5)] = 0.1
    """Mean delay of such an echo, seconds, 0.02 to 0.5."""

    stray_share: Annotated[float, Interval(ge=1e-5, le=0.1)] = 0.005
    """Share of arrivals that are off by anything up to ``stray_s``: a wrong clock, 0.00001 to 0.1."""

    stray_s: Annotated[float, Interval(ge=0.05, le=0.5)] = 0.3
    """How far a stray arrival may be off and still count as one of the source, seconds, 0.05 to 0.5."""

    clutter_hz: Annotated[float, Interval(ge=0.001, le=10.0)] = 0.05
    """Candidates per node and second that belong to nothing, 0.001 to 10. Measured: 0.04."""

    echoes_hz: Annotated[float, Interval(ge=0.01, le=50.0)] = 1.7
    """Echoes per node and second just after an arrival, 0.01 to 50. Measured: 1.6."""

    echoes_s: Annotated[float, Interval(ge=0.05, le=5.0)] = 0.7
    """Time in which echoes become rarer by e, seconds, 0.05 to 5. Measured: 0.7."""

    twins_hz: Annotated[float, Interval(ge=0.01, le=1000.0)] = 30.0
    """Candidates per second within ``twins_s`` after an arrival: the same sound told twice, 0.01 to 1000."""

    twins_s: Annotated[float, Interval(ge=0.001, le=0.05)] = 0.02
    """How long after an arrival a second candidate is the same sound, seconds, 0.001 to 0.05."""

    heard_max: Annotated[float, Interval(ge=0.5, le=0.999)] = 0.9
    """Probability that a live node near a source hears it, 0.5 to 0.999. Measured within 300 m: 0.92."""

    heard_slope_m: Annotated[float, Interval(ge=20.0, le=1000.0)] = 120.0
    """How gradually hearing fades with distance, metres, 20 to 1000."""

    repeats: Annotated[float, Interval(ge=0.3, le=0.99)] = 0.85
    """Probability that a node that heard one round hears another, 0.3 to 0.99. Measured: 0.9."""

    interval_sigma_s: Annotated[float, Interval(ge=0.0001, le=0.02)] = 0.0015
    """One sigma of the interval between rounds at one node, seconds, 0.0001 to 0.02. Measured: 0.001."""

    round_gap_s: Annotated[float, Interval(ge=0.02, le=0.5)] = 0.03
    """Shortest interval between two rounds of one place, seconds, 0.02 to 0.5."""

    nodes_min: Annotated[int, Interval(ge=3, le=20)] = 4
    """Nodes that must agree before a place is told, 3 to 20. Three always agree on something."""

    evidence_min: Annotated[float, Interval(ge=5.0, le=100.0)] = 20.0
    """Log-likelihood ratio against chance from which a place is told, nats, 5 to 100."""

    evidence_wake_min: Annotated[float, Interval(ge=5.0, le=200.0)] = 28.0
    """The same where most of its arrivals follow those of another source, whose echo it may be, 5 to 200."""

    p_join: Annotated[float, Interval(ge=0.0, le=1.0)] = 0.5
    """Arrivals less like a gunshot than this help to locate, but are in no alert without a place, 0 to 1."""

    p_alert: Annotated[float, Interval(ge=0.0, le=1.0)] = 0.8
    """Probability of a gunshot from which what a single node heard is told, without a place, 0 to 1."""

    volley_gap_s: Annotated[float, Interval(ge=1.0, le=120.0)] = 10.0
    """Silence after which further rounds of one place are another incident, seconds, 1 to 120."""
