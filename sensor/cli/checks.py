"""One check per thing a node needs; each ends in a finding and never in an exception."""

from __future__ import annotations

import json
import logging
import math
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensor.cli.health_file import HEALTH_FILE, is_fresh, read_health
from sensor.errors import ClockError, DeviceAbsent, SensorError
from sensor.findings import Checks, Finding, Verdict, findings_of

if TYPE_CHECKING:
    from sensor.broker.connection import Connection
    from sensor.capture.source import Source
    from sensor.config import Config

LISTEN_S = 1.0
"""How long the microphone is listened to."""
SETTLE_S = 3.0
"""How long a source of UTC may take to be believed."""
ANSWER_S = 5.0
"""How long the broker may take to acknowledge."""
DISK_FREE_MB = 200.0
QUIET_DBFS = -90.0
"""Below this even the noise of a 16-bit converter, -98 dBFS, is hardly exceeded: nothing is connected."""


def run_checks(config: Config) -> Iterator[Finding]:
    """Every check but that of the configuration itself, in the order of the signal path."""
    health = _running(config.paths.runtime_dir)
    checks: Checks = {
        "microphone": lambda: check_microphone(config, health),
        "model": lambda: check_model(config),
        "clock": lambda: check_clock(config),
        "outbox": lambda: check_outbox(config, health),
        "disk": lambda: check_disk(config),
        "broker": lambda: check_broker(config),
    }
    return findings_of(checks)


def _running(runtime_dir: Path) -> dict[str, Any] | None:
    """The health of a daemon that runs with this configuration now; None if there is none."""
    try:
        health = read_health(runtime_dir / HEALTH_FILE)
    except SensorError:
        return None
    return health if is_fresh(health) else None


def check_microphone(config: Config, health: Mapping[str, Any] | None) -> Iterator[Finding]:
    """Open the microphone and listen for a second; a daemon that runs holds the device, so it is asked."""
    if health is not None:
        yield _microphone_in_use(health)
        return
    from sensor.capture.portaudio import PortAudioSource  # noqa: PLC0415  loads PortAudio
    from sensor.physics import db_from_ratio  # noqa: PLC0415  same

    try:
        device = PortAudioSource.probe(config.audio)
    except DeviceAbsent as error:
        yield Finding("microphone", Verdict.FAIL, f"{error}; see gunshot-sensor devices")
        return
    source = PortAudioSource(config.audio)
    mean_square, peak = _listen(source, LISTEN_S + config.audio.block_s + config.audio.stall_s)
    level_dbfs, peak_dbfs = db_from_ratio(math.sqrt(mean_square)), db_from_ratio(peak)
    text = f"{device}: {source.rate_hz:.0f} Hz, level {level_dbfs:.0f} dBFS, peak {peak_dbfs:.0f} dBFS"
    verdict, advice = Verdict.OK, ""
    if math.isnan(mean_square):
        verdict, text = Verdict.FAIL, f"{device}: opened, but no samples came"
    elif peak == 0.0:
        verdict, text = Verdict.FAIL, f"{device}: only zeros; check mute switch, mixer and cable"
    elif peak >= 1.0:
        verdict, advice = Verdict.WARN, "; at the rail: turn the gain down"
    elif level_dbfs < QUIET_DBFS:
        verdict, advice = Verdict.WARN, "; nearly nothing: is the microphone connected and the gain up?"
    yield Finding("microphone", verdict, text + advice)


def _listen(source: Source, longest_s: float) -> tuple[float, float]:
    """Mean square and peak (full scale) of LISTEN_S of sound; not-a-number and 0 if none came in time."""
    import numpy as np  # noqa: PLC0415  only this check needs it

    end = threading.Timer(longest_s, source.close)
    end.start()
    count, square_sum, peak = 0, 0.0, 0.0
    try:
        for block in source.blocks():
            count += block.samples.size
            square_sum += float(np.sum(np.square(block.samples, dtype=np.float64)))
            peak = max(peak, float(np.max(np.abs(block.samples), initial=0.0)))
            if count >= LISTEN_S * source.rate_hz * source.channels:
                break
    finally:
        end.cancel()
        source.close()
    return (square_sum / count if count else math.nan), peak


def _microphone_in_use(health: Mapping[str, Any]) -> Finding:
    audio = health.get("audio") or {}
    deaf = [str(text) for text in health.get("problems") or () if str(text).startswith("deaf")]
    level = audio.get("level_dbfs")
    heard = f"level {level:.0f} dBFS" if isinstance(level, int | float) else "level unknown"
    text = f"{audio.get('device') or 'none yet'}: in use by the running daemon, {heard}"
    return Finding("microphone", Verdict.FAIL if deaf else Verdict.OK, "; ".join([text, *deaf]))


def check_model(config: Config) -> Iterator[Finding]:
    """Load the classifier."""
    from sensor.classify.classifier import Classifier  # noqa: PLC0415  loads numpy

    named = config.classify.model
    yield Finding("model", Verdict.OK, Classifier.load(None if named == "default" else Path(named)).model_id)


def check_clock(config: Config) -> Iterator[Finding]:
    """Ask the sources of UTC, as the daemon does, how well it is known."""
    from sensor.timing.clock import UtcClock  # noqa: PLC0415  only this check needs it
    from sensor.timing.kernel import read_kernel  # noqa: PLC0415  same
    from sensor.timing.words import remedy, sentence  # noqa: PLC0415  same
    from sensor.types import ClockSource  # noqa: PLC0415  same

    now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    try:
        rate = f", rate {read_kernel().freq_ppm:+.1f} ppm"
    except ClockError as error:
        yield Finding("clock", Verdict.WARN, str(error))
        rate = ""
    clock = UtcClock(config.timing)
    try:
        end_s = time.monotonic() + SETTLE_S
        while clock.report().source is ClockSource.NONE and time.monotonic() < end_s:
            time.sleep(0.2)
            clock.poll()
        report = clock.report()
    finally:
        clock.close()
    stand = report.without_stream()
    todo = remedy(stand)
    text = f"{now}; {sentence(stand)}{rate}" + (f"; {todo}" if todo else "")
    well = report.source is not ClockSource.NONE and todo is None
    yield Finding("clock", Verdict.OK if well else Verdict.WARN, text)


def check_outbox(config: Config, health: Mapping[str, Any] | None) -> Iterator[Finding]:
    """Look whether candidates can be stored; creates nothing, so that no file gets another owner."""
    path = config.outbox.path
    trouble: object = None
    if health is not None:
        outbox = health.get("outbox") or {}
        trouble = outbox.get("problem")
        text = f"{path}: in use by the running daemon, {outbox.get('depth')} waiting"
    elif not path.exists():
        folder = next(parent for parent in path.parents if parent.exists())
        text = f"{path}: not there yet, will be made in {folder}"
        if not os.access(folder, os.W_OK | os.X_OK):
            trouble = f"but user {os.geteuid()} may not write there; give the daemon's user the right"
    elif path.stat().st_uid != os.geteuid():
        text = f"{path} belongs to user {path.stat().st_uid}; run the check as that user to look into it"
        yield Finding("outbox", Verdict.WARN, text)
        return
    else:
        from sensor.uplink.outbox import Outbox  # noqa: PLC0415  only where there is one

        with Outbox(config.outbox, config.site, config.node) as store:
            stats = store.stats()
        trouble = stats.problem
        text = f"{path}: {stats.depth} waiting, last number {stats.seq} of chain {stats.chain_id[:8]}"
    yield Finding(
        "outbox", Verdict.FAIL if trouble else Verdict.OK, f"{text}; {trouble}" if trouble else text
    )


def check_disk(config: Config) -> Iterator[Finding]:
    """Free space where the state is kept."""
    folder = config.paths.state_dir
    place = next(item for item in (folder, *folder.parents) if item.exists())
    disk = os.statvfs(place)
    free_mb = disk.f_bavail * disk.f_frsize / 1e6
    text = f"{free_mb:.0f} MB free at {place}"
    if disk.f_flag & os.ST_RDONLY:
        yield Finding(
            "disk", Verdict.FAIL, f"{text}, but mounted read-only: candidates cannot outlast a power cut"
        )
    elif free_mb < DISK_FREE_MB:
        yield Finding("disk", Verdict.WARN, f"{text}; free some space, at least {DISK_FREE_MB:.0f} MB")
    else:
        yield Finding("disk", Verdict.OK, text)


def check_broker(config: Config) -> Iterator[Finding]:
    """Connect as the daemon would, under another client id, and try this node's topics.

    What is sent is marked ``gunshot.check.v1``, which no reader takes for a message, and is not retained.
    """
    mqtt = config.mqtt
    if not mqtt.host:
        yield Finding("broker", Verdict.WARN, "none is configured (mqtt.host): candidates stay in the outbox")
        return
    where = mqtt.where
    with _warnings_of("sensor.broker") as warnings:
        try:
            refused = _try_topics(config)
        except SensorError as error:
            yield Finding("broker", Verdict.FAIL, f"{where}: {error}")
            return
    for warning in warnings:
        yield Finding("broker", Verdict.WARN, warning)
    if refused:
        why = ", ".join(f"{name} ({reason})" for name, reason in refused.items())
        text = f"{where}: connected, but may not publish {why}; check the broker's access rules"
        yield Finding("broker", Verdict.FAIL, text)
        return
    secured = "TLS" if mqtt.tls is not None else "unencrypted"
    who = f"user {mqtt.username}" if mqtt.username else "anonymous"
    yield Finding("broker", Verdict.OK, f"{where}: connected with MQTT 5, {secured}, {who}; may publish")


def _try_topics(config: Config) -> dict[str, str]:
    """Publish a mark on each topic of the node; return those that the broker did not take, and why.

    Raises:
        UplinkError: there is no connection.
    """
    from sensor.broker.connection import Connection, Will  # noqa: PLC0415  loads paho
    from sensor.events import topic  # noqa: PLC0415  only this check needs it
    from sensor.uplink.terms import client_id, terms  # noqa: PLC0415  loads paho

    names = [topic(config.site, config.node, kind) for kind in ("candidate", "health", "status", "reply")]
    body = json.dumps({"schema": "gunshot.check.v1", "site": config.site, "node": config.node}).encode()
    # A will is part of every connection; an empty retained one leaves nothing behind, whatever happens.
    will = Will(names[-1], b"")
    probe = f"{client_id(config.mqtt, config.site, config.node)}-check"
    link = Connection(config.mqtt, terms(config.mqtt, probe, will))
    try:
        link.open(threading.Event())
        link.subscribe([topic(config.site, config.node, "command")], no_local=True)
        return _refused(link, {link.publish(name, body, expiry_s=1): name for name in names})
    finally:
        link.close(politely=True)


def _refused(link: Connection, sent: dict[int, str]) -> dict[str, str]:
    """Which of the topics sent to the broker did not take, and why."""
    from sensor.broker.connection import Acknowledged  # noqa: PLC0415  loads paho

    waiting, refused = dict(sent), {}
    end_s = time.monotonic() + ANSWER_S
    while waiting and time.monotonic() < end_s:
        for note in link.wait(0.1):
            if isinstance(note, Acknowledged) and note.mid in waiting:
                name = waiting.pop(note.mid)
                if note.refused:
                    refused[name] = note.name
    return refused | dict.fromkeys(waiting.values(), f"no acknowledgement within {ANSWER_S:.0f} s")


@contextmanager
def _warnings_of(name: str) -> Iterator[list[str]]:
    """The warnings that a part of the package logs meanwhile."""
    texts: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            texts.append(record.getMessage())

    collector, logger = Collector(logging.WARNING), logging.getLogger(name)
    logger.addHandler(collector)
    try:
        yield texts
    finally:
        logger.removeHandler(collector)
