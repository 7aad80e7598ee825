"""What each feature added to a verdict is what the classifier says without it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sensor.classify.classifier import Classifier
from sensor.replay.explain import explain
from sensor.replay.influence import log_odds
from sensor.replay.recordings import RecordingFile
from sensor.replay.runner import FileResult, ReplaySettings, default_config
from tests.support.impulses import write_bursts

CONFIG = default_config()
SETTINGS = ReplaySettings(config=CONFIG, p_min=CONFIG.publish.p_min, every_trigger=True)
EVERYTHING = replace(SETTINGS, p_min=0.0)


def test_influences_are_what_the_classifier_says_of_altered_features(
    street: tuple[RecordingFile, FileResult],
) -> None:
    file, result = street
    loudest = max(result.heard, key=lambda heard: heard.candidate.p_gunshot)
    found = explain(file, loudest.offset_s, SETTINGS)
    assert found.verdict is not None
    assert found.influences is not None
    assert found.verdict.features is not None
    assert found.influences.log_odds == log_odds(loudest.candidate.p_gunshot)
    (strongest, *_), (worst, *_) = found.influences.speaking_for(3), found.influences.speaking_against(3)
    assert strongest.effect == max(item.effect for item in found.influences.features)
    assert worst.effect == min(item.effect for item in found.influences.features)
    classifier = Classifier.load()
    index = classifier.feature_names.index(strongest.name)
    altered = found.verdict.features.copy()
    assert strongest.standardised is not None
    # The training mean itself instead of "unknown": both must come to the same.
    altered[:, index] = altered[0, index] - strongest.standardised * _scale(classifier, altered, index)
    without = classifier.probabilities(altered)["gunshot"]
    assert log_odds(without) == pytest.approx(found.influences.log_odds - strongest.effect, abs=0.01)
    others = {name: p for name, p in found.verdict.classes.items() if name != "gunshot"}
    assert found.influences.confuser == max(others, key=others.__getitem__)
    assert math.exp(found.influences.confuser_margin) == pytest.approx(
        loudest.candidate.p_gunshot / max(others.values()), rel=1e-6
    )


def _scale(classifier: Classifier, vectors: NDArray[np.float32], index: int) -> float:
    """Training standard deviation of a feature: how much of it moves the standardised value by one."""
    moved = vectors.copy()
    moved[0, index] += 1.0
    return 1.0 / float((classifier.standardised(moved) - classifier.standardised(vectors))[0, index])


def test_what_a_low_rate_leaves_unknown_is_said_to_be_unknown(tmp_path: Path) -> None:
    path = write_bursts(tmp_path / "low.wav", (1.0,), seconds=2.0, rate_hz=8000)
    found = explain(RecordingFile("low", path), 1.0, EVERYTHING)
    assert found.influences is not None
    unknown = [item for item in found.influences.features if item.value is None]
    assert unknown
    assert all(item.effect == 0.0 for item in unknown)
