"""Where and when: from arrivals that belong together to a place with an honest ellipse."""

from sensor.central.locate.failure import Unlocatable, Why
from sensor.central.locate.locate import locate
from sensor.central.locate.settings import LocateSettings
from sensor.central.locate.solver import Solution, solve

__all__ = ["LocateSettings", "Solution", "Unlocatable", "Why", "locate", "solve"]
