"""An offset of the input, as cheap microphones have, is no sound: triggers and verdicts stay."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from sensor.classify.classifier import Classifier
from sensor.classify.context import Heard
from sensor.classify.training.examples import triggers_of
from tests.support.impulses import bursts

RATE_HZ = 16_000


def shots_behind_silence() -> NDArray[np.float32]:
    """Two seconds of digital silence, then two loud and two faint bursts in noise."""
    loud = bursts((1.5, 2.1), seconds=3.0, rate_hz=RATE_HZ, peak_fs=0.4, seed=2)
    faint = bursts((0.9, 1.3), seconds=2.0, rate_hz=RATE_HZ, peak_fs=0.03, seed=3)
    return np.concatenate([np.zeros(2 * RATE_HZ, np.float32), loud, faint])


def heard(samples: NDArray[np.float32]) -> tuple[list[float], NDArray[np.float32]]:
    """Onset of every trigger, and what the classifier measures in it."""
    classifier = Classifier.load()
    earlier: list[Heard] = []
    onsets, measured = [], []
    for trigger, clip in triggers_of(samples, RATE_HZ):
        verdict = classifier.classify(trigger, clip, RATE_HZ, earlier)
        assert verdict.image is not None
        assert verdict.features is not None
        earlier.append(Heard(trigger, verdict.image))
        onsets.append(trigger.onset)
        measured.append(verdict.features)
    return onsets, np.array(measured)


@pytest.mark.parametrize("offset_fs", [0.003, -0.05, 0.3, -0.5])
def test_an_offset_moves_no_trigger_and_no_feature(offset_fs: float) -> None:
    samples = shots_behind_silence()
    (onsets, measured), (onsets_moved, moved) = heard(samples), heard(samples + np.float32(offset_fs))
    assert len(onsets) >= 4
    np.testing.assert_allclose(onsets_moved, onsets, atol=0.02)
    np.testing.assert_allclose(moved, measured, atol=0.05)
