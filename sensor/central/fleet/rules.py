"""When a node is not to be believed: from what shared sounds and residuals say of it."""

from __future__ import annotations

from dataclasses import dataclass

from sensor.central.fleet.alarms import AlarmKind
from sensor.central.fleet.cross_node import FLAG_SIGMAS, NodeEstimate
from sensor.central.fleet.settings import FleetSettings
from sensor.central.fleet.shared import Residuals


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a node."""

    kind: AlarmKind
    text: str
    severity: float
    """How far beyond its limit: the worst are quarantined first."""


def fault_of(
    estimate: NodeEstimate | None, residuals: Residuals | None, settings: FleetSettings
) -> Fault | None:
    """The gravest fault of a node; None when it is as good as can be told.

    The shared sounds know clock from position and are asked first. The residuals alone only show that
    something is far off; they are asked as long as the shared sounds are too few to say what.
    """
    if estimate is not None:
        found = [item for item in (_clock(estimate, settings), _position(estimate, settings)) if item]
        return max(found, key=lambda item: item.severity, default=None)
    return _residual(residuals, settings)


def _clock(estimate: NodeEstimate, settings: FleetSettings) -> Fault | None:
    off_ms, sigma_ms = estimate.clock_s * 1e3, estimate.clock_sigma_s * 1e3
    if abs(off_ms) < max(settings.clock_off_ms, FLAG_SIGMAS * sigma_ms):
        return None
    side = "late" if off_ms > 0 else "early"
    return Fault(
        "clock",
        f"its clock is {abs(off_ms):.0f} ± {sigma_ms:.0f} ms {side} by {estimate.events} shared sounds; "
        "see to its time source (gunshot-sensor check on the node)",
        abs(off_ms) / settings.clock_off_ms,
    )


def _position(estimate: NodeEstimate, settings: FleetSettings) -> Fault | None:
    off_m = max(abs(estimate.east_m), abs(estimate.north_m))
    if off_m < max(settings.position_off_m, FLAG_SIGMAS * estimate.position_sigma_m):
        return None
    return Fault(
        "position",
        f"it stands {estimate.east_m:+.0f} m east and {estimate.north_m:+.0f} m north of where it says, "
        f"± {estimate.position_sigma_m:.0f} m, by {estimate.events} shared sounds; survey it again",
        off_m / settings.position_off_m,
    )


def _residual(residuals: Residuals | None, settings: FleetSettings) -> Fault | None:
    if residuals is None or residuals.count < settings.shared_sounds_min:
        return None
    off_ms = residuals.median_ms
    # A node that is as often early as late hears echoes; one that is always off by the same is wrong.
    if abs(off_ms) < settings.residual_off_ms or abs(off_ms) < FLAG_SIGMAS * residuals.spread_ms:
        return None
    return Fault(
        "residual",
        f"its arrivals are {off_ms:+.0f} ms off in {residuals.count} located rounds, always alike; "
        "see to its clock and its surveyed position",
        abs(off_ms) / settings.residual_off_ms,
    )
