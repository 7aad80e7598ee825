"""The central daemon: starts its parts in order, watches them, stops them in reverse."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Protocol

from sensor import __version__, logs
from sensor.central.cad.inbox import DispositionInbox
from sensor.central.config import CentralConfig
from sensor.central.consumer.consumer import Consumer, Gap
from sensor.central.consumer.intake import Intake, Note
from sensor.central.fleet.alarm_topics import AlarmTopics
from sensor.central.fleet.alarms import FleetAlarm
from sensor.central.fleet.coverage import radii
from sensor.central.fleet.fleet import WHOLE_SITE
from sensor.central.fleet.patrol import Patrol
from sensor.central.fusing import Fusing
from sensor.central.fusion import Window
from sensor.central.incidents.chain import incident_json
from sensor.central.incidents.fireworks import ModeChange
from sensor.central.incidents.machine import Incidents
from sensor.central.incidents.recorder import Recorder, history_of
from sensor.central.incidents.signing import CentreKey
from sensor.central.mqtt import Outgoing
from sensor.central.node_keys import NodeKeys
from sensor.central.notify.build import build_dispatcher
from sensor.central.store import ArrivalRow, NodeState, Store, open_store
from sensor.central.types import Arrival, IncidentVersion
from sensor.central.weather.report import WeatherReport, report_of
from sensor.central.weather.weather import Weather
from sensor.central.web.app import create_app
from sensor.central.web.cad_door import cad_door
from sensor.central.web.clips import FolderClips
from sensor.central.web.fleet_pages import node_view
from sensor.central.web.live import LiveFeed
from sensor.central.web.server import WebServer
from sensor.errors import StoreError, WireError
from sensor.systemd import Notifier

logger = logging.getLogger(__name__)
TICK_S = 1.0
STATUS_S = 10.0
SUMMARY_S = 600.0
HOUSEKEEPING_S = 3600.0
DAY_NS = 86_400 * 10**9
REPORTS_NS = 7 * DAY_NS
WEATHER = "weather"
"""Kind under which the record keeps reports."""


class Part(Protocol):
    """What is started and stopped."""

    def start(self) -> None:
        """Begin."""
        ...

    def stop(self) -> bool:
        """End; whether it did in time."""
        ...


class Centre:
    """The central side at work.

    Args:
        config: what it was told.
    """

    def __init__(self, config: CentralConfig) -> None:
        self.config = config
        self.stop = threading.Event()
        self._notifier = Notifier()
        self._live = LiveFeed()
        self.web: WebServer | None = None

    def run(self) -> int:
        """Start, watch until told to stop, stop; return the exit code.

        Raises:
            ConfigError: the state folder or a key cannot be used as configured.
            StoreError: the record cannot be opened.
            CentralError: the pages' address cannot be had.
        """
        logger.info("gunshot-central %s: record %s", __version__, self._record_words())
        with ExitStack() as stack:
            self._start(stack)
            self._notifier.ready("listening")
            self._supervise()
            logger.info("stopping")
            self._summarise()
            self._notifier.stopping()
        return 0

    # ---- start, in order; the stack stops in reverse

    def _start(self, stack: ExitStack) -> None:
        config = self.config
        store = self.store = self._open_record()
        stack.callback(store.close)
        signer = self._key()
        outgoing = Outgoing(config.mqtt)
        stack.callback(outgoing.close)
        self.dispatcher = build_dispatcher(
            config.notify, store, holder=config.mqtt.client_id, publish=outgoing.publish
        )
        if config.worker.notifies:
            self._begin(stack, "notifications", self.dispatcher)
        self.alarms = AlarmTopics(outgoing.publish)
        self._begin(stack, "alarms", self.alarms)
        history = history_of(store, radius_m=config.incidents.history_m, days=config.incidents.history_days)
        incidents = Incidents(config.incidents, signer=signer, history=history)
        self.recorder = Recorder(store, incidents, signer=signer, on_version=self._on_version)
        self.patrol = Patrol(store, config.fleet, on_alarm=self._on_alarm, on_node=self._on_node)
        self._begin(stack, "fleet", self.patrol)
        self.weather = Weather(config.air, on_report=self._on_report)
        self.weather.restore(self._old_reports())
        self.fusing = Fusing(
            store,
            self.recorder,
            incidents,
            config.fusion,
            air=self.weather.air,
            listeners=self.patrol.listeners,
            on_window=self._on_window,
            on_mode=self._on_mode,
            on_heard=self._on_heard,
            sites=config.worker.sites or config.mqtt.sites,
            worker=config.mqtt.client_id,
        )
        self._begin(stack, "fusion", self.fusing)
        if config.web.enabled:
            self._serve(stack)
        keys = NodeKeys(config.intake.node_keys_dir)
        self.intake = Intake(config.intake, verifier_of=keys.verifier)
        self.consumer = Consumer(
            config.mqtt,
            store,
            self.intake,
            on_stored=self._on_stored,
            on_note=self._on_note,
            on_gap=self._on_gap,
            on_doubt=self._on_doubt,
            on_weather=self._on_weather if config.air.mqtt else None,
        )
        self._begin(stack, "consumer", self.consumer)

    @staticmethod
    def _begin(stack: ExitStack, name: str, part: Part) -> None:
        """Start a part and see to its end."""

        def end() -> None:
            if not part.stop():
                logger.error("%s did not end in time and is left behind", name)

        part.start()
        stack.callback(end)

    def _serve(self, stack: ExitStack) -> None:
        folder, settings = self.config.paths.state_dir, self.config.web
        if not settings.secret_path:
            settings = replace(settings, secret_path=str(folder / "logins.key"))
        clips = folder / "clips"
        app = create_app(
            self.store,
            self._live,
            settings,
            reviewer=self.recorder,
            clips=FolderClips(clips) if clips.is_dir() else None,
            fleet=self.config.fleet,
            routes=(cad_door(DispositionInbox(self.config.notify, self.store)),),
        )
        self.web = WebServer(app, settings)
        self.web.start()
        stack.callback(self.web.stop)
        if not self.store.users():
            logger.warning("nobody may log in yet: gunshot-central user add NAME --role admin")

    def _open_record(self) -> Store:
        self.config.paths.make_state_dir()
        return open_store(self.config.record, self.config.paths.state_dir)

    def _key(self) -> CentreKey:
        key, made = CentreKey.load_or_make(self.config.key_path)
        if made:
            logger.warning(
                "made the centre's key %s (id %s): keep a copy in a safe place",
                self.config.key_path,
                key.key_id,
            )
        return key

    def _record_words(self) -> str:
        dsn_file = self.config.record.postgres_dsn_file
        return str(self.config.record_path) if dsn_file is None else f"PostgreSQL as {dsn_file} says"

    def _old_reports(self) -> Iterator[WeatherReport]:
        """Reports of the last days out of the record."""
        now_ns = time.time_ns()
        for item in self.store.node_samples(kind=WEATHER, since_ns=now_ns - REPORTS_NS):
            with suppress(WireError):
                yield report_of(item.values, source=WEATHER, now_ns=now_ns)

    # ---- the main thread

    def _supervise(self) -> None:
        """Tell systemd as long as every part moves; keep the record within its bounds."""
        seen = self._progress()
        moved_s = dict.fromkeys(seen, time.monotonic())
        status_due_s = 0.0
        summary_due_s = time.monotonic() + SUMMARY_S
        housekeeping_due_s = time.monotonic() + 60.0
        while not self.stop.wait(TICK_S):
            now_s, progress = time.monotonic(), self._progress()
            for name, count in progress.items():
                if count != seen[name]:
                    moved_s[name] = now_s
            seen = progress
            patience_s = (self._notifier.watchdog_s or 60.0) / 2.0
            stuck = [name for name, at_s in moved_s.items() if now_s - at_s > patience_s]
            if stuck:
                logger.error("%s: no progress for %.0f s", ", ".join(stuck), patience_s)
            else:
                self._notifier.watchdog()
            if now_s >= status_due_s:
                status_due_s = now_s + STATUS_S
                self._notifier.status(self.status_text())
            if now_s >= summary_due_s:
                summary_due_s = now_s + SUMMARY_S
                self._summarise()
            if now_s >= housekeeping_due_s:
                housekeeping_due_s = now_s + HOUSEKEEPING_S
                self._forget_old()

    def _progress(self) -> dict[str, int]:
        return {
            "consumer": self.consumer.progress,
            "fusion": self.fusing.progress,
            "fleet": self.patrol.progress,
        }

    def problems(self) -> list[str]:
        """What is not as it should be, in words."""
        parts = {
            "broker": self.consumer.problem,
            "fusion": self.fusing.problem,
            "fleet": self.patrol.problem,
            "air": self.weather.problem,
        }
        found = [f"{name}: {text}" for name, text in parts.items() if text]
        if self.web is not None and not self.web.alive:
            found.append("web: the pages are not served any more")
        return found

    def status_text(self) -> str:
        """One line on how it is."""
        problems = self.problems()
        return "; ".join(problems) if problems else f"listening; {self.consumer.stored} candidates stored"

    def _summarise(self) -> None:
        """Every counter, once in a while: each no has a reason and a number."""
        refused = {f"refused_{name.value}": count for name, count in sorted(self.intake.refused.items())}
        unfused = {f"unfused_{name}": count for name, count in sorted(self.fusing.refused.items())}
        logs.event(
            logger,
            "intake",
            stored=self.consumer.stored,
            repeated=self.consumer.repeated,
            unwritten=self.fusing.unwritten,
            **refused,
            **unfused,
        )

    def _forget_old(self) -> None:
        record, now_ns = self.config.record, time.time_ns()
        try:
            gone = self.store.forget_arrivals(now_ns - round(record.candidates_days * DAY_NS))
            history = self.store.forget_node_samples(now_ns - round(record.node_history_days * DAY_NS))
        except StoreError as error:
            logger.warning("old candidates stay for now: %s", error)
            return
        if gone or history:
            logger.info("deleted %d candidates and %d readings of nodes beyond their time", gone, history)

    # ---- from the consumer's thread

    def _on_stored(self, rows: Sequence[ArrivalRow]) -> None:
        del rows
        self.fusing.notify()

    def _on_note(self, note: Note) -> None:
        sites = self.config.worker.sites
        if sites and note.site not in sites:
            return  # another worker watches it
        self.patrol.note(
            note.kind, note.site, note.node, note.body, at_ns=time.time_ns(), retained=note.retained
        )

    def _on_gap(self, gap: Gap) -> None:
        values = {"chain_id": gap.chain_id, "missing": gap.missing}
        self.patrol.reading(gap.site, gap.node, "gap", values, at_ns=time.time_ns())
        logger.warning("%s/%s: %d candidates of its chain never came", gap.site, gap.node, gap.missing)

    def _on_weather(self, site: str, body: Mapping[str, object]) -> None:
        self.weather.take(report_of(body, source=f"mqtt {site}", now_ns=time.time_ns()))

    def _on_report(self, report: WeatherReport) -> None:
        """Keep it, so that a sound of now is fused in the air of now whenever it is fused again."""
        self.patrol.reading(WHOLE_SITE, WHOLE_SITE, WEATHER, report.values(), at_ns=report.utc_ns)
        logger.info("air: %.1f °C (%s)", report.temperature_c, report.source)

    def _on_doubt(self, key: str, why: str) -> None:
        site, _, node = key.partition("/")
        self.patrol.doubt(site, node, why, at_ns=time.time_ns())

    # ---- from fusion's thread, and from whoever reviews

    def _on_version(self, version: IncidentVersion, number: int) -> None:
        self.dispatcher.publish(version)
        self._live.publish("incident", incident_json(version))
        logs.event(
            logger,
            "incident",
            id=version.incident_id,
            version=version.version,
            row=number,
            state=version.state,
            kind_of_sound=version.incident_class,
            p=round(version.p_gunshot, 3),
            rounds=len(version.rounds),
            nodes=len(version.nodes),
            author=version.author,
        )

    def _on_heard(self, arrivals: Sequence[Arrival]) -> None:
        self.patrol.heard(arrivals, at_ns=time.time_ns())

    def _on_window(self, window: Window) -> None:
        self.patrol.learn(window)

    def _on_mode(self, change: ModeChange) -> None:
        """Fireworks mode declares itself: to the log, the broker and the record of the site."""
        log = logger.warning if change.active else logger.info
        log("%s, fireworks mode %s: %s", change.site, "began" if change.active else "ended", change.reason)
        values = {"per_10_min": change.per_10_min}
        alarm = FleetAlarm(
            kind="fireworks",
            site=change.site,
            node=None,
            raised=change.active,
            utc_ns=change.utc_ns,
            text=change.reason,
            values=values,
        )
        kept = {**values, "raised": change.active, "text": change.reason}
        self.patrol.reading(change.site, WHOLE_SITE, "alarm/fireworks", kept, at_ns=change.utc_ns)
        self.alarms.tell(alarm)

    # ---- from the fleet's thread

    def _on_alarm(self, alarm: FleetAlarm) -> None:
        self.alarms.tell(alarm)

    def _on_node(self, state: NodeState) -> None:
        self._live.publish("node", node_view(state, radii([state], self.config.fleet)[state.key]))
