"""``gunshot-central user``: who may log in at the pages."""

from __future__ import annotations

import getpass
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sensor.central.cli.main import config_option
from sensor.central.web.roles import ROLES

if TYPE_CHECKING:
    from sensor.central.store import Store

NAME = r"[a-z0-9][a-z0-9._-]{0,62}"


@contextmanager
def _record(config_file: Path | None) -> Iterator[Store]:
    """The record that the configuration names."""
    from sensor.central.cli.record import configuration, opened_record  # noqa: PLC0415  not for --help

    with opened_record(configuration(config_file), make=True) as store:
        yield store


@click.group()
def user() -> None:
    """Add, list or remove those who may log in."""


@user.command()
@config_option
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What they may see and do.")
@click.option(
    "--password-stdin", is_flag=True, help="Take the password from the first line of standard input."
)
def add(config_file: Path | None, name: str, role: str, *, password_stdin: bool) -> None:
    """Let NAME log in, or give them another role and password."""
    import re  # noqa: PLC0415  for this one check

    from sensor.central.store import User  # noqa: PLC0415  not for --help
    from sensor.central.web.passwords import hash_password  # noqa: PLC0415  same

    if not re.fullmatch(NAME, name):
        raise click.UsageError(
            f"{name!r} is no user name; lower-case letters, digits, dot, hyphen, underscore"
        )
    hashed = hash_password(_password(name, from_stdin=password_stdin))
    with _record(config_file) as store:
        known = store.user(name)
        now_ns = time.time_ns()
        store.put_user(
            User(
                name=name,
                role=role,
                password_hash=hashed,
                created_ns=now_ns if known is None else known.created_ns,
            )
        )
        action = "user add" if known is None else "user change"
        store.audit(actor=_who(), action=action, subject=name, detail={"role": role}, at_ns=now_ns)
    click.echo(f"{name} may log in as {role}" if known is None else f"{name} has a new password, role {role}")


@user.command("list")
@config_option
def list_(config_file: Path | None) -> None:
    """Print who may log in."""
    with _record(config_file) as store:
        users = store.users()
    if not users:
        click.echo("nobody may log in; gunshot-central user add NAME --role admin")
    for item in users:
        since = datetime.fromtimestamp(item.created_ns / 1e9, UTC).strftime("%Y-%m-%d")
        click.echo(f"{item.name:<20} {item.role:<11} since {since}{'  disabled' if item.disabled else ''}")


@user.command()
@config_option
@click.argument("name")
def remove(config_file: Path | None, name: str) -> int:
    """Let NAME log in no more; pages that are open end within seconds."""
    with _record(config_file) as store:
        if not store.remove_user(name):
            click.echo(f"there is no user {name}", err=True)
            return 1
        store.audit(actor=_who(), action="user remove", subject=name, detail={}, at_ns=time.time_ns())
    click.echo(f"{name} may log in no more")
    return 0


def _password(name: str, *, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass(f"Password of {name}: ")
    if getpass.getpass("The same again: ") != first:
        raise click.UsageError("the two are not the same; nothing was changed")
    return first


def _who() -> str:
    """Who sits at this machine, for the audit."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):
        return "command line"
