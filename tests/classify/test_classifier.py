"""A verdict is always valid, always the same, and does not hang on gain, rate or rail."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from sensor.classify import likeness
from sensor.classify.classifier import Classifier
from sensor.classify.context import Heard
from sensor.classify.training import corpus as corpora
from sensor.classify.training.channels import resample
from sensor.classify.training.examples import triggers_of
from sensor.types import Trigger, Verdict

RUBBISH = ("empty", "one", "zeros", "constant", "nan", "infinite", "alternating", "huge", "tiny")
SHOT_PATH = "pittsburgh/FP3_test_037_SCP-00-BNG-5515.flac"


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load()


def trigger_at(onset: float, size: int, peak_fs: float = 0.5) -> Trigger:
    return Trigger(
        onset=onset,
        onset_sigma_s=1e-4,
        on=0,
        off=size,
        peak_fs=peak_fs,
        swing_fs=peak_fs,
        snr_db=30.0,
        noise_dbfs=-60.0,
    )


def blast(rate_hz: float = 12_000.0) -> NDArray[np.float32]:
    """A plain impulse with a tail over faint noise, onset at 0.1 s."""
    time = np.arange(round(0.34 * rate_hz)) / rate_hz - 0.1
    rng = np.random.default_rng(3)
    late = np.maximum(time, 0.0)
    tail = 0.2 * np.exp(-late / 0.05) * rng.standard_normal(time.size)
    out = np.where(time >= 0.0, (1.0 - late / 0.0006) * np.exp(-late / 0.0006) + tail, 0.0)
    return (0.3 * out + 1e-4 * rng.standard_normal(time.size)).astype(np.float32)


def image_of(verdict: Verdict) -> NDArray[np.float32]:
    assert verdict.image is not None
    assert np.isfinite(verdict.image).all()
    return verdict.image


def assert_valid(verdict: Verdict, classifier: Classifier) -> None:
    assert tuple(verdict.classes) == classifier.classes
    values = np.array(list(verdict.classes.values()))
    assert np.isfinite(values).all()
    assert (values >= 0.0).all()
    assert values.sum() == pytest.approx(1.0, abs=1e-9)
    assert 0.0 <= verdict.p_gunshot <= 1.0
    assert verdict.rise_s >= 0.0
    assert verdict.duration_s >= 0.0
    assert 0.0 <= verdict.clip_fraction <= 1.0


def test_the_promised_classes_are_there(classifier: Classifier) -> None:
    assert {"gunshot", "firework", "other_impulse", "non_impulse"} <= set(classifier.classes)


@pytest.mark.parametrize("rate_hz", [8000.0, 12_000.0, 48_000.0, 192_000.0])
@pytest.mark.parametrize("kind", RUBBISH)
def test_rubbish_gives_a_valid_verdict(classifier: Classifier, rate_hz: float, kind: str) -> None:
    size = round(0.34 * rate_hz)
    clip = {
        "empty": np.zeros(0),
        "one": np.ones(1),
        "zeros": np.zeros(size),
        "constant": np.full(size, 0.7),
        "nan": np.full(size, np.nan),
        "infinite": np.full(size, np.inf),
        "alternating": np.resize([1.0, -1.0], size),
        "huge": np.full(size, 3e38) * np.resize([1.0, -1.0, 0.5], size),
        "tiny": np.resize([1e-38, 0.0, -1e-38], size),
    }[kind].astype(np.float32)
    assert_valid(classifier.classify(trigger_at(0.1 * rate_hz, clip.size), clip, rate_hz), classifier)


@settings(max_examples=60, deadline=None)
@given(
    clip=hnp.arrays(np.float32, st.integers(0, 3000), elements=st.floats(width=32)),
    onset=st.floats(-1e4, 1e4),
    rate_hz=st.sampled_from([8000.0, 11_025.0, 12_000.0, 44_100.0]),
    gap=st.floats(0.0, 5000.0),
)
def test_any_samples_give_a_valid_verdict(
    clip: NDArray[np.float32], onset: float, rate_hz: float, gap: float
) -> None:
    classifier = Classifier.load()
    now = trigger_at(onset, clip.size)
    same = image_of(classifier.classify(now, clip, rate_hz))
    silent = np.zeros(likeness.IMAGE_LENGTH, np.float32)
    earlier = (
        Heard(trigger_at(onset - 2.0 * gap, clip.size, 0.0), silent),
        Heard(trigger_at(onset - gap, clip.size, 1.0), same),
    )
    assert_valid(classifier.classify(now, clip, rate_hz, earlier), classifier)


def test_silence_is_no_impulse(classifier: Classifier) -> None:
    verdict = classifier.classify(trigger_at(1200.0, 4080), np.zeros(4080, np.float32), 12_000.0)
    assert verdict.classes["non_impulse"] == 1.0
    assert verdict.p_gunshot == 0.0


def test_the_same_question_gets_the_same_answer(classifier: Classifier) -> None:
    clip = blast()
    kept = clip.copy()
    first = classifier.classify(trigger_at(1200.0, clip.size), clip, 12_000.0)
    classifier.classify(trigger_at(900.0, clip.size), -clip, 48_000.0)
    again = Classifier.load().classify(trigger_at(1200.0, clip.size), clip, 12_000.0)
    assert dict(first.classes) == dict(again.classes)
    assert np.array_equal(clip, kept)


@pytest.mark.parametrize("gain_db", [-40.0, 40.0])
def test_gain_changes_nothing(classifier: Classifier, gain_db: float) -> None:
    gain = 10.0 ** (gain_db / 20.0)
    clip = blast()
    plain = classifier.classify(trigger_at(1200.0, clip.size), clip, 12_000.0)
    loud = classifier.classify(
        trigger_at(1200.0, clip.size, 0.5 * gain), (clip * gain).astype(np.float32), 12_000.0
    )
    assert loud.p_gunshot == pytest.approx(plain.p_gunshot, abs=1e-3)
    assert loud.clip_fraction == plain.clip_fraction


def test_only_a_trigger_with_others_before_it_can_be_an_echo(classifier: Classifier) -> None:
    clip = blast()
    now = trigger_at(60_000.0 + 1200.0, 60_000 + clip.size, 0.05)
    shifted = Trigger(
        onset=now.onset,
        onset_sigma_s=1e-4,
        on=60_000,
        off=now.off,
        peak_fs=0.05,
        swing_fs=0.05,
        snr_db=20.0,
        noise_dbfs=-60.0,
    )
    same = image_of(classifier.classify(shifted, clip, 12_000.0))
    before = Heard(trigger_at(59_000.0, 62_880, 1.0), same)
    alone = classifier.classify(shifted, clip, 12_000.0)
    after = classifier.classify(shifted, clip, 12_000.0, (before,))
    assert alone.classes["echo"] == 0.0
    assert after.classes["echo"] > 0.0


def test_inference_needs_numpy_alone() -> None:
    program = (
        "import sys; from sensor.classify.classifier import Classifier; Classifier.load();"
        "unwanted = ('scipy', 'sklearn', 'soundfile', 'sensor.classify.training');"
        "print([name for name in unwanted if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def first_shot(
    corpus: Path, rate_hz: float, gain: float = 1.0, over_db: float = 0.0
) -> tuple[Trigger, NDArray[np.float32]]:
    """First trigger on a listed round of a real recording after a change of rate, gain and rail."""
    loaded = corpora.load(corpus)
    item = loaded.by_path[SHOT_PATH]
    wave = resample(loaded.read(item), item.rate_hz, rate_hz)
    wave = np.clip(wave * 10.0 ** (over_db / 20.0) / np.abs(wave).max(), -1.0, 1.0) * gain
    for trigger, clip in triggers_of(wave.astype(np.float32), rate_hz):
        if abs(trigger.onset / rate_hz - item.rounds[0].onset_s) < 0.05:
            return trigger, clip
    raise AssertionError("the detector found no trigger on the first round")


@pytest.mark.corpus
@pytest.mark.parametrize("rate_hz", [8000.0, 12_000.0, 22_050.0, 48_000.0, 192_000.0])
def test_a_real_shot_is_a_shot_at_every_rate(corpus: Path, classifier: Classifier, rate_hz: float) -> None:
    trigger, clip = first_shot(corpus, rate_hz)
    assert classifier.classify(trigger, clip, rate_hz).p_gunshot > 0.5


@pytest.mark.corpus
@pytest.mark.parametrize("gain", [0.01, 100.0])
def test_a_real_shot_is_a_shot_at_every_gain(corpus: Path, classifier: Classifier, gain: float) -> None:
    trigger, clip = first_shot(corpus, 12_000.0, gain)
    assert classifier.classify(trigger, clip, 12_000.0).p_gunshot > 0.5


@pytest.mark.corpus
@pytest.mark.parametrize("over_db", [6.0, 12.0, 20.0])
def test_a_real_shot_far_over_the_rail_is_a_shot(
    corpus: Path, classifier: Classifier, over_db: float
) -> None:
    trigger, clip = first_shot(corpus, 12_000.0, over_db=over_db)
    verdict = classifier.classify(trigger, clip, 12_000.0)
    assert verdict.p_gunshot > 0.5
    assert verdict.clip_fraction > 0.0
