"""One node as the centre sees it: alive, silent, stopped or quarantined, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sensor.central.store.values import NodeCondition, NodeState
from sensor.central.types import Listener
from sensor.events import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """Why a node takes no part in fixes, and who said so."""

    author: str
    """``fleet`` for the rules, else a person."""
    reason: str
    since_ns: int


@dataclass(slots=True, kw_only=True)
class Watched:
    """What is known of one node; changed in place by `Fleet` alone."""

    site: str
    node: str
    heard_ns: int
    """When it last said anything, the centre's time."""
    silent: bool = False
    stopped: bool = False
    """It took its leave; nobody needs to climb a roof."""
    lost: bool = False
    """The broker told its last will."""
    position: Position | None = None
    clock: Mapping[str, Any] = field(default_factory=dict)
    health: Mapping[str, Any] = field(default_factory=dict)
    noise_db_spl: float | None = None
    noise_dbfs: float | None = None
    full_scale_db_spl: float | None = None
    """Learned from calibrated candidates; health states levels re full scale only."""
    problems: tuple[str, ...] = ()
    software: str | None = None
    boot_id: str | None = None
    doubt: str = ""
    """What looks like two machines under this name."""
    doubt_ns: int = 0
    """When that was last seen."""
    quarantine: Quarantine | None = None
    trusted_until_ns: int = 0
    """A person released it: until then no rule quarantines it."""

    @property
    def key(self) -> str:
        """``site/node``."""
        return f"{self.site}/{self.node}"

    @property
    def condition(self) -> NodeCondition:
        """Silence is told before quarantine: who cannot be heard cannot be wrong either."""
        if self.stopped:
            return "stopped"
        if self.silent or self.lost:
            return "silent"
        return "quarantined" if self.quarantine else "alive"

    def state(self) -> NodeState:
        """As the record keeps it."""
        sigma_ns = self.clock.get("utc_sigma_ns")
        return NodeState(
            site=self.site,
            node=self.node,
            state=self.condition,
            utc_ns=self.heard_ns,
            position=self.position,
            clock_source=_word(self.clock.get("source")),
            clock_sigma_ns=round(sigma_ns) if isinstance(sigma_ns, int | float) else None,
            noise_db_spl=self.noise_db_spl,
            noise_dbfs=self.noise_dbfs,
            problems=self.problems,
            quarantine_reason="" if self.quarantine is None else self.quarantine.reason,
            software=self.software,
            boot_id=self.boot_id,
            health=self.health,
        )

    def listener(self) -> Listener | None:
        """As fusion needs it; None while nobody knows where the node is."""
        if self.position is None:
            return None
        return Listener(
            site=self.site,
            node=self.node,
            position=self.position,
            alive=self.condition in ("alive", "quarantined"),
            noise_db_spl=self.noise_db_spl,
            quarantined=self.quarantine is not None,
        )


def _word(value: object) -> str | None:
    return value if isinstance(value, str) else None
