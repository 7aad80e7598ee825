"""``gunshot-central disposition``: what came of incidents, out of a file."""

from __future__ import annotations

from pathlib import Path

import click

from sensor.central.cli.main import config_option


@click.command()
@config_option
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--author", required=True, help="Whose word it is, as the record will name them.")
def disposition(config_file: Path | None, files: tuple[Path, ...], author: str) -> int:
    """Keep what FILES say of incidents as labels: JSON or EIDO, as docs/cad.md describes.

    Exit 0: every statement was kept, now or before. 1: an incident is unknown, or a file is none.
    """
    from sensor.central.cad.inbox import DispositionInbox  # noqa: PLC0415  not for --help
    from sensor.central.cli.record import configuration, opened_record  # noqa: PLC0415  same

    config = configuration(config_file)
    unknown = 0
    with opened_record(config) as store:
        inbox = DispositionInbox(config.notify, store)
        for file in files:
            for outcome in inbox.file(file, author=author):
                unknown += outcome.result == "unknown_incident"
                named = outcome.incident_id or "no incident"
                click.echo(f"{file}: {named}: {outcome.label}: {outcome.words}")
    return int(unknown > 0)
