"""``gunshot-central version``: what is installed, for a bug report."""

from __future__ import annotations

import click

from sensor.command_line import json_option, print_versions

LIBRARIES = (
    "numpy",
    "scipy",
    "paho-mqtt",
    "pydantic",
    "PyYAML",
    "click",
    "cryptography",
    "starlette",
    "uvicorn",
    "psycopg",
)


@click.command()
@json_option("One JSON object.")
def version(*, as_json: bool) -> None:
    """Print what is installed."""
    print_versions(LIBRARIES, as_json=as_json)
