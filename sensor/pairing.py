"""Listed arrivals and what was found: which belong together, and which stretches of time a shot fills."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

TOLERANCE_S = 0.05
"""What was found further than this from a listed arrival is not that arrival."""
BEFORE_S = 0.15
AFTER_S = 2.0
"""A listed arrival's window: what is in it is the shot, its echoes or its bullet, never a false candidate."""
PUBLISHED = frozenset(("tuple", "allpulses"))
"""``truth_source`` of the corpus' arrivals that somebody measured; the others were predicted."""


def pair(
    onsets_s: Sequence[float], candidates_s: Sequence[float], tolerance_s: float
) -> list[tuple[int, int]]:
    """Indices of onsets and candidates that belong together, one to one: most pairs, least differences."""
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415  slow to load

    pairs: list[tuple[int, int]] = []
    for rows, columns in _clusters(onsets_s, candidates_s, tolerance_s):
        apart = np.abs(
            np.asarray([onsets_s[i] for i in rows])[:, None] - np.asarray([candidates_s[j] for j in columns])
        )
        # One pair more is always worth more than any sum of differences.
        cost = np.where(apart <= tolerance_s, apart, (min(apart.shape) + 1) * max(tolerance_s, 1e-9))
        for row, column in zip(*linear_sum_assignment(cost), strict=True):
            if apart[row, column] <= tolerance_s:
                pairs.append((rows[row], columns[column]))
    return sorted(pairs)


def _clusters(
    onsets_s: Sequence[float], candidates_s: Sequence[float], tolerance_s: float
) -> Iterable[tuple[list[int], list[int]]]:
    """Stretches of time between which no pair is possible; those with both kinds in them."""
    marks = sorted(
        [(time, 0, index) for index, time in enumerate(onsets_s)]
        + [(time, 1, index) for index, time in enumerate(candidates_s)]
    )
    rows: list[int] = []
    columns: list[int] = []
    last_s = -math.inf
    for time_s, kind, index in marks:
        if time_s - last_s > tolerance_s:
            if rows and columns:
                yield rows, columns
            rows, columns = [], []
        (columns if kind else rows).append(index)
        last_s = time_s
    if rows and columns:
        yield rows, columns
