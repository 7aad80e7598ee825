"""``gunshot-sensor status``: how the running daemon is, from the health file it renews every few seconds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from sensor.cli.health_file import STALE_S, age_s, health_path, is_fresh, read_health
from sensor.cli.main import config_option
from sensor.command_line import json_option
from sensor.errors import ConfigError


@click.command()
@config_option
@json_option("The health message, with healthy and age_s.")
def status(config_file: Path | None, *, as_json: bool) -> int:
    """Say how the running daemon is; exit code 1 unless all is well."""
    health = read_health(_path(config_file))
    healthy = is_fresh(health) and not health.get("problems")
    if as_json:
        click.echo(json.dumps({"healthy": healthy, "age_s": age_s(health), **health}))
    else:
        for line in report(health):
            click.echo(line)
    return 0 if healthy else 1


def _path(config_file: Path | None) -> Path:
    from sensor.config import Config, find_config, load_config  # noqa: PLC0415  pydantic is half of the time

    named = config_file or find_config()
    try:
        config = load_config(named)
    except ConfigError:
        if config_file is not None:
            raise
        # The daemon may well run: a file that was spoilt since then is no reason not to look.
        click.echo(
            f"{named} is faulty (see: gunshot-sensor config check); looking in the usual folder", err=True
        )
        config = Config()
    return health_path(config.paths.runtime_dir, named=config_file is not None)


def report(health: Mapping[str, Any]) -> Iterator[str]:
    """The health message in lines for a person; what is null is said to be unknown."""
    problems = [str(problem) for problem in health.get("problems") or ()]
    age = age_s(health)
    if age is None:
        problems.insert(0, "the health file is from before the last boot: the daemon is not running")
    elif age > STALE_S:
        problems.insert(0, f"no sign of life for {_span(age)}: the daemon hangs or is gone; see its log")
    versions = _part(health, "versions")
    state = "in trouble" if problems else "healthy"
    yield (
        f"{health.get('site')}/{health.get('node')}: {state}, up {_span(health.get('uptime_s'))}, "
        f"software {versions.get('software')}, model {versions.get('model')}, config {versions.get('config')}"
    )
    yield f"audio    {_audio(_part(health, 'audio'))}"
    yield f"clock    {_clock(_part(health, 'clock'))}"
    yield f"events   {_events(_part(health, 'counts'), _part(health, 'rejects'))}"
    yield f"outbox   {_outbox(_part(health, 'outbox'))}"
    yield f"host     {_host(_part(health, 'host'))}"
    for problem in problems:
        yield f"PROBLEM  {problem}"


def _part(health: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = health.get(name)
    return part if isinstance(part, dict) else {}


def _audio(audio: Mapping[str, Any]) -> str:
    words = [
        str(audio.get("device") or "no device"),
        _unit(audio.get("rate_hz"), "Hz", 0),
        f"{audio.get('channels', '?')} channel(s)",
        f"level {_unit(audio.get('level_dbfs'), 'dBFS', 0)}",
        f"noise {_unit(audio.get('noise_dbfs'), 'dBFS', 0)}",
    ]
    faults = [
        f"{audio[name]} {name}" for name in ("lost", "overruns", "xruns", "reopened") if audio.get(name)
    ]
    return ", ".join(words) + ("; " + ", ".join(faults) if faults else ", nothing lost")


def _clock(clock: Mapping[str, Any]) -> str:
    """The clock in a technician's words, with how often UTC was stepped."""
    from sensor.timing.words import sentence  # noqa: PLC0415  only where there is a message to word
    from sensor.types import ClockReport, ClockSource  # noqa: PLC0415  same

    try:
        report = ClockReport(
            source=ClockSource(clock["source"]),
            state=str(clock["state"]),
            utc_sigma_ns=int(clock["utc_sigma_ns"]),
            ppm=clock.get("ppm"),
            via=str(clock.get("via") or ""),
        )
        text = sentence(report)
    except (KeyError, TypeError, ValueError):
        return "unknown"
    return text + (f"; UTC was stepped {clock['steps']} times" if clock.get("steps") else "")


def _events(counts: Mapping[str, Any], rejects: Mapping[str, Any]) -> str:
    refused = ", ".join(f"{count} {reason}" for reason, count in rejects.items() if count)
    text = ", ".join(f"{counts.get(name, 0)} {name}" for name in ("triggers", "candidates", "published"))
    quarantined = f", {counts['quarantined']} quarantined" if counts.get("quarantined") else ""
    return text + quarantined + (f"; refused: {refused}" if refused else "")


def _outbox(outbox: Mapping[str, Any]) -> str:
    depth = outbox.get("depth")
    waiting = (
        "nothing waiting" if not depth else f"{depth} waiting, the oldest for {_span(outbox.get('oldest_s'))}"
    )
    dropped = f", {outbox['dropped']} dropped" if outbox.get("dropped") else ""
    return f"{waiting}{dropped}, last number {outbox.get('seq')} of chain {str(outbox.get('chain_id'))[:8]}"


def _host(host: Mapping[str, Any]) -> str:
    return (
        f"memory {_unit(host.get('rss_mb'), 'MB', 0)}, load {_unit(host.get('load_1min'), '', 1)}, "
        f"{_unit(host.get('temperature_c'), '°C', 0)}, disk free {_unit(host.get('disk_free_mb'), 'MB', 0)}"
    )


def _unit(value: Any, unit: str, digits: int) -> str:  # noqa: ANN401  any value of a message
    """A figure with its unit; a null is said to be unknown."""
    known = isinstance(value, int | float)
    return f"{value:.{digits}f} {unit}".rstrip() if known else f"{unit} unknown".lstrip()


def _span(seconds: Any) -> str:  # noqa: ANN401  any value of a message
    """A duration as people say it."""
    if not isinstance(seconds, int | float):
        return "an unknown time"
    minutes, hours, days = seconds / 60, seconds / 3600, seconds / 86400
    if minutes < 2:
        return f"{seconds:.0f} s"
    if hours < 2:
        return f"{minutes:.0f} min"
    return f"{hours:.0f} h" if days < 2 else f"{days:.1f} d"
