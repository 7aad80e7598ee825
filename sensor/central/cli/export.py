"""``gunshot-central export``: one incident with all that is known of it, for outsiders to check."""

from __future__ import annotations

import getpass
import os
import time
from pathlib import Path

import click

from sensor.central.cli.main import config_option
from sensor.central.cli.record import configuration, opened_record
from sensor.errors import CentralError


@click.command()
@config_option
@click.argument("incident_id")
@click.option(
    "-o",
    "--out",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write; without it INCIDENT_ID.json.",
)
@click.option(
    "--without-candidates",
    is_flag=True,
    help="Leave out the nodes' messages, which tell where microphones are.",
)
def export(
    config_file: Path | None, incident_id: str, path: Path | None, *, without_candidates: bool
) -> None:
    """Write one incident: versions, outcomes, deliveries, audit, the nodes' messages; signed by the centre.

    Whoever gets the file checks it with `gunshot-central verify FILE --key centre.pem` and nothing else. The
    export itself is noted in the audit.
    """
    from sensor.central.incidents.signing import CentreKey  # noqa: PLC0415  not for --help
    from sensor.central.record.export import export_incident  # noqa: PLC0415  same

    config = configuration(config_file)
    signer = CentreKey.load(config.key_path) if config.key_path.exists() else None
    target = path or Path(f"{incident_id.replace('/', '-')}.json")
    now_ns, who = time.time_ns(), _who()
    with opened_record(config) as store:
        data = export_incident(
            store,
            incident_id,
            signer=signer,
            exported_by=who,
            now_ns=now_ns,
            candidates=not without_candidates,
        )
        store.audit(
            actor=who,
            action="incident.export",
            subject=incident_id,
            detail={"candidates": not without_candidates, "bytes": len(data)},
            at_ns=now_ns,
        )
    try:
        target.write_bytes(data)
    except OSError as error:
        raise CentralError(f"{target}: cannot be written: {error.strerror or error}") from error
    click.echo(target)
    if signer is None:
        click.echo(f"it is not signed: there is no key at {config.key_path}", err=True)


def _who() -> str:
    """The person at the machine, also behind sudo."""
    try:
        return f"shell/{os.environ.get('SUDO_USER') or getpass.getuser()}"
    except (OSError, KeyError):  # no such user in this container
        return f"shell/{os.getuid()}"
