"""How far a replay has come, on a terminal's last line; silent elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from sensor.replay.counting import counted

WIDTH = 28
PERIOD_S = 0.1


class Progress:
    """A bar on standard error; lines printed meanwhile go above it."""

    def __init__(self, total: int, stream: TextIO | None = None) -> None:
        """Begin at nothing of ``total`` files."""
        self._stream = stream or sys.stderr
        self._shown = self._stream.isatty() and total > 0
        self._total = total
        self._done = 0
        self._next_s = 0.0

    def step(self) -> None:
        """One file more is done."""
        self._done += 1
        if self._shown and (self._done == self._total or time.monotonic() >= self._next_s):
            self._next_s = time.monotonic() + PERIOD_S
            filled = WIDTH * self._done // self._total
            bar = "#" * filled + "." * (WIDTH - filled)
            self._stream.write(f"\r\x1b[K[{bar}] {self._done} of {counted(self._total, 'file')}")
            self._stream.flush()

    def clear(self) -> None:
        """Wipe the bar, so that a line can be printed in its place."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
