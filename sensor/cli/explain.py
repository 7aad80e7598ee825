"""``gunshot-sensor explain``: why a moment of a recording became a candidate, or did not."""

from __future__ import annotations

from pathlib import Path

import click

from sensor.cli.main import offline_config_option
from sensor.command_line import PROBABILITY, FiniteFloat, json_option

PICTURES = (".png", ".svg", ".pdf")


@click.command()
@click.argument("file")
@click.option(
    "--at",
    "at_s",
    type=FiniteFloat(0.0, 1e9),
    required=True,
    metavar="SECONDS",
    help="From the file's first sample; the nearest decision within 0.2 s is explained.",
)
@json_option("One JSON object, with every feature, instead of words.")
@click.option(
    "--picture",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.png",
    help="Draw waveform, levels with threshold and pick, and spectrogram.",
)
@click.option("--p-min", type=PROBABILITY, help="Instead of publish.p_min (0.2).")
@offline_config_option
def explain(
    file: str,
    at_s: float,
    *,
    as_json: bool,
    picture: Path | None,
    p_min: float | None,
    config_file: Path | None,
) -> int:
    """Say why a moment of a recording became a candidate, or did not.

    The recording is replayed from its start through the same path as the microphone; the answer is made of
    the values that decided: levels against the threshold, every gate with its margin, the classes, and the
    features that spoke for and against a gunshot.

    Exit 0: explained. 1: the file cannot be read, ends before, or the picture cannot be drawn (the words
    still come). 2: usage.
    """
    from sensor.config import load_config  # noqa: PLC0415  nothing is imported before it is needed
    from sensor.errors import CaptureError, SensorError  # noqa: PLC0415  same
    from sensor.replay.explain import explain as explained  # noqa: PLC0415  same
    from sensor.replay.explain_text import json_object, text  # noqa: PLC0415  same
    from sensor.replay.recordings import RecordingFile  # noqa: PLC0415  same
    from sensor.replay.runner import ReplaySettings, default_config  # noqa: PLC0415  same

    if picture is not None:
        _check_picture(picture, Path(file))
    config = load_config(config_file) if config_file else default_config()
    settings = ReplaySettings(
        config=config, p_min=config.publish.p_min if p_min is None else p_min, every_trigger=True
    )
    try:
        found = explained(RecordingFile(file, Path(file)), at_s, settings)
    except CaptureError as error:
        raise error if file in str(error) else CaptureError(f"{file}: {error}") from error
    click.echo(json_object(found) if as_json else text(found))
    if picture is not None:
        from sensor.replay.explain_picture import draw  # noqa: PLC0415  same

        try:
            draw(found, picture)
        except SensorError as error:
            click.echo(f"gunshot-sensor: {error}", err=True)
            return 1
        click.echo(f"picture: {picture}", err=True)
    return 0


def _check_picture(picture: Path, recording: Path) -> None:
    """Raise UsageError for a name that cannot be drawn to, or must not be."""
    if picture.suffix.lower() not in PICTURES:
        raise click.UsageError(f"--picture: {picture} does not end with {' or '.join(PICTURES)}")
    if picture.resolve() == recording.resolve():
        raise click.UsageError(f"--picture: {picture} is the recording itself; give another name")
