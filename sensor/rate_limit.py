"""A ceiling on what one node may say: a jackhammer that is taken for shots must not drown a real one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """How many candidates may pass."""

    burst: int = 400
    """At once: thirteen magazines of thirty."""
    per_minute: float = 120.0
    """In the long run."""


class TokenBucket:
    """Applies a `RateLimit` along the stream's own time: its result does not depend on the blocks."""

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._left = float(limit.burst)
        self._then_s: float | None = None

    def take(self, now_s: float) -> bool:
        """Whether a candidate at ``now_s`` may pass; time may stand still but not go back."""
        if self._then_s is not None:
            earned = max(0.0, now_s - self._then_s) * self._limit.per_minute / 60.0
            self._left = min(float(self._limit.burst), self._left + earned)
        self._then_s = now_s
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
