"""``gunshot-sensor simulate``: a scene file as recordings and ground truth."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from sensor.command_line import interrupt_on_terminate
from sensor.errors import ConfigError

if TYPE_CHECKING:
    from sensor.sim.scene import Scene

TABLES = ("events.csv", "files.csv", "manifest.csv", "truth.json")
"""What is written beside the recordings, in this order."""
FULL_BYTES = 1 << 20
"""With less than this left a disk is called full: the blocks that are left may belong to the system."""


@click.command()
@click.argument("scene", type=click.Path(path_type=Path))
@click.option(
    "--out",
    "folder",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the recordings and the truth; made if it is not there.",
)
@click.option("--force", is_flag=True, help="Overwrite files there that simulate did not write.")
def simulate(scene: Path, folder: Path, *, force: bool) -> None:
    """Render SCENE (a YAML file, or the name of a bundled scene: street, town) to DIR.

    Writes one recording per sensor, events.csv and files.csv (labels as replay --labels reads them),
    manifest.csv (start and place of each file, for replay --manifest) and truth.json. The same scene
    and seed give the same bytes. What an earlier run wrote there is overwritten, nothing else, and only
    once all is rendered.
    """
    from sensor.sim.render import render_scene  # noqa: PLC0415  numpy and pydantic only when used

    try:
        loaded = named_scene(scene)
    except ConfigError as error:
        raise click.UsageError(str(error)) from error
    names = [*(f"{node.name}.{loaded.format}" for node in loaded.sensors), *TABLES]
    if not force:
        _refuse_foreign(folder, names)
    try:
        with interrupt_on_terminate(), _whole(folder, names) as unfinished:
            truth = render_scene(loaded, unfinished)
    except ConfigError as error:
        raise click.UsageError(str(error)) from error
    for name in names[: -len(TABLES)]:
        click.echo(folder / name)
    click.echo(
        f"{len(truth['events'])} sounds; the truth is in {folder / 'events.csv'} and truth.json", err=True
    )


def named_scene(scene: Path) -> Scene:
    """The scene of a file, or the bundled one of that name.

    Raises:
        ConfigError: there is none, or it cannot be used.
    """
    from sensor.sim.scene import bundled_scene, load_scene  # noqa: PLC0415  same

    try:
        # A folder of that name is most likely what an earlier run wrote.
        if not scene.is_file() and scene.name == str(scene) and bundled_scene(scene.name).is_file():
            scene = bundled_scene(scene.name)
    except OSError as error:  # a name that is too long, a folder that cannot be entered
        raise ConfigError(f"{scene}: cannot be read: {error.strerror or error}") from error
    return load_scene(scene)


def _refuse_foreign(folder: Path, names: Sequence[str]) -> None:
    """Refuse to overwrite what no earlier run wrote, as far as the folder's own truth.json shows.

    Raises:
        click.ClickException: the folder cannot be looked into.
        click.UsageError: it holds such files.
    """
    try:
        there = [name for name in names if (folder / name).exists()]
    except OSError as error:
        raise _unwritable(folder, error) from error
    own = _own(folder) if there else frozenset()
    foreign = [name for name in there if name not in own]
    if foreign:
        raise click.UsageError(
            f"{folder} holds {', '.join(foreign)}, which simulate did not write there; "
            "name another folder, or overwrite with --force"
        )


def _own(folder: Path) -> frozenset[str]:
    """Names of what the run wrote whose truth the folder holds; none without such a truth."""
    try:
        truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
        sensors, events = truth["sensors"], truth["events"]
        if not (isinstance(truth["scene"], str) and isinstance(sensors, Mapping) and "seed" in truth):
            return frozenset()
        heard = {path for event in events for path in event["heard"]}
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return frozenset()
    suffixes = {PurePath(path).suffix for path in heard} or {".wav", ".flac"}
    return frozenset({*TABLES, *(f"{name}{suffix}" for name in sensors for suffix in suffixes)})


@contextmanager
def _whole(folder: Path, names: Sequence[str]) -> Iterator[Path]:
    """A place to write files of these names to; they come into the folder once all are written.

    Raises:
        click.ClickException: they cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".unfinished-", dir=folder) as unfinished:
            try:
                yield Path(unfinished)
                for name in names:
                    (Path(unfinished) / name).replace(folder / name)
            except OSError as error:  # here: where that place is gone there is room again
                raise _unwritable(folder, error) from error
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> click.ClickException:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    with suppress(OSError):
        full = full or shutil.disk_usage(folder).free < FULL_BYTES
    why = "the disk is full; make room or name another folder" if full else error.strerror or error
    return click.ClickException(f"{folder}: cannot be written: {why}")
