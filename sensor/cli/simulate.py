"""``gunshot-sensor simulate``: a scene file as recordings and ground truth."""

from __future__ import annotations

from pathlib import Path

import click

from sensor.errors import ConfigError


@click.command()
@click.argument("scene", type=click.Path(path_type=Path))
@click.option(
    "--out",
    "folder",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the recordings and the truth; made if it is not there.",
)
def simulate(scene: Path, folder: Path) -> None:
    """Render SCENE (a YAML file, or the name of a bundled scene: street, town) to DIR.

    Writes one recording per sensor, events.csv and files.csv (labels as replay --labels reads them),
    manifest.csv (start and place of each file, for replay --manifest) and truth.json. The same scene
    and seed give the same bytes.
    """
    from sensor.sim.render import render_scene  # noqa: PLC0415  numpy and pydantic only when used
    from sensor.sim.scene import bundled_scene, load_scene  # noqa: PLC0415  same

    if not scene.exists() and bundled_scene(scene.name).is_file():
        scene = bundled_scene(scene.name)
    try:
        loaded = load_scene(scene)
        truth = render_scene(loaded, folder)
    except ConfigError as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{folder}: cannot be written: {error.strerror or error}") from error
    for node in loaded.sensors:
        click.echo(folder / f"{node.name}.{loaded.format}")
    click.echo(
        f"{len(truth['events'])} sounds; the truth is in {folder / 'events.csv'} and truth.json", err=True
    )
