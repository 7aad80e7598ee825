"""Explain away what no sound in air can make.

Each test takes one simple fault out of the samples and asks whether the crossing is still there. If not, the
fault was all there was. Real shots, clipped or dry, keep their energy when a sample or a step is taken away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sensor.detect import silence
from sensor.detect.trigger import levels_db
from sensor.types import RejectReason

if TYPE_CHECKING:
    from sensor.detect.filter import FrameFilter
    from sensor.types import Samples

FEWEST_STEPS = 2.0
"""A sound within so many of the converter's smallest steps is its last bit at work, whatever its shape."""
ODD_SHARE = 0.01
"""Share of the differences between neighbours that may be smaller than the converter's smallest step."""


@dataclass(frozen=True, slots=True)
class FaultMargins:
    """How far each fault was from explaining a crossing."""

    silence: silence.Margin | None
    """None without digital silence near it."""
    without_glitch_db: float
    """Level left without the most deviant one or two samples, dB."""
    without_step_db: float
    """Level left without the largest step, dB."""
    steps: float
    """Half the range in units of the smallest step; up to ``FEWEST_STEPS`` it is coarse."""
    limit_db: float
    """A level left below this means that the fault was all there was."""


@dataclass(frozen=True, slots=True, eq=False)  # eq: arrays do not compare to one truth value
class Suspect:
    """A crossing and the audio round it."""

    samples: Samples
    """From ``silence.before`` ahead of the crossing to ``silence.SETTLED_S`` after it, or the end."""
    crossing: int
    """Index of the first sample of the crossing frame."""
    filters: FrameFilter
    limit_db: float
    """Level below which there would have been no crossing, dB re full scale."""


def explain(suspect: Suspect) -> RejectReason | None:
    """The fault that explains a crossing, or None."""
    around = _around(suspect)
    margin = _silence(suspect)
    if margin is not None and margin.left_db < margin.limit_db:
        return RejectReason.DIGITAL_SILENCE
    jump = _largest_jump(around, suspect.filters)
    for mend, reason in ((_without_glitch, RejectReason.GLITCH), (_without_step, RejectReason.DC_STEP)):
        if _level(mend(around, jump), suspect.filters) < suspect.limit_db:
            return reason
    return RejectReason.COARSE if _steps(around) <= FEWEST_STEPS else None


def margins(suspect: Suspect) -> FaultMargins:
    """All that ``explain`` weighs, also what it need not have asked."""
    around = _around(suspect)
    jump = _largest_jump(around, suspect.filters)
    return FaultMargins(
        silence=_silence(suspect),
        without_glitch_db=_level(_without_glitch(around, jump), suspect.filters),
        without_step_db=_level(_without_step(around, jump), suspect.filters),
        steps=_steps(around),
        limit_db=suspect.limit_db,
    )


def _silence(suspect: Suspect) -> silence.Margin | None:
    return silence.margin(suspect.samples, suspect.crossing, suspect.filters, suspect.limit_db)


def _around(suspect: Suspect) -> Samples:
    """What the crossing frame, the one before it and those up to half a filter after it look at."""
    filters, crossing = suspect.filters, suspect.crossing
    return suspect.samples[
        crossing - filters.frame - filters.half : crossing + filters.frame + 2 * filters.half
    ]


def _steps(around: Samples) -> float:
    """Half the range in units of the smallest step between neighbours; 0 where none is.

    The smallest hundredth of the differences is passed over: one odd sample is no converter's step.
    """
    wave = around.astype(np.float64)
    differences = np.abs(np.diff(wave))
    differences = np.sort(differences[differences > 0.0])
    if differences.size == 0:
        return 0.0
    return float(np.ptp(wave)) / 2.0 / differences.item(int(ODD_SHARE * differences.size))


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
