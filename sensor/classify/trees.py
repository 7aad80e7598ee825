"""Boosted decision trees with soft thresholds, evaluated with numpy.

They see what a dense network does not: what holds only together. What both take for a shot is more surely one
(docs/classification.md, *What was tried*). Behind a sharp threshold a verdict jumps where an input moves by
less than its own noise; here an input near a threshold goes both ways, in shares, and a tree's score is the
mean over the leaves that are reached (fuzzy decision trees, Suárez & Lutsko 1999).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_AT_ONCE = 32
"""Vectors that are looked at together: what is known of them stays in cache."""
_FARTHEST = np.float32(80.0)
"""Widths beyond a threshold at which all goes one way; keeps the exponential finite."""


@dataclass(frozen=True, eq=False)
class Trees:
    """A sum of trees; arrays have shape (trees, nodes). Node 0 is the root, a leaf is its own child."""

    feature: NDArray[np.int16]
    """Which input a node looks at."""
    threshold: NDArray[np.float32]
    """An input goes left in the share 1 / (1 + exp((input - threshold) / softness)), the rest goes right."""
    unknown_left: NDArray[np.bool_]
    """Whether an input that is NaN goes left, all of it."""
    left: NDArray[np.int16]
    right: NDArray[np.int16]
    value: NDArray[np.float32]
    """What a leaf adds to the score."""
    softness: NDArray[np.float32]
    """Width of the thresholds of each input, in its unit, above 0; shape (inputs,)."""
    baseline: float
    """Score before any tree."""
    depth: int
    """Steps from the root to the deepest leaf."""

    def scores(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score of each vector, shape (n,), of vectors of shape (n, inputs)."""
        scores = np.empty(len(vectors), np.float32)
        for first in range(0, len(vectors), _AT_ONCE):
            part = slice(first, first + _AT_ONCE)
            scores[part] = self._scores(vectors[part])
        return scores

    def _scores(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        nodes = self._nodes
        heard = vectors.take(nodes.feature, axis=1)
        widths = (heard - nodes.threshold) * nodes.steepness
        share = 1.0 / (1.0 + np.exp(np.minimum(widths, _FARTHEST)))
        unknown = np.isnan(heard)
        if unknown.any():
            share = np.where(unknown, nodes.share_of_unknown, share)
        share[:, : nodes.roots] = 1.0
        # What reaches a node is the product of all shares on its way: twice as many with every round.
        for above in nodes.above:
            share = share * share.take(above, axis=1)
        reached = share.take(nodes.leaves, axis=1)
        return (reached * nodes.value).sum(axis=1, dtype=np.float64) + self.baseline

    @cached_property
    def _nodes(self) -> _Nodes:
        count, each = self.feature.shape
        tree, node = np.arange(count)[:, None], np.arange(each)
        inner = self.left != node
        place = node * count + tree  # of the roots first, then of every tree's node 1 ...
        parent, goes_left = np.arange(count * each), np.zeros(count * each, bool)
        for side, is_left in ((self.left, True), (self.right, False)):
            child = (side.astype(np.intp) * count + tree)[inner]
            parent[child], goes_left[child] = place[inner], is_left
        used = (parent != np.arange(count * each)) | (np.arange(count * each) < count)
        leaves = np.flatnonzero(used & ~inner.T.ravel())
        above = [parent]
        while 2 ** len(above) < self.depth:
            above.append(above[-1][above[-1]])
        asked = self.feature.T.ravel()[parent].astype(np.intp)
        return _Nodes(
            roots=count,
            feature=asked,
            threshold=self.threshold.T.ravel()[parent],
            steepness=(np.where(goes_left, 1.0, -1.0) / self.softness[asked]).astype(np.float32),
            share_of_unknown=(self.unknown_left.T.ravel()[parent] == goes_left).astype(np.float32),
            above=tuple(above),
            leaves=leaves,
            value=self.value.T.ravel()[leaves],
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Nodes:
    """The nodes of all trees in one row, roots first; each with the question that led to it."""

    roots: int
    feature: NDArray[np.intp]
    threshold: NDArray[np.float32]
    steepness: NDArray[np.float32]
    """Of the step at the threshold; negative for what lies to the right."""
    share_of_unknown: NDArray[np.float32]
    above: tuple[NDArray[np.intp], ...]
    """Place of the node that is 1, 2, 4 ... steps nearer to the root, or of the root."""
    leaves: NDArray[np.intp]
    value: NDArray[np.float32]
    """Of the leaves, in their order."""
