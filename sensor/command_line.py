"""What the two programs' command lines share: a table of commands, errors as one clear line, exit codes."""

from __future__ import annotations

import codecs
import importlib
import importlib.metadata
import io
import json
import math
import os
import platform
import signal
import sys
import threading
import traceback
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click

from sensor import __version__
from sensor.errors import ConfigError, SensorError

EXIT_CONFIG = 78
"""EX_CONFIG of sysexits.h; the systemd units do not restart after it."""
EXIT_INTERRUPTED = 130

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
"""``context_settings`` of a program's group."""

Commands = Mapping[str, tuple[str, str]]
"""Name -> where the command is, as ``module:name``, and its line in the overview."""


class LazyGroup(click.Group):
    """Imports a command's module only when it is called, so that none pays for another's imports."""

    def __init__(self, *args: Any, table: Commands, **kwargs: Any) -> None:  # noqa: ANN401  click's own
        super().__init__(*args, **kwargs)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """Return the commands in the order of the table."""
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  click's
        """Import and return one command; None if there is none of that name."""
        if cmd_name not in self._table:
            return None
        module, _, name = self._table[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a misspelt one gets a suggestion."""
        if args and args[0] not in self._table and not args[0].startswith("-"):
            ctx.fail(f"no command {args[0]!r}; {self._nearest(args[0])}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  click's
        """Write the overview from the table: importing every command would cost a second."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self._table.items()])

    def _nearest(self, word: str) -> str:
        import difflib  # noqa: PLC0415  only a typing error needs it

        found = difflib.get_close_matches(word, self._table, n=1)
        return f"did you mean {found[0]}?" if found else f"there are {', '.join(self._table)}"


class FiniteFloat(click.FloatRange):
    """A number within a range; NaN, which passes every comparison, is none."""

    def convert(
        self,
        value: Any,  # noqa: ANN401  click's own
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """Return the number; fail when it is none or outside the range."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value} is no number", param, ctx)
        return number


PROBABILITY = FiniteFloat(0.0, 1.0)
FINITE_MS = FiniteFloat(0.0, 1e9)
"""A time in milliseconds."""

_CONTROL = frozenset({"Cc", "Cf", "Zl", "Zp"})
"""Unicode's categories of control characters, of those that turn the direction of text, and of line ends."""

Decorator = Callable[[Callable[..., object]], Callable[..., object]]


def config_option(otherwise: str) -> Decorator:
    """``-c FILE`` of every command that reads a configuration, as the parameter ``config_file``.

    ``otherwise``: what counts without it.
    """
    return click.option(
        "-c",
        "--config",
        "config_file",
        type=click.Path(path_type=Path),
        help=f"Configuration; without it {otherwise}.",
    )


def json_option(meaning: str) -> Decorator:
    """``--json`` of every command that can also speak to programs, as the parameter ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help=meaning)


def stop_on_signals(stop: threading.Event) -> None:
    """SIGTERM and SIGINT set ``stop``; a second SIGINT ends at once."""

    def obey(number: int, _frame: object) -> None:
        if number == signal.SIGINT and stop.is_set():
            sys.exit(EXIT_INTERRUPTED)
        stop.set()

    signal.signal(signal.SIGTERM, obey)
    signal.signal(signal.SIGINT, obey)


@contextmanager
def interrupt_on_terminate() -> Iterator[None]:
    """SIGTERM ends what is inside as Ctrl-C does, so that it can clear up; only the main thread can ask."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def run_program(name: str, group: click.Group) -> NoReturn:
    """Run a command; exit 78: bad configuration, 2: usage, 1: another expected error, 130: interrupted."""
    # No other package's plugin has a say in our configuration, and looking for them is a tenth of the start.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    _take_any_letter()
    try:
        code = group.main(standalone_mode=False)
        if sys.stdout is not None:  # as it is after >&-
            sys.stdout.flush()
    except click.exceptions.Abort:
        sys.exit(EXIT_INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except ConfigError as error:
        _tell(name, f"bad configuration\n{error}")
        sys.exit(EXIT_CONFIG)
    except SensorError as error:
        _tell(name, str(error))
        sys.exit(1)
    except BrokenPipeError:  # `gunshot-sensor devices | head`
        sys.stderr.close()
        sys.exit(141)
    except OSError as error:
        if not _stdout_fails(error):
            raise
        _tell(name, f"standard output: {error.strerror or error}")
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _take_any_letter() -> None:
    """Write letters that the terminal's encoding does not have as escapes, instead of failing."""
    if isinstance(sys.stdout, io.TextIOWrapper) and codecs.lookup(sys.stdout.encoding).name != "utf-8":
        sys.stdout.reconfigure(errors="backslashreplace")


def _stdout_fails(error: OSError) -> bool:
    """Whether standard output is what cannot be written; it is led to nowhere then, as it is tried again."""
    if sys.stdout is None:
        return False
    calls = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    fails = any(call.f_code is click.echo.__code__ and not call.f_locals.get("err") for call in calls)
    try:
        sys.stdout.flush()
    except OSError:
        fails = True
    if fails:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return fails


def _tell(name: str, text: str) -> None:
    """Say on standard error what went wrong, as an error in the journal if that is where it goes."""
    from sensor.logs import under_journal  # noqa: PLC0415  only errors need it

    prefix = "<3>" if under_journal(sys.stderr, os.environ) else ""
    for line in f"{name}: {text}".splitlines():
        click.echo(prefix + shown(line, keep="\t"), err=True)  # names of files may hold anything


def shown(text: str, *, keep: str = "") -> str:
    """The text for a terminal: what would move its cursor, change its colours or is no letter, as an escape.

    ``keep``: control characters that are meant, such as ends of lines.
    """
    safe = "".join(
        letter if letter in keep or unicodedata.category(letter) not in _CONTROL else _escape(letter)
        for letter in text
    )
    return safe.encode("utf-8", "backslashreplace").decode()


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode()


def print_versions(libraries: tuple[str, ...], *, as_json: bool) -> None:
    """Print what is installed, for a bug report: this package, the machine, ``libraries``."""
    found = {
        "gunshot-sensor": __version__,
        "python": platform.python_version(),
        "machine": f"{platform.machine()} {platform.system()} {platform.release()}",
        **{name: _version_of(name) for name in libraries},
    }
    if as_json:
        click.echo(json.dumps(found))
        return
    for name, text in found.items():
        click.echo(f"{name:<15} {text or 'not installed'}")


def _version_of(name: str) -> str | None:
    """Version by the package's metadata, without importing it."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
