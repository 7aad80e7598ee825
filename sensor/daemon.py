"""The daemon: starts its parts in order, watches them, stops them in reverse."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from sensor import __version__, logs
from sensor.calibrate.record import load_latency, load_level
from sensor.classify.classifier import Classifier
from sensor.config import load_config
from sensor.config.reload import diff, take_over
from sensor.errors import CalibrationError, ConfigError
from sensor.events import Candidate, Health, Status, Versions
from sensor.health import Observer
from sensor.listener import Listener
from sensor.pipeline import Node, Pipeline
from sensor.rate_limit import RateLimit
from sensor.systemd import Notifier
from sensor.timing.clock import UtcClock
from sensor.timing.timebase import FileTimebase, Latency, LiveTimebase, Timebase
from sensor.types import ClockReport
from sensor.uplink.mqtt import Uplink
from sensor.uplink.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from sensor.capture.source import Source
    from sensor.config import Config

logger = logging.getLogger(__name__)

TICK_S = 1.0
STATUS_FILE_S = 5.0
START_EXTENSION_S = 30.0
STOP_LISTENING_S = 6.0
STOP_UPLINK_S = 5.0


class Daemon:
    """One node at work.

    Args:
        config: what it was told.
        source: a microphone, or a recording that is played.
        config_file: read again on a reload; None leaves nothing to reload.
        on_candidate: shown every candidate once it is stored, in the dsp thread.
        start_utc_ns: of a recording, UTC of its first sample: time is then the recording's own.
    """

    def __init__(
        self,
        config: Config,
        source: Source,
        *,
        config_file: Path | None = None,
        on_candidate: Callable[[Candidate], None] | None = None,
        start_utc_ns: int | None = None,
    ) -> None:
        self.config = config
        self.boot_id = str(uuid.uuid4())
        self.stop = threading.Event()
        self.reload = threading.Event()
        self._config_file = config_file
        self._on_candidate = on_candidate
        self._start_utc_ns = start_utc_ns
        self._classifier = Classifier.load(_model_file(config))
        self._notifier = Notifier()
        self._calibration_id: str | None = None
        self.outbox = Outbox(config.outbox, config.site, config.node)
        self.uplink: Uplink | None = None
        if config.mqtt.host:
            self.uplink = Uplink(
                config.mqtt,
                self.outbox,
                config.site,
                config.node,
                birth=lambda: self._status("online", "connected"),
                will=self._status("offline", "lost"),
                report=self._health,
            )
        self.utc = UtcClock(config.timing)
        self.timebase: Timebase | None = None
        self.listener = Listener(source, self._build, self._store)
        self.acknowledged = 0
        """Candidates that the broker had acknowledged by the end."""
        self._observer = Observer(
            site=config.site,
            node=config.node,
            state_dir=config.paths.state_dir,
            listener=self.listener,
            outbox=self.outbox,
            uplink=self.uplink,
            clock=self._clock_report,
            versions=self.versions,
        )

    def run(self) -> int:
        """Start, watch until told to stop or the source ends, stop; return the exit code."""
        clock = threading.Thread(target=self._follow_clock, name="clock", daemon=True)
        logger.info(
            "gunshot-sensor %s: site %s node %s model %s configuration %s",
            __version__,
            self.config.site,
            self.config.node,
            self._classifier.model_id,
            self.config.digest,
        )
        try:
            if self.uplink is not None:
                self.uplink.start()
            else:
                logger.warning("no broker is configured (mqtt.host): candidates are kept in the outbox")
            clock.start()
            self.listener.start()
            self._supervise()
        finally:
            self.stop.set()
            self._notifier.stopping()
            if not self.listener.stop(STOP_LISTENING_S):
                logger.error("the source did not close within %.0f s and is left behind", STOP_LISTENING_S)
            if clock.ident is not None:
                clock.join(TICK_S)
            self.utc.close()
            if self.uplink is not None:
                self.uplink.stop(STOP_UPLINK_S)
                self.acknowledged = self.uplink.stats().published
            self.outbox.close()
            self._observer.remove_file(self.config.paths.runtime_dir)
        return 1 if self.listener.error is not None else 0

    # ---- the main thread

    def _supervise(self) -> None:
        """Tell systemd, write health and obey signals until there is nothing left to hear."""
        fed = 0
        health_due_s = status_due_s = 0.0
        while not self.stop.wait(TICK_S if fed else 0.05):
            processed, now_s = self.listener.processed, time.monotonic()
            if processed > fed:
                if not fed:
                    self._notifier.ready("listening")
                    status_due_s = 0.0
                # Only progress through the whole pipeline feeds the watchdog.
                self._notifier.watchdog()
                fed = processed
            if self.reload.is_set():
                self.reload.clear()
                self._reload()
            if now_s >= status_due_s:
                if not fed:
                    # An absent microphone is waited for; systemd must not take that for a failed start.
                    self._notifier.extend_timeout(START_EXTENSION_S)
                status_due_s = now_s + STATUS_FILE_S
                self._observer.write_file(self._observer.health(), self.config.paths.runtime_dir)
            if now_s >= health_due_s:
                health_due_s = now_s + self.config.publish.health_interval_s
                if self.uplink is not None:
                    self.uplink.publish_health(self._observer.health())
            if self.listener.finished.is_set():
                return

    def _reload(self) -> None:
        self._notifier.reloading()
        try:
            if self._config_file is None:
                logger.warning("reload: there is no configuration file to read again")
                return
            new = load_config(self._config_file)
            taken, waiting = diff(self.config, new)
            self.config = take_over(self.config, new)
            self.listener.retune(self.config.detect, self.config.publish.p_min, self.versions())
            logs.set_level(self.config.log.level)
            logger.info("reload: taken over %s", ", ".join(taken) or "nothing")
            if waiting:
                logger.warning("reload: %s changed and wait for a restart", ", ".join(waiting))
        except ConfigError as error:
            logger.error("reload: the old configuration stays in force\n%s", error)  # noqa: TRY400  told in words
        finally:
            self._notifier.ready("listening")

    # ---- the clock thread

    def _follow_clock(self) -> None:
        while not self.stop.wait(TICK_S):
            try:
                self.utc.poll()
            except Exception:
                # A clock source's surprise must cost time quality (its history grows stale), no more.
                logger.exception("the clock could not be read")

    # ---- the dsp thread

    def _build(self, source: Source) -> Pipeline:
        """Make the pipeline for a stream that has just begun."""
        rate_hz = source.rate_hz
        full_scale_db_spl = self._full_scale_db_spl(source)
        self.timebase = self._timebase(source)
        logger.info(
            "listening to %s: %.0f Hz, %d channel(s), %s",
            source.name,
            rate_hz,
            source.channels,
            "uncalibrated" if full_scale_db_spl is None else f"0 dBFS = {full_scale_db_spl:.1f} dB SPL",
        )
        return Pipeline(
            rate_hz=rate_hz,
            detect=self.config.detect,
            classifier=self._classifier,
            timebase=self.timebase,
            node=Node(
                site=self.config.site,
                node=self.config.node,
                versions=self.versions(),
                position=self.config.wire_position,
                full_scale_db_spl=full_scale_db_spl,
            ),
            p_min=self.config.publish.p_min,
            listen=self.config.audio.listen_channels,
            limit=RateLimit(
                burst=self.config.publish.burst_max, per_minute=self.config.publish.per_minute_max
            ),
        )

    def _timebase(self, source: Source) -> Timebase:
        if self._start_utc_ns is not None:
            return FileTimebase(source.rate_hz, self._start_utc_ns)
        return LiveTimebase(source.rate_hz, self.config.timing, self.utc, self._latency(source))

    def _full_scale_db_spl(self, source: Source) -> float | None:
        """The level calibration of this device; None, said once, where there is none that applies."""
        self._calibration_id = None
        try:
            level = load_level(self.config.paths.state_dir, source.name, channel=self._one_channel(source))
        except CalibrationError as error:
            logger.warning("levels go out uncalibrated: %s", error)
            return None
        if level is None:
            return None
        self._calibration_id = level.id
        return level.full_scale_db_spl

    def _latency(self, source: Source) -> Latency | None:
        """The measured latency of this device; None where there is none that applies."""
        try:
            measured = load_latency(self.config.paths.state_dir, source.name, rate_hz=round(source.rate_hz))
        except CalibrationError as error:
            logger.warning("latency goes uncalibrated: %s", error)
            return None
        return None if measured is None else Latency(measured.latency_s, measured.sigma_s)

    def _one_channel(self, source: Source) -> int | None:
        """The channel that is listened to; None where several are mixed and no one's level applies."""
        listened = self.config.audio.listen_channels or tuple(range(source.channels))
        return listened[0] if len(listened) == 1 else None

    def _store(self, candidate: Candidate) -> None:
        stored = self.outbox.append(candidate)
        if self.uplink is not None:
            self.uplink.notify()
        logs.event(
            logger,
            "candidate",
            seq=stored.seq,
            p=round(stored.p_gunshot, 3),
            utc_ns=stored.utc_ns,
            sigma_ns=stored.sigma_ns,
            source=stored.clock["source"],
            peak_dbfs=round(stored.peak_dbfs, 1),
            snr_db=round(stored.snr_db, 1),
            event_id=stored.event_id,
        )
        if self._on_candidate is not None:
            self._on_candidate(stored)

    # ---- any thread

    def _clock_report(self) -> ClockReport:
        if self.timebase is not None:
            return self.timebase.report()
        return self.utc.report().without_stream()

    def versions(self) -> Versions:
        """What made the messages of this run."""
        return Versions(
            software=__version__,
            model=self._classifier.model_id,
            config=self.config.digest,
            calibration=self._calibration_id,
        )

    def _health(self) -> Health:
        return self._observer.health()

    def _status(self, state: str, reason: str) -> Status:
        return Status(
            site=self.config.site,
            node=self.config.node,
            state=state,
            reason=reason,
            boot_id=self.boot_id,
            position=self.config.wire_position,
            versions=self.versions(),
        )


def _model_file(config: Config) -> Path | None:
    """The weights that were asked for; None for those of the package."""
    named = config.classify.model
    return None if named == "default" else Path(named)
