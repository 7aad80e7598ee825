"""A payload as a JSON object that can be kept for ever: UTF-8, finite, the same when it is written again."""

from __future__ import annotations

import math
import re

from sensor import events
from sensor.errors import WireError

DEEPEST = 16
"""Levels of nesting; our messages have four."""
_SUSPICIOUS = re.compile(r"NaN|Infinity|\\u|[eE]\+?\d{3}")
"""Without one of these no number can fail to be finite and no text can hold half a character: most messages
need not be walked through."""


def read_message(payload: bytes) -> tuple[str, dict[str, object]]:
    """The text of a payload and the object in it.

    Raises:
        WireError: it is no UTF-8 (JSON allows other encodings, the contract does not), no JSON object, holds
            NaN or infinity, half a surrogate pair, or is nested without end.
    """
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        raise WireError(f"not UTF-8: {error.reason} at byte {error.start}") from error
    body = events.decode(text)
    if _SUSPICIOUS.search(text) or text.count("{") + text.count("[") > DEEPEST:
        _check(body, "message", DEEPEST)
    return text, body


def _check(value: object, path: str, levels: int) -> None:
    if levels == 0:
        raise WireError(f"nested deeper than {DEEPEST} levels")
    if isinstance(value, float) and not math.isfinite(value):
        raise WireError(f"{path}: {value} is no JSON number; a node sends null where a figure is unknown")
    if isinstance(value, str):
        _check_text(value, path)
    elif isinstance(value, dict):
        for name, item in value.items():
            _check_text(name, path)
            _check(item, f"{path}.{name[:40]}", levels - 1)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _check(item, f"{path}[{number}]", levels - 1)


def _check_text(text: str, path: str) -> None:
    if text.isascii():
        if "\0" in text:
            raise WireError(f"{path}: holds a NUL character")
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise WireError(f"{path}: holds half of a surrogate pair") from error
    if "\0" in text:
        raise WireError(f"{path}: holds a NUL character")
