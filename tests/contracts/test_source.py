"""What every source promises, tried on each of them: the microphone, files and a fake for other tests."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sensor.capture.audiofile import AudioFileSource
from sensor.capture.portaudio import PortAudioSource
from sensor.capture.settings import CaptureSettings
from sensor.capture.source import Source
from sensor.types import Block
from tests.support.array_source import ArraySource
from tests.support.patience import PATIENCE_S
from tests.support.virtual_mic import VirtualMic

RATE_HZ = 48_000
CHANNELS = 2

Make = Callable[[], Source]


@contextmanager
def recording(folder: Path) -> Iterator[Path]:
    path = folder / "noise.wav"
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, (2 * RATE_HZ, CHANNELS))
    soundfile.write(path, noise, RATE_HZ)
    yield path


@pytest.fixture(scope="module")
def microphone() -> Iterator[VirtualMic]:
    with VirtualMic(channels=CHANNELS) as mic:
        yield mic


@pytest.fixture(
    params=[
        "array",
        "file",
        "file in real time",
        pytest.param("microphone", marks=pytest.mark.device),
    ]
)
def make(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes sources of one kind, each with at least 2 s of sound in it."""
    if request.param == "array":
        samples = np.random.default_rng(1).uniform(-0.5, 0.5, (CHANNELS, 2 * RATE_HZ)).astype(np.float32)
        yield lambda: ArraySource(samples, RATE_HZ)
    elif request.param == "microphone":
        mic = request.getfixturevalue("microphone")
        for name, value in mic.variables.items():
            monkeypatch.setenv(name, value)
        yield lambda: PortAudioSource(CaptureSettings(device="name:vmic", channels=CHANNELS))
    else:
        with recording(tmp_path) as path:
            yield lambda: AudioFileSource(path, realtime="real time" in request.param)


@pytest.fixture
def source(make: Make) -> Iterator[Source]:
    source = make()
    yield source
    source.close()


def within_deadline(call: Callable[[], object]) -> None:
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


def test_blocks_run_on_from_zero_and_a_jump_equals_what_was_lost(source: Source) -> None:
    end = 0
    for block in islice(source.blocks(), 12):
        assert block.first == end + block.lost
        assert block.end > block.first
        end = block.end


def test_blocks_are_float32_by_channel_and_keep_their_content(source: Source) -> None:
    blocks: list[Block] = []
    copies = []
    for block in islice(source.blocks(), 12):
        assert block.samples.dtype == np.float32
        assert block.samples.shape[0] == source.channels == CHANNELS
        blocks.append(block)
        copies.append(block.samples.copy())
    for block, copy in zip(blocks, copies, strict=True):
        np.testing.assert_array_equal(block.samples, copy)


def test_times_are_unknown_or_advance_with_the_samples(source: Source) -> None:
    """At the nominal rate within 2 %. On a busy machine a device's times are late, so the earliest count."""
    blocks = list(islice(source.blocks(), 20))
    if {block.mono_ns for block in blocks} == {0}:
        return
    late_s = [block.mono_ns * 1e-9 - block.first / source.rate_hz for block in blocks]
    assert min(late_s[:10]) == pytest.approx(min(late_s[10:]), abs=20e-3)


def test_rate_and_channels_are_known_once_open_and_do_not_change(source: Source) -> None:
    source.open()
    assert (source.rate_hz, source.channels) == (RATE_HZ, CHANNELS)
    source.open()
    for _ in islice(source.blocks(), 3):
        assert (source.rate_hz, source.channels) == (RATE_HZ, CHANNELS)
    assert source.name


def test_statistics_count_what_was_handed_over(source: Source) -> None:
    before = source.stats()
    assert (before.samples, before.lost) == (0, 0)
    samples = lost = 0
    for block in islice(source.blocks(), 12):
        samples += block.samples.shape[1]
        lost += block.lost
        stats = source.stats()
        assert (stats.samples, stats.lost, stats.stalled) == (samples, lost, False)
    assert before.samples == 0
    assert dataclasses.asdict(stats)["rate_hz"] == RATE_HZ
    with pytest.raises(dataclasses.FrozenInstanceError):
        stats.samples = 1  # type: ignore[misc]  # that it is frozen is what is tested


def test_close_from_another_thread_ends_the_blocks(source: Source) -> None:
    def drain() -> None:
        for number, _ in enumerate(source.blocks()):
            if number == 2:
                threading.Thread(target=source.close).start()

    within_deadline(drain)


def test_close_may_come_first_and_again(source: Source) -> None:
    source.close()
    source.close()
    within_deadline(lambda: list(source.blocks()))
    assert source.stats().samples == 0


def test_abandoned_blocks_close_the_source(make: Make) -> None:
    """A consumer that fails in the middle leaves no open device behind: it can be opened again."""
    source = make()
    blocks = source.blocks()
    next(blocks)
    blocks.close()  # type: ignore[attr-defined]  # every source's blocks is a generator
    again = make()
    assert next(iter(again.blocks())).first == 0
    again.close()
