from __future__ import annotations

from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.capture.adctime import Header
from sensor.capture.reader import Chunk, LossCounts, Reader
from sensor.capture.ring import Ring
from tests.support.patience import PATIENCE_S

RATE_HZ = 48_000
FRAMES = 480
SPAN_NS = 10_000_000
START_NS = 5_000_000_000_000
UTC_NS = 1_795_000_000_000_000_000


class Callback:
    """Does what PortAudio's callback does, as often as it is told to."""

    def __init__(self, capacity: int = 20 * FRAMES) -> None:
        self.ring = Ring(1, capacity)
        self.headers: deque[Header] = deque(maxlen=capacity // FRAMES + 1)
        self.passed = 0

    def __call__(self, times: int = 1, *, lost: int = 0, overflow: bool = False) -> None:
        for number in range(times):
            self.passed += FRAMES + (lost if number == 0 else 0)
            now_ns = START_NS + round(self.passed / RATE_HZ * 1e9)
            self.headers.append(
                Header(
                    first=self.ring.end,
                    frames=FRAMES,
                    adc_s=(now_ns - SPAN_NS) * 1e-9,
                    current_s=now_ns * 1e-9,
                    mono_ns=now_ns + 100_000,
                    real_ns=now_ns + UTC_NS,
                    overflow=overflow and number == 0,
                )
            )
            self.ring.write(np.full((FRAMES, 1), self.ring.end // FRAMES, dtype=np.float32))


def accounted(chunks: list[Chunk]) -> int:
    return sum(chunk.samples.shape[1] + chunk.lost for chunk in chunks)


def test_samples_come_out_whole_in_order_and_timed() -> None:
    callback, counts = Callback(), LossCounts()
    reader = Reader(callback.ring, callback.headers, RATE_HZ, counts)
    chunks = []
    for _ in range(50):
        callback(2)
        chunks += list(reader.take())
    heard = np.concatenate([chunk.samples[0] for chunk in chunks])
    np.testing.assert_array_equal(heard, np.repeat(np.arange(100, dtype=np.float32), FRAMES))
    for number, chunk in enumerate(chunks):
        assert chunk.mono_ns == pytest.approx(START_NS + number * SPAN_NS, abs=2_000)
        assert chunk.end_ns == pytest.approx(START_NS + (number + 1) * SPAN_NS, abs=2_000)
    assert counts == LossCounts()


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.booleans()), min_size=1, max_size=40))
def test_a_reader_that_is_lapped_counts_every_sample_as_heard_or_lost(
    turns: list[tuple[int, bool]],
) -> None:
    """Whatever the pace of writer and reader, no sample is unaccounted for and none is heard wrong."""
    callback, counts = Callback(), LossCounts()
    reader = Reader(callback.ring, callback.headers, RATE_HZ, counts)
    chunks: list[Chunk] = []
    for written, lap_midway in turns:
        callback(written)
        for chunk in reader.take():
            chunks.append(chunk)
            if lap_midway and len(chunks) % 7 == 0:
                callback(15)
    callback()
    chunks += list(reader.finish())
    assert accounted(chunks) == callback.ring.end
    at = 0
    for chunk in chunks:
        at += chunk.lost
        assert chunk.samples[0].tolist() == [at // FRAMES] * FRAMES
        at += FRAMES
    assert (counts.overruns > 0) == any(chunk.lost for chunk in chunks)


def test_a_lapped_reader_goes_on_with_new_samples_not_with_the_oldest() -> None:
    callback, counts = Callback(capacity=20 * FRAMES), LossCounts()
    reader = Reader(callback.ring, callback.headers, RATE_HZ, counts)
    callback(5)
    assert len(list(reader.take())) == 5
    callback(30)
    chunks = list(reader.take())
    assert counts.overruns == 1
    assert chunks[0].lost >= 20 * FRAMES
    assert accounted(chunks) == 30 * FRAMES


@pytest.mark.parametrize("overflow", [True, False])
def test_samples_that_the_driver_lost_are_lost_before_the_block_that_follows(overflow: bool) -> None:  # noqa: FBT001  parametrised
    callback, counts = Callback(capacity=200 * FRAMES), LossCounts()
    reader = Reader(callback.ring, callback.headers, RATE_HZ, counts)
    callback(50)
    callback(60, lost=2_000, overflow=overflow)
    chunks = list(reader.take())
    assert [number for number, chunk in enumerate(chunks) if chunk.lost] == [50]
    assert chunks[50].lost == pytest.approx(2_000, abs=10)
    assert counts == LossCounts(overruns=0, xruns=1)


def test_waiting_ends_with_news_or_without() -> None:
    callback = Callback()
    reader = Reader(callback.ring, callback.headers, RATE_HZ, LossCounts())
    assert not reader.wait(0.0)
    callback()
    assert reader.wait(PATIENCE_S)
    list(reader.take())
    assert not reader.wait(0.0)
