"""Talking to a technician: steps, a level meter and results, on a terminal or into a log."""

from __future__ import annotations

import shutil
import sys
import textwrap
import time
from collections.abc import Iterable
from typing import TextIO

from sensor.calibrate.findings import Finding, Verdict

METER_LOW_DBFS = -90.0
METER_WIDTH = 40
LOG_INTERVAL_S = 5.0
"""How often the meter writes a line where there is no terminal."""


class Console:
    """Prints instructions and a meter; asks only when it may.

    Args:
        ask: whether questions are put; without, each is taken as answered with yes.
        out: where to print; carriage returns only go to a terminal.
    """

    def __init__(self, *, ask: bool, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._ask = ask and sys.stdin.isatty()
        self._live = self._out.isatty()
        self._metered = False
        self._last_s = -LOG_INTERVAL_S
        self._steps = 0

    def say(self, text: str = "") -> None:
        """Print a line, below the meter if one stands there."""
        if self._metered:
            self._out.write("\n")
            self._metered = False
        self._out.write(f"{text}\n")
        self._out.flush()

    def step(self, text: str) -> None:
        """Print the next numbered instruction."""
        self._steps += 1
        self.say(self._wrapped(text, f"{self._steps}. "))

    def wait(self, text: str) -> None:
        """Print an instruction and wait for Enter, where someone is there to press it."""
        self.step(text)
        if self._ask:
            self._out.write("   Press Enter when ready. ")
            self._out.flush()
            sys.stdin.readline()

    def agree(self, question: str) -> bool:
        """Put a question whose careful answer is no; yes where nobody is asked."""
        if not self._ask:
            return True
        self._out.write(f"{question} [y/N] ")
        self._out.flush()
        return sys.stdin.readline().strip().lower() in {"y", "yes"}

    def meter(self, level_dbfs: float, peak_dbfs: float, note: str) -> None:
        """Show a level: in place on a terminal, else a line every few seconds."""
        if not self._live:
            self.progress(f"level {level_dbfs:6.1f} dBFS  peak {peak_dbfs:6.1f} dBFS  {note}")
            return
        filled = round(METER_WIDTH * (1.0 - min(max(level_dbfs / METER_LOW_DBFS, 0.0), 1.0)))
        bar = "#" * filled + "." * (METER_WIDTH - filled)
        clip = " CLIP" if peak_dbfs > -0.01 else ""
        self.progress(f"[{bar}] {level_dbfs:6.1f} dBFS{clip}  {note}")

    def progress(self, text: str) -> None:
        """Show how it goes: in place on a terminal, else a line every few seconds."""
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            self._out.write(f"\r{'   ' + text:<{width}.{width}}")
            self._out.flush()
            self._metered = True
        elif time.monotonic() - self._last_s >= LOG_INTERVAL_S:
            self._last_s = time.monotonic()
            self.say(f"   {text}")

    def table(self, rows: Iterable[tuple[str, str]]) -> None:
        """Print names and figures in two columns."""
        for name, figure in rows:
            self.say(f"   {name:<22} {figure}")

    def verdict(self, verdict: Verdict, findings: Iterable[Finding], summary: str) -> None:
        """Print the outcome, the gravest reasons first, each reason and each remedy once."""
        self.say(f"{verdict}: {summary}")
        remedies: dict[str, None] = {}
        for finding in sorted(findings, key=lambda each: each.verdict is not Verdict.FAIL):
            self.say(self._wrapped(f"{finding.what}.", f"   {finding.verdict}  "))
            remedies[finding.remedy] = None
        if remedies:
            self.say("   What to do:")
        for remedy in remedies:
            self.say(self._wrapped(f"{remedy}.", "   - "))

    def _wrapped(self, text: str, lead: str) -> str:
        width = min(shutil.get_terminal_size().columns, 100)
        return textwrap.fill(
            text,
            max(width, 40),
            initial_indent=lead,
            subsequent_indent=" " * len(lead),
            break_on_hyphens=False,
        )
