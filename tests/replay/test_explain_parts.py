"""Words and picture of an explanation, each by itself."""

from __future__ import annotations

import numpy as np

from sensor.classify.classifier import Classifier
from sensor.replay.explain_picture import spectrogram_db
from sensor.replay.feature_words import OTHER, words_for


def test_every_feature_of_the_model_has_words() -> None:
    for name in Classifier.load().feature_names:
        assert words_for(name).family != OTHER, name
    assert words_for("something_new 3ms").family == OTHER


def test_the_spectrogram_has_a_tone_at_its_frequency_and_level() -> None:
    window = 400
    tone = np.sin(2 * np.pi * 1000.0 * np.arange(4000) / 8000.0).astype(np.float32)
    levels_db = spectrogram_db(tone, window, 50)
    assert levels_db.shape == (window // 2 + 1, (4000 - window) // 50 + 1)
    assert set(levels_db.argmax(axis=0)) == {1000 * window // 8000}
