"""YAML as people read it: PyYAML's parser below, the YAML 1.2 core schema above, no surprises between.

PyYAML's own loaders follow YAML 1.1, where ``on`` is true, ``12:30:45`` is 45045, ``012`` is 10, ``1e3``
is text and the second of two equal keys wins without a word. Here ``on`` and ``12:30:45`` are the text
they look like, ``1e3`` is a thousand, and what two versions of YAML read differently is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from sensor.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

KeyPath = tuple[str | int, ...]
"""Where a value stands: keys and list indices from the top of the file."""

MAX_BYTES = 262_144
"""Larger than any configuration; the parser is slow, and a wrong file may be a recording."""
MAX_DEPTH = 8
"""Sections within sections; ours have two."""
MAX_DIGITS = 40

_NULLS = ("", "~", "null", "Null", "NULL")
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_INT_BASE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_UNDERSCORE = re.compile(r"[-+]?[0-9][0-9_]*_[0-9_]*(\.[0-9_]*)?")
_BINARY = re.compile(r"[-+]?0b[01_]+")


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing wrong in a file."""

    line: int
    """Counted from 1; 0 when the fault is in no line."""
    key: str
    """Dotted path such as ``publish.p_min``; empty when it is about the whole file."""
    text: str
    """What is wrong and how to mend it."""


@dataclass(slots=True)
class Document:
    """A YAML file: its values and where each of them stands."""

    name: str
    """The file's name as the user gave it."""
    data: dict[str, Any] = field(default_factory=dict)
    lines: dict[KeyPath, int] = field(default_factory=dict)
    """Line of each value, counted from 1."""
    texts: dict[KeyPath, str] = field(default_factory=dict)
    """Each scalar as it is written."""
    faults: list[Fault] = field(default_factory=list)
    bad: set[KeyPath] = field(default_factory=set)
    """Values that already have a fault and are missing from ``data``."""


def dotted(path: KeyPath) -> str:
    """``('audio', 'channels', 0)`` as ``audio.channels[0]``."""
    out = ""
    for part in path:
        out += f"[{part}]" if isinstance(part, int) else f".{part}" if out else part
    return out


def read_text(path: Path, program: str = "gunshot-sensor") -> str:
    """Text of a configuration file of ``program``.

    Raises:
        ConfigError: there is none to be had; it names the file.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file; `{program} config example` prints one") from error
    except PermissionError as error:
        raise ConfigError(
            f"{path}: this user may not read it; run as another or give it the right"
        ) from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(content) > MAX_BYTES:
        raise ConfigError(
            f"{path}: larger than {MAX_BYTES // 1024} kB, so no configuration; is it the right file?"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}:{line} not UTF-8 text; save the file as UTF-8") from error


def read_yaml(text: str, name: str) -> Document:
    """Read one YAML document whose top is a mapping.

    Faults in keys and values are collected in the result. ConfigError is raised only when the text is not
    YAML at all, so that nothing after the fault can be trusted.
    """
    document = Document(name)
    try:
        _Builder(document, yaml.parse(text, Loader=yaml.SafeLoader)).build()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ConfigError(f"{name}:{line} {_syntax_text(error, text, line)}") from error
    except yaml.reader.ReaderError as error:
        line = text[: int(error.position)].count("\n") + 1
        raise ConfigError(f"{name}:{line} holds a control character, which YAML does not allow") from error
    return document


def _syntax_text(error: yaml.MarkedYAMLError, text: str, line: int) -> str:
    lines = text.splitlines()
    shown = lines[line - 1] if line <= len(lines) else ""
    if "\t" in shown[: len(shown) - len(shown.lstrip())] or "'\\t'" in str(error.problem):
        return "a tab where YAML wants spaces; indent with spaces"
    if "mapping values are not allowed" in str(error.problem):
        return "not YAML: a second ': ' in the line, or an indentation that does not match the lines above"
    return f"not YAML: {error.problem}; look at this line and the one above (indentation, quotes, colon)"


class _Builder:
    """Turns the parser's events into a Document."""

    def __init__(self, document: Document, events: Iterator[Any]) -> None:
        self._document = document
        self._events = events

    def build(self) -> None:
        document_seen = False
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if document_seen:
                    self._fatal(
                        event, "a second document begins here; a configuration is one, delete the ---"
                    )
                document_seen = True
            elif isinstance(event, yaml.NodeEvent):
                self._top(event)

    def _top(self, event: Any) -> None:  # noqa: ANN401  PyYAML's events are untyped
        if isinstance(event, yaml.ScalarEvent) and event.style is None and event.value in _NULLS:
            return  # nothing but comments and an empty value
        value = self._value(event, ())
        if not isinstance(value, dict):
            self._fatal(event, "the top of the file must be keys with values, such as `site: durham`")
        self._document.data = value

    def _value(self, event: Any, path: KeyPath) -> Any:  # noqa: ANN401  any YAML value
        self._document.lines.setdefault(path, event.start_mark.line + 1)
        if len(path) > MAX_DEPTH:
            self._fatal(event, f"more than {MAX_DEPTH} levels deep; check the indentation and the brackets")
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            self._bad(path, event, "anchors and aliases (& and *) are not used here; write the value out")
        if getattr(event, "tag", None) is not None:
            self._bad(path, event, f"a tag ({event.tag}) is not used here; write the plain value")
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        return self._scalar(event, path)

    def _mapping(self, path: KeyPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        first_line: dict[str, int] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                self._fatal(event, "a key must be a plain word; is a colon or a quote missing?")
            key, line = str(event.value), event.start_mark.line + 1
            if not key.isprintable():
                self._fatal(event, "a key holds a control character")
            here = (*path, key)
            if key == "<<":
                self._bad(here, event, "merge keys (<<) are not used here; write the keys out")
            if key in first_line:
                self._bad(here, event, f"given twice, first in line {first_line[key]}; delete one of the two")
            first_line.setdefault(key, line)
            self._document.lines.setdefault(here, line)
            value = self._value(next(self._events), here)
            if key not in result and here not in self._document.bad:
                result[key] = value
        return {key: value for key, value in result.items() if (*path, key) not in self._document.bad}

    def _sequence(self, path: KeyPath) -> list[Any]:
        result: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            result.append(self._value(event, (*path, len(result))))
        return result

    def _scalar(self, event: Any, path: KeyPath) -> Any:  # noqa: ANN401  any YAML scalar
        if isinstance(event, yaml.AliasEvent):
            return None
        text = str(event.value)
        self._document.texts.setdefault(path, text)
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
            # An escape such as "\\0" or "\\ud800"; no name, path or password file has one.
            self._bad(path, event, "holds a control character; write the text in one plain line")
            return None
        if event.style is not None:  # quoted or block: text, whatever it looks like
            return text
        try:
            return _plain(text)
        except ValueError as error:
            self._bad(path, event, str(error))
            return None

    def _bad(self, path: KeyPath, event: Any, text: str) -> None:  # noqa: ANN401  PyYAML's events are untyped
        self._document.faults.append(Fault(event.start_mark.line + 1, dotted(path), text))
        self._document.bad.add(path)

    def _fatal(self, event: Any, text: str) -> None:  # noqa: ANN401  PyYAML's events are untyped
        raise ConfigError(f"{self._document.name}:{event.start_mark.line + 1} {text}")


def _plain(text: str) -> str | int | float | bool | None:
    """Value of an unquoted scalar by the YAML 1.2 core schema; ValueError where two versions differ."""
    if text in _NULLS:
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text.lower() == "true"
    if len(text) > MAX_DIGITS and _FLOAT.fullmatch(text):
        raise ValueError("a number of so many digits is surely a mistake")
    if _LEADING_ZERO.fullmatch(text):
        raise ValueError(f"{text} is octal in some versions of YAML; write {int(text)}, or '{text}' for text")
    if _UNDERSCORE.fullmatch(text) or _BINARY.fullmatch(text):
        raise ValueError(f"{text} is a number only in some versions of YAML; write plain digits, or '{text}'")
    if _SPECIAL.fullmatch(text):
        raise ValueError(f"{text} is not a figure; write a finite number")
    if _INT.fullmatch(text):
        return int(text)
    if _INT_BASE.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return _float(text)
    return text


def _float(text: str) -> int | float:
    """A finite number; ``48e3`` is the integer it means, ``48.0`` stays a float."""
    value = float(text)
    if abs(value) == float("inf"):
        raise ValueError(f"{text} is beyond any figure a computer holds")
    return int(value) if "e" in text.lower() and value.is_integer() and abs(value) < 2**53 else value
