"""The arrivals of one stretch of time and place as arrays, and how likely each is without any source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensor.central.associate.settings import AssociateSettings
from sensor.central.frame import Frame
from sensor.central.types import Arrival, Listener

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Pulses:
    """Arrivals sorted by node, then by time; P pulses of N nodes, and S nodes that were silent."""

    arrivals: tuple[Arrival, ...]
    base_ns: int
    """What ``times_s`` counts from."""
    times_s: Floats
    places_m: Floats
    """(P, 2) east and north of the microphone of each pulse."""
    node: Ints
    """(P,) 0 to N-1, not falling."""
    sigmas_s: Floats
    likely: Flags
    """(P,) sounds at least as much like a gunshot as not, or does not say."""
    levels_db: Floats
    """(P,) loudness in dB of any one reference per node, NaN where not told."""
    node_places_m: Floats
    """(N + S, 2): the nodes of the pulses, then the silent ones."""
    node_keys: tuple[str, ...]
    """(N + S)."""

    @property
    def nodes(self) -> int:
        """N."""
        return int(self.node[-1]) + 1 if self.node.size else 0


def pulses_of(
    arrivals: Sequence[Arrival],
    frame: Frame,
    silent: Sequence[Listener] = (),
    *,
    p_join: float = 0.5,
) -> Pulses:
    """Arrays of ``arrivals``; the order in which they are given does not matter."""
    ordered = sorted(arrivals, key=lambda a: (a.key, a.utc_ns, a.event_id))
    keys = sorted({arrival.key for arrival in ordered})
    number = {key: index for index, key in enumerate(keys)}
    base_ns = min((arrival.utc_ns for arrival in ordered), default=0)
    node = np.array([number[arrival.key] for arrival in ordered], dtype=np.int64)
    places = frame.enu_many([arrival.position for arrival in ordered])[:, :2]
    first = np.searchsorted(node, np.arange(len(keys)))
    quiet = [listener for listener in silent if listener.key not in number]
    quiet_places = frame.enu_many([listener.position for listener in quiet])[:, :2]
    return Pulses(
        arrivals=tuple(ordered),
        base_ns=base_ns,
        times_s=np.array([(arrival.utc_ns - base_ns) * 1e-9 for arrival in ordered]),
        places_m=places,
        node=node,
        sigmas_s=np.array([arrival.sigma_ns * 1e-9 for arrival in ordered]),
        likely=np.array([one.p_gunshot is None or one.p_gunshot >= p_join for one in ordered], dtype=bool),
        levels_db=np.array([_level(arrival) for arrival in ordered]),
        node_places_m=np.vstack([places[first], quiet_places]),
        node_keys=(*keys, *(listener.key for listener in quiet)),
    )


def _level(arrival: Arrival) -> float:
    """Loudness as the node tells it, in dB of whatever: comparable within one node only."""
    for value in (arrival.snr_db, arrival.peak_db_spl, arrival.peak_dbfs):
        if value is not None:
            return value
    return float("nan")


def clutter(pulses: Pulses, settings: AssociateSettings) -> Floats:
    """(P,) how many candidates per second would be expected at each pulse without a new source.

    Every sound excites more: echoes decay within a second, and some sensors tell one sound twice. So a pulse
    that follows another on its node proves little; a first one proves much. (A Hawkes process with a fixed
    kernel.) Where levels are told, a sound much louder than what it follows is hardly its echo.
    """
    times, node = pulses.times_s, pulses.node
    rate = np.full(times.size, settings.clutter_hz)
    for lag in range(1, times.size):
        same = node[lag:] == node[:-lag]
        gap = times[lag:] - times[:-lag]
        near = same & (gap < 5.0 * settings.echoes_s)
        if not near.any():
            break
        later = np.flatnonzero(near)
        after = gap[later]
        excited = settings.echoes_hz * np.exp(-after / settings.echoes_s)
        excited *= _is_echo(pulses.levels_db[later + lag] - pulses.levels_db[later])
        excited += np.where(after < settings.twins_s, settings.twins_hz, 0.0)
        rate[later + lag] += excited
    return rate


def _is_echo(louder_db: Floats) -> Floats:
    """How believable it is that a sound so much louder than an earlier one is its echo; 1 where unknown."""
    with np.errstate(over="ignore"):
        belief = 1.0 / (1.0 + np.exp((louder_db - 4.0) / 2.0))
    return np.where(np.isnan(louder_db), 1.0, 0.05 + 0.95 * belief)
