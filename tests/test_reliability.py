"""Stated probabilities are held against what was true, at the prior at which they are stated."""

from __future__ import annotations

import pytest

from sensor.reliability import Bin, calibration_error, reliability


def test_reliability_of_a_perfect_and_of_a_boastful_forecast() -> None:
    honest = [(0.2, i < 20) for i in range(100)] + [(0.9, i < 90) for i in range(100)]
    assert calibration_error(reliability(honest)) == pytest.approx(0.0, abs=1e-12)
    boastful = [(0.9, i < 50) for i in range(100)]
    assert calibration_error(reliability(boastful)) == pytest.approx(0.4)
    assert reliability([(1.0, True)]) == [Bin(1.0, 1.0, 1, 1.0)]


def test_calibration_at_a_prior_does_not_depend_on_the_recordings_mix() -> None:
    """Stated at prior 0.5, four in five at 0.8 are gunshots; among nine times as many others as well."""
    even = [(0.8, i < 80) for i in range(100)] + [(0.2, i < 20) for i in range(100)]
    rare = [item for item in even if item[1]] + 9 * [item for item in even if not item[1]]
    assert calibration_error(reliability(rare)) > 0.1
    assert calibration_error(reliability(rare, prior=0.5)) == pytest.approx(0.0, abs=1e-12)
    assert sum(part.weight for part in reliability(rare, prior=0.5)) == pytest.approx(1.0)
