"""``gunshot-central node``: who is there, who is to be believed, and why not."""

from __future__ import annotations

import getpass
import time
from datetime import UTC, datetime
from pathlib import Path

import click

from sensor.central.cli.main import config_option

reason_option = click.option("--reason", required=True, help="Why; the record keeps it.")


@click.group()
def node() -> None:
    """List the nodes, leave one out of fixes, or believe it again."""


@node.command("list")
@config_option
def list_(config_file: Path | None) -> None:
    """Print every node: how it is, when it was last heard, and what is wrong."""
    from sensor.central.cli.record import configuration, opened_record  # noqa: PLC0415  not for --help

    with opened_record(configuration(config_file)) as store:
        states = store.nodes()
    if not states:
        click.echo("no node has said anything yet")
    for state in states:
        heard = datetime.fromtimestamp(state.utc_ns / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        why = "; ".join([text for text in (state.quarantine_reason, *state.problems) if text])
        click.echo(f"{state.key:<30} {state.state:<11} {heard}  {why}".rstrip())


@node.command()
@config_option
@click.argument("key", metavar="SITE/NODE")
@reason_option
def quarantine(config_file: Path | None, key: str, reason: str) -> None:
    """Leave a node out of fixes until it is released; its candidates are kept."""
    _leave_word(config_file, key, "quarantine", reason)
    click.echo(f"{key} takes no part in fixes as soon as the daemon has read this, within seconds")


@node.command()
@config_option
@click.argument("key", metavar="SITE/NODE")
@reason_option
def release(config_file: Path | None, key: str, reason: str) -> None:
    """Believe a node again; for `fleet.override_days` no rule leaves it out."""
    _leave_word(config_file, key, "release", reason)
    click.echo(f"{key} is believed again as soon as the daemon has read this, within seconds")


def _leave_word(config_file: Path | None, key: str, action: str, reason: str) -> None:
    from sensor.central.cli.record import configuration, opened_record  # noqa: PLC0415  not for --help
    from sensor.central.fleet.patrol import order  # noqa: PLC0415  same

    try:
        author = f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):
        author = "command line"
    with opened_record(configuration(config_file)) as store:
        order(store, key, action=action, author=author, reason=reason, at_ns=time.time_ns())
