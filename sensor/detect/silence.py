"""What begins or ends in digital silence: a sound, or something that was merely cut in or out.

Hum, rumble, wind or an offset that is switched on is a step in the band. Its slow part, fitted beyond the
edge and taken away, leaves what the band would have heard had it always been there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sensor.detect.noise_floor import SILENT_DB
from sensor.detect.rail import at_an_end
from sensor.detect.trigger import levels_db

if TYPE_CHECKING:
    from sensor.detect.filter import FrameFilter
    from sensor.types import Samples

RUN_FRAMES = 1
"""Shortest run of one value that counts as digital silence, in frames of 1 ms. It may be any value: what an
input with an offset gives when it is muted, or a driver that repeats its last sample."""
REACH_FRAMES = 8
"""Frames from the crossing on that are asked for what is left."""
FITTED_FRAMES = 12
"""Shortest stretch after the silence that a polynomial is fitted to, where there is as much."""
SLOW_PER_FRAME = 0.8
"""Degree of the polynomial by the length of what it is fitted to: it follows what is slower than about
400 Hz. At two thirds, 100 Hz hum was not followed closely enough."""
SETTLING_SAMPLES = 40
"""A converter's own filters settle in as many samples."""
SETTLING_SHARE = 1.3
"""While they do, the samples are no farther from the level they settle to than this times that level."""
SETTLED_S = 0.15
"""After the crossing, how long the sound is watched for a decay."""
DECAY_DB = 8.0
"""A sound after digital silence stands this far out of what follows: it decays. Steady noise stands 4 dB out
of itself, wind up to 8."""


@dataclass(frozen=True, slots=True)
class Margin:
    """What is left of a crossing at an edge of digital silence, and what must be, dB re full scale."""

    left_db: float
    """Largest level without the slow part of what was cut; minus infinity where nothing is heard."""
    limit_db: float
    """To cross at all, and to stand out of what follows."""


def margin(samples: Samples, crossing: int, filters: FrameFilter, limit_db: float) -> Margin | None:
    """How the crossing stands when digital silence near it had never been; None without such silence.

    ``samples``: audio from ``before(filters)`` ahead of ``crossing``, the first sample of the crossing frame,
    to ``SETTLED_S`` after it or the end of the stream; ``limit_db``: level below which nothing would have
    crossed.
    """
    run = _run(samples, crossing, filters)
    if run is None:
        return None
    asked = slice(
        crossing - filters.frame - filters.half, crossing + REACH_FRAMES * filters.frame + filters.half
    )
    left = _mended(samples, run, asked.stop, filters.frame)[asked]
    left_db = float(levels_db(filters.energies(filters.frames(left))).max())
    if run[0] > crossing:
        return Margin(left_db, limit_db)  # what goes silent need not fade before
    levels = levels_db(filters.energies(filters.frames(samples[crossing - filters.half :])))
    heard = levels[levels > SILENT_DB]
    if heard.size == 0:
        return Margin(-math.inf, limit_db)
    return Margin(left_db, max(limit_db, float(np.median(heard)) + DECAY_DB))


def before(filters: FrameFilter) -> int:
    """Samples ahead of a crossing that ``margin`` looks at."""
    return 5 * filters.half


def _run(samples: Samples, crossing: int, filters: FrameFilter) -> tuple[int, int] | None:
    """First index and the one past the last of a run of one value that the crossing frame hears.

    The newest that begins before it; where there is none, the newest.
    """
    shortest = max(2, round(RUN_FRAMES * filters.frame))
    low = crossing - filters.half - shortest
    near = samples[low : crossing + filters.frame + filters.half + shortest]
    # Runs at the rail are clipping, not silence: a rail is an end of the range, and far from zero.
    silent = ~at_an_end(near[1:], samples) | (np.abs(near[1:]) < 0.1 * np.abs(near).max())
    same = (np.diff(near) == 0.0) & silent
    borders = np.flatnonzero(np.diff(np.concatenate(([False], same, [False]))))
    runs = [(first, last) for first, last in borders.reshape(-1, 2) if last - first >= shortest - 1]
    if not runs:
        return None
    ahead = [item for item in runs if low + item[0] <= crossing]
    first, last = (ahead or runs)[-1]
    first, last = low + int(first), low + int(last) + 1
    other = np.flatnonzero(samples != samples[first])  # the run may be longer than what the frame hears
    before, after = other[other < first], other[other >= last]
    return (int(before[-1]) + 1 if before.size else 0, int(after[0]) if after.size else samples.size)


def _mended(samples: Samples, run: tuple[int, int], end: int, frame: int) -> Samples:
    """The samples up to ``end`` or farther without the slow part of what the run cuts on either side."""
    first, last = run
    mended = samples[: max(end, last + FITTED_FRAMES * frame)] - samples[first]
    mended[:first] = _quick(mended[:first][::-1], frame)[::-1]
    mended[last:] = _quick(mended[last:], frame, settling=SETTLING_SAMPLES)
    return mended


def _quick(sound: Samples, frame: int, settling: int = 0) -> Samples:
    """A sound that begins at an edge, without its slow part and without a settling of so many samples."""
    if sound.size < 2 * frame:
        return sound
    settling = min(settling, sound.size // 2)
    level = float(np.median(sound[settling:]))
    if not np.abs(sound[:settling] - level).max(initial=0.0) <= SETTLING_SHARE * abs(level):
        settling = 0
    degree = round(SLOW_PER_FRAME * sound.size / frame)
    terms = np.polynomial.legendre.legvander(np.linspace(-1.0, 1.0, sound.size), degree)
    weights = np.linalg.lstsq(terms[settling:], sound[settling:].astype(np.float64), rcond=None)[0]
    quick: Samples = (sound - terms @ weights).astype(np.float32)
    quick[:settling] = 0.0
    return quick
