"""The core of the detector written out plainly, for tests: slow, whole recordings only, no state.

Read this to learn what the detector computes; ``filter``, ``noise_floor`` and ``trigger`` do the same fast.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from sensor.detect import noise_floor, trigger
from sensor.detect.filter import FRAME_S, HALF_FRAMES, FrameFilter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sensor.detect.settings import DetectSettings
    from sensor.types import Samples

HOP_FRAMES = 50


def frame_levels_db(samples: Samples, rate_hz: float, settings: DetectSettings) -> list[float]:
    """Level of every 1 ms frame from ``HALF_FRAMES`` before the recording to as many before its end, dB."""
    frame = round(rate_hz * FRAME_S)
    half = HALF_FRAMES * frame
    high_hz = min(settings.band_high_hz, 0.45 * rate_hz)
    # The fast path takes it in two stages; here it is one filter at the full rate.
    taps = FrameFilter(rate_hz, settings.band_low_hz, settings.band_high_hz).taps
    # Two half lengths of nothing ahead of the recording and one more frame to overlap with.
    padded = np.concatenate((np.zeros(2 * half + frame), samples.astype(np.float64)))
    filtered = np.convolve(padded, taps, mode="valid")
    step = max(1, int(rate_hz / (2.4 * high_hz)))
    positions = range(0, frame, step)
    middle = len(positions) // 2
    halves: list[tuple[float, float]] = []
    for start in range(0, filtered.size - frame + 1, frame):
        squares = [float(filtered[start + at] ** 2) for at in positions]
        halves.append((sum(squares[:middle]), sum(squares[middle:])))
    levels = []
    for before, now in pairwise(halves):
        power = max(now[0] + now[1], before[1] + now[0]) / len(positions)
        levels.append(10.0 * math.log10(max(power, trigger.TINY_ENERGY)))
    return levels


def crossings(samples: Samples, rate_hz: float, settings: DetectSettings) -> list[tuple[int, float]]:
    """Frame number and excess in dB of every upward crossing."""
    levels = frame_levels_db(samples, rate_hz, settings)
    hop_s = HOP_FRAMES * round(rate_hz * FRAME_S) / rate_hz
    found = []
    floor_db, hops, since_silence, above = math.nan, 0, 0, False
    for first in range(0, len(levels), HOP_FRAMES):
        hop = range(first, min(first + HOP_FRAMES, len(levels)))
        sound = []
        for index in hop:
            since_silence = 0 if levels[index] <= noise_floor.SILENT_DB else since_silence + 1
            if since_silence > trigger.EDGE_FRAMES:
                sound.append(levels[index])
        sound.sort()
        if math.isnan(floor_db) and len(sound) >= noise_floor.FEWEST_ACTIVE:
            floor_db = sound[int(noise_floor.START_QUANTILE * len(sound))] + noise_floor.START_RISE_DB
            hops = 0
        for index in hop:
            excess_db = _excess_db(levels, index, floor_db)
            if excess_db >= settings.threshold_db and not above:
                found.append((index, excess_db))
            above = excess_db >= settings.threshold_db
        if not sound:
            floor_db = math.nan
        elif len(sound) >= noise_floor.FEWEST_ACTIVE:
            pace = 5.0 if hops < noise_floor.SETTLING_HOPS else 1.0
            target_db = sound[int(noise_floor.QUANTILE * len(sound))]
            rise_db = pace * settings.floor_rise_db_s * hop_s
            fall_db = pace * settings.floor_fall_db_s * hop_s
            floor_db = min(floor_db + rise_db, max(floor_db - fall_db, target_db))
            hops += 1
    return found


def _excess_db(levels: Sequence[float], index: int, floor_db: float) -> float:
    """Excess of a frame over the mean of the frames 24 to 4 before it, none of them taken below the floor."""
    if math.isnan(floor_db):
        return -math.inf
    recent = [
        max(levels[at], floor_db) if at >= 0 else floor_db
        for at in range(index - trigger.TAIL_FRAMES, index - trigger.GAP_FRAMES)
    ]
    return levels[index] - sum(recent) / len(recent)
