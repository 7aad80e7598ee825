"""Logging of the daemon and the commands: one line per record on standard error.

Under systemd the lines carry ``<N>``, which the journal turns into a priority, and no time, which the
journal adds. Elsewhere they begin with UTC. What repeats itself is written once and then counted, so that a
sick USB bus or an absent broker cannot fill a disk.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TextIO

Format = Literal["auto", "text", "json"]

REPEAT_S = 60.0
"""For so long a text that was written is not written again."""
FLOOD = 20
"""So many warnings of one place in the code are written in REPEAT_S, whatever they say."""
MAX_KEYS = 512
"""Texts and places remembered; the oldest is forgotten first."""

_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


def setup(
    level: str = "info",
    format: Format = "auto",  # noqa: A002  the key's name in the configuration
    *,
    stream: TextIO | None = None,
    environ: Mapping[str, str] = os.environ,
) -> None:
    """Send all logging to ``stream`` (standard error); a second call replaces what the first one set."""
    target = sys.stderr if stream is None else stream
    handler = LimitedHandler(target)
    if format == "json":
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(TextFormatter(journal=format == "auto" and under_journal(target, environ)))
    root = logging.getLogger()
    for old in [item for item in root.handlers if isinstance(item, LimitedHandler)]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    logging.captureWarnings(capture=True)
    set_level(level)


def set_level(level: str) -> None:
    """Least severity written from now on: debug, info, warning or error."""
    logging.getLogger().setLevel(level.upper())


def event(logger: logging.Logger, kind: str, /, **fields: object) -> None:
    """The one line of an event: its kind and its facts, as ``kind key=value ...`` or as JSON keys."""
    words = " ".join(f"{name}={_word(value)}" for name, value in fields.items())
    logger.info("%s %s", kind, words, extra={"kind": kind, "fields": fields}, stacklevel=2)


def under_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether ``stream`` goes straight to the journal: JOURNAL_STREAM names its device and inode."""
    try:
        stat = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM", "") == f"{stat.st_dev}:{stat.st_ino}"


def _word(value: object) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if not text or set(text) & set(' "=\n\t') else text


class TextFormatter(logging.Formatter):
    """One line for people: UTC, severity and text; for the journal its priority instead of the time."""

    def __init__(self, *, journal: bool) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line; further lines are indented, so that no text can pose as a record."""
        text = _text(record).translate(_CONTROL)
        if record.exc_info:
            text = f"{text}\n{self.formatException(record.exc_info)}"
        lines = text.split("\n")
        if self._journal:
            prefix = f"<{_priority(record.levelno)}>"
            return "\n".join(f"{prefix}{'  ' if number else ''}{line}" for number, line in enumerate(lines))
        head = f"{utc_text(record.created)} {record.levelname:<7} {record.name}: "
        return head + "\n  ".join(lines)


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON, an event's facts as keys of their own below ``fields``."""
        body: dict[str, Any] = {
            "time": utc_text(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _text(record),
        }
        for name in ("kind", "fields", "repeated"):
            if hasattr(record, name):
                body[name] = getattr(record, name)
        if record.exc_info:
            body["exception"] = self.formatException(record.exc_info)
        return json.dumps(body, default=str, ensure_ascii=False)


def utc_text(seconds: float) -> str:
    """Seconds since 1970 as ``2026-11-23T08:45:00.123Z``."""
    whole, milli = divmod(int(seconds * 1000), 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{milli:03d}Z"


def _priority(level: int) -> int:
    return next((priority for least, priority in _PRIORITIES if level >= least), 7)


@dataclass(slots=True)
class _Seen:
    since_s: float
    record: logging.LogRecord
    written: int = 0
    held: int = 0


_Seens = OrderedDict[tuple[object, ...], _Seen]


class LimitedHandler(logging.StreamHandler[TextIO]):
    """Writes records, but the same text at most once in REPEAT_S, one place's warnings at most FLOOD times.

    What was held back is counted and told by the first record after that time, or on close.
    """

    def __init__(self, stream: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream)
        self._clock = clock
        self._texts: _Seens = OrderedDict()
        self._places: _Seens = OrderedDict()

    def emit(self, record: logging.LogRecord) -> None:
        """Write, or count."""
        now_s = self._clock()
        self._forget(now_s - REPEAT_S)
        where = (record.pathname, record.lineno)
        place = self._seen(self._places, where, record, now_s)
        if record.levelno >= logging.WARNING and place.written >= FLOOD:
            place.held += 1
            return
        text = self._seen(self._texts, (*where, _text(record)), record, now_s)
        if text.written:
            text.held += 1
            return
        place.written += 1
        text.written += 1
        super().emit(record)

    def close(self) -> None:
        """Tell what was held back, then close."""
        self.acquire()
        try:
            self._forget(float("inf"))
        finally:
            self.release()
        super().close()

    def _seen(self, seens: _Seens, key: tuple[object, ...], record: logging.LogRecord, now_s: float) -> _Seen:
        if key not in seens:
            if len(seens) >= MAX_KEYS:
                self._report(seens.popitem(last=False)[1])
            plain = copy.copy(record)  # without arguments and traceback, which hold on to what they name
            plain.msg, plain.args, plain.exc_info, plain.exc_text = _text(record), None, None, None
            seens[key] = _Seen(now_s, plain)
        return seens[key]

    def _forget(self, until_s: float) -> None:
        """Drop what was first seen before ``until_s`` and tell how much of it was held back."""
        for seens in (self._texts, self._places):
            while seens and next(iter(seens.values())).since_s <= until_s:
                self._report(seens.popitem(last=False)[1])

    def _report(self, seen: _Seen) -> None:
        if seen.held:
            record = seen.record
            record.msg = f"{record.msg} (and {seen.held} more like this)"
            record.created = time.time()
            record.repeated = seen.held
            super().emit(record)


def _text(record: logging.LogRecord) -> str:
    """The record's message, even when its arguments do not fit: a bad log line must not stop the sensor."""
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        return f"{record.msg} {record.args}"
