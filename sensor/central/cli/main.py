"""``gunshot-central``: the table of its commands."""

from __future__ import annotations

from typing import NoReturn

import click

from sensor import command_line

COMMANDS = {
    "run": ("sensor.central.cli.run:run", "Broker to incidents, notifications, map and record: the daemon."),
    "replay": ("sensor.central.cli.replay:replay", "Put candidates through the same fusion, offline."),
    "check": ("sensor.central.cli.check:check", "Try configuration, broker, record, keys and disk."),
    "config": ("sensor.central.cli.config:config", "Show, check or explain the configuration."),
    "user": ("sensor.central.cli.user:user", "Add, list or remove those who may log in."),
    "node": ("sensor.central.cli.node:node", "List the nodes, leave one out of fixes, believe it again."),
    "backup": ("sensor.central.cli.backup:backup", "Copy the record into a file while the daemon runs."),
    "restore": ("sensor.central.cli.backup:restore", "Put a backup in place of the record."),
    "disposition": ("sensor.central.cli.disposition:disposition", "Take what came of incidents from a file."),
    "report": ("sensor.central.cli.report:report", "Write a month's figures for the public."),
    "explain-miss": ("sensor.central.cli.explain_miss:explain_miss", "Say why a shooting was not reported."),
    "export": ("sensor.central.cli.export:export", "Write one incident so that outsiders can check it."),
    "verify": ("sensor.central.cli.verify:verify", "Prove that an export or the record is unchanged."),
    "key": ("sensor.central.cli.verify:key", "Print the centre's public key."),
    "version": ("sensor.central.cli.version:version", "Print what is installed."),
}
"""Name, where the command is, and its line in the overview."""


@click.group(cls=command_line.LazyGroup, table=COMMANDS, context_settings=command_line.CONTEXT)
@click.version_option(package_name="gunshot-sensor", message="%(package)s %(version)s")
def cli() -> None:
    """Central side of the gunshot sensor network: candidates of many nodes to located incidents."""


config_option = command_line.config_option(
    "$GUNSHOT_CENTRAL_CONFIG, /etc/gunshot-sensor/central.yaml or defaults"
)
"""``-c FILE``, as the parameter ``config_file``."""


def main() -> NoReturn:
    """Run a command."""
    command_line.run_program("gunshot-central", cli)
