"""Why there is no place: each reason has a name to be counted by and words to be read."""

from __future__ import annotations

from enum import StrEnum

from sensor.errors import CentralError


class Why(StrEnum):
    """Reasons for which arrivals are not located."""

    BAD_INPUT = "bad_input"
    """A figure is missing, not finite or impossible."""
    TOO_FEW = "too_few"
    """Too few nodes heard it."""
    ONE_PLACE = "one_place"
    """All nodes stand together: there is a direction at best."""
    ONE_LINE = "one_line"
    """All nodes stand on a line: left and right of it look the same."""
    CONTRADICTION = "contradiction"
    """No place explains enough of the arrivals."""
    TOO_FAR = "too_far"
    """The best place is further away than anything is heard."""
    TOO_UNCERTAIN = "too_uncertain"
    """The ellipse is longer than is of use."""


class Unlocatable(CentralError):  # noqa: N818  an answer about the arrivals, not a fault of the program
    """The arrivals allow no place; ``why`` is the reason to count by."""

    def __init__(self, message: str, why: Why) -> None:
        """Say in words what is missing, and keep the reason."""
        super().__init__(message)
        self.why = why
