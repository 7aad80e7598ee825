"""What earlier triggers say about this one."""

from __future__ import annotations

import numpy as np

from sensor.classify import context, likeness
from sensor.classify.common_rate import LENGTH, ONSET_INDEX
from sensor.classify.context import Heard
from sensor.types import Trigger

RATE_HZ = 12_000.0


def image(seed: int = 0) -> np.ndarray:
    wave = np.zeros(LENGTH)
    time = np.arange(LENGTH - ONSET_INDEX)
    wave[ONSET_INDEX:] = np.exp(-time / 100.0) * np.random.default_rng(seed).standard_normal(time.size)
    return likeness.image(wave)


def trigger(at_s: float, swing_fs: float = 0.5, snr_db: float = 30.0, offset_fs: float = 0.0) -> Trigger:
    onset = at_s * RATE_HZ
    return Trigger(
        onset=onset,
        onset_sigma_s=1e-4,
        on=int(onset - 1200),
        off=int(onset + 2880),
        peak_fs=swing_fs + offset_fs,
        swing_fs=swing_fs,
        snr_db=snr_db,
        noise_dbfs=-60.0,
    )


def extract(now: Trigger, *earlier: Trigger, seed: int = 0) -> np.ndarray:
    """What is told of ``now`` after triggers that sounded like number 0, 1, 2, ..."""
    before = [Heard(item, image(number)) for number, item in enumerate(earlier)]
    return context.extract(now, image(seed), before, RATE_HZ)


def heard(now: Trigger, *earlier: Trigger, seed: int = 0) -> dict[str, float]:
    return dict(zip(context.NAMES, extract(now, *earlier, seed=seed).tolist(), strict=True))


def test_a_lone_trigger_has_heard_nothing() -> None:
    values = heard(trigger(5.0))
    assert values["count_1"] == values["count_3"] == values["regular"] == 0.0


def test_an_echo_is_seen_to_be_weaker_than_the_loudest_before_it() -> None:
    values = heard(trigger(5.3, 0.05), trigger(5.0, 0.5), trigger(5.2, 0.1))
    assert np.isclose(values["re_loudest_db"], -20.0)
    assert np.isclose(values["re_last_db"], 20.0 * np.log10(0.5))
    assert np.isclose(values["since_loudest_log"], np.log10(0.3))
    assert (values["count_03"], values["count_1"], values["count_3"]) == (1.0 + 1.0, 2.0, 2.0)


def test_equal_intervals_are_regular_and_unequal_ones_are_not() -> None:
    assert heard(trigger(5.2), trigger(5.0), trigger(5.1))["regular"] > 0.99
    assert heard(trigger(5.2), trigger(5.0), trigger(5.05))["regular"] < 0.1


def test_what_comes_later_or_at_the_same_moment_does_not_count() -> None:
    alone = extract(trigger(5.0))
    assert np.array_equal(extract(trigger(5.0), trigger(5.0), trigger(5.5)), alone)


def test_what_is_long_ago_does_not_count() -> None:
    assert np.array_equal(extract(trigger(15.0), trigger(5.0)), extract(trigger(15.0)))
    assert heard(trigger(9.0), trigger(5.0))["count_3"] == 0.0


def test_a_sound_like_an_earlier_one_is_known_again() -> None:
    values = heard(trigger(7.0, 0.25), trigger(5.0, 0.5), trigger(6.0, 0.1), seed=0)
    assert values["likeness_best"] > 0.99
    assert np.isclose(values["since_likest_log"], np.log10(2.0))
    assert np.isclose(values["re_likest_db"], 20.0 * np.log10(0.5))
    assert values["likeness_loudest"] == values["likeness_best"]
    assert values["likeness_last"] < 0.6
    assert values["level_distance_least_db"] < 0.01 < values["level_distance_last_db"]


def test_another_sound_is_not_taken_for_an_earlier_one() -> None:
    values = heard(trigger(7.0), trigger(5.0), trigger(6.0), seed=5)
    assert values["likeness_best"] < 0.6
    assert values["level_distance_least_db"] > 0.5


def test_an_offset_of_the_input_changes_nothing() -> None:
    plain = extract(trigger(5.3, 0.01), trigger(5.0, 0.4), trigger(5.2, 0.02))
    moved = extract(
        *(trigger(at_s, swing_fs, offset_fs=0.3) for at_s, swing_fs in ((5.3, 0.01), (5.0, 0.4), (5.2, 0.02)))
    )
    assert np.array_equal(plain, moved)


def test_of_rounds_at_the_rail_the_last_is_the_loudest_and_a_weaker_one_is_not() -> None:
    """A rail ends all of them within a step or two of the same swing."""
    values = heard(trigger(7.0), trigger(5.0, 0.99), trigger(5.5, 0.97), trigger(6.5, 0.8), seed=1)
    assert values["likeness_loudest"] == values["likeness_best"] > 0.99
    assert values["likeness_last"] < 0.6


def test_gain_changes_nothing_and_silence_is_finite() -> None:
    loud = extract(trigger(5.3, 0.4), trigger(5.0, 0.8))
    quiet = extract(trigger(5.3, 0.004), trigger(5.0, 0.008))
    assert np.allclose(loud, quiet)
    assert np.isfinite(extract(trigger(5.3, 0.0), trigger(5.0, 0.0))).all()
    silent = likeness.image(np.zeros(LENGTH))
    told = context.extract(trigger(5.3), silent, [Heard(trigger(5.0), silent)], RATE_HZ)
    assert np.isfinite(told).all()
