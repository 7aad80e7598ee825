"""A real daemon in a process of its own, as systemd would run it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.daemon_process import DaemonProcess
from tests.support.mosquitto import Broker
from tests.support.patience import PATIENCE_S, wait_until

CORRUPT_CLOCK = """
from sensor.timing.sample_clock import SampleClock
honest = SampleClock.predict
SampleClock.predict = lambda self, index: (honest(self, index)[0] + {by_ns}, honest(self, index)[1])
"""
MAIN = """
import sys
{patch}
from sensor.cli.main import main
sys.argv = ["gunshot-sensor", "run", *sys.argv[1:]]
main()
"""


class Node(DaemonProcess):
    """One ``gunshot-sensor run``; a context manager.

    Args:
        broker: where it publishes; None = nowhere.
        environment: what the process sees, such as a virtual microphone's ``env``.
        options: further words of the command line.
        settings: lines appended to its configuration.
        clock_off_ns: corrupt the sample clock by so much, to prove that a test would notice.
    """

    def __init__(
        self,
        broker: Broker | None,
        *,
        environment: dict[str, str] | None = None,
        options: tuple[str, ...] = (),
        settings: str = "",
        clock_off_ns: int = 0,
        folder: Path | None = None,
    ) -> None:
        super().__init__(folder=folder, environment=environment)
        self._options = options
        self._patch = CORRUPT_CLOCK.format(by_ns=clock_off_ns) if clock_off_ns else ""
        mqtt = f"mqtt: {{host: {broker.host}, port: {broker.port}}}\n" if broker is not None else ""
        self.config.write_text(
            "site: test\nnode: roof\n"
            f"{mqtt}"
            f"paths: {{state_dir: {self.folder}, runtime_dir: {self.folder}}}\n"
            f"{settings}"
        )

    def words(self) -> Sequence[str]:
        """The daemon as its unit starts it, but for the clock."""
        return ("-c", MAIN.format(patch=self._patch), "-c", str(self.config), *self._options)

    def wait_ready(self, timeout_s: float = PATIENCE_S) -> None:
        """Return once it told systemd that the first block went through."""
        wait_until(lambda: self.ended or "READY=1" in self.told(), timeout_s, "the daemon is ready")
        assert not self.ended, self.text

    def health(self) -> dict[str, Any]:
        """What it last left for ``gunshot-sensor status``; empty before."""
        try:
            found: dict[str, Any] = json.loads((self.folder / "health.json").read_text())
        except FileNotFoundError:
            return {}
        return found
