"""The stages joined: same result for any block size, losses, channels, counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.classify.classifier import Classifier
from sensor.detect.settings import DetectSettings
from sensor.errors import CaptureError, ConfigError
from sensor.events import Candidate, Position, Versions
from sensor.pipeline import TUNING_S, Node, Pipeline, _mean
from sensor.rate_limit import RateLimit, TokenBucket
from sensor.timing.timebase import FileTimebase
from sensor.types import Block, RejectReason
from tests.support.impulses import bursts

RATE_HZ = 16_000
ONSETS_S = (0.3, 1.0, 1.08, 1.9)
NODE = Node(site="test", node="roof", versions=Versions(software="0", model="m", config="c"))
STREET = bursts(ONSETS_S, seconds=2.5, rate_hz=RATE_HZ)
CLASSIFIER = Classifier.load()


def pipeline(
    node: Node = NODE,
    *,
    rate_hz: float = RATE_HZ,
    p_min: float = 0.0,
    listen: tuple[int, ...] | None = None,
    limit: RateLimit | None = None,
) -> Pipeline:
    return Pipeline(
        rate_hz=rate_hz,
        detect=DetectSettings(),
        classifier=CLASSIFIER,
        timebase=FileTimebase(rate_hz, 10**18),
        node=node,
        p_min=p_min,
        listen=listen,
        limit=limit,
    )


def run(stages: Pipeline, samples: np.ndarray, cuts: tuple[int, ...] = ()) -> list[Candidate]:
    found = []
    for first, end in zip((0, *cuts), (*cuts, samples.shape[1]), strict=True):
        found += stages.process(Block(first, samples[:, first:end], 0))
    return found + stages.flush()


def test_every_burst_is_stamped_where_it_is() -> None:
    found = run(pipeline(), STREET[np.newaxis])
    offsets_s = [(candidate.utc_ns - 10**18) / 1e9 for candidate in found]
    assert offsets_s == pytest.approx(ONSETS_S, abs=1e-3)
    assert [candidate.clock["source"] for candidate in found] == ["file"] * len(ONSETS_S)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, STREET.size), max_size=30).map(sorted))
def test_result_does_not_depend_on_how_the_stream_is_cut(cuts: list[int]) -> None:
    whole = run(pipeline(), STREET[np.newaxis])
    assert whole
    assert run(pipeline(), STREET[np.newaxis], tuple(cuts)) == whole


def test_loss_decides_what_is_pending_and_goes_on_after_the_gap() -> None:
    """The burst before the gap is not forgotten, and the one after it is stamped by its own index."""
    stages = pipeline()
    lost = 5 * RATE_HZ
    found = stages.process(Block(0, STREET[np.newaxis, : round(1.95 * RATE_HZ)], 0))
    after = Block(round(1.95 * RATE_HZ) + lost, STREET[np.newaxis], 0, lost=lost)
    found += stages.process(after)
    found += stages.flush()
    offsets_s = [(candidate.utc_ns - 10**18) / 1e9 for candidate in found]
    expected = [*ONSETS_S, *(after.first / RATE_HZ + onset_s for onset_s in ONSETS_S)]
    assert offsets_s == pytest.approx(expected, abs=1e-3)
    assert stages.counts.lost == lost


def test_a_shot_soon_after_a_loss_is_judged_as_without_it() -> None:
    """A hundredth of a second is lost 60 ms ahead of every burst: each is heard, and sounds the same."""
    whole = run(pipeline(), STREET[np.newaxis])
    lost, ahead = RATE_HZ // 100, round(0.06 * RATE_HZ)
    stages, found, begin = pipeline(), [], 0
    for onset_s in (0.3, 1.0, 1.9):
        end = round(onset_s * RATE_HZ) - ahead - lost
        found += stages.process(Block(begin, STREET[np.newaxis, begin:end], 0, lost=lost if begin else 0))
        begin = end + lost
    found += stages.process(Block(begin, STREET[np.newaxis, begin:], 0, lost=lost)) + stages.flush()
    assert stages.counts.lost == 3 * lost
    assert [one.utc_ns for one in found] == pytest.approx([one.utc_ns for one in whole], abs=50_000)
    said, expected = (np.log10([one.p_gunshot for one in part]) for part in (found, whole))
    assert said == pytest.approx(expected, abs=0.5)


def test_channels_that_are_not_listened_to_do_not_matter() -> None:
    pulses = np.zeros_like(STREET)
    pulses[:: RATE_HZ // 4] = 1.0
    both = np.stack([STREET, pulses])
    assert run(pipeline(listen=(0,)), both) == run(pipeline(), STREET[np.newaxis])


def test_channel_that_does_not_exist_is_named() -> None:
    with pytest.raises(ConfigError, match="listen_channels: channel 2 does not exist, the stream has 1"):
        run(pipeline(listen=(0, 2)), STREET[np.newaxis])


@pytest.mark.parametrize("rate_hz", [4_000, 384_000])
def test_rate_that_the_detector_cannot_work_at_is_told(rate_hz: int) -> None:
    with pytest.raises(CaptureError, match=f"rate_hz is {rate_hz}"):
        pipeline(rate_hz=rate_hz)


def test_what_is_below_p_min_is_counted_and_not_returned() -> None:
    stages = pipeline(p_min=1.0)
    assert run(stages, STREET[np.newaxis]) == []
    assert stages.counts.rejects[RejectReason.BELOW_P_MIN] == stages.counts.triggers == len(ONSETS_S)


TUNED = Versions(software="1", model="m", config="after")


def retuned(after_s: float, detect: DetectSettings, samples: np.ndarray = STREET) -> list[Candidate]:
    """Candidates of a stream, in blocks of 10 ms, whose settings are changed after so many seconds."""
    stages, found, size = pipeline(), [], RATE_HZ // 100
    for first in range(0, samples.size, size):
        if first == round(after_s * RATE_HZ):
            stages.retune(detect=detect, p_min=0.0, versions=TUNED)
        found += stages.process(Block(first, samples[np.newaxis, first : first + size], 0))
    return found + stages.flush()


@pytest.mark.parametrize("after_ms", [-300, -100, -20, 10, 50, 100, 200, 400])
@pytest.mark.parametrize("threshold_db", [10.6, 10.0])
def test_retuning_forgets_nothing(after_ms: int, threshold_db: float) -> None:
    """Whether or not the detector really changes, a shot round the moment is heard as if it had not."""
    want = run(pipeline(), STREET[np.newaxis])
    got = retuned(round(ONSETS_S[0] + after_ms / 1000, 2), DetectSettings(threshold_db=threshold_db))
    assert [c.utc_ns for c in got] == pytest.approx([c.utc_ns for c in want], abs=20_000)
    for before, after in zip(want, got, strict=True):
        assert after.p_gunshot == pytest.approx(before.p_gunshot, abs=0.02)


def test_candidates_state_the_settings_that_they_were_judged_by() -> None:
    stages = [
        c.versions.config for c in retuned(round(ONSETS_S[0] + 0.05, 2), DetectSettings(threshold_db=9.0))
    ]
    assert stages == [NODE.versions.config] + ["after"] * (len(ONSETS_S) - 1)


def test_new_settings_do_not_wait_for_ever_where_it_bangs_on() -> None:
    hammer = bursts(tuple(np.arange(0.5, 5.9, 0.1).tolist()), seconds=6.0, rate_hz=RATE_HZ)
    stated = [c.versions.config for c in retuned(2.0, DetectSettings(threshold_db=9.0), hammer)]
    changed = stated.index("after")
    assert set(stated[changed:]) == {"after"}
    assert changed == pytest.approx((2.0 + TUNING_S - 0.5) / 0.1, abs=3)


def test_candidate_carries_calibrated_level_and_position_where_they_are_known() -> None:
    position = Position(lat_deg=36.0, lon_deg=-78.9, height_m=120.0, sigma_m=2.0)
    known = run(pipeline(replace(NODE, position=position, full_scale_db_spl=120.0)), STREET[np.newaxis])
    unknown = run(pipeline(), STREET[np.newaxis])
    assert all(c.peak_db_spl == pytest.approx(c.peak_dbfs + 120.0) for c in known)
    assert {c.position for c in known} == {position}
    assert {(c.position, c.peak_db_spl) for c in unknown} == {(None, None)}


def test_rail_and_rubbish_are_counted() -> None:
    stages = pipeline()
    samples = STREET.copy()
    samples[RATE_HZ * 2] = np.nan
    run(stages, samples[np.newaxis], (RATE_HZ,))
    assert stages.counts.rejects[RejectReason.NOT_FINITE] == 1
    assert stages.counts.clip_fraction == 0.0


def test_share_of_clipped_samples_is_that_of_the_last_minute() -> None:
    """A tenth of the samples at the rail for five minutes, then a quiet ten."""
    stages = pipeline()
    loud = np.zeros((1, RATE_HZ), np.float32)
    loud[0, ::10] = 1.0
    for second in range(300):
        stages.process(Block(second * RATE_HZ, loud, 0))
    assert stages.counts.clip_fraction == pytest.approx(0.1, rel=0.02)
    for second in range(300, 900):
        stages.process(Block(second * RATE_HZ, loud * 0.5, 0))
    assert stages.counts.clip_fraction < 1e-4


def test_the_worst_channel_tells_of_the_rail() -> None:
    """A mean of two channels never reaches it where one is quiet."""
    stages = pipeline()
    samples = np.zeros((2, 60 * RATE_HZ), np.float32)
    samples[1, ::2] = -1.0
    stages.process(Block(0, samples, 0))
    assert stages.counts.clip_fraction == pytest.approx(0.5 * (1 - np.exp(-1)), rel=0.01)


def test_flood_is_cut_counted_and_over_when_the_noise_is() -> None:
    """Four minutes of an impulse every quarter second; afterwards a single one passes again."""
    minute = bursts(tuple(np.arange(0.2, 59.9, 0.25)), seconds=60.0, rate_hz=RATE_HZ)[np.newaxis]
    quiet = bursts((299.0,), seconds=300.0, rate_hz=RATE_HZ)[np.newaxis]
    stages = pipeline(limit=RateLimit(burst=100, per_minute=20.0))
    first = found = 0
    for samples in [minute] * 4:
        found += len(stages.process(Block(first, samples, 0)))
        first += samples.shape[1]
    assert found == pytest.approx(100 + 4 * 20, abs=2)
    assert stages.counts.rejects[RejectReason.RATE_LIMITED] > 500
    assert len(stages.process(Block(first, quiet, 0)) + stages.flush()) == 1


@given(st.lists(st.floats(0.0, 30.0), max_size=300), st.integers(1, 50), st.floats(1.0, 600.0))
def test_no_window_lets_more_through_than_the_limit(
    pauses_s: list[float], burst: int, per_minute: float
) -> None:
    bucket = TokenBucket(RateLimit(burst=burst, per_minute=per_minute))
    times_s = np.cumsum(pauses_s)
    passed_s = [float(now_s) for now_s in times_s if bucket.take(float(now_s))]
    for index, start_s in enumerate(passed_s):
        span_s = passed_s[-1] - start_s
        assert len(passed_s) - index <= burst + span_s * per_minute / 60.0 + 1e-6 + 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(0, STREET.size), max_size=30).map(sorted))
def test_a_dead_channel_does_not_make_the_others_deaf(broken: float, cuts: list[int]) -> None:
    """Dead from the first sample, from the middle on, or never: what the others hear is heard."""
    alone = run(pipeline(), STREET[np.newaxis])
    dead = np.full_like(STREET, broken)
    assert run(pipeline(), np.stack([dead, STREET, dead]), tuple(cuts)) == alone
    dying = STREET.copy()
    dying[STREET.size // 2 :] = broken
    assert run(pipeline(), np.stack([STREET, dying]), tuple(cuts)) == alone


@pytest.mark.filterwarnings("error")
def test_a_stream_without_any_number_is_silence_and_no_warning() -> None:
    for channels in (1, 2):
        stages = pipeline()
        samples = np.full((channels, RATE_HZ), np.nan, np.float32)
        samples[:, 100:200] = np.inf
        assert run(stages, samples) == []
        assert stages.counts.samples == RATE_HZ


def test_the_mean_of_finite_channels_is_what_it_always_was() -> None:
    samples = np.random.default_rng(1).normal(size=(3, 1000)).astype(np.float32)
    mono = _mean(samples)
    np.testing.assert_array_equal(mono, samples.mean(axis=0, dtype=np.float32))
    samples[1, 500] = np.nan
    np.testing.assert_array_equal(np.delete(_mean(samples), 500), np.delete(mono, 500))
