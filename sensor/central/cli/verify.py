"""``gunshot-central verify``: an exported incident with nothing but file and keys, or the whole record."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sensor.central.cli.main import config_option
from sensor.central.cli.record import configuration, opened_record
from sensor.command_line import json_option
from sensor.errors import CentralError, ChainError

if TYPE_CHECKING:
    from sensor.central.incidents.chain import Verifier

HOLDS, BROKEN, UNREAD = 0, 1, 2
"""Exit codes."""


class NotExaminedError(click.ClickException):
    """What was asked about, or what it was to be checked with, cannot be had."""

    exit_code = UNREAD


@click.command()
@config_option
@click.argument("exports", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--key",
    "key_files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A public key of the centre (PEM), present or former; may be given several times.",
)
@click.option(
    "--anchor",
    "anchors",
    multiple=True,
    metavar="N:HASH",
    help="Of a former report: the record up to there must still be the same. Without EXPORTS only.",
)
@json_option("One JSON object a line.")
def verify(
    config_file: Path | None,
    exports: tuple[Path, ...],
    key_files: tuple[Path, ...],
    anchors: tuple[str, ...],
    *,
    as_json: bool,
) -> int:
    """Prove that exported incidents, or the whole record, are as the centre wrote them.

    With EXPORTS (files of `gunshot-central export`) nothing else is read but the keys: no database, no
    configuration. Without, it is the record of this machine that is walked from end to end.

    Exit 0: everything holds. 1: something does not, and what. 2: usage, or a file, a key, an anchor or the
    record cannot be read, which says nothing about what it holds. Without a key only hashes are checked,
    which prove that a file agrees with itself, not who wrote it.
    """
    if exports:
        if anchors:
            raise click.UsageError("--anchor is about the whole record; leave out the files")
        with _no_finding():
            keys = _keys(key_files)
        codes = [_export(path, keys, as_json=as_json) for path in exports]
        return BROKEN if BROKEN in codes else max(codes)
    with _no_finding():
        return _record(config_file, key_files, anchors, as_json=as_json)


@contextmanager
def _no_finding() -> Iterator[None]:
    """Keep what hinders the examination apart from what it finds: a typing error is no forgery."""
    try:
        yield
    except ChainError:
        raise
    except CentralError as error:
        raise NotExaminedError(str(error)) from error


def _keys(paths: tuple[Path, ...]) -> Verifier | None:
    from sensor.central.incidents.signing import CentreKeys  # noqa: PLC0415  not for --help

    return CentreKeys.load(paths) if paths else None


def _export(path: Path, keys: Verifier | None, *, as_json: bool) -> int:
    """Check one file and tell; return the exit code that it asks for."""
    from sensor.central.record.verify import FILE_MAX, verify_export  # noqa: PLC0415  not for --help

    try:
        with path.open("rb") as file:
            data = file.read(FILE_MAX + 1)
        proof = verify_export(data, keys)
    except OSError as error:
        _tell({"file": str(path), "holds": None, "why": error.strerror or str(error)}, as_json=as_json)
        return UNREAD
    except ChainError as error:
        _tell({"file": str(path), "holds": False, "why": str(error)}, as_json=as_json)
        return BROKEN
    told: dict[str, Any] = {"file": str(path), "holds": True, **asdict(proof)}
    words = f"incident {proof.incident_id}, {proof.versions} versions, last {proof.last_hash}; "
    words += _by(proof.signed)
    if proof.missing:
        words += f"; {len(proof.missing)} of its candidates are not in the file"
    _tell(told, as_json=as_json, words=words)
    return HOLDS


def _record(
    config_file: Path | None, key_files: tuple[Path, ...], anchors: tuple[str, ...], *, as_json: bool
) -> int:
    """Walk the record of this machine, with its own key where none is named."""
    from sensor.central.record.ledger import read_anchor, verify_record  # noqa: PLC0415  not for --help

    config = configuration(config_file)
    known = [read_anchor(text) for text in anchors]
    if not key_files and config.key_path.exists():
        key_files = (config.key_path,)
    with opened_record(config) as store:
        try:
            proof = verify_record(store, _keys(key_files), known)
        except ChainError as error:
            _tell({"file": "record", "holds": False, "why": str(error)}, as_json=as_json)
            return BROKEN
    told: dict[str, Any] = {"file": "record", "holds": True, **asdict(proof), "anchor": str(proof.anchor)}
    words = (
        f"{proof.versions} versions of {proof.incidents} incidents, {proof.labels} labels and "
        f"{proof.audit_entries} audit entries; "
        f"{_by(proof.signed)}; {proof.anchors} anchors hold; anchor now {proof.anchor}"
    )
    _tell(told, as_json=as_json, words=words)
    return HOLDS


def _by(signed: bool) -> str:  # noqa: FBT001  one word for one bit
    return (
        "signed by the centre" if signed else "NOT checked against any key: hashes alone, name one with --key"
    )


def _tell(told: dict[str, Any], *, as_json: bool, words: str = "") -> None:
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
    elif told["holds"]:
        click.echo(f"{told['file']}: holds: {words}")
    elif told["holds"] is None:
        click.echo(f"{told['file']}: cannot be read: {told['why']}", err=True)
    else:
        click.echo(f"{told['file']}: DOES NOT HOLD: {told['why']}", err=True)
    sys.stdout.flush()


@click.command()
@config_option
def key(config_file: Path | None) -> None:
    """Print the centre's public key: publish it, so that others can check exports and messages."""
    from sensor.central.incidents.signing import CentreKey  # noqa: PLC0415  not for --help

    path = configuration(config_file).key_path
    if not path.exists():
        raise CentralError(f"key {path}: there is none yet; the daemon makes it at its first start")
    found = CentreKey.load(path)
    click.echo(found.public_pem(), nl=False)
    click.echo(f"key id {found.key_id}", err=True)
