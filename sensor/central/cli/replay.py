"""``gunshot-central replay``: candidates out of files through the same fusion as live, incidents out."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from sensor.errors import WireError

if TYPE_CHECKING:
    from sensor.central.types import Air, Arrival, IncidentVersion

CANDIDATE = "gunshot.candidate.v1"
SHOWN_FAULTS = 20


@dataclass(slots=True)
class Reading:
    """What came of the lines."""

    arrivals: list[Arrival] = field(default_factory=list)
    refused: int = 0
    others: int = 0
    """Messages of other kinds: health, status."""

    def refuse(self, where: str, why: object) -> None:
        """Tell of a line or a file that cannot be used; after SHOWN_FAULTS they are only counted."""
        self.refused += 1
        if self.refused <= SHOWN_FAULTS:
            click.echo(f"{where}: {why}", err=True)


class Wind(click.ParamType):  # type: ignore[type-arg]  # generic only from click 8.3 on
    """Two numbers with a comma between."""

    name = "EAST,NORTH"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float]:
        """Both components, m/s."""
        if isinstance(value, tuple):
            return value
        try:
            east, north = (float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not two numbers with a comma between, such as 3.5,-1", param, ctx)
        if not (abs(east) <= 60.0 and abs(north) <= 60.0):
            self.fail(f"{value!r}: each component is -60 to 60 m/s", param, ctx)
        return east, north


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--jsonl", is_flag=True, help="One JSON object a line; nothing else on standard output.")
@click.option("--temperature-c", type=click.FloatRange(-60.0, 60.0), help="Air temperature, °C (15).")
@click.option("--wind-ms", type=Wind(), help="Wind, m/s, towards the east and the north: a west wind is 5,0.")
def replay(
    files: tuple[Path, ...],
    *,
    jsonl: bool,
    temperature_c: float | None,
    wind_ms: tuple[float, float] | None,
) -> int:
    """Put candidates, one JSON object a line, through the same fusion as live and print the incidents.

    FILES may come from several towns; `-` is standard input. The last version of each incident is printed,
    retracted ones are left out. Exit 0: every line was used. 1: a line or a file was refused, the others were
    used. 2: usage.
    """
    reading = Reading()
    for file in files:
        _read_file(file, reading)
    found = _incidents(reading.arrivals, _air(temperature_c, wind_ms))
    _tell_of(reading)
    if jsonl:
        from sensor.central.incidents.chain import canonical, incident_json  # noqa: PLC0415  not for --help

        for version in found:
            click.echo(canonical(incident_json(version)))
    else:
        for line in _table(found):
            click.echo(line)
    return int(reading.refused > 0)


def _air(temperature_c: float | None, wind_ms: tuple[float, float] | None) -> Air:
    from sensor.central.types import Air  # noqa: PLC0415  not for --help

    if temperature_c is None and wind_ms is None:
        return Air()
    east, north = wind_ms or (0.0, 0.0)
    return Air(
        temperature_c=15.0 if temperature_c is None else temperature_c,
        wind_east_m_s=east,
        wind_north_m_s=north,
        source="manual",
    )


# ---- reading


def _read_file(file: Path, reading: Reading) -> None:
    try:
        if str(file) == "-":
            _read_lines(sys.stdin.buffer, "-", reading)
            return
        with file.open("rb") as stream:
            _read_lines(stream, str(file), reading)
    except OSError as error:
        reading.refuse(str(file), error.strerror or error)


def _read_lines(stream: BinaryIO, name: str, reading: Reading) -> None:
    from sensor.central.arrivals import read_arrival  # noqa: PLC0415  not for --help
    from sensor.events import decode  # noqa: PLC0415  same

    for number, line in enumerate(stream, 1):
        text = line.strip().removeprefix(b"\xef\xbb\xbf")
        if not text:
            continue
        try:
            body = decode(text)
            if body.get("schema", CANDIDATE) != CANDIDATE:
                reading.others += 1
                continue
            reading.arrivals.append(read_arrival(body))
        except WireError as error:
            reading.refuse(f"{name}:{number}", error)


def _tell_of(reading: Reading) -> None:
    hidden = reading.refused - SHOWN_FAULTS
    if hidden > 0:
        click.echo(f"and {hidden} more", err=True)
    parts = [f"{len(reading.arrivals)} candidates"]
    if reading.refused:
        parts.append(f"{reading.refused} refused")
    if reading.others:
        parts.append(f"{reading.others} messages of other kinds left out")
    click.echo(", ".join(parts), err=True)


# ---- fusing


def _incidents(arrivals: Iterable[Arrival], air: Air) -> list[IncidentVersion]:
    """The last version of each incident that was not withdrawn, in order of time."""
    from sensor.central.fusion import Fusion  # noqa: PLC0415  not for --help
    from sensor.central.incidents.machine import Incidents  # noqa: PLC0415  same
    from sensor.central.incidents.settings import IncidentSettings  # noqa: PLC0415  same

    fusion, incidents = Fusion(air=air), Incidents(IncidentSettings())
    for arrival in sorted(arrivals, key=lambda item: (item.utc_ns, item.event_id)):
        fusion.push(arrival)
    last: dict[str, IncidentVersion] = {}
    for window in fusion.flush():
        heard = [
            arrival for source in window.sources for volley in source.association.rounds for arrival in volley
        ]
        now_ns = max((arrival.utc_ns for arrival in heard), default=0)
        last |= {version.incident_id: version for version in incidents.update(window, now_ns)}
    for reason, count in fusion.refused.items():
        click.echo(f"{count} candidates take no part: {reason.value}", err=True)
    kept = [version for version in last.values() if version.state != "retracted"]
    return sorted(kept, key=lambda version: (version.utc_ns, version.incident_id))


# ---- for people


def _table(found: list[IncidentVersion]) -> Iterator[str]:
    if not found:
        yield "no incidents"
        return
    yield f"{'UTC':<24} {'position':<21} {'95 %':>11}  {'rounds':>8}  {'p':>4}  {'class':<16} nodes  id"
    for item in found:
        yield _line(item)


def _line(item: IncidentVersion) -> str:
    seconds, nanoseconds = divmod(item.utc_ns, 10**9)
    moment = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    place = "not located"
    ellipse = ""
    if item.place is not None:
        place = f"{item.place.lat_deg:.6f},{item.place.lon_deg:.6f}"
    if item.ellipse_95 is not None:
        ellipse = f"{item.ellipse_95.semi_major_m:.0f} x {item.ellipse_95.semi_minor_m:.0f} m"
    count = str(len(item.rounds))
    if (item.rounds_lo, item.rounds_hi) != (len(item.rounds), len(item.rounds)):
        count += f" ({item.rounds_lo}-{item.rounds_hi})"
    utc = f"{moment}.{nanoseconds // 1_000_000:03d}Z"
    return (
        f"{utc:<24} {place:<21} {ellipse:>11}  {count:>8}  {item.p_gunshot:>4.2f}  {item.incident_class:<16} "
        f"{len(item.nodes):>5}  {item.incident_id}"
    )
