"""Settings of incidents: what makes one, what it is called, when it is written anew."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from annotated_types import Interval, Len

_FORBID: dict[str, object] = {"extra": "forbid"}


@dataclass(frozen=True, kw_only=True)
class FireworksSettings:
    """Nights of fireworks: nothing is hidden then, incidents are tagged."""

    __pydantic_config__: ClassVar[dict[str, object]] = _FORBID

    days: Annotated[tuple[str, ...], Len(0, 50)] = ("12-31", "01-01", "07-03", "07-04", "07-05")
    """Days of the year, MM-DD, on which fireworks are customary, from 16:00 to 04:00 of the next day."""
    timezone: Annotated[str, Len(1, 64)] = "America/New_York"
    """Time zone of those days, such as Europe/Berlin."""
    enter_per_10_min: Annotated[float, Interval(ge=2.0, le=10_000.0)] = 12.0
    """Incidents in ten minutes, in one site, at which fireworks mode declares itself, 2 to 10000."""
    leave_per_10_min: Annotated[float, Interval(ge=0.0, le=10_000.0)] = 4.0
    """Incidents in ten minutes below which it ends, 0 to 10000; less than enter_per_10_min."""
    calendar_log_odds: Annotated[float, Interval(ge=0.0, le=5.0)] = 1.0
    """How much more likely fireworks are on those days, in natural log odds, 0 to 5."""
    mode_log_odds: Annotated[float, Interval(ge=0.0, le=5.0)] = 1.0
    """How much more likely fireworks are in fireworks mode, in natural log odds, 0 to 5."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if self.leave_per_10_min >= self.enter_per_10_min:
            raise ValueError("leave_per_10_min must be less than enter_per_10_min; lower it")
        for day in self.days:
            month, _, number = day.partition("-")
            if not (
                month.isdigit() and number.isdigit() and 1 <= int(month) <= 12 and 1 <= int(number) <= 31
            ):
                raise ValueError(f"days {day} is no day of the year; write MM-DD, such as 12-31")


@dataclass(frozen=True, kw_only=True)
class IncidentSettings:
    """What makes an incident, what it is called, and when a new version is written."""

    __pydantic_config__: ClassVar[dict[str, object]] = _FORBID

    nodes_min: Annotated[int, Interval(ge=1, le=100)] = 2
    """Least number of nodes that make an incident out of something heard but not located, 1 to 100."""
    gunshot_p: Annotated[float, Interval(ge=0.5, le=1.0)] = 0.8
    """Least probability of a gunshot for the class `gunshot`, 0.5 to 1."""
    probable_p: Annotated[float, Interval(ge=0.0, le=1.0)] = 0.5
    """Least probability of a gunshot for the class `probable_gunshot`, 0 to 1; at most gunshot_p."""
    prior: Annotated[float, Interval(ge=0.001, le=0.999)] = 0.5
    """Share of gunshots among located sounds before anything is known of one, 0.001 to 0.999."""
    node_prior: Annotated[float, Interval(ge=0.001, le=0.999)] = 0.25
    """Share of gunshots at which the nodes' classifier states its probabilities (its model card), 0.001 to
    0.999."""
    node_correlation: Annotated[float, Interval(ge=0.0, le=1.0)] = 0.5
    """How alike the errors of two nodes are that hear the same sound, 0 (independent) to 1 (one opinion). Ten
    nodes count as 10 / (1 + 9 * this): at 0.5 never as more than two."""
    moved_m: Annotated[float, Interval(ge=0.0, le=100.0)] = 0.5
    """Least move of the position that alone is worth a new version, metres, 0 to 100."""
    p_changed: Annotated[float, Interval(ge=0.0, le=1.0)] = 0.02
    """Least change of the probability that alone is worth a new version, 0 to 1."""
    history_m: Annotated[float, Interval(ge=0.0, le=1000.0)] = 75.0
    """Radius round an incident within which what people said of earlier ones counts, metres, 0 to 1000."""
    history_days: Annotated[float, Interval(ge=0.0, le=3650.0)] = 90.0
    """How long what people said of earlier incidents counts, days, 0 to 3650."""
    key_file: Path | None = None
    """Private Ed25519 key (PEM, without pass phrase) with which the centre signs; null: centre.key below
    paths.state_dir, made at the first start."""
    fireworks: FireworksSettings = field(default_factory=FireworksSettings)

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if self.probable_p > self.gunshot_p:
            raise ValueError("probable_p must be at most gunshot_p; lower it")
