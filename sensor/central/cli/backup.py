"""``gunshot-central backup`` and ``restore``: the record into a file while the daemon runs, and back."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sensor.central.cli.main import config_option
from sensor.central.cli.record import configuration, opened_record
from sensor.errors import StoreError

if TYPE_CHECKING:
    from sensor.central.config import CentralConfig
    from sensor.central.incidents.chain import Verifier
    from sensor.central.store.restoring import Holdings


@click.command()
@config_option
@click.argument("file", type=click.Path(path_type=Path))
def backup(config_file: Path | None, file: Path) -> None:
    """Copy the record into FILE while the daemon runs, and prove the copy.

    FILE must not exist. It is one SQLite file with everything in it, password hashes too, readable by you
    alone; it has its name only when it is whole. A PostgreSQL record becomes such a file as well, as of one
    moment; for point-in-time recovery use PostgreSQL's own means (pg_dump, pg_basebackup) beside it.
    The centre's key is not in it: keep a copy of that elsewhere.
    """
    from sensor.central.store.restoring import prove  # noqa: PLC0415  not for --help

    config = configuration(config_file)
    with opened_record(config) as store:
        store.backup(file)
    held = prove(file, _keys(config, ()))
    size_mb = file.stat().st_size / 1e6
    click.echo(f"{file}: {size_mb:.1f} MB, {_words(held)}; the chain holds")


@click.command()
@config_option
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--force", is_flag=True, help="Put a record that is there aside; it is kept under another name."
)
@click.option(
    "--key",
    "key_files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A public key of the centre (PEM), instead of its own; may be given several times.",
)
def restore(config_file: Path | None, file: Path, key_files: tuple[Path, ...], *, force: bool) -> None:
    """Put the backup FILE in place of the record, with gunshot-central stopped.

    FILE is refused unless its chain of hashes holds, and its signatures where the centre's key is there. A
    record that is there is put aside under another name and only with --force. A PostgreSQL record must be
    empty: restore into a new database, and the old one stays where it is.
    """
    from sensor.central.store.opening import open_postgres  # noqa: PLC0415  not for --help
    from sensor.central.store.restoring import prove, restore_file  # noqa: PLC0415  not for --help

    config = configuration(config_file)
    held = prove(file, _keys(config, key_files))
    click.echo(f"{file}: {_words(held)}; the chain holds")
    if config.record.postgres_dsn_file is not None:
        with closing(open_postgres(config.record.postgres_dsn_file)) as store:
            store.fill(file)
            click.echo(f"{store.place}: holds the backup now")
        return
    _make_sure_of_folder(config)
    kept = restore_file(file, config.record_path, force=force)
    if kept is not None:
        click.echo(f"{kept}: the old record is kept here")
    click.echo(f"{config.record_path}: is the backup now; start gunshot-central")


def _make_sure_of_folder(config: CentralConfig) -> None:
    try:
        config.record_path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    except OSError as error:
        raise StoreError(f"record {config.record_path}: {error.strerror}; check paths.state_dir") from error


def _keys(config: CentralConfig, key_files: tuple[Path, ...]) -> Verifier | None:
    """The keys that were named, else the centre's own; None, said aloud, where there is neither."""
    from sensor.central.incidents.signing import CentreKeys  # noqa: PLC0415  loads cryptography

    if not key_files and config.key_path.exists():
        key_files = (config.key_path,)
    if key_files:
        return CentreKeys.load(key_files)
    click.echo(
        f"{config.key_path}: there is no key, so signatures are not checked, hashes only; "
        "name a public key with `restore --key`",
        err=True,
    )
    return None


def _words(held: Holdings) -> str:
    until = ""
    if held.last_ns is not None:
        until = f", the last of {datetime.fromtimestamp(held.last_ns // 10**9, UTC):%Y-%m-%d %H:%M:%S} UTC"
    return f"{held.versions} incident versions{until}, {held.audit_entries} audit entries"
