"""Two picks of one arrival make a better one."""

from __future__ import annotations

import pytest

from sensor.detect.onset import Pick, fused


def test_the_surer_pick_counts_more() -> None:
    both = fused(Pick(100.0, 30e-6), Pick(110.0, 60e-6))
    assert both.index == pytest.approx(102.0)
    assert both.sigma_s == pytest.approx(26.8e-6, rel=1e-2)
    assert fused(Pick(110.0, 60e-6), Pick(100.0, 30e-6)) == both


def test_equal_picks_meet_half_way() -> None:
    assert fused(Pick(0.0, 1e-5), Pick(1.0, 1e-5)).index == pytest.approx(0.5)
