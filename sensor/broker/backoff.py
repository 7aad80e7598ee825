"""How long to wait before the next attempt to connect."""

from __future__ import annotations

import random


class Backoff:
    """Random waits that grow threefold at most, up to a cap, so that a fleet does not return all at once.

    Source: "decorrelated jitter", M. Brooker, AWS Architecture Blog, "Exponential Backoff And Jitter", 2015.
    """

    def __init__(self, min_s: float, max_s: float) -> None:
        """Wait ``min_s`` to ``max_s`` seconds."""
        self._min_s = min_s
        self._max_s = max(min_s, max_s)
        self._last_s = min_s

    def next_s(self) -> float:
        """Seconds to wait now."""
        # S311: the waits need not be unpredictable, only different from node to node
        self._last_s = random.uniform(self._min_s, min(self._max_s, 3.0 * self._last_s))  # noqa: S311
        return self._last_s

    def long_s(self) -> float:
        """A wait near the cap, for trouble that hurrying makes worse."""
        self._last_s = random.uniform(self._max_s / 2.0, self._max_s)  # noqa: S311  as above
        return self._last_s

    def reset(self) -> None:
        """Start from the shortest wait again; the connection was good for a while."""
        self._last_s = self._min_s
