"""Errors that repeat for hours are logged once, then now and again with a count."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

_KEPT = 64
"""Different texts remembered; the log of a node with more kinds of trouble at once may repeat itself."""


@dataclass(slots=True)
class _Said:
    at_s: float
    repeats: int = 0


class Complaints:
    """A log that does not repeat a text within ``interval_s``, but counts."""

    def __init__(self, logger: logging.Logger, *, interval_s: float = 300.0) -> None:
        """Log to ``logger``."""
        self._logger = logger
        self._interval_s = interval_s
        self._said: dict[str, _Said] = {}

    def warn(self, text: str, *, level: int = logging.WARNING) -> None:
        """Log ``text``, unless it was within the interval."""
        now_s = time.monotonic()
        said = self._said.pop(text, None)
        if said is not None and now_s - said.at_s < self._interval_s:
            said.repeats += 1
            self._said[text] = said
            return
        again = f" ({said.repeats} times more since)" if said is not None and said.repeats else ""
        self._logger.log(level, "%s%s", text, again)
        self._said[text] = _Said(now_s)
        if len(self._said) > _KEPT:
            del self._said[next(iter(self._said))]

    def error(self, text: str) -> None:
        """Log ``text`` as an error, unless it was within the interval."""
        self.warn(text, level=logging.ERROR)
