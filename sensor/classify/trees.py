"""Boosted decision trees, walked with numpy: every node decides, then all trees at once go down.

They see what a dense network does not: sharp limits, and what holds only together. What both take for a shot
is more surely one (docs/classification.md, *What was tried*).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Trees:
    """A sum of trees; arrays have shape (trees, nodes). Node 0 is the root, a leaf is its own child."""

    feature: NDArray[np.int16]
    """Which input a node looks at."""
    threshold: NDArray[np.float32]
    """Inputs up to this go left."""
    unknown_left: NDArray[np.bool_]
    """Whether an input that is NaN goes left."""
    left: NDArray[np.int16]
    right: NDArray[np.int16]
    value: NDArray[np.float32]
    """What a leaf adds to the score."""
    baseline: float
    """Score before any tree."""
    depth: int
    """Steps from the root to the deepest leaf."""

    def scores(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score of each vector, shape (n,), of vectors of shape (n, inputs)."""
        return np.array([self._walk(vector) for vector in vectors], np.float32)

    def _walk(self, vector: NDArray[np.float32]) -> np.float32:
        nodes = self._nodes
        heard = vector.take(nodes.feature)
        goes_left = heard <= nodes.threshold
        unknown = np.isnan(heard)
        if unknown.any():
            goes_left |= unknown & nodes.unknown_left
        # Every node's way at once costs less than to look up, level by level, what each way needs.
        ways = np.where(goes_left, nodes.left, nodes.right)
        at = nodes.roots
        for _ in range(self.depth):
            at = ways.take(at)
        return np.float32(nodes.value.take(at).sum(dtype=np.float64)) + np.float32(self.baseline)

    @cached_property
    def _nodes(self) -> _Nodes:
        count, each = self.feature.shape
        roots = np.arange(count) * each
        return _Nodes(
            roots=roots,
            feature=self.feature.ravel().astype(np.intp),
            threshold=self.threshold.ravel(),
            unknown_left=self.unknown_left.ravel(),
            left=(roots[:, None] + self.left).ravel(),
            right=(roots[:, None] + self.right).ravel(),
            value=self.value.ravel(),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Nodes:
    """The nodes of all trees in one row: what a walk needs as it needs it."""

    roots: NDArray[np.intp]
    """Where each tree begins."""
    feature: NDArray[np.intp]
    threshold: NDArray[np.float32]
    unknown_left: NDArray[np.bool_]
    left: NDArray[np.intp]
    """Place in the row of what is to the left of each node."""
    right: NDArray[np.intp]
    value: NDArray[np.float32]
