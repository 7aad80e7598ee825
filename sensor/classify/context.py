"""What the recent triggers say about this one: round of a burst, or echo of what was just heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sensor.classify import likeness
from sensor.types import Trigger

if TYPE_CHECKING:
    from numpy.typing import NDArray

CADENCE_NAMES = (
    "since_last_log",
    "re_last_db",
    "since_loudest_log",
    "re_loudest_db",
    "snr_re_loudest_db",
    "count_03",
    "count_1",
    "count_3",
    "regular",
    "snr_db",
)
LIKENESS_NAMES = (
    "likeness_best",
    "since_likest_log",
    "re_likest_db",
    "likeness_loudest",
    "likeness_last",
    "level_distance_least_db",
    "level_distance_loudest_db",
    "level_distance_last_db",
    "re_nearest_db",
    "snr_re_highest_db",
)
NAMES = (*CADENCE_NAMES, *LIKENESS_NAMES)
_LONE_S = 3.0
_LOUDEST_S = 1.5
MEMORY_S = 6.0
"""How far back sounds are compared, s."""
_MOST_COMPARED = 32
_SAME_SOUND_S = 0.02
_AS_LOUD = 10.0 ** (1.0 / 20.0)
"""Ratio up to which two sounds are equally loud: 1 dB."""
_LEAST_FS = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """An earlier trigger and what it sounded like."""

    trigger: Trigger
    image: NDArray[np.float32]
    """As its verdict has it (``likeness.image``)."""


def extract(
    trigger: Trigger, image: NDArray[np.float32], earlier: Sequence[Heard], rate_hz: float
) -> NDArray[np.float32]:
    """Context features of ``trigger``; ``earlier`` holds what was heard in the last seconds in time order."""
    lags = np.array([(trigger.onset - item.trigger.onset) / rate_hz for item in earlier])
    cadence = _cadence(trigger, [item.trigger for item in earlier], lags)
    return np.array([*cadence, *_likeness(trigger, image, earlier, lags)], np.float32)


def _cadence(trigger: Trigger, earlier: Sequence[Trigger], lags: NDArray[np.float64]) -> list[float]:
    """Intervals and levels; what was heard more than `_LONE_S` ago does not count."""
    recent = [(lag, item) for lag, item in zip(lags, earlier, strict=True) if 0.0 < lag <= _LOUDEST_S]
    lags = lags[(lags > 0.0) & (lags <= _LONE_S)]
    if not recent:
        return [np.log10(_LONE_S), 0, np.log10(_LONE_S), 0, 0, 0, 0, lags.size, 0, trigger.snr_db]
    last_lag, last = recent[-1]
    loud = _as_loud([item for _, item in recent])
    loudest_lag, loudest = max((recent[index] for index in loud), key=lambda pair: (pair[1].snr_db, pair[0]))
    return [
        np.log10(max(last_lag, 0.005)),
        _re_db(trigger, last),
        np.log10(max(loudest_lag, 0.005)),
        _re_db(trigger, loudest),
        float(np.clip(trigger.snr_db - loudest.snr_db, -60.0, 60.0)),
        (lags <= 0.3).sum(),
        (lags <= 1.0).sum(),
        lags.size,
        _regularity(lags, last_lag),
        trigger.snr_db,
    ]


def _likeness(
    trigger: Trigger, image: NDArray[np.float32], earlier: Sequence[Heard], lags: NDArray[np.float64]
) -> list[float]:
    """How like the sound is to the likest, the loudest and the last of those before it."""
    compared = [
        (lag, item)
        for lag, item in zip(lags.tolist(), earlier, strict=True)
        if _SAME_SOUND_S < lag <= MEMORY_S
    ][-_MOST_COMPARED:]
    if not compared:
        far = likeness.UNLIKE_DB
        return [0.0, float(np.log10(MEMORY_S)), 0.0, 0.0, 0.0, far, far, far, 0.0, 0.0]
    before = [item.trigger for _, item in compared]
    images = [item.image for _, item in compared]
    alike = likeness.correlations(image, images)
    distance_db = likeness.distances_db(image, images)
    likest, nearest = int(alike.argmax()), int(distance_db.argmin())
    loudest = _as_loud(before)[-1]
    return [
        float(alike[likest]),
        float(np.log10(compared[likest][0])),
        _re_db(trigger, before[likest]),
        float(alike[loudest]),
        float(alike[-1]),
        float(distance_db[nearest]),
        float(distance_db[loudest]),
        float(distance_db[-1]),
        _re_db(trigger, before[nearest]),
        float(np.clip(trigger.snr_db - max(item.snr_db for item in before), -60.0, 60.0)),
    ]


def _as_loud(triggers: Sequence[Trigger]) -> list[int]:
    """Which of them are as loud as the loudest, in order: what reaches the rail is equally loud."""
    least_fs = max(item.swing_fs for item in triggers) / _AS_LOUD
    return [index for index, item in enumerate(triggers) if item.swing_fs >= least_fs]


def _re_db(trigger: Trigger, other: Trigger) -> float:
    ratio = max(trigger.swing_fs, _LEAST_FS) / max(other.swing_fs, _LEAST_FS)
    return float(np.clip(20.0 * np.log10(ratio), -60.0, 60.0))


def _regularity(lags: NDArray[np.float64], last_lag: float) -> float:
    """How well an earlier trigger stands at twice the last interval: 1 = exactly, 0 = none near."""
    if lags.size < 2:
        return 0.0
    miss = float(np.min(np.abs(lags - 2.0 * last_lag)))
    return float(np.exp(-0.5 * (miss / (0.08 * last_lag + 0.002)) ** 2))
