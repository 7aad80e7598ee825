"""``gunshot-central config``: what is in force, what is wrong with a file, and every key explained."""

from __future__ import annotations

import json
from pathlib import Path

import click

from sensor.central.cli.main import config_option
from sensor.command_line import json_option


@click.group()
def config() -> None:
    """Show, check or explain the configuration."""


@config.command()
@config_option
@json_option("One JSON object.")
def show(config_file: Path | None, *, as_json: bool) -> None:
    """Print every key with the value in force; no secret is among them."""
    from sensor.central.config import find_config, load_config, show_text  # noqa: PLC0415  not for --help

    settings = load_config(config_file or find_config())
    click.echo(json.dumps(settings.plain()) if as_json else show_text(settings), nl=as_json)


@config.command()
@config_option
@click.argument("file", required=False, type=click.Path(path_type=Path))
def check(config_file: Path | None, file: Path | None) -> None:
    """Name every fault of a file; exit code 78 if there is one."""
    from sensor.central.config import find_config, load_config  # noqa: PLC0415  not for --help

    path = file or config_file or find_config()
    load_config(path)
    click.echo(f"{path or 'built-in defaults'}: good")


@config.command()
def example() -> None:
    """Print an example file: every key at its default, with its meaning."""
    from sensor.central.config import example_text  # noqa: PLC0415  not for --help

    click.echo(example_text(), nl=False)
