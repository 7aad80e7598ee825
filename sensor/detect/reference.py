"""The core of the detector written out plainly, for tests: slow, whole recordings only, no state.

Read this to learn what the detector computes; ``filter``, ``noise_floor``, ``trigger`` and ``repeats`` do the
same fast.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from sensor.detect import noise_floor, repeats, trigger
from sensor.detect.filter import FRAME_S, HALF_FRAMES, FrameFilter, band_pass_taps

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from sensor.detect.settings import DetectSettings
    from sensor.types import Samples

    Doubles = NDArray[np.float64]

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
        levels.append(10.0 * math.log10(max(power, noise_floor.TINY_ENERGY)))
    return levels


def crossings(samples: Samples, rate_hz: float, settings: DetectSettings) -> list[tuple[int, float, float]]:
    """Frame number, excess and noise floor in dB of every upward crossing."""
    levels = frame_levels_db(samples, rate_hz, settings)
    hop_s = HOP_FRAMES * round(rate_hz * FRAME_S) / rate_hz
    found = []
    sounding = _away_from_silence(levels)
    starts = range(0, len(levels), HOP_FRAMES)
    sounds = [sorted(levels[at] for at in sounding if first <= at < first + HOP_FRAMES) for first in starts]
    floor_db, hops, above = math.nan, 0, False
    for number, first in enumerate(starts):
        hop = range(first, min(first + HOP_FRAMES, len(levels)))
        sound = sounds[number]
        if math.isnan(floor_db) and any(levels[at] > noise_floor.SILENT_DB for at in hop):
            floor_db, hops = _first_floor_db(sounds[number : number + noise_floor.START_HOPS]), 0
        for index in hop:
            excess_db = _excess_db(levels, index, floor_db)
            if excess_db >= settings.threshold_db and not above:
                found.append((index, excess_db, floor_db))
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


def _away_from_silence(levels: Sequence[float]) -> list[int]:
    """Which frames hear nothing of digital silence, nor of the beginning of the recording."""
    found, since_silence = [], 0
    for index, level in enumerate(levels):
        since_silence = 0 if level <= noise_floor.SILENT_DB else since_silence + 1
        if since_silence > trigger.EDGE_FRAMES:
            found.append(index)
    return found


def _first_floor_db(sounds: Sequence[Sequence[float]]) -> float:
    """Floor of a beginning from the levels of its hops, each in rising order; NaN where none has enough."""
    quartiles = [
        sound[int(noise_floor.START_QUANTILE * len(sound))]
        for sound in sounds
        if len(sound) >= noise_floor.FEWEST_ACTIVE
    ]
    return min(quartiles) + noise_floor.START_RISE_DB if quartiles else math.nan


def _excess_db(levels: Sequence[float], index: int, floor_db: float) -> float:
    """Excess of a frame over the mean of the frames 24 to 4 before it, none of them taken below the floor."""
    if math.isnan(floor_db):
        return -math.inf
    recent = [
        max(levels[at], floor_db) if at >= 0 else floor_db
        for at in range(index - trigger.TAIL_FRAMES, index - trigger.GAP_FRAMES)
    ]
    return levels[index] - sum(recent) / len(recent)


def repeated(
    samples: Samples, rate_hz: float, settings: DetectSettings, risen: Sequence[tuple[int, float]]
) -> list[tuple[int, float]]:
    """Sample index and likeness of all that repeats the last loud of the crossings before it.

    ``risen``: sample index and noise floor in dB of every crossing by level, in order.
    """
    half, step = _sizes(rate_hz)
    size, lead = round(repeats.TEMPLATE_S * rate_hz / step), round(repeats.LEAD_S * rate_hz)
    last = samples.size - half - size * step - 1  # the last place with enough sound after it
    heard = _beginnings(samples, rate_hz)
    past, gap = (round(s * rate_hz / step) * step for s in (repeats.PAST_S, repeats.GAP_S))
    moment = range(gap + step, past + step, step)  # samples before a place
    found: list[tuple[int, float]] = []
    refractory = round(settings.refractory_s * rate_hz)
    begins = _apart([(sample - lead, floor_db) for sample, floor_db in risen], refractory)
    template, loudest, place, until = np.zeros(size), 0.0, 0, 0
    best: tuple[int, float] | None = None
    for start, floor_db in [*begins, (last + 1, math.inf)]:
        while place < min(start, last + 1) and (place < until or best is not None):
            at = place + lead
            if best is not None and (at > best[0] + round(repeats.APART_S * rate_hz) or place >= until):
                found.append(best)
                until, best = best[0] - lead + round(repeats.LISTEN_S * rate_hz), None
                continue
            product = float(template @ heard(place))
            likeness = _likeness(template, heard(place))
            enough = product >= repeats.AMPLITUDE * float(template @ template)
            alike = likeness >= settings.repeat_likeness and (best is None or likeness > best[1])
            if (
                enough
                and alike
                and _outstanding([float(template @ heard(place - s)) for s in moment], product)
            ):
                best = (at, likeness)
            place += step
        power = _loudest(heard(start), max(1, round(1e-3 * rate_hz / step))) if start <= last else 0.0
        if 10.0 * math.log10(max(power, noise_floor.TINY_ENERGY)) < floor_db + repeats.LOUD_DB:
            continue
        if place >= until or power > loudest:
            found += [best] if best is not None else []
            template, loudest, best = heard(start), power, None
            place = start + math.ceil(refractory / step) * step
            until = start + round(repeats.LISTEN_S * rate_hz)
    return found


def nearest(samples: Samples, rate_hz: float, sample: int, template: int) -> tuple[int, float]:
    """The place near the crossing at ``sample`` that is most like ``template``, and how like it is."""
    step, lead = _sizes(rate_hz)[1], round(repeats.LEAD_S * rate_hz)
    early, late = round(repeats.EARLY_S * rate_hz), round(repeats.LATE_S * rate_hz)
    heard = _beginnings(samples, rate_hz)
    places = range(sample - lead - early, sample - lead + late + 1, step)
    likeness, place = max((_likeness(heard(template - lead), heard(place)), place) for place in places)
    return place + lead, likeness


def _sizes(rate_hz: float) -> tuple[int, int]:
    """Half length of the band-pass of beginnings, and every which sample of it is kept."""
    high_hz = min(repeats.HIGH_HZ, 0.45 * rate_hz)
    return round(repeats.HALF_S * rate_hz), max(1, int(rate_hz / (2.4 * high_hz)))


def _beginnings(samples: Samples, rate_hz: float) -> Callable[[int], Doubles]:
    """Place -> what is compared there: band-passed and decimated."""
    half, step = _sizes(rate_hz)
    taps = band_pass_taps(repeats.LOW_HZ, min(repeats.HIGH_HZ, 0.45 * rate_hz), rate_hz, half)
    size = round(repeats.TEMPLATE_S * rate_hz / step)
    margin = 8 * half + step  # a crossing may lie ahead of the first sample
    padded = np.concatenate((np.zeros(margin), samples.astype(np.float64), np.zeros(half)))
    filtered = np.convolve(padded, taps, mode="same")
    return lambda place: filtered[margin + place : margin + place + size * step : step]


def _likeness(template: Doubles, heard: Doubles) -> float:
    """Normalised correlation."""
    return float(template @ heard) / math.sqrt(float(template @ template) * max(float(heard @ heard), 1e-30))


def _apart(risen: Sequence[tuple[int, float]], refractory: int) -> list[tuple[int, float]]:
    """Those at least ``refractory`` samples after the last that was kept."""
    kept: list[tuple[int, float]] = []
    for start, floor_db in risen:
        if not kept or start >= kept[-1][0] + refractory:
            kept.append((start, floor_db))
    return kept


def _loudest(wave: Doubles, width: int) -> float:
    """Largest mean square of ``width`` outputs in turn."""
    return max(float(np.mean(wave[at : at + width] ** 2)) for at in range(0, wave.size - width + 1, width))


def _outstanding(products: Sequence[float], now: float) -> bool:
    """Whether a correlation exceeds those of the moment before by the factor asked for."""
    return now**2 >= repeats.OUTSTANDING**2 * float(np.mean(np.square(products)))
