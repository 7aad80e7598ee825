"""``gunshot-sensor``: the table of its commands."""

from __future__ import annotations

from typing import NoReturn

import click

from sensor import command_line

COMMANDS = {
    "run": ("sensor.cli.run:run", "Listen and publish candidates: the daemon."),
    "replay": ("sensor.cli.replay:replay", "Put recordings through the same path as the microphone."),
    "explain": ("sensor.cli.explain:explain", "Say why a moment of a recording became a candidate or not."),
    "check": ("sensor.cli.check:check", "Try configuration, microphone, clock, broker and disk."),
    "devices": (
        "sensor.cli.devices:devices",
        "List the microphones and how to name them in the configuration.",
    ),
    "status": ("sensor.cli.status:status", "Say how the running daemon is."),
    "config": ("sensor.cli.config:config", "Show, check or explain the configuration."),
    "simulate": ("sensor.cli.simulate:simulate", "Render a street with sensors and its ground truth."),
    "version": ("sensor.cli.version:version", "Print what is installed."),
}
"""Name, where the command is, and its line in the overview."""


@click.group(cls=command_line.LazyGroup, table=COMMANDS, context_settings=command_line.CONTEXT)
@click.version_option(package_name="gunshot-sensor", message="%(package)s %(version)s")
def cli() -> None:
    """Open acoustic gunshot sensor: from a rooftop microphone to time-stamped candidates on MQTT."""


config_option = command_line.config_option(
    "$GUNSHOT_SENSOR_CONFIG, /etc/gunshot-sensor/config.yaml or defaults"
)
"""``-c FILE``, as the parameter ``config_file``."""
offline_config_option = command_line.config_option(
    "the built-in defaults, whatever this machine is configured for"
)
"""The same for commands whose answer must not depend on where they run."""


def main() -> NoReturn:
    """Run a command."""
    command_line.run_program("gunshot-sensor", cli)
