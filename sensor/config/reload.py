"""What a running daemon takes over from a changed file, and what waits for a restart."""

from __future__ import annotations

from typing import Any

from sensor.config.model import Config

RELOADABLE = ("detect", "publish.p_min", "publish.health_interval_s", "log.level")
"""Keys, or sections, that a daemon takes over on SIGHUP without losing a sample."""


def diff(old: Config, new: Config) -> tuple[list[str], list[str]]:
    """Dotted names of the keys that changed: those that can be taken over, and those that need a restart."""
    before, after = _leaves(old.plain()), _leaves(new.plain())
    changed = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    return [key for key in changed if is_reloadable(key)], [key for key in changed if not is_reloadable(key)]


def take_over(old: Config, new: Config) -> Config:
    """``old`` with the reloadable values of ``new``: what is in force after a reload."""
    before, after = old.plain(), new.plain()
    for name in RELOADABLE:
        *sections, last = name.split(".")
        source, target = after, before
        for section in sections:
            source, target = source[section], target[section]
        target[last] = source[last]
    return Config.model_validate(before)


def is_reloadable(key: str) -> bool:
    """Whether a dotted key, or its section, is taken over on a reload."""
    return any(key == name or key.startswith(f"{name}.") for name in RELOADABLE)


def _leaves(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested mapping as dotted keys; a list counts as one value."""
    flat: dict[str, Any] = {}
    for name, item in value.items():
        if isinstance(item, dict):
            flat |= _leaves(item, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = item
    return flat
