"""Who is told of what: a rule's answer for one incident version, with the reason for every no."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum

from sensor.central.notify.settings import RuleSettings
from sensor.central.types import IncidentVersion, Place
from sensor.geodesy import enu_from_llh

_CONFIDENCES = ("low", "medium", "high")
_MOVED_M = 10.0
"""A place that moves less than this, or less than its own ellipse, is no news."""
_P_STEP = 0.2
"""A probability that moves less than this is no news."""


class Silence(StrEnum):
    """Why a receiver is not told; counted."""

    EXERCISE = "exercise"
    """An exercise, and the receiver is a real one; or the other way round."""
    SITE = "site"
    """Not one of its sites."""
    CLASS = "class"
    """Not one of its classes."""
    PROBABILITY = "probability"
    """Less likely a gunshot than it wants."""
    CONFIDENCE = "confidence"
    """A place less sure than it wants."""
    NOT_LOCATED = "not_located"
    """Heard, not located."""
    AREA = "area"
    """Outside its area."""
    TOO_OLD = "too_old"
    """The discharge was too long ago to be news."""
    NEVER_TOLD = "never_told"
    """Retracted, and it never knew of it."""
    NO_NEWS = "no_news"
    """Nothing changed that it wants to hear of."""


def silence(
    version: IncidentVersion, told: IncidentVersion | None, rule: RuleSettings, *, now_ns: int
) -> Silence | None:
    """Why a receiver that knows ``told`` (None = nothing) is not told ``version``; None = tell it."""
    if told is not None:
        return None if _news(told, version, rule) else Silence.NO_NEWS
    if version.state == "retracted":
        return Silence.NEVER_TOLD
    return _silence_about_kind(version, rule) or _silence_about_place(version, rule, now_ns)


def _silence_about_kind(version: IncidentVersion, rule: RuleSettings) -> Silence | None:
    if version.exercise != (rule.exercise == "only") and rule.exercise != "also":
        return Silence.EXERCISE
    if rule.sites and version.site not in rule.sites:
        return Silence.SITE
    if version.incident_class not in rule.classes:
        return Silence.CLASS
    return Silence.PROBABILITY if version.p_gunshot < rule.p_min else None


def _silence_about_place(version: IncidentVersion, rule: RuleSettings, now_ns: int) -> Silence | None:
    if version.place is None:
        # Without a place nobody can say that it lies in an area.
        if not rule.not_located:
            return Silence.NOT_LOCATED
        if rule.circles or rule.polygons:
            return Silence.AREA
    else:
        if _CONFIDENCES.index(version.confidence) < _CONFIDENCES.index(rule.confidence_min):
            return Silence.CONFIDENCE
        if not _in_area(version, rule):
            return Silence.AREA
    if now_ns - version.utc_ns > rule.max_age_s * 1e9:
        return Silence.TOO_OLD
    return None


def _news(told: IncidentVersion, version: IncidentVersion, rule: RuleSettings) -> bool:
    """Whether ``version`` says something that ``told`` did not, as far as the receiver wants to know."""
    if (version.state == "retracted") != (told.state == "retracted"):
        return True
    if version.incident_class != told.incident_class or version.exercise != told.exercise:
        return True
    if rule.updates != "important":
        return rule.updates == "all"
    if version.author not in {told.author, "fusion"}:
        return True
    return (
        version.confidence != told.confidence
        or (version.rounds_lo, version.rounds_hi) != (told.rounds_lo, told.rounds_hi)
        or {tag.name for tag in version.tags} != {tag.name for tag in told.tags}
        or version.related_to != told.related_to
        or abs(version.p_gunshot - told.p_gunshot) >= _P_STEP
        or _moved(told, version)
    )


def _moved(told: IncidentVersion, version: IncidentVersion) -> bool:
    if told.place is None or version.place is None:
        return told.place is not version.place
    east_m, north_m = _flat(version.place, told.place)
    size_m = 0.0 if version.ellipse_95 is None else version.ellipse_95.semi_major_m
    return math.hypot(east_m, north_m) > max(_MOVED_M, size_m)


def _in_area(version: IncidentVersion, rule: RuleSettings) -> bool:
    if version.place is None or not (rule.circles or rule.polygons):
        return True
    reach_m = 0.0 if version.ellipse_95 is None else version.ellipse_95.semi_major_m
    for circle in rule.circles:
        centre = Place(lat_deg=circle.lat_deg, lon_deg=circle.lon_deg, height_m=version.place.height_m)
        if math.hypot(*_flat(centre, version.place)) <= circle.radius_m + reach_m:
            return True
    return any(_touches(version.place, polygon, reach_m) for polygon in rule.polygons)


def _flat(place: Place, origin: Place) -> tuple[float, float]:
    """East and north of ``place`` as seen from ``origin``, metres."""
    llh = (place.lat_deg, place.lon_deg, origin.height_m)
    return enu_from_llh(llh, (origin.lat_deg, origin.lon_deg, origin.height_m))[:2]


def _touches(place: Place, polygon: Sequence[tuple[float, float]], reach_m: float) -> bool:
    """Whether ``place`` is in a polygon or within ``reach_m`` of its edge."""
    corners = [_flat(Place(lat_deg=lat, lon_deg=lon, height_m=place.height_m), place) for lat, lon in polygon]
    inside = False
    for index, (east, north) in enumerate(corners):
        east_before, north_before = corners[index - 1]
        if _distance_m((east_before, north_before), (east, north)) <= reach_m:
            return True
        if (north > 0.0) != (north_before > 0.0):
            crossing = east_before - north_before * (east - east_before) / (north - north_before)
            inside ^= crossing > 0.0
    return inside


def _distance_m(start: tuple[float, float], end: tuple[float, float]) -> float:
    """From the origin to a stretch of line."""
    east, north = end[0] - start[0], end[1] - start[1]
    length_2 = east * east + north * north
    share = 0.0 if length_2 == 0.0 else -(start[0] * east + start[1] * north) / length_2
    share = min(1.0, max(0.0, share))
    return math.hypot(start[0] + share * east, start[1] + share * north)
