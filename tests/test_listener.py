"""The thread that hears ends in words, never in silence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from sensor.capture.source import CaptureStats
from sensor.errors import DeviceError, OutboxError
from sensor.events import Candidate
from sensor.listener import Listener
from sensor.pipeline import Pipeline
from sensor.types import Block
from tests.support.impulses import bursts
from tests.support.patience import PATIENCE_S
from tests.test_pipeline import ONSETS_S, RATE_HZ, pipeline


@dataclass
class Scripted:
    """A source that yields what it was given, then raises what it was given."""

    blocks_: list[Block]
    fault: Exception | None = None
    rates_hz: list[float] = field(default_factory=list)
    name: str = "scripted"
    rate_hz: float = RATE_HZ
    channels: int = 1
    closed: bool = False

    def open(self) -> None: ...

    def blocks(self) -> Iterator[Block]:
        for number, block in enumerate(self.blocks_):
            if number < len(self.rates_hz):
                self.rate_hz = self.rates_hz[number]
            yield block
        if self.fault is not None:
            raise self.fault

    def close(self) -> None:
        self.closed = True

    def stats(self) -> CaptureStats:
        return CaptureStats(device=self.name)


def street() -> list[Block]:
    samples = bursts(ONSETS_S, seconds=2.5, rate_hz=RATE_HZ)[np.newaxis]
    return [Block(0, samples[:, :RATE_HZ], 0), Block(RATE_HZ, samples[:, RATE_HZ:], 0)]


def listen(source: Scripted, store: Any = None) -> tuple[Listener, list[Candidate]]:
    stored: list[Candidate] = []
    listener = Listener(source, lambda _source: pipeline(), store or stored.append)
    listener.start()
    assert listener.finished.wait(PATIENCE_S)
    assert listener.stop(PATIENCE_S)
    return listener, stored


def test_stream_that_ends_is_flushed_and_its_source_closed() -> None:
    source = Scripted(street())
    listener, stored = listen(source)
    assert (len(stored), listener.error, listener.processed) == (len(ONSETS_S), None, 2)
    assert source.closed


def test_candidates_before_a_device_error_are_stored() -> None:
    listener, stored = listen(Scripted(street(), fault=DeviceError("gone")))
    assert len(stored) == len(ONSETS_S)
    assert isinstance(listener.error, DeviceError)


def test_bug_in_the_path_ends_the_listener_with_an_error(caplog: pytest.LogCaptureFixture) -> None:
    """A process that is alive but deaf would be worse."""
    listener, _ = listen(Scripted(street(), fault=ZeroDivisionError("bug")))
    assert "ZeroDivisionError" in str(listener.error)
    assert "Traceback" in caplog.text


def test_candidate_that_cannot_be_stored_costs_only_itself(caplog: pytest.LogCaptureFixture) -> None:
    stored: list[Candidate] = []

    def refuse_first(candidate: Candidate) -> None:
        if not stored:
            stored.append(candidate)
            raise OutboxError("closed")
        stored.append(candidate)

    listener, _ = listen(Scripted(street()), refuse_first)
    assert listener.error is None
    assert len(stored) == len(ONSETS_S)
    assert "could not be stored: closed" in caplog.text


def test_another_rate_gets_another_pipeline() -> None:
    built: list[Pipeline] = []
    source = Scripted(street(), rates_hz=[RATE_HZ, 2 * RATE_HZ])

    def build(_source: object) -> Pipeline:
        built.append(pipeline())
        return built[-1]

    listener = Listener(source, build, lambda _candidate: None)
    listener.start()
    assert listener.finished.wait(PATIENCE_S)
    assert len(built) == 2
