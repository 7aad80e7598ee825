"""The life of an incident: which state may follow which, and by whose hand."""

from __future__ import annotations

from sensor.central.types import State
from sensor.errors import CentralError

FUSION = "fusion"
"""Author of the versions that the machine writes."""

_LIVING: frozenset[State] = frozenset({"open", "located", "classified"})
_BY_FUSION: dict[State, frozenset[State]] = {
    "open": _LIVING | {"closed", "retracted"},
    "located": _LIVING | {"closed", "retracted"},
    "classified": _LIVING | {"closed", "retracted"},
    "reviewed": frozenset({"reviewed", "closed"}),
    "closed": _LIVING | {"reviewed", "retracted"},
    "retracted": _LIVING,
}
"""Fusion refines, closes, opens again when something late arrives, and withdraws what it no longer finds.
What a person has judged it never withdraws; a person's retraction it leaves alone."""
_BY_PERSON: dict[State, frozenset[State]] = {
    "open": frozenset({"open", "reviewed", "closed", "retracted"}),
    "located": frozenset({"located", "reviewed", "closed", "retracted"}),
    "classified": frozenset({"classified", "reviewed", "closed", "retracted"}),
    "reviewed": frozenset({"reviewed", "open", "located", "classified", "closed", "retracted"}),
    "closed": frozenset({"closed", "reviewed", "retracted"}),
    "retracted": frozenset({"reviewed", "open", "located", "classified", "closed"}),
}
"""A person may acknowledge (the state stays), judge, withdraw and undo."""
FIRST: frozenset[State] = _LIVING
"""States in which an incident may begin."""


class IllegalTransition(CentralError):  # noqa: N818  named for what was asked
    """An incident cannot go from the state it is in to the one asked for."""

    def __init__(self, incident_id: str, old: State | None, new: State, author: str) -> None:
        """Say which step was refused, and what is possible."""
        allowed = ", ".join(sorted(following(old, author))) or "none"
        super().__init__(
            f"incident {incident_id}: {author} cannot make it {new}; "
            f"it is {old or 'new'} and can become: {allowed}"
        )
        self.old = old
        self.new = new


def following(old: State | None, author: str) -> frozenset[State]:
    """The states that ``author`` may take an incident to; ``old`` None = it does not exist yet."""
    if old is None:
        return FIRST if author == FUSION else frozenset()
    return (_BY_FUSION if author == FUSION else _BY_PERSON)[old]


def check_transition(incident_id: str, old: State | None, new: State, author: str) -> None:
    """Raise IllegalTransition unless ``author`` may take the incident from ``old`` to ``new``."""
    if new not in following(old, author):
        raise IllegalTransition(incident_id, old, new, author)
