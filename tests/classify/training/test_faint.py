"""Faint copies keep the sound, its time and its channel's promises."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sensor.classify.training import corpus as corpora
from sensor.classify.training import faint
from sensor.classify.training.corpus import Label
from sensor.classify.training.examples import FAINT_COPIES, Noise, channelled

RATE_HZ = 12_000.0


def test_a_faint_channel_has_no_reverberation_rail_or_codec() -> None:
    for seed in range(50):
        channel = faint.channel(np.random.default_rng(seed), RATE_HZ)
        assert channel.reverb_s == 0.0
        assert channel.over_db < 0.0 > channel.vorbis_quality
        assert 14.0 <= channel.peak_to_noise_db <= 40.0


def test_drying_keeps_the_attack_and_takes_the_tail() -> None:
    wave = np.ones(24_000)
    out = faint.dried(wave, RATE_HZ, [0.5, 0.55, 1.2], np.random.default_rng(1))
    assert np.array_equal(out[:6000], wave[:6000])
    assert (out[6000:6024] == 1.0).all()
    assert (np.diff(out[6400:14_200]) <= 0.0).all()
    assert out[14_200] < 0.3
    assert (out[14_400:14_424] == 1.0).all()
    assert out[-1] < 0.3


@pytest.mark.corpus
def test_faint_copies_stand_lower_in_noise_that_they_remember(corpus: Path) -> None:
    """Not each of them: noise counts over the whole band, and traffic has little where shots have much."""
    loaded = corpora.load(corpus)
    noise = Noise(loaded)
    item = loaded.by_path["pittsburgh/FP3_test_037_SCP-00-BNG-5515.flac"]
    original = channelled(loaded, noise, item, 0)
    copies = [channelled(loaded, noise, item, copy) for copy in FAINT_COPIES[:4]]
    loudest = [c.rows["snr_db"][c.labels == Label.GUNSHOT].max(initial=0.0) for c in copies]
    assert min(loudest) < original.rows["snr_db"][original.labels == Label.GUNSHOT].max()
    folds = {int(fold) for c in copies for fold in c.rows["noise_fold"]}
    assert item.fold not in folds
    assert folds - {-1}
