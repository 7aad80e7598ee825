"""``gunshot-sensor``: the table of commands, and errors as one clear line with the right exit code."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import click

from sensor.errors import ConfigError, SensorError

EXIT_CONFIG = 78
"""EX_CONFIG of sysexits.h; the systemd unit does not restart after it."""

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


class LazyGroup(click.Group):
    """Imports a command's module only when it is called, so that none pays for another's imports."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """Return the commands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  click's
        """Import and return one command; None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a misspelt one gets a suggestion."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"no command {args[0]!r}; {_nearest(args[0])}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  click's
        """Write the overview from the table: importing every command would cost a second."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def _nearest(word: str) -> str:
    import difflib  # noqa: PLC0415  only a typing error needs it

    found = difflib.get_close_matches(word, COMMANDS, n=1)
    return f"did you mean {found[0]}?" if found else f"there are {', '.join(COMMANDS)}"


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="gunshot-sensor", message="%(package)s %(version)s")
def cli() -> None:
    """Open acoustic gunshot sensor: from a rooftop microphone to time-stamped candidates on MQTT."""


config_option = click.option(
    "-c",
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help="Configuration; without it $GUNSHOT_SENSOR_CONFIG, /etc/gunshot-sensor/config.yaml or defaults.",
)
"""``-c FILE`` of every command that reads the configuration, as the parameter ``config_file``."""


def _tell(text: str) -> None:
    """Say on standard error what went wrong, as an error in the journal if that is where it goes."""
    from sensor.logs import under_journal  # noqa: PLC0415  only errors need it

    prefix = "<3>" if under_journal(sys.stderr, os.environ) else ""
    for line in f"gunshot-sensor: {text}".splitlines():
        click.echo(prefix + line, err=True)


def main() -> None:
    """Run a command; exit 78: bad configuration, 2: usage, 1: another expected error, 130: interrupted."""
    # No other package's plugin has a say in our configuration, and looking for them is a tenth of the start.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except ConfigError as error:
        _tell(f"bad configuration\n{error}")
        sys.exit(EXIT_CONFIG)
    except SensorError as error:
        _tell(str(error))
        sys.exit(1)
    except BrokenPipeError:  # `gunshot-sensor devices | head`
        sys.stderr.close()
        sys.exit(141)
    sys.exit(code if isinstance(code, int) else 0)
