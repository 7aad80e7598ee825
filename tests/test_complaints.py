"""Complaints that go on: said at once, counted, said again."""

from __future__ import annotations

import logging

import pytest

from sensor import complaints as module
from sensor.complaints import Complaints


@pytest.fixture
def complaints() -> Complaints:
    return Complaints(logging.getLogger("test"))


def test_the_same_text_is_logged_once_within_the_interval_and_then_with_its_count(
    complaints: Complaints, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now_s)
    for _ in range(5):
        complaints.warn("broker away")
    complaints.error("disk full")
    now_s = module.INTERVAL_S + 1.0
    complaints.warn("broker away")
    assert caplog.messages == ["broker away", "disk full", "broker away (4 more like it since)"]
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR", "WARNING"]


def test_texts_of_one_kind_are_one_complaint_until_it_is_settled(
    complaints: Complaints, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(1_000):
        complaints.warn(f"no microphone, attempt {number}", kind="absent")
    complaints.warn("it hangs", kind="hung")
    assert caplog.messages == ["no microphone, attempt 0", "it hangs"]
    complaints.settle("absent")
    complaints.warn("no microphone again", kind="absent")
    assert caplog.messages[2:] == ["no microphone again"]


def test_many_different_complaints_do_not_fill_the_memory(
    complaints: Complaints, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(1000):
        complaints.warn(f"trouble {number}")
    assert len(complaints._said) <= 64
    assert len(caplog.records) == 1000
