"""What a person at a terminal sees of a running sensor: candidates as lines, the level as one live line."""

from __future__ import annotations

import shutil
import sys
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from sensor.daemon import Daemon
    from sensor.events import Candidate

PERIOD_S = 0.1
CLEAR = "\r\x1b[K"
"""Back to the start of the line, and wipe it."""
BAR_CELLS = 30
QUIET_DBFS = -90.0


def candidate_line(candidate: Candidate) -> str:
    """``candidate p=0.97 utc=... sigma=0.41ms ...`` for one event."""
    seconds, nanoseconds = divmod(candidate.utc_ns, 10**9)
    moment = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return (
        f"candidate p={candidate.p_gunshot:.2f} utc={moment}.{nanoseconds // 1000:06d}Z "
        f"sigma={sigma_text(candidate.sigma_ns)} peak={candidate.peak_dbfs:.1f}dBFS "
        f"snr={candidate.snr_db:.0f}dB clock={candidate.clock['source']} seq={candidate.seq}"
    )


def sigma_text(sigma_ns: int) -> str:
    """A sigma in the unit that suits its size: ``85us``, ``5.2ms``, ``1.3s``, ``7d``."""
    for unit_ns, unit in ((86_400 * 10**9, "d"), (10**9, "s"), (10**6, "ms")):
        if sigma_ns >= unit_ns:
            return f"{sigma_ns / unit_ns:.3g}{unit}"
    return f"{sigma_ns / 1e3:.3g}us"


def level_bar(level_dbfs: float, noise_dbfs: float) -> str:
    """A bar from -90 to 0 dBFS with a mark at the noise floor."""

    def cell(level: float) -> int:
        return min(BAR_CELLS - 1, max(0, round((level - QUIET_DBFS) / -QUIET_DBFS * BAR_CELLS)))

    filled = cell(level_dbfs)
    cells = ["#" if index < filled else "." for index in range(BAR_CELLS)]
    cells[cell(noise_dbfs)] = "|"
    return "".join(cells)


class Console:
    """Prints candidates, and on a terminal a live level line; off one there are no carriage returns."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream
        self._live = self._stream.isatty()
        self._lock = threading.Lock()
        self._closed = False
        self._stop = threading.Event()
        self._daemon: Daemon | None = None
        self._thread: threading.Thread | None = None

    def watch(self, daemon: Daemon) -> None:
        """Begin the live line."""
        self._daemon = daemon
        if self._live:
            self._thread = threading.Thread(target=self._follow, name="console", daemon=True)
            self._thread.start()

    def candidate(self, candidate: Candidate) -> None:
        """Print one candidate."""
        self.say(candidate_line(candidate))

    def say(self, text: str) -> None:
        """Print a line above the live one."""
        self._write(f"{CLEAR if self._live else ''}{text}\n")

    def close(self) -> None:
        """End the live line."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._write(CLEAR)

    def _follow(self) -> None:
        while not self._stop.wait(PERIOD_S):
            # A line that wraps could not be overwritten and would fill the screen.
            text = self._level_line()[: shutil.get_terminal_size().columns - 1]
            self._write(f"{CLEAR}{text}")

    def _write(self, text: str) -> None:
        with self._lock:
            if self._closed:
                return
            try:
                self._stream.write(text)
                self._stream.flush()
            except (OSError, ValueError):
                # Whoever watched has gone (`run --show | head`); the sensor goes on.
                self._closed = True

    def _level_line(self) -> str:
        pipeline = self._daemon.listener.pipeline if self._daemon is not None else None
        if pipeline is None or self._daemon is None:
            return "waiting for the first samples"
        detector, counts = pipeline.detector, pipeline.counts
        uplink = self._daemon.uplink
        sent = f"{uplink.stats().published} sent" if uplink is not None else "no broker"
        return (
            f"level {detector.level_dbfs:6.1f} dBFS "
            f"[{level_bar(detector.level_dbfs, detector.noise_dbfs)}] "
            f"noise {detector.noise_dbfs:6.1f}  "
            f"{counts.triggers} triggers, {counts.candidates} candidates, {sent}"
        )
