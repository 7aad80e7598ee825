"""What the recent triggers say about this one: round of a burst, or echo of what was just heard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sensor.types import Trigger

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAMES = (
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
_LONE_S = 3.0
_LOUDEST_S = 1.5


def extract(trigger: Trigger, earlier: Sequence[Trigger], rate_hz: float) -> NDArray[np.float32]:
    """Context features of ``trigger``; ``earlier`` holds the triggers of the last seconds in time order."""
    lags = np.array([(trigger.onset - item.onset) / rate_hz for item in earlier])
    recent = [(lag, item) for lag, item in zip(lags, earlier, strict=True) if 0.0 < lag <= _LOUDEST_S]
    if not recent:
        return np.array(
            [np.log10(_LONE_S), 0, np.log10(_LONE_S), 0, 0, 0, 0, (lags > 0).sum(), 0, trigger.snr_db],
            np.float32,
        )
    last_lag, last = recent[-1]
    loudest_lag, loudest = max(recent, key=lambda pair: (pair[1].peak_fs, pair[1].snr_db, pair[0]))
    values = [
        np.log10(max(last_lag, 0.005)),
        _re_db(trigger.peak_fs, last.peak_fs),
        np.log10(max(loudest_lag, 0.005)),
        _re_db(trigger.peak_fs, loudest.peak_fs),
        np.clip(trigger.snr_db - loudest.snr_db, -60.0, 60.0),
        (lags <= 0.3).sum(),
        (lags <= 1.0).sum(),
        (lags <= _LONE_S).sum(),
        _regularity(lags[lags > 0.0], last_lag),
        trigger.snr_db,
    ]
    return np.array(values, np.float32)


def _re_db(peak: float, other: float) -> float:
    return float(np.clip(20.0 * np.log10(max(peak, 1e-9) / max(other, 1e-9)), -60.0, 60.0))


def _regularity(lags: NDArray[np.float64], last_lag: float) -> float:
    """How well an earlier trigger stands at twice the last interval: 1 = exactly, 0 = none near."""
    if lags.size < 2:
        return 0.0
    miss = float(np.min(np.abs(lags - 2.0 * last_lag)))
    return float(np.exp(-0.5 * (miss / (0.08 * last_lag + 0.002)) ** 2))
