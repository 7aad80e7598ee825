"""Boosted decision trees, walked with numpy: all trees at once, one level at a time.

They see what a dense network does not: sharp limits, and what holds only together. What both take for a shot
is more surely one (docs/classification.md, *What was tried*).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_AT_ONCE = 2048
"""Vectors walked together, so that a whole corpus needs no gigabytes."""


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
        parts = [self._walk(vectors[at : at + _AT_ONCE]) for at in range(0, len(vectors), _AT_ONCE)]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def _walk(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        count, nodes = self.feature.shape
        roots = np.arange(count) * nodes
        feature, threshold, unknown_left = (
            self.feature.ravel(),
            self.threshold.ravel(),
            self.unknown_left.ravel(),
        )
        left, right = self.left.ravel(), self.right.ravel()
        first = (np.arange(len(vectors)) * vectors.shape[1])[:, None]
        flat = vectors.ravel()
        at = np.broadcast_to(roots, (len(vectors), count))
        for _ in range(self.depth):
            heard = flat[first + feature[at]]
            goes_left = (heard <= threshold[at]) | (np.isnan(heard) & unknown_left[at])
            at = roots + np.where(goes_left, left[at], right[at])
        total: NDArray[np.float32] = self.value.ravel()[at].sum(axis=1, dtype=np.float64).astype(np.float32)
        return total + np.float32(self.baseline)
