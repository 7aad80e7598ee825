"""Position of a microphone from hours of GPS fixes, with a sigma that knows they are correlated.

Fixes of consecutive seconds share satellites, atmosphere and reflections: ten thousand of them are
not ten thousand independent measurements. The statistical sigma is therefore taken from the spread of
block means, over the block length at which it is largest (Flyvbjerg and Petersen's blocking), and a
systematic part that no averaging on one day removes is added.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from sensor.calibrate.findings import Finding, Verdict, fail, warn, worst
from sensor.calibrate.sine import Floats
from sensor.geodesy import enu_from_llh, llh_from_enu
from sensor.timing.gpsd import number_of

MINIMUM_FIXES = 60
SYSTEMATIC_M = ((0.0, 3.0), (3600.0, 2.0), (6 * 3600.0, 1.5), (12 * 3600.0, 1.0))
"""Least horizontal sigma by length of the survey, seconds and metres: what satellites, ionosphere and
reflections leave of a single-frequency receiver's mean. Engineering values of ours."""
VERTICAL_FACTOR = 1.7
"""Vertical errors against horizontal ones: no satellites below the horizon."""


@dataclass(frozen=True, slots=True)
class Fix:
    """One three-dimensional fix."""

    time_s: float
    lat_deg: float
    lon_deg: float
    height_m: float
    """Above the ellipsoid."""
    sigma_m: float | None = None
    """The receiver's own horizontal estimate."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PositionMeasurement:
    """What the fixes say, and whether it may be used."""

    lat_deg: float | None
    """None when there were too few fixes."""
    lon_deg: float | None = None
    height_m: float | None = None
    sigma_m: float = math.inf
    """One sigma per horizontal axis."""
    height_sigma_m: float = math.inf
    spread_m: float = math.inf
    """Robust spread of single fixes, per horizontal axis."""
    independent: float = 0.0
    """How many independent fixes the survey is worth."""
    duration_s: float = 0.0
    found: int = 0
    used: int = 0
    time_s: Floats
    enu_m: Floats
    """Shape (n, 3): each fix, metres east, north and up of the result."""
    kept: np.ndarray[Any, np.dtype[np.bool_]]
    findings: tuple[Finding, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The gravest finding's."""
        return worst(self.findings)

    def judged(self, findings: tuple[Finding, ...]) -> PositionMeasurement:
        """The same with these findings."""
        return replace(self, findings=findings)


def fixes_from_lines(lines: Iterable[str]) -> tuple[list[Fix], int]:
    """The three-dimensional fixes among lines of gpsd's JSON, and how many other TPV reports there were.

    Lines that are no JSON, such as the last one of a cut recording, are passed over.
    """
    fixes: list[Fix] = []
    without = 0
    for line in lines:
        try:
            report = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if not isinstance(report, dict) or report.get("class") != "TPV":
            continue
        fix = _fix(report)
        if fix is None:
            without += 1
        else:
            fixes.append(fix)
    return fixes, without


def _fix(report: dict[str, Any]) -> Fix | None:
    """The fix in one TPV report; None when it is not three-dimensional or incomplete."""
    if report.get("mode") != 3:
        return None
    height = number_of(report, "altHAE")
    if height is None:
        above_sea, geoid = number_of(report, "altMSL", "alt"), number_of(report, "geoidSep")
        height = above_sea + geoid if above_sea is not None and geoid is not None else None
    lat, lon = number_of(report, "lat"), number_of(report, "lon")
    try:
        time_s = datetime.fromisoformat(str(report.get("time"))).timestamp()
    except ValueError:
        return None
    if lat is None or lon is None or height is None or abs(lat) > 90.0 or abs(lon) > 180.0:
        return None
    errors = [value for name in ("epx", "epy") if (value := number_of(report, name)) is not None]
    return Fix(time_s, lat, lon, height, max(errors) if errors else None)


def measure_position(
    fixes: list[Fix], offset_enu_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
) -> PositionMeasurement:
    """Robust mean of the fixes and its sigma.

    Args:
        fixes: three-dimensional fixes in order of time.
        offset_enu_m: from the antenna to the microphone, metres east, north and up.
    """
    if len(fixes) < MINIMUM_FIXES:
        what = f"{len(fixes)} three-dimensional fixes; at least {MINIMUM_FIXES} are needed"
        remedy = "Give the antenna a free sky and time: cgps shows what it sees"
        return PositionMeasurement(
            lat_deg=None,
            found=len(fixes),
            time_s=np.empty(0),
            enu_m=np.empty((0, 3)),
            kept=np.empty(0, dtype=np.bool_),
            findings=(fail("too_few", what, remedy),),
        )
    first = fixes[0]
    origin = (first.lat_deg, first.lon_deg, first.height_m)
    enu_m = np.array([enu_from_llh((fix.lat_deg, fix.lon_deg, fix.height_m), origin) for fix in fixes])
    time_s = np.array([fix.time_s for fix in fixes])
    time_s -= time_s[0]
    middle = np.median(enu_m, axis=0)
    spread = np.maximum(1.4826 * np.median(np.abs(enu_m - middle), axis=0), 0.01)
    kept = np.all(np.abs(enu_m - middle) <= 5.0 * spread, axis=1)
    mean = enu_m[kept].mean(axis=0)
    errors = [_error_of_mean(enu_m[kept, axis]) for axis in range(3)]
    duration_s = float(time_s[-1])
    systematic_m = next(sigma for least_s, sigma in reversed(SYSTEMATIC_M) if duration_s >= 0.98 * least_s)
    statistical_m = max(errors[:2])
    east, north, up = (float(value) for value in mean + np.array(offset_enu_m))
    lat_deg, lon_deg, height_m = llh_from_enu((east, north, up), origin)
    single_m = float(np.std(enu_m[kept, :2], axis=0).max())
    return PositionMeasurement(
        lat_deg=lat_deg,
        lon_deg=lon_deg,
        height_m=height_m,
        sigma_m=math.hypot(statistical_m, systematic_m),
        height_sigma_m=math.hypot(errors[2], VERTICAL_FACTOR * systematic_m),
        spread_m=float(spread[:2].max()),
        independent=(single_m / statistical_m) ** 2 if statistical_m > 0.0 else 1.0,
        duration_s=duration_s,
        found=len(fixes),
        used=int(np.count_nonzero(kept)),
        time_s=time_s,
        enu_m=enu_m - mean,
        kept=kept,
    )


def _error_of_mean(values: Floats) -> float:
    """One sigma of the mean of correlated values, by blocking, at the worst block length.

    Blocks double in length until fewer than eight are left.
    """
    worst_error = 0.0
    blocks = values
    while blocks.size >= 8:
        error = float(np.std(blocks, ddof=1)) / math.sqrt(blocks.size)
        # The estimate itself is uncertain by 1 / sqrt(2 (n - 1)); take its upper side.
        worst_error = max(worst_error, error * (1.0 + 1.0 / math.sqrt(2.0 * (blocks.size - 1))))
        blocks = blocks[: blocks.size // 2 * 2].reshape(-1, 2).mean(axis=1)
    return worst_error


def _largest_move(enu_m: Floats) -> float:
    """How far the fixes after a quarter, a half or three quarters lie from those before; 0 when not far.

    Far is more than 5 m and four times the spread on either side of the split.
    """
    largest_m = 0.0
    for quarter in (1, 2, 3):
        before, after = np.split(enu_m, [enu_m.shape[0] * quarter // 4])
        middles = np.median(before, axis=0), np.median(after, axis=0)
        spread_m = max(
            1.4826 * float(np.median(np.abs(part - middle)))
            for part, middle in zip((before, after), middles, strict=True)
        )
        moved_m = float(np.hypot(*(middles[1] - middles[0])))
        if moved_m > max(5.0, 4.0 * spread_m):
            largest_m = max(largest_m, moved_m)
    return largest_m


def judge_position(measured: PositionMeasurement, *, own_sigma_m: float | None) -> tuple[Finding, ...]:
    """What speaks against a position.

    Args:
        measured: the position.
        own_sigma_m: median of the receiver's own horizontal estimate.
    """
    found = list(measured.findings)
    if measured.lat_deg is None:
        return tuple(found)
    if measured.lat_deg == 0.0 or abs(measured.lat_deg) + abs(measured.lon_deg or 0.0) < 0.01:
        what = "0, 0 is what a receiver without a fix says"
        found.append(fail("no_place", what, "Wait for a real fix"))
    if measured.used < 0.8 * measured.found:
        what = f"{measured.found - measured.used} of {measured.found} fixes lie far from the others"
        found.append(fail("inconsistent", what, "Give the antenna a free sky, away from walls, and repeat"))
    moved_m = _largest_move(measured.enu_m[:, :2])
    if moved_m > 0.0:
        what = f"Later fixes lie {moved_m:.0f} m from earlier ones: was the antenna moved?"
        found.append(fail("moved", what, "Leave it where it is and repeat"))
    if measured.duration_s < 3600.0:
        what = f"{measured.duration_s / 60.0:.0f} minutes do not average out slow errors"
        found.append(warn("short", what, "Survey for hours, best over a night: --hours 12"))
    if measured.spread_m > 8.0 or (own_sigma_m or 0.0) > 15.0:
        what = f"Single fixes spread by {measured.spread_m:.1f} m"
        found.append(warn("spread", what, "Look for walls, trees or metal round the antenna"))
    return tuple(found)
