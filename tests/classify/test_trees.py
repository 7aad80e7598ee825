"""Trees are walked as they are written, unknown inputs too."""

from __future__ import annotations

import numpy as np
import pytest

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
        baseline=100.0,
        depth=2,
    )


@pytest.mark.parametrize(
    ("vector", "score"),
    [
        ((0.0, 9.0, 2.0), 110.5),  # right at the root: a leaf above the deepest level
        ((-2.0, 9.0, 1.0), 120.5),
        ((0.0, 9.0, 1.0), 130.5),
        ((-1.0, 9.0, 1.5), 120.5),  # exactly at both thresholds: left
        ((0.0, 9.0, NAN), 110.5),  # unknown goes right at the root
        ((NAN, 9.0, 1.0), 120.5),  # and left below
    ],
)
def test_each_way_down_ends_at_its_leaf(trees: Trees, vector: tuple[float, ...], score: float) -> None:
    assert trees.scores(np.array([vector], np.float32)) == pytest.approx([score])


def test_many_are_walked_as_each_alone(trees: Trees) -> None:
    vectors = np.random.default_rng(0).standard_normal((5000, 3)).astype(np.float32) * 2
    together = trees.scores(vectors)
    assert together.shape == (5000,)
    assert np.array_equal(together, np.concatenate([trees.scores(row[None]) for row in vectors]))
    assert len(set(together.tolist())) == 3


def test_none_gives_none(trees: Trees) -> None:
    assert trees.scores(np.zeros((0, 3), np.float32)).shape == (0,)
