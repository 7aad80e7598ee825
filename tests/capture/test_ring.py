from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.capture.ring import Ring
from sensor.errors import Overrun
from tests.support.patience import PATIENCE_S

CHANNELS = 2


def counting(first: int, frames: int) -> np.ndarray:
    """Samples whose value tells their index, as PortAudio delivers them: (n, channels)."""
    index = (np.arange(first, first + frames) % 9_999_991).astype(np.float32)  # exact in float32
    return np.stack([index, -index], axis=1)


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Let threads take turns every 10 µs, so that a race has a chance to happen."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@given(st.lists(st.integers(0, 40), max_size=30), st.data())
@settings(deadline=None)
def test_any_writes_read_back_by_absolute_index(sizes: list[int], data: st.DataObject) -> None:
    ring = Ring(CHANNELS, 40)
    for size in sizes:
        ring.write(counting(ring.end, size))
    first = data.draw(st.integers(ring.first, ring.end))
    end = data.draw(st.integers(first, ring.end))
    np.testing.assert_array_equal(ring.read(first, end), counting(first, end - first).T)
    assert ring.end == sum(sizes)
    assert ring.end - ring.first <= 40


def test_overwritten_samples_are_refused_with_the_oldest_index_still_held() -> None:
    ring = Ring(CHANNELS, 10)
    for _ in range(3):
        ring.write(counting(ring.end, 5))
    with pytest.raises(Overrun) as caught:
        ring.read(4, 6)
    assert caught.value.oldest == 5
    np.testing.assert_array_equal(ring.read(5, 15), counting(5, 10).T)


def test_samples_not_written_yet_are_refused() -> None:
    ring = Ring(CHANNELS, 10)
    ring.write(counting(0, 5))
    with pytest.raises(ValueError, match="not within"):
        ring.read(4, 6)
    with pytest.raises(ValueError, match="not within"):
        ring.read(3, 2)


def test_samples_that_do_not_fit_are_refused() -> None:
    ring = Ring(CHANNELS, 10)
    with pytest.raises(ValueError, match="do not fit"):
        ring.write(counting(0, 11))
    with pytest.raises(ValueError, match="do not fit"):
        ring.write(np.zeros((3, 1), dtype=np.float32))
    assert ring.end == 0


def test_what_was_read_does_not_change_when_the_ring_turns() -> None:
    ring = Ring(CHANNELS, 10)
    ring.write(counting(0, 10))
    read = ring.read(0, 10)
    ring.write(counting(10, 10))
    np.testing.assert_array_equal(read, counting(0, 10).T)


@pytest.mark.usefixtures("hasty_threads")
@pytest.mark.parametrize("frames", [100, 1_000], ids=["lock held in the copy", "lock free in the copy"])
def test_a_read_racing_the_writer_is_refused_or_whole_but_never_mixed(frames: int) -> None:
    """Windows are read while they are overwritten; every turn of the ring holds other values."""
    capacity = 4 * frames
    ring = Ring(1, capacity)
    done = threading.Event()
    whole, refused = [0], [0]

    def enough() -> bool:
        return whole[0] >= 300 and refused[0] >= 30

    until_s = time.monotonic() + PATIENCE_S

    def write() -> None:
        while not enough() and time.monotonic() < until_s:
            ring.write(counting(ring.end, frames)[:, :1])
        done.set()

    ring.write(counting(0, capacity)[:, :1])
    writer = threading.Thread(target=write)
    writer.start()
    try:
        while not done.is_set():
            for first in (ring.first, ring.end - frames):
                end = min(first + capacity, ring.end)
                try:
                    samples = ring.read(first, end)
                except Overrun:
                    refused[0] += 1
                    continue
                np.testing.assert_array_equal(samples[0], counting(first, end - first)[:, 0])
                whole[0] += 1
    finally:
        done.wait(PATIENCE_S)
        writer.join()
    assert enough(), (whole, refused)


def test_a_waiting_reader_gets_up_when_enough_was_written() -> None:
    ring = Ring(1, 100)
    came = []
    reader = threading.Thread(target=lambda: came.append(ring.wait(20, PATIENCE_S)))
    reader.start()
    for _ in range(4):
        ring.write(np.zeros((5, 1), dtype=np.float32))
    reader.join(PATIENCE_S)
    assert came == [True]


def test_waiting_ends_without_samples_at_the_timeout_and_at_close() -> None:
    ring = Ring(1, 100)
    ring.write(np.zeros((5, 1), dtype=np.float32))
    assert not ring.wait(6, 0.0)
    reader = threading.Thread(target=ring.wait, args=(6, PATIENCE_S))
    reader.start()
    ring.close()
    reader.join(PATIENCE_S)
    assert not reader.is_alive()
    assert ring.wait(5, PATIENCE_S)
    assert not ring.wait(6, PATIENCE_S)
