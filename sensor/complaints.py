"""Troubles that go on for hours are logged at once, then now and again with a count."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

INTERVAL_S = 300.0
"""A complaint that goes on is repeated this often, seconds."""
_KEPT = 64
"""Different kinds remembered; the log of a node with more kinds of trouble at once may repeat itself."""


@dataclass(slots=True)
class _Said:
    at_s: float
    withheld: int = 0


class Complaints:
    """A log that does not repeat a kind of complaint within INTERVAL_S, but counts. For one thread."""

    def __init__(self, logger: logging.Logger) -> None:
        """Log to ``logger``."""
        self._logger = logger
        self._said: dict[str, _Said] = {}

    def warn(self, text: str, *, kind: str | None = None, level: int = logging.WARNING) -> None:
        """Log ``text``, unless one of its ``kind``, itself if None, was logged within the interval."""
        now_s, key = time.monotonic(), text if kind is None else kind
        said = self._said.pop(key, None)
        if said is not None and now_s - said.at_s < INTERVAL_S:
            said.withheld += 1
            self._said[key] = said
            return
        again = f" ({said.withheld} more like it since)" if said is not None and said.withheld else ""
        self._logger.log(level, "%s%s", text, again)
        self._said[key] = _Said(now_s)
        if len(self._said) > _KEPT:
            del self._said[next(iter(self._said))]

    def error(self, text: str) -> None:
        """Log ``text`` as an error, unless it was within the interval."""
        self.warn(text, level=logging.ERROR)

    def settle(self, kind: str) -> None:
        """The trouble is over: log the next one of its kind at once."""
        self._said.pop(kind, None)
