"""Opens the record for commands that look at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sensor.errors import StoreError

if TYPE_CHECKING:
    from sensor.central.config import CentralConfig
    from sensor.central.store import Store


def configuration(config_file: Path | None) -> CentralConfig:
    """The configuration named, or the one in its usual place; raise ConfigError when it is bad."""
    from sensor.central.config import find_config, load_config  # noqa: PLC0415  not for --help

    return load_config(config_file or find_config())


@contextmanager
def opened_record(config: CentralConfig, *, make: bool = False) -> Iterator[Store]:
    """The record for as long as the context lasts; where there is none it is made if ``make`` says so.

    Raises:
        ConfigError: the state folder cannot be made.
        StoreError: there is none, or it cannot be read.
    """
    from sensor.central.store import open_store  # noqa: PLC0415  not for --help

    path = config.record_path
    if make:
        config.paths.make_state_dir()
    elif config.record.postgres_dsn_file is None and not path.exists():
        raise StoreError(
            f"record {path}: there is none; name the configuration of the daemon with -c, and run this as a "
            "user who may read its files"
        )
    store = open_store(config.record, config.paths.state_dir)
    try:
        yield store
    finally:
        store.close()
