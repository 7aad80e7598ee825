"""What a way of telling somebody is: a name, who wants to hear what, and something that delivers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sensor.central.notify.settings import RetrySettings, RuleSettings
from sensor.central.types import IncidentVersion


class Notifier(Protocol):
    """Delivers one version to one receiver."""

    def deliver(self, version: IncidentVersion, *, former: Sequence[IncidentVersion] = ()) -> str:
        """Deliver, and return the receiver's answer in a few words.

        Args:
            version: what to tell.
            former: what this receiver was told of the same incident before, oldest first.

        Raises:
            NotifyError: not now; it will be tried again.
            RefusedError: never.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Channel:
    """One receiver with its rule; ``name`` is that of its queue."""

    name: str
    notifier: Notifier
    rule: RuleSettings
    retry: RetrySettings
    attempt_s: float = 20.0
    """Longest time that one attempt should take, seconds."""


class Publish(Protocol):
    """Publishes on the broker: returns once it has acknowledged, raises an error of ours before long else."""

    def __call__(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish at QoS 1."""
        ...


def key_of(version: IncidentVersion) -> str:
    """``incident_id/version``: what a receiver tells a repeated message by."""
    return f"{version.incident_id}/{version.version}"
