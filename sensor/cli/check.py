"""``gunshot-sensor check``: is everything there that a node needs, one line each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from sensor.cli.main import config_option
from sensor.command_line import json_option
from sensor.findings import Finding, Verdict, refusals, tell


@click.command()
@config_option
@json_option("One JSON object a line.")
def check(config_file: Path | None, *, as_json: bool) -> int:
    """Try configuration, microphone, clock, broker and disk; exit code 1 if one of them fails."""
    return tell(_findings(config_file), as_json=as_json)


def _findings(config_file: Path | None) -> Iterator[Finding]:
    """The configuration's findings and, if it can be used, all others."""
    from sensor.cli.checks import run_checks  # noqa: PLC0415  not needed for --help
    from sensor.config import find_config, load  # noqa: PLC0415  same
    from sensor.errors import ConfigError  # noqa: PLC0415  same

    path = config_file or find_config()
    try:
        loaded = load(path)
    except ConfigError as error:
        yield from refusals(error)
        return
    config = loaded.config
    text = f"{path or 'built-in defaults'}: site {config.site}, node {config.node}, digest {config.digest}"
    yield Finding("configuration", Verdict.OK, text)
    for hint in loaded.hints:
        yield Finding("configuration", Verdict.WARN, hint)
    yield from run_checks(config)
