"""Trimmed copies: recordings that begin with the sound itself, as clips often do and streams after a loss.

What the classifier asks of the time before the onset is then zero, of shots and of all else alike.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sensor.classify.training.corpus import Recording

Wave = NDArray[np.float64]

_BARE = 0.4
"""Share of the copies that begin with the onset itself; the others keep a little of what was before."""
_LONGEST_LEAD_S = 0.06


def trimmed(recording: Recording, wave: Wave, at_s: float) -> tuple[Recording, Wave]:
    """The recording from ``at_s`` on; rounds before that keep their window and do not count."""
    first = max(0, round(at_s * recording.rate_hz))
    cut_s = first / recording.rate_hz
    rounds = tuple(
        replace(item, onset_s=item.onset_s - cut_s, counts=item.counts and item.onset_s >= at_s)
        for item in recording.rounds
    )
    ignored_s = max(0.0, recording.ignore_before_s - cut_s)
    return replace(recording, rounds=rounds, ignore_before_s=ignored_s), wave[first:]


def drawn(
    recording: Recording, wave: Wave, onsets_s: list[float], rng: np.random.Generator
) -> tuple[Recording, Wave]:
    """The recording from one of its onsets on, or from shortly before it; as it is where it has none."""
    if not onsets_s:
        return recording, wave
    onset_s = float(rng.choice(onsets_s))
    lead_s = 0.0 if rng.random() < _BARE else float(rng.uniform(0.0, _LONGEST_LEAD_S))
    return trimmed(recording, wave, onset_s - lead_s)
