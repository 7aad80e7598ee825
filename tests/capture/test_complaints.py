from __future__ import annotations

import logging

import pytest

from sensor.capture.complaints import Complaints


def test_a_repeated_complaint_is_logged_once_until_it_is_settled(caplog: pytest.LogCaptureFixture) -> None:
    complaints = Complaints(logging.getLogger("test"))
    for _ in range(1_000):
        complaints.warn("absent", "no microphone")
    complaints.warn("hung", "it hangs")
    assert caplog.messages == ["no microphone", "it hangs"]
    complaints.settle("absent")
    complaints.warn("absent", "no microphone")
    assert caplog.messages[2:] == ["no microphone"]


def test_a_complaint_that_goes_on_says_how_often_it_was_withheld(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    complaints = Complaints(logging.getLogger("test"))
    for _ in range(4):
        complaints.warn("absent", "no microphone")
    monkeypatch.setattr("sensor.capture.complaints.PAUSE_S", 0.0)
    complaints.warn("absent", "no microphone")
    assert caplog.messages == ["no microphone", "no microphone (3 more like it since)"]
