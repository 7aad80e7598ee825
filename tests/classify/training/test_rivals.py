"""Rivals may be chosen by name."""

from __future__ import annotations

import pytest

from sensor.classify.training.rivals import RIVALS, rivals_named


def test_all_rivals_are_compared_when_none_is_named() -> None:
    assert rivals_named([]) == RIVALS


def test_a_part_of_a_name_chooses_all_that_have_it() -> None:
    chosen = rivals_named(["logistic", "without"])
    assert "logistic regression" in chosen
    assert "one network, without context" in chosen
    assert "one network" not in chosen
    assert list(chosen) == [name for name in RIVALS if name in chosen]


def test_a_name_that_is_none_is_refused_with_those_that_are() -> None:
    with pytest.raises(ValueError, match=r"like 'forest'.*boosted trees alone"):
        rivals_named(["logistic", "forest"])
