"""Which features of a sound spoke for a gunshot, which against, and what it was nearest to otherwise.

The effect of a feature is what the log-odds of a gunshot lose when the model is told the training average
instead (an ablation to the mean, one at a time or one family at a time). Features share information, so
effects of one at a time do not add up to the whole. Where ``count_1`` is 0 nothing was heard in the second
before, and so nothing is an echo.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sensor.replay.feature_words import words_for
from sensor.types import Verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sensor.classify.classifier import Classifier

CERTAIN = 1e-9
"""Probabilities are taken to be at least this far from 0 and 1, so that log-odds stay within ±21."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Influence:
    """One feature and what it did."""

    name: str
    family: str
    meaning: str
    """What ``value`` is; empty for a feature of a newer model."""
    value: float | None
    """At the first look; None: unknown at this sampling rate."""
    standardised: float | None
    """Training standard deviations above the training mean."""
    effect: float
    """Natural log-odds of a gunshot that it adds to what the average would give; negative speaks against."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Influences:
    """What made a verdict."""

    log_odds: float
    """Natural log-odds of a gunshot against all else."""
    features: tuple[Influence, ...]
    """All of them, in the model's order."""
    families: Mapping[str, float]
    """Effect of each family, all its features taken as average at once."""
    confuser: str
    """The most probable other class."""
    confuser_margin: float
    """Natural log of p(gunshot) over p(confuser): negative when it is the more probable."""

    def speaking_for(self, most: int) -> tuple[Influence, ...]:
        """The features that added most, strongest first."""
        found = sorted(self.features, key=lambda item: -item.effect)[:most]
        return tuple(item for item in found if item.effect > 0.0)

    def speaking_against(self, most: int) -> tuple[Influence, ...]:
        """The features that took most away, strongest first."""
        found = sorted(self.features, key=lambda item: item.effect)[:most]
        return tuple(item for item in found if item.effect < 0.0)


def influences(classifier: Classifier, verdict: Verdict) -> Influences | None:
    """Ask the classifier what it would have said with features at their average; None without features."""
    if verdict.features is None:
        return None
    vectors = verdict.features
    first_look, standardised = vectors[0], classifier.standardised(vectors)[0]
    # What is unknown stays so: it had no part in the verdict that could be taken away.
    average = np.where(np.isnan(vectors), vectors, classifier.average)
    whole = log_odds(verdict.p_gunshot)
    words = [words_for(name) for name in classifier.feature_names]
    families = [its.family for its in words]

    def effect(indices: Iterable[int]) -> float:
        altered, columns = vectors.copy(), list(indices)
        altered[:, columns] = average[:, columns]
        return whole - log_odds(classifier.probabilities(altered)["gunshot"])

    others = {name: p for name, p in verdict.classes.items() if name != "gunshot"}
    confuser = max(others, key=lambda name: others[name])
    return Influences(
        log_odds=whole,
        features=tuple(
            Influence(
                name=name,
                family=words[index].family,
                meaning=words[index].of_the_number,
                value=_known(first_look, index),
                standardised=_known(standardised, index),
                effect=effect([index]),
            )
            for index, name in enumerate(classifier.feature_names)
        ),
        families={
            family: effect(index for index, its in enumerate(families) if its == family)
            for family in dict.fromkeys(families)
        },
        confuser=confuser,
        confuser_margin=math.log(max(verdict.p_gunshot, CERTAIN) / max(others[confuser], CERTAIN)),
    )


def log_odds(p: float) -> float:
    """Natural log-odds of a probability, within ±21."""
    p = min(max(p, CERTAIN), 1.0 - CERTAIN)
    return math.log(p / (1.0 - p))


def _known(values: NDArray[np.float32], index: int) -> float | None:
    value = float(values[index])
    return None if math.isnan(value) else value
