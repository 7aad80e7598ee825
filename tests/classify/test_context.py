"""What earlier triggers say about this one."""

from __future__ import annotations

import numpy as np

from sensor.classify import context
from sensor.types import Trigger

RATE_HZ = 12_000.0


def trigger(at_s: float, peak_fs: float = 0.5, snr_db: float = 30.0) -> Trigger:
    onset = at_s * RATE_HZ
    return Trigger(
        onset=onset,
        onset_sigma_s=1e-4,
        on=int(onset - 1200),
        off=int(onset + 2880),
        peak_fs=peak_fs,
        snr_db=snr_db,
        noise_dbfs=-60.0,
    )


def heard(now: Trigger, *earlier: Trigger) -> dict[str, float]:
    return dict(zip(context.NAMES, context.extract(now, earlier, RATE_HZ).tolist(), strict=True))


def test_a_lone_trigger_has_heard_nothing() -> None:
    values = heard(trigger(5.0))
    assert values["count_1"] == values["count_3"] == values["regular"] == 0.0


def test_an_echo_is_seen_to_be_weaker_than_the_loudest_before_it() -> None:
    values = heard(trigger(5.3, peak_fs=0.05), trigger(5.0, peak_fs=0.5), trigger(5.2, peak_fs=0.1))
    assert np.isclose(values["re_loudest_db"], -20.0)
    assert np.isclose(values["re_last_db"], 20.0 * np.log10(0.5))
    assert np.isclose(values["since_loudest_log"], np.log10(0.3))
    assert (values["count_03"], values["count_1"], values["count_3"]) == (1.0 + 1.0, 2.0, 2.0)


def test_equal_intervals_are_regular_and_unequal_ones_are_not() -> None:
    assert heard(trigger(5.2), trigger(5.0), trigger(5.1))["regular"] > 0.99
    assert heard(trigger(5.2), trigger(5.0), trigger(5.05))["regular"] < 0.1


def test_what_comes_later_or_at_the_same_moment_does_not_count() -> None:
    alone = context.extract(trigger(5.0), (), RATE_HZ)
    assert np.array_equal(context.extract(trigger(5.0), (trigger(5.0), trigger(5.5)), RATE_HZ), alone)


def test_gain_changes_nothing_and_silence_is_finite() -> None:
    loud = context.extract(trigger(5.3, 0.4), (trigger(5.0, 0.8),), RATE_HZ)
    quiet = context.extract(trigger(5.3, 0.004), (trigger(5.0, 0.008),), RATE_HZ)
    assert np.allclose(loud, quiet)
    assert np.isfinite(context.extract(trigger(5.3, 0.0), (trigger(5.0, 0.0),), RATE_HZ)).all()
