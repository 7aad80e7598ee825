"""What trimming and few bits change for the detector alone."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from scripts.detection_scoring import Score, Take, run, score
from sensor.detect.settings import DetectSettings

LEADS_MS = (100, 20, 5, 0)
BITS = (8, 7, 6)
ZEROS_S = 1.0


def beginnings(takes: list[Take], settings: DetectSettings) -> dict[str, Score]:
    """Scores of recordings trimmed to shortly before a first round that alone counts, and of few bits."""
    first = [item for item in takes if item.counted[0]]
    table = {f"begins {lead} ms before": (first, partial(_trimmed, lead_s=lead * 1e-3)) for lead in LEADS_MS}
    table["begins with it, behind 1 s of zeros"] = (first, partial(_trimmed, lead_s=0.0, zeros_s=ZEROS_S))
    table |= {f"{bits} bits": (takes, partial(_rounded, bits=bits)) for bits in BITS}
    scores = {}
    for name, (chosen, alter) in table.items():
        altered = [alter(item) for item in chosen]
        scores[name] = score(altered, run(altered, settings))
    return scores


def _trimmed(item: Take, *, lead_s: float, zeros_s: float = 0.0) -> Take:
    """From so long before the first round on, behind zeros."""
    cut = max(0, round((item.onsets_s[0] - lead_s) * item.rate_hz))
    zeros = np.zeros(round(zeros_s * item.rate_hz), np.float32)
    counted = np.zeros_like(item.counted)
    counted[0] = True
    shift_s = (zeros.size - cut) / item.rate_hz
    return replace(
        item,
        audio=np.concatenate((zeros, item.audio[cut:])),
        onsets_s=item.onsets_s + shift_s,
        counted=counted,
        ignored_before_s=item.ignored_before_s + shift_s,
    )


def _rounded(item: Take, *, bits: int) -> Take:
    steps = np.float32(2.0 ** (bits - 1))
    return replace(item, audio=(np.round(item.audio * steps) / steps).astype(np.float32))
