"""``gunshot-central explain-miss``: what each sensor did when something was not reported."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from sensor.central.cli.main import config_option
from sensor.central.cli.record import configuration, opened_record
from sensor.command_line import json_option

_DAY_NS = 86_400 * 10**9
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Moment(click.ParamType):  # type: ignore[type-arg]  # generic only from click 8.3 on
    """A time with its offset from UTC."""

    name = "TIME"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Nanoseconds since 1970."""
        if isinstance(value, int):
            return value
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no time; write it as 2026-11-23T04:32:33Z", param, ctx)
        if moment.tzinfo is None:
            self.fail(f"{value!r} has no offset from UTC; append Z or +hh:mm", param, ctx)
        since = moment - _EPOCH
        return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000


@click.command(name="explain-miss")
@config_option
@click.option("--at", "utc_ns", type=Moment(), required=True, help="When, such as 2026-11-23T04:32:33Z.")
@click.option(
    "--lat", "lat_deg", type=click.FloatRange(-90.0, 90.0), required=True, help="Latitude, degrees."
)
@click.option(
    "--lon", "lon_deg", type=click.FloatRange(-180.0, 180.0), required=True, help="Longitude, degrees."
)
@click.option(
    "--within",
    "within_s",
    type=click.FloatRange(0.1, 600.0),
    default=10.0,
    show_default=True,
    help="How well the time is known, plus or minus, seconds.",
)
@json_option("One JSON object.")
def explain_miss(
    config_file: Path | None,
    utc_ns: int,
    lat_deg: float,
    lon_deg: float,
    within_s: float,
    *,
    as_json: bool,
) -> None:
    """Say for each sensor near a shooting whether it worked, could hear it, and what it did hear.

    It tells from the record how each sensor was at that moment and what it sent, and from the model of the
    coverage map what it should have heard.
    """
    from sensor.central.record.explain_miss import Question  # noqa: PLC0415  not for --help
    from sensor.central.record.explain_miss import explain_miss as explain  # noqa: PLC0415  same
    from sensor.central.record.miss_words import conclusion, text  # noqa: PLC0415  same

    config = configuration(config_file)
    question = Question(
        utc_ns=utc_ns,
        within_s=within_s,
        lat_deg=lat_deg,
        lon_deg=lon_deg,
        temperature_c=config.air.temperature_c,
        excess_db=config.fleet.coverage_excess_db,
        nodes_min=config.fleet.coverage_nodes_min,
        history_from_ns=time.time_ns() - round(config.record.node_history_days * _DAY_NS),
    )
    with opened_record(config) as store:
        found = explain(store, question)
    if as_json:
        told = {"conclusion": list(conclusion(found)), **asdict(found)}
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    for line in text(found):
        click.echo(line)
