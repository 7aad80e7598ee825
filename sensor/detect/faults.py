"""Explain away what no sound in air can make.

Each test takes one simple fault out of the samples and asks whether the crossing is still there. If not, the
fault was all there was. Real shots, clipped or dry, keep their energy when a sample or a step is taken away.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sensor.detect.noise_floor import SILENT_DB
from sensor.detect.trigger import levels_db
from sensor.types import RejectReason

if TYPE_CHECKING:
    from sensor.detect.filter import FrameFilter
    from sensor.types import Samples

SILENCE_S = 1e-3
"""Shortest run of one repeated value that counts as digital silence."""
SETTLED_S = 0.15
"""After a step out of silence, how long the sound is watched for a decay."""


DECAY_DB = 12.0
"""A sound after digital silence is one if it stands this far out of what follows: it decays."""


@dataclass(frozen=True, slots=True)
class FaultMargins:
    """How far each fault was from explaining a crossing."""

    decay_db: float | None
    """After a run of one value: how far the crossing stands out of what follows; below ``DECAY_DB`` it is the
    end of digital silence. None without such a run."""
    without_glitch_db: float
    """Level left without the most deviant one or two samples, dB."""
    without_step_db: float
    """Level left without the largest step, dB."""
    limit_db: float
    """A level left below this means that the fault was all there was."""


def explain(samples: Samples, crossing: int, filters: FrameFilter, limit_db: float) -> RejectReason | None:
    """The fault that explains a crossing, or None.

    ``samples``: raw audio round it, at least three half lengths of the filter before and two after;
    ``crossing``: index of the first sample of the crossing frame; ``limit_db``: level below which there would
    have been no crossing.
    """
    decay_db = _decay_after_silence(samples, crossing, filters)
    if decay_db is not None and decay_db < DECAY_DB:
        return RejectReason.DIGITAL_SILENCE
    around = _around(samples, crossing, filters)
    jump = _largest_jump(around, filters)
    for mend, reason in ((_without_glitch, RejectReason.GLITCH), (_without_step, RejectReason.DC_STEP)):
        if _level(mend(around, jump), filters) < limit_db:
            return reason
    return None


def margins(samples: Samples, crossing: int, filters: FrameFilter, limit_db: float) -> FaultMargins:
    """All that ``explain`` weighs, of the same arguments."""
    around = _around(samples, crossing, filters)
    jump = _largest_jump(around, filters)
    return FaultMargins(
        decay_db=_decay_after_silence(samples, crossing, filters),
        without_glitch_db=_level(_without_glitch(around, jump), filters),
        without_step_db=_level(_without_step(around, jump), filters),
        limit_db=limit_db,
    )


def _around(samples: Samples, crossing: int, filters: FrameFilter) -> Samples:
    """What the crossing frame, the one before it and those up to half a filter after it look at."""
    return samples[crossing - filters.frame - filters.half : crossing + filters.frame + 2 * filters.half]


def _level(around: Samples, filters: FrameFilter) -> float:
    """Largest frame level that the same fault can have reached, dB."""
    return float(levels_db(filters.energies(filters.frames(around))).max())


def _largest_jump(around: Samples, filters: FrameFilter) -> int:
    """Index after the largest difference between neighbours that the crossing frame looks at."""
    steps = np.abs(np.diff(around[filters.frame : 2 * filters.frame + 2 * filters.half]))
    return filters.frame + 1 + int(steps.argmax())


def _without_glitch(around: Samples, jump: int) -> Samples:
    """The samples with the most deviant one or two next to ``jump`` replaced by a straight line."""
    best, smallest = around, np.inf
    for first, count in ((jump - 1, 1), (jump, 1), (jump - 1, 2), (jump, 2), (jump - 2, 2)):
        if first + count >= around.size:
            continue  # at the end of a stream: nothing follows that a line could lead to
        mended = around.copy()
        before, after = around.item(first - 1), around.item(first + count)
        for place in range(count):
            mended[first + place] = before + (after - before) * (place + 1) / (count + 1)
        roughness = float(np.abs(np.diff(mended[jump - 4 : jump + 5])).max())
        if roughness < smallest:
            best, smallest = mended, roughness
    return best


def _without_step(around: Samples, jump: int) -> Samples:
    """The samples with the step at ``jump`` taken out of all that follows."""
    mended = around.copy()
    mended[jump:] -= around[jump] - around[jump - 1]
    return mended


def _decay_after_silence(samples: Samples, crossing: int, filters: FrameFilter) -> float | None:
    """How far a crossing at the end of a run of one value stands out of what follows, dB; None without a run.

    It is minus infinity where nothing is heard after it.
    """
    run = max(2, round(SILENCE_S / 1e-3 * filters.frame))
    low, high = crossing - filters.half - run, crossing + 2 * filters.frame
    near = samples[max(0, low) : high]
    # Runs at the rail are clipping, not silence.
    same = (np.diff(near) == 0.0) & (np.abs(near[1:]) < 0.1 * np.abs(near).max())
    if np.count_nonzero(same) < run - 1:
        return None
    if np.convolve(same, np.ones(run - 1), mode="valid").max() < run - 1:
        return None
    after = samples[
        crossing - filters.half : crossing + filters.half + round(SETTLED_S / 1e-3) * filters.frame
    ]
    levels = levels_db(filters.energies(filters.frames(np.ascontiguousarray(after))))
    heard = levels[levels > SILENT_DB]
    if heard.size == 0:
        return -math.inf
    return float(levels[: 2 * filters.half // filters.frame].max() - np.median(heard))
