"""What pydantic found, in the words of someone who edits a file on a roof."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sensor.config.catalogue import Key, catalogue
from sensor.config.yaml_reader import Document, Fault, KeyPath, dotted

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_SECRET = re.compile(r"pass(word|wd|phrase)?|secret|token|api_?key|credential|pin|psk", re.IGNORECASE)
_YAML_BOOL = re.compile(r"on|off|yes|no|y|n", re.IGNORECASE)
_NUMBER_HABITS = (
    (re.compile(r"[-+.0-9eE]+$"), "take the quotes away"),
    (re.compile(r"[0-9]+(:[0-9]+)+$"), "hours and minutes are not understood"),
    (re.compile(r"[-+]?[0-9.]+,[0-9]+$"), "write decimals with a point"),
    (re.compile(r"[-+]?[0-9.]+ *[a-zA-Z%°]"), "the unit is in the key's name, leave it out here"),
)
"""How people write numbers that are none, and what to tell them."""
_MISSING = ("missing", "missing_keyword_only_argument")
_OUT_OF_RANGE = ("greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number")


def validation_faults(
    document: Document, error: ValidationError, keys: Mapping[tuple[str, ...], Key] | None = None
) -> list[Fault]:
    """One fault for each key that pydantic refused; keys the reader refused already are left out.

    ``keys`` is the catalogue of the configuration that was asked for; None = a node's.
    """
    keys = catalogue() if keys is None else keys
    faults: dict[KeyPath, Fault] = {}
    for detail in error.errors(include_url=False):
        path = _place(document, detail, keys)
        if path in faults or any(path[: len(bad)] == bad for bad in document.bad):
            continue
        key = keys.get(tuple(part for part in path if isinstance(part, str)))
        faults[path] = Fault(_line(document, path), dotted(path), _text(detail, path, key, keys))
    return list(faults.values())


def _place(document: Document, detail: ErrorDetails, keys: Mapping[tuple[str, ...], Key]) -> KeyPath:
    """Where the fault is; a section's own check may begin with the name of the key it is about."""
    loc = detail["loc"]
    if detail["type"] in _MISSING:
        return loc
    if detail["type"] == "value_error":
        named = (*loc, str(detail["ctx"]["error"]).partition(" ")[0])
        if tuple(str(part) for part in named) in keys:
            return named
    return _known_path(document, loc)


def _known_path(document: Document, loc: KeyPath) -> KeyPath:
    """``loc`` without the tail that names a branch of a union and not a place in the file."""
    path = loc
    while path and path not in document.lines:
        path = path[:-1]
    return path


def _line(document: Document, path: KeyPath) -> int:
    return document.lines.get(_known_path(document, path), 0)


def _text(detail: ErrorDetails, path: KeyPath, key: Key | None, keys: Mapping[tuple[str, ...], Key]) -> str:
    if detail["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return _unknown(path, keys)
    return str(detail["msg"]) if key is None else _refused(detail, key)


def _refused(detail: ErrorDetails, key: Key) -> str:
    """What is wrong with the value of a key that exists."""
    kind, value = detail["type"], detail["input"]
    shown = _shown(value)
    if kind in _MISSING:
        text = f"is missing; add it ({_of(key)}): {key.meaning}"
    elif kind == "value_error":
        text = str(detail["ctx"]["error"]).removeprefix(f"{key.name} ")
    elif key.section is not None:
        text = f"is a section: put its keys below it, indented; {shown} cannot stand here"
    elif value is None:
        text = f"has no value; give {_of(key)} or delete the line"
    elif kind in _OUT_OF_RANGE:
        text = f"{shown} is out of range; give {_of(key)}"
    elif kind in ("literal_error", "enum"):
        text = f"{shown} is none of the choices; {_nearest(str(value), _choices(key))}give {key.allowed}"
    elif kind in ("string_too_short", "string_too_long"):
        text = f"'{shown}' has the wrong length; give {_of(key)}"
    elif kind == "string_pattern_mismatch":
        text = f"{shown} cannot be used; {key.meaning}"
    else:
        text = f"{shown} is {_kind(value)}; give {_of(key)}{_advice(key, value)}"
    return text


def _of(key: Key) -> str:
    return (
        f"{key.wanted}, {key.allowed}"
        if key.allowed and key.wanted != "one of the choices"
        else key.allowed or key.wanted
    )


def _choices(key: Key) -> list[str]:
    return re.split(r", | or ", key.allowed)


def _shown(value: Any) -> str:  # noqa: ANN401  any value of a file
    if isinstance(value, Mapping):
        return "a section"
    if isinstance(value, list):
        return "a list"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _kind(value: Any) -> str:  # noqa: ANN401  any value of a file
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int):
        return "a whole number"
    if isinstance(value, float):
        return "a number with decimals"
    return "text" if isinstance(value, str) else "no single value"


def _advice(key: Key, value: Any) -> str:  # noqa: ANN401  any value of a file
    """A further hint where the cause is a habit of YAML's."""
    if key.wanted == "true or false" and isinstance(value, str) and _YAML_BOOL.fullmatch(value):
        return f"; {value} is only a word in YAML 1.2"
    if key.wanted in ("a number", "a whole number") and isinstance(value, str):
        return next((f"; {text}" for pattern, text in _NUMBER_HABITS if pattern.match(value)), "")
    if key.wanted in ("text", "a path") and not isinstance(value, Mapping | list):
        return f"; put it in quotes: '{_shown(value)}'"
    return ""


def _nearest(word: str, words: list[str]) -> str:
    found = difflib.get_close_matches(word.lower(), words, n=1, cutoff=0.6)
    return f"did you mean {found[0]}? " if found else ""


def _unknown(path: KeyPath, keys: Mapping[tuple[str, ...], Key]) -> str:
    """What to do about a key that does not exist: nearest name, other section, or the list."""
    word, section = str(path[-1]), tuple(str(part) for part in path[:-1])
    if _SECRET.search(word):
        files = [".".join(key.path) for key in keys.values() if key.name == "password_file"]
        where = f" and name that file in {' or '.join(files)}" if files else ""
        return f"unknown key; secrets are never written here: put it in a file of the daemon's user{where}"
    siblings = [key.name for key in keys.values() if key.path[:-1] == section]
    near = difflib.get_close_matches(word.lower(), siblings, n=1, cutoff=0.7)
    if near:
        return f"unknown key; did you mean {near[0]}?"
    exact = [key for key in keys.values() if key.name == word]
    if exact:
        return f"unknown key here; {'.'.join(exact[0].path)} exists: {_move(exact[0], section)}"
    names = {key.name: key for key in keys.values()}
    close = difflib.get_close_matches(word.lower(), list(names), n=1, cutoff=0.75)
    if close:
        return (
            f"unknown key; did you mean {'.'.join(names[close[0]].path)}? {_move(names[close[0]], section)}"
        )
    holder = f"{'.'.join(section)} has" if section else "there are"
    return f"unknown key; {holder} {', '.join(siblings)}"


def _move(key: Key, section: tuple[str, ...]) -> str:
    if len(key.path) == 1:
        return "move it to the left margin"
    if not section:
        return f"put it below {'.'.join(key.path[:-1])}:, indented"
    return f"move it below {'.'.join(key.path[:-1])}:"
