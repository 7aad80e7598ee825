"""``scripts/run --demo`` as a process, what it printed, and what it left behind."""

from __future__ import annotations

import http.cookiejar
import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any, Self

from tests.support.mosquitto import wait_until

ROOT = Path(__file__).parents[2]
SMALL = """\
name: hamlet
seed: 1
duration_s: 6
origin: {lat_deg: 35.99, lon_deg: -78.9, height_m: 100}
background: {level_dba: 40}
surroundings: {reverberation_time_s: 0.2}
sensors:
  - {name: school, at: [0, 0, 8], rate_hz: 16000}
  - {name: church, at: [300, 0, 8], rate_hz: 16000}
sources:
  - {kind: gunshot, weapon: 9mm, time_s: 1.0, at: [100, 50, 1.5]}
"""
"""Two nodes, which are too few to locate anything."""


class DemoProcess:
    """A demo; a context manager that ends it if it has not ended by itself.

    Args:
        words: of the command line.
        temporary: where it may put temporary files.
    """

    def __init__(self, *words: str | Path, temporary: Path) -> None:
        temporary.mkdir(parents=True, exist_ok=True)
        self.temporary = temporary
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "scripts/demo.py"), *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={
                **{name: value for name, value in os.environ.items() if not name.endswith("DISPLAY")},
                "TMPDIR": str(temporary),
            },
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(120)
        self._reader.join(10)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.rstrip("\n"))

    @property
    def text(self) -> str:
        """Everything that it has printed so far."""
        return "\n".join(self.lines)

    def wait_for_line(self, pattern: str, timeout_s: float = 500.0) -> re.Match[str]:
        """Return the first match in what it prints; fail if it ends without one."""

        def found() -> bool:
            assert re.search(pattern, self.text) or self._process.poll() is None, self.text
            return re.search(pattern, self.text) is not None

        wait_until(found, timeout_s, f"the demo prints {pattern}")
        match = re.search(pattern, self.text)
        assert match is not None
        return match

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def wait(self, timeout_s: float = 500.0) -> int:
        """Wait for its end; return its exit code."""
        code = self._process.wait(timeout_s)
        self._reader.join(10)
        return code

    def left_behind(self) -> list[str]:
        """Programs that still run on its temporary files, and those files."""
        found = [path.name for path in self.temporary.iterdir()]
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:  # it ended meanwhile
                continue
            if str(self.temporary) in command:
                found.append(command)
        return found


class Browser:
    """Whoever logs in at the demo's pages, without the pages."""

    def __init__(self, address: str, name: str, password: str) -> None:
        self._address = address
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        )
        self._ask("/api/login", {"name": name, "password": password})

    def get(self, path: str) -> Any:
        """What an address answers."""
        return self._ask(path, None)

    def _ask(self, path: str, body: dict[str, str] | None) -> Any:
        request = urllib.request.Request(  # noqa: S310  the demo's own address
            self._address + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json", "origin": self._address},
        )
        with self._opener.open(request, timeout=60.0) as answer:
            return json.loads(answer.read() or b"null")
