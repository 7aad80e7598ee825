"""What the nodes say about each other and about the fleet."""

from sensor.central.fleet.alarms import FleetAlarm
from sensor.central.fleet.fleet import Fleet
from sensor.central.fleet.settings import FleetSettings

__all__ = ["Fleet", "FleetAlarm", "FleetSettings"]
