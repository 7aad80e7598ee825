"""The fast core gives the numbers of the plain one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from sensor.detect import reference
from sensor.detect.detector import Detector
from sensor.detect.settings import DetectSettings
from sensor.detect.trigger import levels_db
from tests.support.blasts import add_blast, noise

if TYPE_CHECKING:
    from pathlib import Path

    from sensor.detect.trigger import Crossing
    from sensor.types import Samples


def fast_crossings(audio: Samples, rate_hz: int) -> tuple[list[Crossing], Samples]:
    """What the detector's own trigger finder saw, and the levels it saw it in."""
    detector = Detector(rate_hz)
    detector._begin(0)
    finder = detector._finder
    found: list[Crossing] = []
    levels: list[Samples] = []
    find = finder.find

    def listening(hop: Samples) -> list[Crossing]:
        levels.append(levels_db(hop))
        crossings = find(hop)
        found.extend(crossings)
        return crossings

    finder.find = listening  # type: ignore[method-assign,assignment]  # listens in on the one path there is
    detector.process(0, audio)
    detector.flush()
    return found, np.concatenate(levels)


@pytest.mark.parametrize("rate_hz", [8000, 12000, 22050, 44100, 48000, 96000])
def test_levels_and_crossings_agree(rate_hz: int) -> None:
    audio = noise(rate_hz, 1.53, seed=3)
    audio[: rate_hz // 5] = 0.0
    for at_s, peak in ((0.5, 0.02), (0.56, 0.5), (0.62, 0.5), (0.9, 0.004), (1.2, 0.9)):
        add_blast(audio, rate_hz, at_s, peak)
    found, levels = fast_crossings(audio, rate_hz)
    plain = reference.frame_levels_db(audio, rate_hz, DetectSettings())
    heard = levels > -150.0
    assert np.allclose(levels[heard], np.array(plain[: levels.size])[heard], atol=1e-3)
    expected = reference.crossings(audio, rate_hz, DetectSettings())
    assert len(expected) >= 4
    assert [crossing.frame for crossing in found] == [frame for frame, _, _ in expected]
    assert np.allclose([c.excess_db for c in found], [excess for _, excess, _ in expected], atol=2e-3)


@pytest.mark.corpus
def test_crossings_agree_on_real_shots(corpus: Path) -> None:
    import soundfile  # noqa: PLC0415  only this test reads recordings

    for path in sorted((corpus / "pittsburgh").glob("FP*_SCP-00-BNQ-*.flac"))[::60]:
        audio, rate_hz = soundfile.read(path, dtype="float32")
        found, _ = fast_crossings(audio, rate_hz)
        expected = reference.crossings(audio, rate_hz, DetectSettings())
        assert expected, path.name
        assert [crossing.frame for crossing in found] == [frame for frame, _, _ in expected], path.name
