"""The demo's programs: started, watched, and stopped again whatever happens."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

START_S = 300.0
"""Imports alone take long on a slow machine that starts ten programs at once."""
STOP_S = 20.0
_LINES = 15


class DemoError(Exception):
    """The demo cannot go on; the message says why."""


class Stopped(Exception):  # noqa: N818  a wish, not an error
    """Somebody wants the demo to end."""


class Stop:
    """Whether somebody wants the demo to end. Asked between steps: no program is left half started."""

    def __init__(self) -> None:
        self._wanted = False

    def obey_signals(self) -> None:
        """Ctrl-C, SIGTERM and a closed terminal end the demo, once; while it ends they change nothing."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._want)

    def check(self) -> None:
        """Raise Stopped if somebody does."""
        if self._wanted:
            raise Stopped

    def _want(self, _number: int, _frame: object) -> None:
        self._wanted = True


@dataclass(slots=True)
class Part:
    """One program."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    expected_to_run: bool = True

    def ended(self) -> bool:
        """Whether it is gone."""
        return self.process.poll() is not None

    def text(self) -> str:
        """What it has said so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def last_words(self) -> str:
        """The end of its log."""
        return "\n".join(self.text().splitlines()[-_LINES:])


@dataclass(slots=True)
class Parts:
    """All programs; a context manager that leaves none behind."""

    folder: Path
    stop: Stop
    running: list[Part] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Nothing runs yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """End all."""
        self.end()

    def start(self, name: str, *words: str | Path) -> Part:
        """Start ``python -m WORDS``, with a log of its own and out of reach of the terminal's Ctrl-C."""
        path = self.folder / f"{name}.log"
        with path.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *map(str, words)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
        part = Part(name, process, path)
        self.running.append(part)
        return part

    def check(self) -> None:
        """Raise DemoError if a program ended that should not have, Stopped if that is wanted."""
        self.stop.check()
        for part in self.running:
            if part.expected_to_run and part.ended():
                raise DemoError(
                    f"{part.name} ended with code {part.process.returncode}:\n{part.last_words()}"
                )

    def wait_for(self, what: str, found: Callable[[], object]) -> None:
        """Return once ``found`` says so; raise DemoError if a program ends or it takes too long."""
        deadline_s = time.monotonic() + START_S
        while not found():
            self.check()
            if time.monotonic() > deadline_s:
                raise DemoError(f"{what}: not within {START_S:.0f} s; is this machine overloaded?")
            time.sleep(0.1)

    def unplug(self, part: Part) -> None:
        """End a program as a power cut would."""
        part.expected_to_run = False
        part.process.kill()
        part.process.wait()

    def end(self) -> None:
        """End all, the last started first, politely and then not."""
        for part in reversed(self.running):
            if not part.ended():
                part.process.terminate()
        deadline_s = time.monotonic() + STOP_S
        for part in reversed(self.running):
            try:
                part.process.wait(max(0.1, deadline_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                part.process.kill()
                part.process.wait()
        self.running.clear()


def address_in(part: Part) -> str | None:
    """Where the centre serves its pages, as its log says; None while it does not yet."""
    found = re.search(r"pages at (http://\S+)", part.text())
    return found[1] if found else None
