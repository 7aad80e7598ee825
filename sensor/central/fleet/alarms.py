"""What an operator is told: raised once, cleared once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

AlarmKind = Literal[
    "silent", "clock", "position", "residual", "quarantine", "many_off", "coverage", "identity", "fireworks"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetAlarm:
    """Something an operator should see to, or its end."""

    kind: AlarmKind
    site: str
    node: str | None
    """None: it concerns the whole site."""
    raised: bool
    """False: it is over."""
    utc_ns: int
    text: str
    """What, since when, and what to do."""
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        """``site/node``, or the site."""
        return self.site if self.node is None else f"{self.site}/{self.node}"


class Standing:
    """The alarms that stand, so that each is told once when it comes and once when it goes."""

    def __init__(self) -> None:
        self._raised: dict[tuple[str, str], FleetAlarm] = {}

    def change(self, alarm: FleetAlarm) -> list[FleetAlarm]:
        """``alarm`` if it is news, else nothing."""
        key = (alarm.kind, alarm.subject)
        if alarm.raised == (key in self._raised):
            return []
        if alarm.raised:
            self._raised[key] = alarm
        else:
            del self._raised[key]
        return [alarm]

    def restore(self, alarms: Iterable[FleetAlarm]) -> None:
        """Alarms that stood before a restart: they are not told again, their end is."""
        self._raised = {(alarm.kind, alarm.subject): alarm for alarm in alarms}

    def now(self) -> tuple[FleetAlarm, ...]:
        """Every alarm that stands, oldest first."""
        return tuple(self._raised.values())
