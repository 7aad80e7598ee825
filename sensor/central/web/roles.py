"""Who may do what. Nothing but the standard library: the command line imports it, too."""

from __future__ import annotations

from sensor.central.web.settings import WebSettings

ROLES = ("viewer", "officer", "dispatcher", "reviewer", "auditor", "admin")
"""From the least to the most; a role is not the sum of those before it (an admin hears no evidence)."""

_EVERYBODY = frozenset(ROLES)
_GRANTS: dict[str, frozenset[str]] = {
    "incidents": _EVERYBODY,
    "coverage": frozenset({"officer", "dispatcher", "reviewer", "auditor", "admin"}),
    "acknowledge": frozenset({"officer", "dispatcher", "reviewer"}),
    "disposition": frozenset({"officer", "dispatcher", "reviewer"}),
    "review": frozenset({"dispatcher", "reviewer"}),
    "practice": frozenset({"officer", "dispatcher", "reviewer"}),
    "scores": frozenset({"reviewer", "auditor", "admin"}),
    "export": frozenset({"dispatcher", "reviewer", "auditor", "admin"}),
    "audit": frozenset({"auditor", "admin"}),
}
PERMISSIONS = (*_GRANTS, "nodes", "audio")
"""Everything that can be granted; ``nodes`` and ``audio`` are granted in the settings."""


def may(role: str, permission: str, settings: WebSettings) -> bool:
    """Whether ``role`` has ``permission``; an unknown role has none, an unknown permission nobody."""
    if permission == "nodes":
        return role in settings.node_roles
    if permission == "audio":
        return role in settings.audio_roles
    return role in _GRANTS.get(permission, frozenset())


def permissions(role: str, settings: WebSettings) -> tuple[str, ...]:
    """All that ``role`` may do."""
    return tuple(name for name in PERMISSIONS if may(role, name, settings))
