"""Listed arrivals and what was found: which belong together, and which stretches of time a shot fills."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

TOLERANCE_S = 0.05
"""What was found further than this from a listed arrival is not that arrival."""
BEFORE_S = 0.15
AFTER_S = 2.0
"""A listed arrival's window: what is in it is the shot, its echoes or its bullet, never a false candidate."""
CANDIDATE_P = 0.5
"""A candidate counts, as a hit or as a false one, from this probability of a gunshot on."""
PUBLISHED = frozenset(("tuple", "allpulses"))
"""``truth_source`` of the corpus' arrivals that somebody measured; the others were predicted."""
FEW = 1_000_000
"""Up to so many differences, onsets times candidates, a stretch is paired by the table of all: 24 MB."""

Times = NDArray[np.float64]


def outside(
    onsets_s: Iterable[float], samples: int, rate_hz: float, from_s: float = -math.inf
) -> NDArray[np.bool_]:
    """Which samples lie from ``from_s`` on and outside every arrival's window, shape (samples,)."""
    time_s = np.arange(samples) / rate_hz
    free = time_s >= from_s
    for onset_s in onsets_s:
        free &= ~((time_s >= onset_s - BEFORE_S) & (time_s <= onset_s + AFTER_S))
    return free


def pair(
    onsets_s: Sequence[float], candidates_s: Sequence[float], tolerance_s: float
) -> list[tuple[int, int]]:
    """Indices of onsets and candidates that belong together, one to one: most pairs, least differences."""
    pairs: list[tuple[int, int]] = []
    for rows, columns in _clusters(onsets_s, candidates_s, tolerance_s):
        onsets = np.asarray([onsets_s[i] for i in rows], np.float64)
        candidates = np.asarray([candidates_s[j] for j in columns], np.float64)
        pairing = _pair_few if onsets.size * candidates.size <= FEW else _pair_many
        pairs += [(rows[i], columns[j]) for i, j in pairing(onsets, candidates, tolerance_s)]
    return sorted(pairs)


def _pair_few(onsets_s: Times, candidates_s: Times, tolerance_s: float) -> Iterable[tuple[int, int]]:
    """Pairs of one stretch by the table of all differences."""
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415  slow to load

    apart = np.abs(onsets_s[:, None] - candidates_s)
    # One pair more is always worth more than any sum of differences.
    cost = np.where(apart <= tolerance_s, apart, (min(apart.shape) + 1) * max(tolerance_s, 1e-9))
    for row, column in zip(*linear_sum_assignment(cost), strict=True):
        if apart[row, column] <= tolerance_s:
            yield int(row), int(column)


def _pair_many(onsets_s: Times, candidates_s: Times, tolerance_s: float) -> Iterable[tuple[int, int]]:
    """The same for times in ascending order by the possible pairs alone, for a stretch without a gap.

    An onset may also go to a place of its own, which costs more than any pair and stands for a miss.
    """
    from scipy.sparse import csr_array  # noqa: PLC0415  slow to load
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching  # noqa: PLC0415  same

    first = np.searchsorted(candidates_s, onsets_s - 2.0 * tolerance_s)
    end = np.searchsorted(candidates_s, onsets_s + 2.0 * tolerance_s, side="right")
    rows = np.repeat(np.arange(onsets_s.size), end - first)
    columns = np.concatenate([np.arange(a, b) for a, b in zip(first, end, strict=True)])
    apart = np.abs(onsets_s[rows] - candidates_s[columns])
    rows, columns, apart = (part[apart <= tolerance_s] for part in (rows, columns, apart))
    unit_s = max(tolerance_s, 1e-9)
    alone = np.arange(onsets_s.size)
    missed = np.full(onsets_s.size, (min(onsets_s.size, candidates_s.size) + 2) * unit_s)
    graph = csr_array(
        (  # a cost of nothing would be no possible pair
            np.concatenate((apart + unit_s, missed + unit_s)),
            (np.concatenate((rows, alone)), np.concatenate((columns, candidates_s.size + alone))),
        ),
        shape=(onsets_s.size, candidates_s.size + onsets_s.size),
    )
    for row, column in zip(*min_weight_full_bipartite_matching(graph), strict=True):
        if column < candidates_s.size:
            yield int(row), int(column)


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
