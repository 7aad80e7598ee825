"""Warnings that do not flood the journal."""

from __future__ import annotations

import logging
import time

PAUSE_S = 600.0
"""A complaint that goes on is repeated this often."""


class Complaints:
    """Logs the first warning of a kind at once and its repetitions every ten minutes, with their number."""

    def __init__(self, logger: logging.Logger) -> None:
        """Log to ``logger``."""
        self._logger = logger
        self._last_s: dict[str, float] = {}
        self._withheld: dict[str, int] = {}

    def warn(self, kind: str, message: str) -> None:
        """Log ``message`` unless one of its ``kind`` was logged recently."""
        now_s = time.monotonic()
        if now_s - self._last_s.get(kind, -PAUSE_S) < PAUSE_S:
            self._withheld[kind] = self._withheld.get(kind, 0) + 1
            return
        self._last_s[kind] = now_s
        withheld = self._withheld.pop(kind, 0)
        self._logger.warning("%s%s", message, f" ({withheld} more like it since)" if withheld else "")

    def settle(self, kind: str) -> None:
        """The trouble is over: log the next one of its kind at once."""
        self._last_s.pop(kind, None)
        self._withheld.pop(kind, None)
