"""The example file and the effective configuration, written from the classes."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from sensor.config.catalogue import REQUIRED, Key, catalogue
from sensor.config.model import Config
from sensor.config.reload import is_reloadable

WIDTH = 110
HEAD = """\
# Configuration of gunshot-sensor: every key, commented out at its default.
#
# To change a value, take away the # that stands directly before its key; leave section names as they are.
# `gunshot-sensor config check -c FILE` names every fault of a file, `config show` prints what is in force.
# [reload]: taken over by `systemctl reload gunshot-sensor`; every other key waits for a restart.
# Units are part of the names: _hz _s _ns _m _deg _db _dbfs _ppm.
"""

_SAMPLES = {"lat_deg": 35.99403, "lon_deg": -78.89862, "height_m": 90.0}
"""Shown for keys that have no default: a roof in Durham, NC."""
_SAFE = re.compile(r"(~/|[A-Za-z/])[A-Za-z0-9_./~-]*")
_WORDS = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")


def example_text(
    owner: type[Any] = Config, head: str = HEAD, reloadable: Callable[[str], bool] = is_reloadable
) -> str:
    """The text of ``config.example.yaml``, or of another configuration's example."""
    keys = catalogue(owner)
    lines = [head.rstrip("\n")]
    for key in keys.values():
        lines += _entry(key, keys, reloadable)
    return "\n".join(lines) + "\n"


def show_text(config: Config) -> str:
    """The effective configuration as YAML that reads back to the same values."""
    return f"# digest {config.digest}\n{dump_text(config.plain())}"


def dump_text(plain: Mapping[str, Any]) -> str:
    """Values by key as YAML."""
    return "\n".join(_dump(plain, "")) + "\n"


def yaml_scalar(value: Any) -> str:  # noqa: ANN401  any value of a setting
    """A value as it stands in the file; text is quoted only where it would be read as something else."""
    value = value.value if isinstance(value, Enum) else value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "[" + ", ".join(yaml_scalar(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {yaml_scalar(item)}" for name, item in value.items()) + "}"
    if isinstance(value, str | Path):
        text = str(value)
        plain = _SAFE.fullmatch(text) and text.lower() not in _WORDS
        return text if plain else json.dumps(text, ensure_ascii=False)
    return repr(value)


def _entry(key: Key, keys: Mapping[tuple[str, ...], Key], reloadable: Callable[[str], bool]) -> list[str]:
    indent = "  " * (len(key.path) - 1)
    switch = _switch(key, keys)
    room = WIDTH - 3 - len(indent)
    comment = [
        f"{indent}# {line}" for line in textwrap.wrap(_comment(key, reloadable), room, break_on_hyphens=False)
    ]
    if key.section is not None:
        lines = [*comment, f"{indent}{key.name}:"]
    else:
        lines = [*comment, f"{indent}{'' if switch is not None else '#'}{key.name}: {_value(key)}"]
    if switch is not None:  # the whole section is one that is off: one # in front switches it on
        outer = [] if key.section is None or switch < len(key.path) - 1 else comment
        inner = [line[: 2 * switch] + "#" + line[2 * switch :] for line in lines[len(outer) :]]
        lines = outer + inner
    return ["", *lines] if len(key.path) == 1 else lines


def _switch(key: Key, keys: Mapping[tuple[str, ...], Key]) -> int | None:
    """Depth of the outermost section round ``key`` that is off by default; None when all are on."""
    for depth in range(len(key.path)):
        holder = keys[key.path[: depth + 1]]
        if holder.section is not None and holder.default is None:
            return depth
    return None


def _value(key: Key) -> str:
    if key.default is REQUIRED:
        return yaml_scalar(_SAMPLES[key.name])
    return "null" if key.computed else yaml_scalar(key.default)


def _comment(key: Key, reloadable: Callable[[str], bool]) -> str:
    allowed = f" [{key.allowed}]" if key.allowed and key.allowed not in key.meaning else ""
    reload = " [reload]" if key.section is None and reloadable(".".join(key.path)) else ""
    return f"{key.meaning.replace('``', '`')}{allowed}{reload}"


def _dump(values: Mapping[str, Any], indent: str) -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield f"{indent}{name}:"
            yield from _dump(value, indent + "  ")
        else:
            yield f"{indent}{name}: {yaml_scalar(value)}"
