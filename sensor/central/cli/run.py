"""``gunshot-central run``: the daemon, in the foreground as systemd wants it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from sensor.central.cli.main import config_option
from sensor.command_line import stop_on_signals


@click.command()
@config_option
def run(*, config_file: Path | None) -> int:
    """Take candidates from the broker, locate, record, notify and show, until told to stop.

    Exit 0: stopped. 1: the record or the pages' address cannot be had. 78: bad configuration.
    """
    # One thread does the arithmetic; a pool of idle ones would only cost memory. Read at numpy's import.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from sensor import logs  # noqa: PLC0415  nothing is imported before it is needed
    from sensor.central.config import find_config, load_config  # noqa: PLC0415  same
    from sensor.central.daemon import Centre  # noqa: PLC0415  same

    path = config_file or find_config()
    config = load_config(path)
    logs.setup(config.log.level, config.log.format)
    centre = Centre(config)
    stop_on_signals(centre.stop)
    return centre.run()
