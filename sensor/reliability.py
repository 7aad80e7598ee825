"""Whether stated probabilities come true: the reliability diagram and the expected calibration error."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

BINS = 15


@dataclass(frozen=True, slots=True)
class Bin:
    """Triggers whose stated probability lies in one of ``BINS`` equal parts."""

    p: float
    """Mean stated probability."""
    share: float
    """Share of them that were gunshots."""
    triggers: int
    weight: float
    """Share of all triggers' weight, 0 to 1."""


def reliability(judged: Sequence[tuple[float, bool]], prior: float | None = None) -> list[Bin]:
    """``BINS`` equal bins over pairs of stated probability and truth; those that hold any.

    With a prior, gunshots and the rest are weighted so that gunshots make up that share: what calibration
    at a stated prior means, whatever the recordings' own mix.
    """
    shots = sum(is_shot for _, is_shot in judged)
    weights = {True: 1.0, False: 1.0}
    if prior is not None and 0 < shots < len(judged):
        weights = {True: prior / shots, False: (1.0 - prior) / (len(judged) - shots)}
    held: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for p, is_shot in judged:
        held[min(BINS - 1, int(p * BINS))].append((p, is_shot))
    total = sum(weights[is_shot] for _, is_shot in judged)
    bins = []
    for _, members in sorted(held.items()):
        weight = sum(weights[is_shot] for _, is_shot in members)
        bins.append(
            Bin(
                p=sum(weights[is_shot] * p for p, is_shot in members) / weight,
                share=sum(weights[is_shot] * is_shot for _, is_shot in members) / weight,
                triggers=len(members),
                weight=weight / total,
            )
        )
    return bins


def calibration_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error: mean distance of probability and share over the bins' weights."""
    return sum(part.weight * abs(part.p - part.share) for part in bins)
