"""The thread that hears: source -> pipeline -> outbox. It never waits for the network."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from sensor.errors import CaptureError, OutboxError, SensorError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sensor.capture.source import Source
    from sensor.detect.settings import DetectSettings
    from sensor.events import Candidate, Versions
    from sensor.pipeline import Pipeline

logger = logging.getLogger(__name__)


class Listener:
    """Runs one source's blocks through a pipeline in a thread of its own.

    Args:
        source: where blocks come from; closed by :meth:`stop`.
        build: makes the pipeline; called when the first block is there and so the rate is known, and
            again should a reopened device deliver another rate.
        store: takes each candidate; it must return soon.
    """

    def __init__(
        self,
        source: Source,
        build: Callable[[Source], Pipeline],
        store: Callable[[Candidate], None],
    ) -> None:
        self.source = source
        self.pipeline: Pipeline | None = None
        self.error: SensorError | None = None
        self.processed = 0
        """Blocks that passed the whole pipeline; the watchdog lives on its growth."""
        self.finished = threading.Event()
        self._build = build
        self._store = store
        self._rate_hz = 0.0
        self._retune: tuple[DetectSettings, float, Versions] | None = None
        self._thread = threading.Thread(target=self._run, name="dsp", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def retune(self, detect: DetectSettings, p_min: float, versions: Versions) -> None:
        """Have the pipeline take new settings, and state so, as soon as nothing is undecided."""
        self._retune = (detect, p_min, versions)

    def stop(self, timeout_s: float) -> bool:
        """Close the source, let what is pending be decided and stored; True when that was in time."""
        self.source.close()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._listen()
        except CaptureError as error:
            self.error = error
            logger.error("capture ended: %s", error)  # noqa: TRY400  an expected end, told in one line
        except SensorError as error:
            self.error = error
            logger.error("listening ended: %s", error)  # noqa: TRY400  same
        except Exception as error:
            # A bug here must not leave a process that is alive but deaf.
            self.error = SensorError(f"listening ended unexpectedly: {error!r}")
            logger.exception("listening ended unexpectedly")
        finally:
            self.finished.set()

    def _listen(self) -> None:
        try:
            for block in self.source.blocks():
                if self.pipeline is None or self.source.rate_hz != self._rate_hz:
                    self.pipeline = self._rebuild(self.pipeline)
                if self._retune is not None:
                    (detect, p_min, versions), self._retune = self._retune, None
                    self.pipeline.retune(detect=detect, p_min=p_min, versions=versions)
                self._hand_over(self.pipeline.process(block))
                self.processed += 1
        finally:
            if self.pipeline is not None:
                self._hand_over(self.pipeline.flush())

    def _rebuild(self, before: Pipeline | None) -> Pipeline:
        """A pipeline for the source as it is now; what was counted before goes on."""
        self._rate_hz = self.source.rate_hz
        after = self._build(self.source)
        if before is not None:
            self._hand_over(before.flush())
            after.counts = before.counts
        return after

    def _hand_over(self, candidates: list[Candidate]) -> None:
        for candidate in candidates:
            try:
                self._store(candidate)
            except OutboxError as error:
                logger.error("candidate at utc_ns=%d could not be stored: %s", candidate.utc_ns, error)  # noqa: TRY400  told in one line
