"""What the calibration commands share: options, configuration, device, record and picture."""

from __future__ import annotations

import functools
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sensor.calibrate.console import Console
from sensor.calibrate.findings import Finding, Verdict
from sensor.calibrate.record import Record, save, stable_identity
from sensor.config import find_config, load_config
from sensor.config.settings import default_state_dir
from sensor.errors import CalibrationError, ConfigError, SensorError

if TYPE_CHECKING:
    from sensor.capture.settings import CaptureSettings
    from sensor.config.model import Config

EXIT_FAIL = 1
EXIT_CONFIG = 78
HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)
SERVICE_STATE_DIR = Path("/var/lib/gunshot-sensor")
"""Where the installed service keeps its state (StateDirectory= of the unit)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One run of a calibration command."""

    console: Console
    config: Config
    state_dir: Path
    file: Path | None
    device: str | None
    """Given on the command line; None: the configuration's."""
    channel: int
    out: Path | None

    @property
    def capture(self) -> CaptureSettings:
        """Settings of the microphone, enough channels included.

        Raises:
            click.UsageError: --device selects nothing.
        """
        settings = self.config.audio
        try:
            return replace(
                settings,
                device=self.device or settings.device,
                channels=max(settings.channels, self.channel + 1),
            )
        except ValueError as error:
            raise click.UsageError(str(error)) from error

    @property
    def from_file(self) -> str:
        """What a record's method says of the recording it was made from; empty for a microphone."""
        return f", from {self.file.name}" if self.file else ""

    def identity(self, source_name: str) -> str:
        """The device a record will belong to.

        A file does not say what recorded it: the device named with --device, else the configured one,
        else, where there is only one, that one.

        Raises:
            CalibrationError: a file's device is unknown.
        """
        if self.file is None:
            return source_name
        named = self.device or self.config.audio.device
        if named != "auto":
            return named
        from sensor.capture.devices import choose, list_devices  # noqa: PLC0415  loads PortAudio

        try:
            return choose("auto", list_devices()).selection
        except SensorError as error:
            raise CalibrationError(
                f"which device recorded {self.file}? Say --device, with what `gunshot-sensor devices` lists"
            ) from error

    def check_device(self) -> None:
        """Find out before the work, not after it, whose figure a recording gives.

        Raises:
            click.UsageError: nothing says which device recorded the file.
        """
        if self.file is None:
            return  # the microphone tells its own name
        try:
            self.identity("")
        except CalibrationError as error:
            raise click.UsageError(str(error)) from error

    def check_writable(self) -> None:
        """Find out before the work, not after it, that the record cannot be saved.

        Raises:
            CalibrationError: the folder cannot be made or written to.
        """
        folder = self.state_dir / "calibration"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CalibrationError(f"cannot make {folder}: {error.strerror}; try sudo") from error
        if not os.access(folder, os.W_OK | os.X_OK):
            raise CalibrationError(f"you may not write to {folder}; try sudo, or --state-dir")

    def picture_path(self, kind: str, stamp: str) -> Path:
        """Where the picture goes: --out, else beside the record's history."""
        folder = self.out or self.state_dir / "calibration" / "history"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{kind}-{stamp.replace('-', '').replace(':', '')}.png"

    def draw(self, kind: str, stamp: str, draw: Callable[[Path], None]) -> None:
        """Save a picture; whatever prevents it is said in one line."""
        try:
            path = self.picture_path(kind, stamp)
            draw(path)
        except (CalibrationError, OSError) as error:
            self.console.say(f"   {error}")
        else:
            self.console.say(f"   picture: {path}")

    def keep(
        self,
        verdict: Verdict,
        findings: tuple[Finding, ...],
        make: Callable[[tuple[str, ...]], Record],
        use: str = "The daemon uses it from its next start: sudo systemctl restart gunshot-sensor",
    ) -> int:
        """Save the record unless the verdict is FAIL, say what becomes of it, return the exit code.

        Raises:
            CalibrationError: it cannot be written.
        """
        if verdict is Verdict.FAIL:
            self.console.say("   Nothing was saved; a record from before, if any, stays in force.")
            return EXIT_FAIL
        if verdict is Verdict.WARN and not self.console.agree("   Use this figure all the same?"):
            self.console.say("   Nothing was saved.")
            return EXIT_FAIL
        record = make(tuple(finding.what for finding in findings))
        path = save(record, self.state_dir)
        self.console.say(
            f"   saved:   {path} (id {record.id}, device {stable_identity(record.device) or 'any'})"
        )
        self.console.say(f"   {use}")
        return 0


def common_options(command: Callable[..., int]) -> Callable[..., None]:
    """Give a command the options all of them have; it gets a ``Session`` and returns its exit code."""

    @click.option("-c", "--config", "config_file", type=click.Path(path_type=Path), help="Configuration.")
    @click.option("--file", type=EXISTING, help="Use this recording instead of the device.")
    @click.option("--state-dir", type=click.Path(path_type=Path), help="Where the record goes.")
    @click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Where the picture goes.")
    @click.option("-y", "--yes", "--no-input", "yes", is_flag=True, help="Ask nothing, wait for nobody.")
    @functools.wraps(command)
    def wrapped(
        *,
        config_file: Path | None,
        file: Path | None,
        state_dir: Path | None,
        out: Path | None,
        yes: bool,
        device: str | None = None,
        channel: int = 0,
        **rest: Any,  # noqa: ANN401  the command's own options
    ) -> None:
        config = load_config(config_file or find_config())
        session = Session(
            console=Console(ask=not yes),
            config=config,
            state_dir=state_dir or _state_dir(config),
            file=file,
            device=device,
            channel=channel,
            out=out,
        )
        session.check_writable()
        sys.exit(command(session, **rest))

    return wrapped


def sound_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that listens the choice of microphone and channel."""
    device = click.option("--device", help="The microphone, as `gunshot-sensor devices` lists it.")
    channel = click.option(
        "--channel", type=click.IntRange(0, 63), default=0, show_default=True, help="Counted from 0."
    )
    return device(channel(command))


def _state_dir(config: Config) -> Path:
    """The configured folder; where it is left to default, the installed service's if that is there."""
    configured = config.paths.state_dir
    if configured == default_state_dir() and SERVICE_STATE_DIR.is_dir():
        return SERVICE_STATE_DIR
    return configured


def run(command: click.Command) -> None:
    """Run a command; exit 0: passed, 1: failed or a known error, 2: usage, 78: bad configuration."""
    logging.basicConfig(level=logging.WARNING, format="   %(message)s")
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it complains of a user without a home folder
    try:
        command.main(standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("\nstopped; nothing was saved", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except ConfigError as error:
        click.echo(f"bad configuration\n{error}", err=True)
        sys.exit(EXIT_CONFIG)
    except SensorError as error:
        click.echo(f"FAIL: {error}", err=True)
        sys.exit(EXIT_FAIL)
