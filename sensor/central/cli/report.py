"""``gunshot-central report``: the month for the public, as one page and as tables."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sensor.central.cli.main import config_option
from sensor.central.cli.record import configuration, opened_record
from sensor.errors import CentralError

if TYPE_CHECKING:
    from sensor.central.record.figures import Figures

_DAY_NS = 86_400 * 10**9


class Month(click.ParamType):  # type: ignore[type-arg]  # generic only from click 8.3 on
    """A month of the calendar in UTC."""

    name = "YYYY-MM"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Year and month."""
        found = re.fullmatch(r"(\d{4})-(\d{2})", str(value))
        if found is None or not (1970 <= int(found[1]) < 2200 and 1 <= int(found[2]) <= 12):
            self.fail(f"{value!r} is no month; write it as 2026-11", param, ctx)
        return int(found[1]), int(found[2])


@click.command()
@config_option
@click.option("--month", type=Month(), required=True, help="The month, in UTC.")
@click.option(
    "-o",
    "--out",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder for the files; made if it is not there.",
)
@click.option(
    "--name-sensors", is_flag=True, help="Call sensors by name: for the operator, not for the public."
)
def report(config_file: Path | None, month: tuple[int, int], folder: Path, *, name_sensors: bool) -> None:
    """Write what came of a month's alerts: confirmed, false, unknown; how fast, and what was missed.

    One HTML page that needs nothing else, and the same figures, every alert and every reported miss as CSV.
    They name no person, place nothing better than some 500 m and give sensors numbers. A month that is not
    over is reported as far as it has come.
    """
    from sensor.central.record.figures import gather  # noqa: PLC0415  not for --help

    config = configuration(config_file)
    now_ns = time.time_ns()
    since_ns, until_ns = _start_ns(*month), _start_ns(month[0] + month[1] // 12, month[1] % 12 + 1)
    if since_ns >= now_ns:
        raise click.BadParameter("it has not begun yet", param_hint="--month")
    with opened_record(config) as store:
        figures = gather(
            store,
            since_ns=since_ns,
            until_ns=min(until_ns, now_ns),
            history_from_ns=now_ns - round(config.record.node_history_days * _DAY_NS),
        )
    stem = f"report-{month[0]:04d}-{month[1]:02d}"
    title = f"{config.web.title}: {datetime(*month, 1, tzinfo=UTC):%B %Y}"
    for name, text in _files(figures, title, now_ns, name_sensors=name_sensors).items():
        path = folder / f"{stem}{name}"
        _write(path, text)
        click.echo(path)
    counts = figures.verdicts
    click.echo(
        f"{len(figures.alerts)} alerts: {counts['confirmed']} confirmed, {counts['false']} false, "
        f"{counts['unknown'] + counts['none']} unknown; misses reported: {len(figures.missed)}; "
        f"the record is {figures.record}",
        err=True,
    )
    if figures.anchor is None:
        raise CentralError(f"the record is {figures.record}; the page says so as well")


def _start_ns(year: int, month: int) -> int:
    return round(datetime(year, month, 1, tzinfo=UTC).timestamp()) * 10**9


def _files(figures: Figures, title: str, now_ns: int, *, name_sensors: bool) -> Mapping[str, str]:
    """End of each file's name -> its text."""
    from sensor.central.record.page import page  # noqa: PLC0415  not for --help
    from sensor.central.record.tables import alerts_csv, misses_csv, summary_csv  # noqa: PLC0415  same

    keys = [f"{node.site}/{node.node}" for node in figures.fleet.nodes]
    names = {key: key if name_sensors else f"sensor {number}" for number, key in enumerate(keys, 1)}
    return {
        ".html": page(figures, title=title, made_ns=now_ns, names=names),
        "-summary.csv": summary_csv(figures, names),
        "-alerts.csv": alerts_csv(figures),
        "-misses.csv": misses_csv(figures),
    }


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise CentralError(f"{path}: cannot be written: {error.strerror or error}") from error
