"""What a node says about itself: facts of the host, and problems in words an operator can act on."""

from __future__ import annotations

import json
import logging
import math
import os
import resource
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensor.events import Health, Versions
from sensor.types import RejectReason

if TYPE_CHECKING:
    from sensor.listener import Listener
    from sensor.types import ClockReport
    from sensor.uplink.mqtt import Uplink
    from sensor.uplink.outbox import Outbox

logger = logging.getLogger(__name__)

RECENT_S = 3600.0
"""So long after its last occurrence a loss still counts as a problem."""
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def _first_line(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace").splitlines()[0]
    except (OSError, IndexError):
        return None


def _temperature_c() -> float | None:
    """Temperature of the processor, °C; None where the kernel does not tell."""
    line = _first_line("/sys/class/thermal/thermal_zone0/temp")
    try:
        return None if line is None else int(line) / 1000.0
    except ValueError:
        return None


def _throttled() -> str | None:
    """The Raspberry Pi firmware's throttling bits as it words them (hex); None elsewhere."""
    return _first_line("/sys/devices/platform/soc/soc:firmware/get_throttled")


def rss_mb() -> float | None:
    """Resident memory of this process, MB (10**6 bytes)."""
    line = _first_line("/proc/self/statm")
    return None if line is None else int(line.split()[1]) * PAGE_BYTES / 1e6


def host_facts(state_dir: Path) -> dict[str, float | str | None]:
    """Facts of the machine for the health message; null where unknown."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    try:
        disk = os.statvfs(state_dir)
        free_mb: float | None = disk.f_bavail * disk.f_frsize / 1e6
    except OSError:
        free_mb = None
    return {
        "rss_mb": rss_mb(),
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "load_1min": os.getloadavg()[0],
        "temperature_c": _temperature_c(),
        "throttled": _throttled(),
        "disk_free_mb": free_mb,
    }


class Recent:
    """A running count as a figure of the last hour, so that a problem that is over is not told for ever."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque([(-math.inf, 0)])

    def __call__(self, count: int, now_s: float) -> int:
        """By how much ``count`` has grown within `RECENT_S` before ``now_s`` (monotonic)."""
        if count != self._seen[-1][1]:
            self._seen.append((now_s, count))
        while len(self._seen) > 1 and self._seen[1][0] <= now_s - RECENT_S:
            self._seen.popleft()
        return count - self._seen[0][1]


class Observer:
    """Gathers what the parts of a daemon say of themselves into one health message.

    Args:
        site: name of the network.
        node: name of the node.
        state_dir: folder whose disk is watched.
        listener: the thread that hears.
        outbox: the durable queue.
        uplink: the connection to the broker; None where none is configured.
        clock: how the clock stands.
        versions: what made the message.
    """

    def __init__(  # noqa: PLR0913  one argument for each part that is observed
        self,
        *,
        site: str,
        node: str,
        state_dir: Path,
        listener: Listener,
        outbox: Outbox,
        uplink: Uplink | None,
        clock: Callable[[], ClockReport],
        versions: Callable[[], Versions],
    ) -> None:
        self._site = site
        self._node = node
        self._state_dir = state_dir
        self._listener = listener
        self._outbox = outbox
        self._uplink = uplink
        self._clock = clock
        self._versions = versions
        self._start_s = time.monotonic()
        self._recently_limited, self._recently_dropped = Recent(), Recent()

    def health(self) -> Health:
        """How the node is now."""
        audio = self._audio()
        clock = asdict(self._clock())
        outbox = asdict(self._outbox.stats())
        host = host_facts(self._state_dir)
        uplink = None if self._uplink is None else self._uplink.stats()
        pipeline = self._listener.pipeline
        counts = pipeline.counts if pipeline is not None else None
        limited = counts.rejects[RejectReason.RATE_LIMITED] if counts else 0
        now_s = time.monotonic()
        return Health(
            site=self._site,
            node=self._node,
            utc_ns=time.time_ns(),
            uptime_s=now_s - self._start_s,
            clock=clock,
            audio=audio,
            counts={
                "triggers": counts.triggers if counts else 0,
                "candidates": counts.candidates if counts else 0,
                "published": uplink.published if uplink else 0,
                "quarantined": outbox["quarantined"],
            },
            rejects={reason.value: count for reason, count in counts.rejects.items()} if counts else {},
            outbox=outbox,
            host=host,
            problems=problems(
                audio=audio,
                clock=clock,
                outbox=outbox,
                host=host,
                rate_limited=self._recently_limited(limited, now_s),
                dropped=self._recently_dropped(outbox["dropped"], now_s),
                uplink_problem=None if uplink is None else uplink.problem,
            ),
            versions=self._versions(),
        )

    def _audio(self) -> dict[str, Any]:
        audio = asdict(self._listener.source.stats())
        pipeline = self._listener.pipeline
        audio["level_dbfs"] = pipeline.detector.level_dbfs if pipeline else None
        audio["noise_dbfs"] = pipeline.detector.noise_dbfs if pipeline else None
        audio["clip_fraction"] = pipeline.counts.clip_fraction if pipeline else None
        return audio

    def remove_file(self, runtime_dir: Path) -> None:
        """Take ``health.json`` away: the daemon that it speaks of has ended."""
        try:
            (runtime_dir / "health.json").unlink(missing_ok=True)
        except OSError as error:
            logger.warning("%s cannot be removed: %s", runtime_dir / "health.json", error.strerror or error)

    def write_file(self, health: Health, runtime_dir: Path) -> None:
        """Leave ``health.json`` for ``gunshot-sensor status``; a folder that refuses costs a warning."""
        body = {**json.loads(health.to_json()), "written_mono_ns": time.monotonic_ns()}
        target = runtime_dir / "health.json"
        fresh = target.with_suffix(".new")
        try:
            runtime_dir.mkdir(parents=True, exist_ok=True)
            fresh.write_text(json.dumps(body), encoding="utf-8")
            fresh.replace(target)
        except OSError as error:
            logger.warning("%s cannot be written: %s", target, error.strerror or error)


def problems(
    *,
    audio: Mapping[str, object],
    clock: Mapping[str, object],
    outbox: Mapping[str, object],
    host: Mapping[str, object],
    rate_limited: int = 0,
    dropped: int = 0,
    uplink_problem: str | None,
) -> tuple[str, ...]:
    """What an operator should see to, worst first; each says what and what to do.

    The limits are choices: 10 s of exact zeros is no street; 200 MB is where a small card's file system
    begins to misbehave; 80 °C is where a Raspberry Pi starts to slow its clock (Raspberry Pi
    documentation, frequency management).
    """
    return (
        *_audio_problems(audio),
        *_clock_problems(clock),
        *_flood_problems(rate_limited),
        *_delivery_problems(outbox, dropped, uplink_problem),
        *_host_problems(host),
    )


def _number(facts: Mapping[str, object], key: str) -> float:
    value = facts.get(key)
    return float(value) if isinstance(value, int | float) else 0.0


def _audio_problems(audio: Mapping[str, object]) -> Iterator[str]:
    if audio.get("stalled"):
        yield f"deaf: {audio.get('problem') or 'the microphone delivers no samples; check its cable'}"
    elif _number(audio, "zero_s") > 10:
        yield "deaf: the microphone delivers only zeros; check its mute switch, the mixer and the cable"
    if _number(audio, "clip_fraction") > 0.01:
        yield "the input is at the rail much of the time; turn the gain down"


def _clock_problems(clock: Mapping[str, object]) -> Iterator[str]:
    if clock.get("source") == "none":
        yield "UTC is not disciplined; start chrony or connect a GPS"
    told = clock.get("problems")
    if isinstance(told, tuple | list):
        yield from (f"clock: {problem}" for problem in told)


def _flood_problems(rate_limited: int) -> Iterator[str]:
    if rate_limited:
        yield f"flooded: {rate_limited} candidates beyond publish.per_minute_max were counted, not sent"


def _delivery_problems(
    outbox: Mapping[str, object], dropped: int, uplink_problem: str | None
) -> Iterator[str]:
    if uplink_problem:
        yield f"candidates are kept in the outbox: {uplink_problem}"
    if dropped:
        yield "the outbox was full and its oldest candidates were dropped; reconnect the broker"
    if outbox.get("problem"):
        yield f"the disk does not store: {outbox['problem']}"


def _host_problems(host: Mapping[str, object]) -> Iterator[str]:
    # Unknown is not full: only a number may complain, and zero is the worst of them.
    if host.get("disk_free_mb") is not None and _number(host, "disk_free_mb") < 200:
        yield "less than 200 MB of disk are free"
    if _number(host, "temperature_c") > 80:
        yield "the processor is above 80 °C and may be slowed"
    if host.get("throttled") not in (None, "0", "0x0"):
        yield f"the firmware reports throttling or under-voltage ({host['throttled']}); check the supply"
