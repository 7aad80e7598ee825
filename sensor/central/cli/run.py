"""``gunshot-central run``: the daemon, in the foreground as systemd wants it."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sensor.central.cli.main import config_option

if TYPE_CHECKING:
    from sensor.central.daemon import Centre


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
    _obey_signals(centre)
    return centre.run()


def _obey_signals(centre: Centre) -> None:
    """SIGTERM and SIGINT stop; a second SIGINT ends at once."""

    def stop(number: int, _frame: object) -> None:
        if number == signal.SIGINT and centre.stop.is_set():
            sys.exit(130)
        centre.stop.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
