"""What chronyd knows of UTC, read through ``chronyc -c`` without ever waiting for it."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from sensor.errors import ClockError
from sensor.timing.vote import EVEN_SIGMA, Vote
from sensor.types import ClockSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sensor.timing.kernel import ClockReading

ASK_EVERY_S = 16.0
"""chronyd itself asks its servers no more often than once a minute, as a rule."""
ASK_AGAIN_S = 64.0
"""Where chronyd does not answer."""
ANSWER_WITHIN_S = 3.0
STALE_S = 60.0
_MAX_ANSWER_BYTES = 65_536
_TRACKING_FIELDS = 14
_SOURCE_FIELDS = 10
_PPS_BOUND_S = 100e-6
"""A reference clock with a smaller bound has a pulse; serial time alone is a thousand times worse."""
_UNSYNCHRONISED = "Not synchronised"


@dataclass(frozen=True, slots=True)
class Tracking:
    """``chronyc tracking`` and ``sources``: how well chronyd follows its source."""

    name: str
    """Address or reference id of the selected source."""
    refclock: bool
    """The selected source is a local reference clock (GPS, PPS), not the network."""
    stratum: int
    correction_s: float
    """What must be added to the system clock to get chrony's idea of UTC."""
    root_delay_s: float
    """Round trip to the primary source: half of it bounds the unseen asymmetry."""
    root_dispersion_s: float
    """chrony's bound of everything else; it grows while no source answers."""
    skew_ppm: float
    synchronised: bool
    reachable: bool
    """Some selectable source answered one of its last eight polls."""
    falsetickers: int
    """Sources that chrony itself found to be wrong."""

    @property
    def bound_s(self) -> float:
        """Largest error of the clock once ``correction_s`` is added."""
        return self.root_dispersion_s + 0.5 * self.root_delay_s


def parse(text: str) -> Tracking:
    """Read what ``chronyc -c -m tracking sources`` prints; raise ClockError when it is something else."""
    first, *others = text.splitlines() or [""]
    fields = first.strip().split(",")
    if len(fields) < _TRACKING_FIELDS:
        raise ClockError(f"chronyc tracking answered {len(fields)} fields, not {_TRACKING_FIELDS}")
    rows = [row for line in others if len(row := line.split(",")) >= _SOURCE_FIELDS]
    try:
        selected = next((row for row in rows if row[1] == "*"), None)
        result = Tracking(
            name=fields[1] or fields[0],
            refclock=selected is not None and selected[0] == "#",
            stratum=int(fields[2]),
            correction_s=float(fields[4]),
            root_delay_s=float(fields[10]),
            root_dispersion_s=float(fields[11]),
            skew_ppm=float(fields[9]),
            synchronised=fields[13] != _UNSYNCHRONISED,
            reachable=any(row[1] != "x" and int(row[5], 8) != 0 for row in rows),
            falsetickers=sum(row[1] == "x" for row in rows),
        )
    except ValueError as error:
        raise ClockError(f"chronyc answered something else: {error}") from error
    figures = (result.correction_s, result.root_delay_s, result.root_dispersion_s, result.skew_ppm)
    if not all(math.isfinite(value) for value in figures) or min(figures[1:]) < 0.0:
        raise ClockError(f"chronyc answered impossible figures: {figures}")
    return result


class Chrony:
    """Asks chronyd now and then, in a process of its own that is never waited for (3 ms of CPU each).

    Args:
        command: the client and its options, such as ``-h`` for a daemon elsewhere.
        ask_every_s: time between questions.
        ask_again_s: the same while there is no answer.
    """

    def __init__(
        self,
        command: Sequence[str] = ("chronyc",),
        ask_every_s: float = ASK_EVERY_S,
        ask_again_s: float = ASK_AGAIN_S,
    ) -> None:
        self._command = tuple(command)
        self._ask_every_s = ask_every_s
        self._ask_again_s = ask_again_s
        self._running: tuple[subprocess.Popen[bytes], IO[bytes]] | None = None
        self._asked_s = -math.inf
        self._answer: tuple[float, Tracking] | None = None
        self.error: str | None = None
        """Why there is no answer at present; None when there is one."""

    @property
    def installed(self) -> bool:
        """Whether the client can be found at all."""
        return shutil.which(self._command[0]) is not None

    def poll(self) -> None:
        """Collect an answer that has come, and ask again when it is time."""
        now_s = time.monotonic()
        if self._running is not None:
            if self._running[0].poll() is not None:
                self._collect(now_s)
            elif now_s - self._asked_s > ANSWER_WITHIN_S:
                self.error = f"chronyc did not answer within {ANSWER_WITHIN_S:.0f} s"
                self.close()
        every_s = self._ask_every_s if self.error is None else max(self._ask_every_s, self._ask_again_s)
        if self._running is None and now_s - self._asked_s >= every_s:
            self._asked_s = now_s
            self._ask()

    def tracking(self) -> Tracking | None:
        """The newest answer, or None when it is too old to say anything."""
        if self._answer is None or time.monotonic() - self._answer[0] > STALE_S:
            return None
        return self._answer[1]

    def vote(self, reading: ClockReading) -> Vote | None:
        """UTC by chronyd, or None while it follows nothing."""
        tracking = self.tracking()
        if tracking is None or not tracking.synchronised or not tracking.reachable:
            return None
        source = ClockSource.NTP
        if tracking.refclock:
            source = ClockSource.PPS if tracking.bound_s < _PPS_BOUND_S else ClockSource.GPS
        # The correction is being slewed away and up to an answer's age old: all of it is in doubt.
        sigma_s = math.hypot(EVEN_SIGMA * tracking.bound_s, tracking.correction_s)
        correction_ns = round(tracking.correction_s * 1e9)
        return Vote(
            source, reading.offset_ns + correction_ns, math.ceil(sigma_s * 1e9), f"chrony {tracking.name}"
        )

    def close(self) -> None:
        """End a process that is still running."""
        if self._running is None:
            return
        process, output = self._running
        self._running = None
        with contextlib.suppress(OSError):
            process.kill()
        process.wait()
        output.close()

    def _ask(self) -> None:
        # Not a pipe: it could fill up and stop the client.
        output = os.fdopen(os.memfd_create("chronyc"), "w+b")
        try:
            process = subprocess.Popen(  # noqa: S603  the command is the administrator's
                (*self._command, "-c", "-m", "tracking", "sources"),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            output.close()
            self.error = f"{self._command[0]} cannot be run: {error}"
            return
        self._running = process, output

    def _collect(self, now_s: float) -> None:
        assert self._running is not None  # noqa: S101  only called with a process that has ended
        process, output = self._running
        output.seek(0)
        text = output.read(_MAX_ANSWER_BYTES).decode("utf-8", "replace")
        self.close()
        if process.returncode:
            self.error = "chronyd does not answer"
            return
        try:
            self._answer = (now_s, parse(text))
            self.error = None
        except ClockError as error:
            self.error = str(error)
