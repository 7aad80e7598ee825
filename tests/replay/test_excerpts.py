"""What the page of a score shows of the recordings, and how little of them is read for it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sensor.replay import excerpts, svg
from sensor.replay.excerpts import LOOKED_AT, WORST, _excerpt, shown_false, shown_misses
from sensor.replay.labels import Onset
from sensor.replay.recordings import RecordingFile
from sensor.replay.runner import FileResult, Heard
from sensor.replay.scoring import FalseCandidate, Miss
from tests.support.messages import candidate

RATE_HZ = 8000


@pytest.fixture
def ramp(tmp_path: Path) -> RecordingFile:
    """Four seconds of 8 kHz in which a sample tells its place: value times 32768 is its index."""
    path = tmp_path / "ramp.wav"
    soundfile.write(path, (np.arange(4 * RATE_HZ) / 32_768).astype(np.float32), RATE_HZ, subtype="FLOAT")
    return RecordingFile("ramp.wav", path)


def miss(name: str, onset_s: float) -> Miss:
    return Miss(name, Onset(onset_s=onset_s, counted=True), None)


@pytest.mark.parametrize(
    ("at_s", "first", "last"), [(2.0, 14_800, 19_600), (0.1, 0, 4_400), (3.9, 30_000, 32_000)]
)
def test_an_excerpt_is_150_ms_before_to_450_ms_after(
    ramp: RecordingFile, at_s: float, first: int, last: int
) -> None:
    shown = _excerpt(ramp, at_s)
    np.testing.assert_array_equal(shown.samples * 32_768, np.arange(first, last))
    assert (shown.begin_s, shown.rate_hz, shown.fault) == (first / RATE_HZ, RATE_HZ, "")


def test_an_excerpt_is_of_the_channels_that_are_listened_to(tmp_path: Path) -> None:
    channels = np.tile([0.1, 0.2, 0.6], (RATE_HZ, 1))
    soundfile.write(tmp_path / "a.wav", channels, RATE_HZ, subtype="FLOAT")
    file = RecordingFile("a.wav", tmp_path / "a.wav")
    for listen, mean in ((None, 0.3), ((1, 2), 0.4), ((0,), 0.1)):
        np.testing.assert_allclose(_excerpt(file, 0.5, listen).samples, mean, rtol=1e-6)


def test_the_first_20_are_shown_in_their_order(ramp: RecordingFile) -> None:
    misses = [miss("ramp.wav", 3.5 - 0.1 * index) for index in range(25)]
    shown = shown_misses(misses, {"ramp.wav": FileResult("ramp.wav", seconds=4.0)}, {"ramp.wav": ramp})
    times = [re.findall(r"at (\d\.\d{4}) s, round", figure) for figure in shown]
    assert times == [[f"{3.5 - 0.1 * index:.4f}"] for index in range(20)]
    false = [FalseCandidate("ramp.wav", Heard(candidate(), 0.1 * index), "") for index in range(25)]
    shown = shown_false(false, {"ramp.wav": ramp})
    assert [re.findall(r"at (\d\.\d{4}) s: p", figure) for figure in shown] == [
        [f"{0.1 * index:.4f}"] for index in range(20)
    ]


def test_misses_in_silence_cost_neither_drawings_nor_unbounded_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = np.zeros(4 * RATE_HZ, np.float32)
    samples[3 * RATE_HZ :] = 0.01 * np.random.default_rng(1).standard_normal(RATE_HZ)
    soundfile.write(tmp_path / "a.wav", samples, RATE_HZ)
    files = {"a.wav": RecordingFile("a.wav", tmp_path / "a.wav")}
    heard = {"a.wav": FileResult("a.wav", seconds=4.0)}
    drawn: list[float] = []
    read: list[float] = []
    waveform, real = svg.waveform, excerpts._excerpt

    def draw(shown: np.ndarray, rate_hz: float, begin_s: float, marks: list[tuple[float, str]]) -> str:
        drawn.append(begin_s)
        return waveform(shown, rate_hz, begin_s, marks)

    def count(file: RecordingFile, at_s: float, listen: tuple[int, ...] | None) -> excerpts._Excerpt:
        read.append(at_s)
        return real(file, at_s, listen)

    monkeypatch.setattr(svg, "waveform", draw)
    monkeypatch.setattr(excerpts, "_excerpt", count)
    silent = [miss("a.wav", 1.0)] * 50
    shown = shown_misses([*silent, miss("a.wav", 3.5)], heard, files)
    assert (len(shown), len(drawn), len(read)) == (WORST, WORST, 51)
    assert "at 3.5000 s" in shown[0]
    assert all("digital silence here" in figure for figure in shown[1:])
    read.clear()
    assert len(shown_misses(silent * 30, heard, files)) == WORST
    assert len(read) == LOOKED_AT
