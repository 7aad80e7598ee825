"""What rivals are shown: shapes, the time of the onset, no gain; and that they can learn from it."""

from __future__ import annotations

import numpy as np
import pytest

from sensor.classify.common_rate import LENGTH, ONSET_INDEX
from sensor.classify.training import pictures
from sensor.classify.training.examples import ROW, Dataset
from sensor.classify.training.rivals import ridge

WIDTH = len(pictures.NAMES)


def clicks_and_hums(count: int = 40) -> Dataset:
    """Every second one a click at the onset, the others a hum; the first ten are parametric."""
    rng = np.random.default_rng(2)
    rows = np.zeros(count, ROW)
    rows["path"][:10] = "synthetic/x"
    waves = 0.02 * rng.standard_normal((count, LENGTH))
    waves[::2, ONSET_INDEX : ONSET_INDEX + 8] = 1.0
    waves[1::2] += np.sin(np.arange(LENGTH) * rng.uniform(0.1, 0.6, (count // 2, 1)))
    return Dataset(rows, np.zeros((count, 1, WIDTH), np.float32), waves.astype(np.float16))


def test_a_click_stands_at_the_onset_of_both_pictures() -> None:
    seen = pictures.spectrograms(clicks_and_hums())[:, 0]
    mel_size = int(np.prod(pictures.MEL_SHAPE))
    mel = seen[0, :mel_size].reshape(pictures.MEL_SHAPE)
    fine = seen[0, mel_size : mel_size + int(np.prod(pictures.FINE_SHAPE))].reshape(pictures.FINE_SHAPE)
    assert 16 <= mel.sum(axis=0).argmax() <= 20  # 100 ms, in frames of 20 every 5 ms
    assert 6 <= fine.sum(axis=0).argmax() <= 9  # 8 ms, in frames of 4 every 1 ms


def test_rocket_features_are_shares_and_the_context_follows_unchanged() -> None:
    data = clicks_and_hums()
    data.features[:, 0, -pictures.CONTEXT :] = np.arange(pictures.CONTEXT) + 2.0
    seen = pictures.rockets(data)[:, 0]
    shares, around = np.split(seen, [-pictures.CONTEXT], axis=1)
    assert np.array_equal(around, data.features[:, 0, -pictures.CONTEXT :])
    assert shares.shape[1] == 84 * 2 * 8
    assert shares.min() >= 0.0
    assert shares.max() <= 1.0
    assert shares.std(axis=0).mean() > 0.01


def test_ridge_on_rocket_features_tells_clicks_from_hums() -> None:
    data = clicks_and_hums()
    seen, click = pictures.rockets(data)[:, 0], np.arange(40) % 2 == 0
    targets = np.stack([click, ~click], axis=1).astype(np.float32)
    train = np.arange(40) < 30
    predict = ridge(seen[train], targets[train], np.ones(30, np.float32))
    assert ((predict(seen[~train])[:, 0] > 0.5) == click[~train]).all()


def test_examples_without_waves_are_refused() -> None:
    data = clicks_and_hums()
    with pytest.raises(ValueError, match="without their waves"):
        pictures.spectrograms(Dataset(data.rows, data.features))
