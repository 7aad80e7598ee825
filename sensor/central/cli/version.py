"""``gunshot-central version``: what is installed, for a bug report."""

from __future__ import annotations

import importlib.metadata
import json
import platform

import click

from sensor import __version__

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
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def version(*, as_json: bool) -> None:
    """Print what is installed."""
    found = {
        "gunshot-sensor": __version__,
        "python": platform.python_version(),
        "machine": f"{platform.machine()} {platform.system()} {platform.release()}",
        **{name: _version_of(name) for name in LIBRARIES},
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
