"""Runs a program of ours with a system clock that the test moves (clock_shim.c)."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.patience import PATIENCE_S

SOURCE = Path(__file__).with_name("clock_shim.c")
STA_UNSYNC = 0x40
TIME_ERROR = 5


def build(folder: Path) -> Path:
    """Compile the shim into ``folder``; raise CalledProcessError or FileNotFoundError without a compiler."""
    library = folder / "clock_shim.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE), "-ldl"],
        check=True,
        capture_output=True,
    )
    return library


class ShimmedClock:
    """The page that the shim reads, and the environment that loads it."""

    def __init__(self, library: Path, folder: Path) -> None:
        self._page = folder / "clock_page"
        self.values: dict[str, int] = dict.fromkeys(
            ("offset_ns", "refused", "state", "status", "maxerror_us", "esterror_us", "tai_s"), 0
        )
        self.set(maxerror_us=2000, esterror_us=500, tai_s=37)
        self.environment = {
            **os.environ,
            "LD_PRELOAD": str(library),
            "CLOCK_SHIM": str(self._page),
        }

    def set(self, **values: int) -> None:
        """Change some of the values, at once for every process that has the shim loaded."""
        self.values.update(values)
        with self._page.open("r+b" if self._page.exists() else "wb") as page:
            page.write(struct.pack("7q", *self.values.values()))

    def unsynchronise(self) -> None:
        """What the kernel says after settimeofday."""
        self.set(state=TIME_ERROR, status=STA_UNSYNC, maxerror_us=16_000_000)

    def synchronise(self) -> None:
        """What it says once a daemon vouches for the clock."""
        self.set(state=0, status=0, maxerror_us=2000)


class Conversation:
    """A Python program under the shim that answers every line with a line of JSON."""

    def __init__(self, clock: ShimmedClock, program: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", program],
            env=clock.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, line: str = "") -> Mapping[str, Any]:
        """Send one line and return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return dict(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """Let the program end at the end of its input."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(PATIENCE_S)
