"""The log is one line per record, fit for the journal, and what repeats itself is counted."""

from __future__ import annotations

import gc
import io
import json
import logging
import os
import re
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor import logs

PLACE = ("/code.py", 7)


@pytest.fixture
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in list(root.handlers):
        if handler not in handlers:
            root.removeHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def record(
    text: str, level: int = logging.INFO, *arguments: object, place: tuple[str, int] = PLACE
) -> logging.LogRecord:
    return logging.LogRecord("sensor.x", level, *place, text, arguments, None)


class Limited:
    """A limited handler with a clock in the test's hand."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.stream = io.StringIO()
        self.handler = logs.LimitedHandler(self.stream, clock=lambda: self.now_s)

    def log(self, text: str, level: int = logging.INFO, place: tuple[str, int] = PLACE) -> None:
        self.handler.handle(record(text, level, place=place))

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()


@pytest.mark.usefixtures("restored")
def test_a_line_on_a_terminal_begins_with_utc_and_severity() -> None:
    stream = io.StringIO()
    logs.setup("info", "auto", stream=stream, environ={})
    logging.getLogger("sensor.test").warning("the %s is gone", "microphone")
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z WARNING sensor\.test: the microphone is gone\n",
        stream.getvalue(),
    )


def test_under_the_journal_every_line_has_its_priority_and_no_time() -> None:
    program = (
        "import logging, os, sys\n"
        "from sensor import logs\n"
        "stat = os.fstat(2)\n"
        "logs.setup('debug', 'auto', environ={'JOURNAL_STREAM': f'{stat.st_dev}:{stat.st_ino}'})\n"
        "log = logging.getLogger('x')\n"
        "log.debug('d'); log.info('i'); log.warning('w\\nmore'); log.error('e'); log.critical('c')\n"
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    log.exception('boom')\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    lines = result.stderr.splitlines()
    assert lines[:7] == ["<7>d", "<6>i", "<4>w", "<4>  more", "<3>e", "<2>c", "<3>boom"]
    assert all(line.startswith("<3>  ") for line in lines[7:])


def test_a_journal_that_is_not_this_stream_is_not_believed() -> None:
    with Path(os.devnull).open("w", encoding="utf-8") as stream:
        assert not logs.under_journal(stream, {"JOURNAL_STREAM": "1:2"})
        assert not logs.under_journal(stream, {})
    assert not logs.under_journal(io.StringIO(), {"JOURNAL_STREAM": "1:2"})


@pytest.mark.usefixtures("restored")
def test_json_is_one_object_a_line_with_the_facts_of_an_event() -> None:
    stream = io.StringIO()
    logs.setup("info", "json", stream=stream)
    logs.event(logging.getLogger("sensor.daemon"), "candidate", p=0.93, utc_ns=5, name="a b")
    body = json.loads(stream.getvalue())
    assert body["message"] == 'candidate p=0.93 utc_ns=5 name="a b"'
    assert body["kind"] == "candidate"
    assert body["fields"] == {"p": 0.93, "utc_ns": 5, "name": "a b"}
    assert (body["level"], body["logger"]) == ("info", "sensor.daemon")


@pytest.mark.usefixtures("restored")
def test_the_level_is_obeyed_and_can_be_changed_while_running() -> None:
    stream = io.StringIO()
    logs.setup("warning", "text", stream=stream)
    logger = logging.getLogger("sensor.level")
    logger.info("one")
    logs.set_level("debug")
    logger.debug("two")
    assert [line.rpartition(": ")[2] for line in stream.getvalue().splitlines()] == ["two"]


@pytest.mark.usefixtures("restored")
def test_setting_up_twice_writes_once() -> None:
    first, second = io.StringIO(), io.StringIO()
    logs.setup(stream=first)
    logs.setup(stream=second)
    logging.getLogger("sensor.twice").warning("x")
    assert first.getvalue() == ""
    assert len(second.getvalue().splitlines()) == 1


def test_what_repeats_itself_is_written_once_and_then_counted() -> None:
    limited = Limited()
    for _ in range(8000):
        limited.log("usb overrun", logging.WARNING)
    assert limited.lines == ["usb overrun"]
    limited.now_s += logs.REPEAT_S
    limited.log("something else", place=("/other.py", 1))
    assert limited.lines == ["usb overrun", "usb overrun (and 7999 more like this)", "something else"]


def test_after_a_while_a_text_may_come_again() -> None:
    limited = Limited()
    for _ in range(3):
        limited.log("broker refused", logging.WARNING)
        limited.now_s += logs.REPEAT_S
    assert limited.lines == ["broker refused"] * 3


def test_a_flood_of_warnings_that_differ_is_cut_by_the_place_they_come_from() -> None:
    limited = Limited()
    for number in range(1000):
        limited.log(f"lost {number} samples", logging.WARNING)
    limited.log("another place", logging.WARNING, place=("/other.py", 1))
    limited.handler.close()
    assert len(limited.lines) == logs.FLOOD + 2
    assert limited.lines[-1] == f"lost 0 samples (and {1000 - logs.FLOOD} more like this)"


def test_events_are_never_cut() -> None:
    limited = Limited()
    for number in range(3000):
        limited.log(f"candidate seq={number}")
    assert limited.lines == [f"candidate seq={number}" for number in range(3000)]


def test_what_is_remembered_is_bounded_and_what_is_forgotten_is_told() -> None:
    limited = Limited()
    limited.log("first")
    limited.log("first")
    for number in range(2 * logs.MAX_KEYS):
        limited.log(f"other {number}")
    assert "first (and 1 more like this)" in limited.lines
    assert len(limited.handler._texts) <= logs.MAX_KEYS


def test_a_traceback_is_written_and_not_kept() -> None:
    limited = Limited()

    class Large:
        pass

    def fail() -> None:
        large = Large()
        alive.append(weakref.ref(large))
        raise ValueError("boom")

    alive: list[weakref.ref[Large]] = []
    for _ in range(2):
        try:
            fail()
        except ValueError:
            line = logging.LogRecord("x", logging.ERROR, *PLACE, "failed", (), sys.exc_info())
            limited.handler.handle(line)
            del line
    gc.collect()
    assert "ValueError: boom" in limited.stream.getvalue()
    assert [reference() for reference in alive] == [None, None]


def test_closing_tells_what_was_held_back() -> None:
    limited = Limited()
    limited.log("x")
    limited.log("x")
    limited.handler.close()
    assert limited.lines == ["x", "x (and 1 more like this)"]


def test_a_bad_log_call_is_written_and_not_raised() -> None:
    limited = Limited()
    limited.handler.setFormatter(logs.TextFormatter(journal=False))
    limited.handler.handle(record("%d samples", logging.INFO, "many"))
    assert limited.lines[0].endswith("sensor.x: %d samples ('many',)")


def test_a_message_cannot_pose_as_another_record_or_move_the_terminal() -> None:
    formatter = logs.TextFormatter(journal=True)
    text = formatter.format(record("rubbish from the broker\n<0>panic \x1b[2J\r"))
    assert text == "<6>rubbish from the broker\n<6>  <0>panic \\x1b[2J\\x0d"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1_795_000_000.9996, "2026-11-18T11:06:40.999Z"),
        (0.0005, "1970-01-01T00:00:00.000Z"),
    ],
)
def test_utc_is_cut_to_the_millisecond_and_never_rounded_up(seconds: float, text: str) -> None:
    assert logs.utc_text(seconds) == text
