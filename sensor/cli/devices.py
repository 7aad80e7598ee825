"""``gunshot-sensor devices``: the microphones, under names that survive a reboot and another USB socket."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sensor.cli.health_file import health_path, is_fresh, read_health
from sensor.cli.main import config_option
from sensor.command_line import json_option
from sensor.errors import DeviceError, SensorError

if TYPE_CHECKING:
    from sensor.capture.devices import InputDevice
    from sensor.config import Config

HEADS = ("device:", "channels", "rate", "also", "name")


@click.command()
@config_option
@json_option("One JSON array.")
def devices(config_file: Path | None, *, as_json: bool) -> int:
    """List the microphones and how to name them in the configuration; exit code 1 if there is none."""
    from sensor.capture.devices import choose, list_devices  # noqa: PLC0415  loads PortAudio
    from sensor.config import find_config, load_config  # noqa: PLC0415  not needed for --help

    config = load_config(config_file or find_config())
    selection = config.audio.device
    found = list_devices()
    try:
        chosen, trouble = choose(selection, found), ""
    except DeviceError as error:
        chosen, trouble = None, str(error)
    if as_json:
        rows = [
            {"selection": item.selection, "selected": item is chosen, "also": aliases(item), **asdict(item)}
            for item in found
        ]
        click.echo(json.dumps(rows))
        return 0 if found else 1
    for line in table(found, chosen):
        click.echo(line)
    if held := held_by_daemon(config):
        click.echo(
            f"\n{held} is held by the running daemon and may be missing above: stop it to list it", err=True
        )
    if chosen is not None:
        click.echo(
            f"\n* is what `device: {selection}` selects now. To name one for good, in the configuration:"
        )
        click.echo(f"audio:\n  device: {chosen.selection}")
    elif trouble:
        click.echo(f"\n`device: {selection}` selects none: {trouble}", err=True)
    return 0 if found else 1


def held_by_daemon(config: Config) -> str:
    """The device that a running daemon listens to; empty if none runs."""
    try:
        health = read_health(health_path(config.paths.runtime_dir, named=False))
    except SensorError:
        return ""
    audio = health.get("audio")
    return str(audio.get("device") or "") if is_fresh(health) and isinstance(audio, dict) else ""


def table(found: Sequence[InputDevice], chosen: InputDevice | None) -> Iterator[str]:
    """One line per input, the selected one marked."""
    if not found:
        yield "no input device; is a microphone plugged in, and may this user open it (group audio)?"
        return
    rows = [HEADS] + [
        (
            item.selection,
            str(item.channels),
            f"{item.rate_hz:.0f} Hz",
            " ".join(aliases(item)) or "-",
            item.name,
        )
        for item in found
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
    for number, row in enumerate(rows):
        mark = "*" if number and found[number - 1] is chosen else " "
        yield (
            f"{mark} "
            + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        )


def aliases(item: InputDevice) -> list[str]:
    """The other selections that mean this device."""
    known = item.identity
    names = [f"card:{known.card}" if known.card else "", f"port:{known.port}" if known.port else ""]
    return [name for name in names if name and name != item.selection]
