"""Candidates as they come off the wire or out of a file, read strictly where it matters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from sensor.central.types import Arrival
from sensor.errors import WireError
from sensor.events import Position

LOCAL_SITE = "local"
"""Site of a candidate that names none."""
LATEST_NS = 7_258_118_400_000_000_000
"""2200-01-01: a time beyond it is a mistake of unit or of clock."""
MAX_SIGMA_NS = 3_600_000_000_000
"""An hour: a node that knows its time no better than that has said nothing of it."""
MAX_NAME = 200
REQUIRED = "a candidate needs event_id, node, utc_ns, sigma_ns and position"


def read_arrival(body: Mapping[str, object], *, site: str | None = None, node: str | None = None) -> Arrival:
    """The candidate in ``body`` (a decoded JSON object) as the centre uses it.

    Only ``event_id, node, utc_ns, sigma_ns, position`` are required; unknown fields are ignored; optional
    ones are taken where they make sense and refused where they are not of their type.

    Args:
        body: the message. ``position.sigma_m`` may be absent and then counts as 0.
        site: the site that the topic names; it must agree with the message's.
        node: the node that the topic names; it must agree with the message's.

    Raises:
        WireError: what is wrong, in which field, and what is expected there.
    """
    said_site = _name(body, "site") if body.get("site") is not None else (site or LOCAL_SITE)
    said_node = _name(body, "node")
    for expected, said, what in ((site, said_site, "site"), (node, said_node, "node")):
        if expected is not None and said != expected:
            message = (
                f"{what}: the message says {said!r}, its topic {expected!r}; check the node's configuration"
            )
            raise WireError(message)
    clock = body.get("clock")
    return Arrival(
        event_id=_name(body, "event_id"),
        site=said_site,
        node=said_node,
        utc_ns=_integer(body, "utc_ns", 0, LATEST_NS, "ns UTC from 1970 to 2200"),
        sigma_ns=_integer(body, "sigma_ns", 1, MAX_SIGMA_NS, "ns, more than 0 and at most an hour"),
        position=_position(body.get("position")),
        p_gunshot=_figure(body, "p_gunshot", 0.0, 1.0),
        classes=_classes(body.get("classes")),
        snr_db=_figure(body, "snr_db"),
        peak_dbfs=_figure(body, "peak_dbfs"),
        peak_db_spl=_figure(body, "peak_db_spl"),
        rise_ms=_figure(body, "rise_ms"),
        duration_ms=_figure(body, "duration_ms"),
        clip_fraction=_figure(body, "clip_fraction", 0.0, 1.0),
        later_arrivals=_later(body.get("later_arrivals")),
        bearing_deg=_figure(body, "bearing_deg"),
        bearing_sigma_deg=_figure(body, "bearing_sigma_deg"),
        clock_source=_source(clock),
    )


def _name(body: Mapping[str, object], field: str) -> str:
    """A short, not empty text without control characters."""
    value = body.get(field)
    if value is None:
        raise WireError(
            f"{field} is missing; a candidate needs event_id, node, utc_ns, sigma_ns and position"
        )
    if not isinstance(value, str) or not value or len(value) > MAX_NAME or not value.isprintable():
        raise WireError(
            f"{field}: {_shown(value)} is not a name; expected 1 to {MAX_NAME} printable characters"
        )
    return value


def _integer(body: Mapping[str, object], field: str, low: int, high: int, expected: str) -> int:
    """A whole number within bounds; ``5.0`` passes, a fraction does not."""
    value = body.get(field)
    if value is None:
        raise WireError(
            f"{field} is missing; a candidate needs event_id, node, utc_ns, sigma_ns and position"
        )
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise WireError(f"{field}: {_shown(value)} cannot be; expected {expected}, as an integer")
    return value


def _figure(
    body: Mapping[str, object], field: str, low: float = -math.inf, high: float = math.inf
) -> float | None:
    """A finite number within bounds, or None where the candidate does not say."""
    value = body.get(field)
    return None if value is None else _finite(value, field, low, high)


def _finite(value: object, field: str, low: float = -math.inf, high: float = math.inf) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WireError(f"{field}: {_shown(value)} is not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or not low <= number <= high:
        bounds = "finite" if math.isinf(low) else f"from {low:g} to {high:g}"
        raise WireError(f"{field}: {_shown(value)} cannot be; expected a number {bounds}")
    return number


def _position(value: object) -> Position:
    """Latitude, longitude, height and one sigma of a microphone."""
    if not isinstance(value, Mapping):
        raise WireError(
            f"position: {_shown(value)} is not a position; expected lat_deg, lon_deg, height_m and sigma_m. "
            "A node says it where its configuration has `position`; for recordings, "
            "`gunshot-sensor replay --manifest` gives it"
        )
    for field in ("lat_deg", "lon_deg", "height_m"):
        if value.get(field) is None:
            raise WireError(f"position.{field} is missing; expected lat_deg, lon_deg, height_m and sigma_m")
    sigma_m = value.get("sigma_m")
    return Position(
        lat_deg=_finite(value["lat_deg"], "position.lat_deg", -90.0, 90.0),
        lon_deg=_finite(value["lon_deg"], "position.lon_deg", -180.0, 180.0),
        height_m=_finite(value["height_m"], "position.height_m", -500.0, 9000.0),
        sigma_m=0.0 if sigma_m is None else _finite(sigma_m, "position.sigma_m", 0.0, 100_000.0),
    )


def _classes(value: object) -> Mapping[str, float]:
    if value is None:
        return MappingProxyType({})
    if not isinstance(value, Mapping):
        raise WireError(f"classes: {_shown(value)} is not an object of probabilities")
    return MappingProxyType(
        {str(name): _finite(share, f"classes.{name}", 0.0, 1.0) for name, share in value.items()}
    )


def _later(value: object) -> tuple[Mapping[str, float], ...]:
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise WireError(f"later_arrivals: {_shown(value)} is not a list")
    found = []
    for index, item in enumerate(value):
        if not isinstance(item, Mapping):
            raise WireError(f"later_arrivals[{index}]: {_shown(item)} is not an object of dt_ms and rel_db")
        figures = {
            field: _finite(item[field], f"later_arrivals[{index}].{field}")
            for field in ("dt_ms", "rel_db")
            if item.get(field) is not None
        }
        found.append(MappingProxyType(figures))
    return tuple(found)


def _source(clock: object) -> str | None:
    """The clock source's name, where the candidate tells it."""
    if isinstance(clock, Mapping) and isinstance(clock.get("source"), str):
        return str(clock["source"])
    return None


def _shown(value: object) -> str:
    """A value as an error message may show it: short, whatever was sent."""
    text = repr(value) if not isinstance(value, int) or abs(value) < 10**30 else "a very large number"
    return text if len(text) <= 60 else f"{text[:57]}..."
