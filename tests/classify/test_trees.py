"""Trees are evaluated as they are written, unknown inputs and soft thresholds too."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.classify.trees import Trees

NAN = float("nan")


@pytest.fixture
def trees() -> Trees:
    """Two trees over three inputs: one of two levels, one of a leaf alone."""
    return Trees(
        feature=np.array([[2, 0, 0, 0, 0], [0, 0, 0, 0, 0]], np.int16),
        threshold=np.array([[1.5, -1.0, 0, 0, 0], [0, 0, 0, 0, 0]], np.float32),
        unknown_left=np.array([[False, True, False, False, False], [False] * 5]),
        left=np.array([[1, 3, 2, 3, 4], [0, 1, 2, 3, 4]], np.int16),
        right=np.array([[2, 4, 2, 3, 4], [0, 1, 2, 3, 4]], np.int16),
        value=np.array([[0, 0, 10.0, 20.0, 30.0], [0.5, 0, 0, 0, 0]], np.float32),
        softness=np.array([1e-6, 1e-6, 1e-6], np.float32),
        baseline=100.0,
        depth=2,
    )


@pytest.mark.parametrize(
    ("vector", "score"),
    [
        ((0.0, 9.0, 2.0), 110.5),  # right at the root: a leaf above the deepest level
        ((-2.0, 9.0, 1.0), 120.5),
        ((0.0, 9.0, 1.0), 130.5),
        ((0.0, 9.0, 1.5), 120.5),  # exactly at the root's threshold: half each way
        ((-np.inf, np.inf, -np.inf), 120.5),
        ((0.0, 9.0, NAN), 110.5),  # unknown goes right at the root
        ((NAN, 9.0, 1.0), 120.5),  # and left below
    ],
)
def test_each_way_down_ends_at_its_leaf(trees: Trees, vector: tuple[float, ...], score: float) -> None:
    assert trees.scores(np.array([vector], np.float32)) == pytest.approx([score])


def test_an_input_near_a_threshold_goes_both_ways(trees: Trees) -> None:
    soft = replace(trees, softness=np.array([0.5, 1.0, 2.0], np.float32))
    left_at_root = 1.0 / (1.0 + math.exp((1.0 - 1.5) / 2.0))
    left_below = 1.0 / (1.0 + math.exp((-0.7 + 1.0) / 0.5))
    below = 20.0 * left_below + 30.0 * (1.0 - left_below)
    expected = left_at_root * below + (1.0 - left_at_root) * 10.0 + 100.5
    assert soft.scores(np.array([[-0.7, 9.0, 1.0]], np.float32)) == pytest.approx([expected], abs=1e-4)


@given(place=st.floats(-3.0, 3.0), step=st.floats(0.0, 1e-3))
def test_a_small_move_makes_a_small_difference(place: float, step: float) -> None:
    tree = Trees(
        feature=np.zeros((1, 3), np.int16),
        threshold=np.zeros((1, 3), np.float32),
        unknown_left=np.zeros((1, 3), bool),
        left=np.array([[1, 1, 2]], np.int16),
        right=np.array([[2, 1, 2]], np.int16),
        value=np.array([[0.0, -1.0, 1.0]], np.float32),
        softness=np.array([0.1], np.float32),
        baseline=0.0,
        depth=1,
    )
    here, there = tree.scores(np.array([[place], [place + step]], np.float32))
    assert -1e-5 <= there - here <= 5.0 * step + 1e-5  # the steepest it can be: 2 / (4 * 0.1)


def test_many_are_scored_as_each_alone(trees: Trees) -> None:
    vectors = np.random.default_rng(0).standard_normal((5000, 3)).astype(np.float32) * 2
    together = trees.scores(vectors)
    assert together.shape == (5000,)
    assert np.array_equal(together, np.concatenate([trees.scores(row[None]) for row in vectors]))
    assert len(set(together.tolist())) == 3


def test_none_gives_none(trees: Trees) -> None:
    assert trees.scores(np.zeros((0, 3), np.float32)).shape == (0,)
