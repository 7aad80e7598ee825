"""UTC from a pulse per second on an audio channel: sample index -> UTC without any clock of the host."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sensor.timing.envelope import median
from sensor.timing.pulse_edges import Edge, EdgeFinder

if TYPE_CHECKING:
    from collections.abc import Callable

    from sensor.timing.pulse_edges import Samples

FITTED = 16
"""Edges that the line through them rests on."""
FEWEST = 4
"""Edges a second apart before they are taken for pulses."""
RATE_PPM = 300.0
"""A sound card's rate is within this of nominal."""
LOST_S = 60.0
"""Without an edge for so long the train is given up."""
RECEIVER_NS = 30.0
"""Spread of a timing receiver's pulse (rms, by data sheets), which all its pulses of a minute share."""
_SHAPE_NS = 40.0
"""What passband and coupling of the channel do to an edge: they are not known."""
_SURE_NS = 100e6
"""Who names the second must be this sure of it."""
_ADMIT_NS = 20e6
"""How far an edge may be from the named second beyond three of its sigmas."""
_GATE_NS = 10_000.0
_UNLABEL_AFTER = 10
_VOUCHED = 2.0
"""An edge's own sigma counts as much as the scatter of so many: it holds the unknown shape of the edge for
noise, which is the same in every edge, and knows nothing of a receiver that wanders."""
_DRIFT_PPM_PER_S = 0.003


@dataclass(frozen=True, slots=True)
class _Train:
    """The line through the last edges: index = origin + per_second * (second - reference)."""

    reference: int
    origin: float
    per_second: float
    sigma_ns: float
    span_s: float
    last: int

    def second_at(self, index: float) -> float:
        return self.reference + (index - self.origin) / self.per_second

    def sigma_at_ns(self, index: float) -> float:
        away_s = abs(self.second_at(index) - self.last)
        drift_ns = 1e3 * _DRIFT_PPM_PER_S * away_s * (self.span_s + away_s) / 2.0
        leverage = 1.0 + 2.0 * away_s / max(self.span_s, 1.0)
        return math.hypot(self.sigma_ns * leverage, drift_ns, RECEIVER_NS, _SHAPE_NS)


class PpsChannel:
    """Follows the pulses of one channel.

    Edges a second apart (within 300 ppm) make a train; it is labelled with UTC by whoever is sure of the
    whole second, and from then on carries UTC by itself. Missing pulses are bridged, edges off the train
    are refused and counted.

    Args:
        rate_hz: nominal sampling rate.
        delay_s: of the pulse on its way into the channel.
    """

    def __init__(self, rate_hz: float, delay_s: float = 0.0) -> None:
        self._rate_hz = rate_hz
        self._delay_ns = delay_s * 1e9
        self._finder = EdgeFinder(rate_hz)
        self.refused = 0
        """Edges that were no pulses of the train."""
        self.accepted = 0
        self.complaint: str | None = None
        """What is wrong with the channel, in words."""
        self._forget()

    def _forget(self) -> None:
        self._loose: deque[Edge] = deque(maxlen=2 * FEWEST)
        self._edges: deque[tuple[int, Edge]] = deque(maxlen=FITTED)
        self._train: _Train | None = None
        self._label_s: int | None = None
        self._mislabelled = 0

    def reset(self) -> None:
        """Samples were lost: the train must be found anew."""
        self._finder.reset()
        self._forget()

    @property
    def ppm(self) -> float | None:
        """Sampling rate against nominal, by the pulses."""
        return None if self._train is None else (self._train.per_second / self._rate_hz - 1.0) * 1e6

    def process(
        self, first: int, samples: Samples, named: Callable[[float], tuple[int, float] | None]
    ) -> None:
        """Take the next samples of the channel.

        Args:
            first: absolute index of the first.
            samples: shape (n,).
            named: UTC (ns) and its sigma (ns) of a sample index by other means, None when there are none.
        """
        for edge in self._finder.process(first, samples):
            if self._train is None:
                self._gather(edge)
            else:
                self._follow(edge, self._train)
            if self._train is not None and self._edges[-1][1] is edge:
                self._label(edge, named)
        train = self._train
        if train is not None and train.second_at(first) - train.last > LOST_S:
            self.complaint = f"no pulse on the PPS channel for {LOST_S:.0f} s"
            self._forget()

    def at(self, index: float) -> tuple[int, float] | None:
        """UTC (ns) of a sample index and its sigma (ns); None while no labelled train is followed."""
        train = self._train
        if train is None or self._label_s is None:
            return None
        since = train.second_at(index) - train.reference
        whole = math.floor(since)
        utc_ns = (self._label_s + train.reference + whole) * 10**9 + round((since - whole) * 1e9)
        return utc_ns - round(self._delay_ns), train.sigma_at_ns(index)

    # The train

    def _gather(self, edge: Edge) -> None:
        """Look for edges whole seconds before this one."""
        chain = [(0, edge)]
        for earlier in reversed(self._loose):
            apart_s = (edge.index - earlier.index) / self._rate_hz
            whole = round(apart_s)
            if whole and abs(apart_s - whole) <= RATE_PPM * 1e-6 * whole + _GATE_NS / 1e9:
                chain.append((-whole, earlier))
        self._loose.append(edge)
        if len(chain) >= FEWEST:
            self._edges.extend(reversed(chain))
            self._fit()
            self._loose.clear()

    def _follow(self, edge: Edge, train: _Train) -> None:
        second = train.second_at(edge.index)
        whole = round(second)
        off_ns = abs(second - whole) * 1e9
        sigma_ns = math.hypot(train.sigma_at_ns(edge.index), edge.sigma / self._rate_hz * 1e9)
        if whole <= train.last or off_ns > 5.0 * sigma_ns + _GATE_NS:
            self.refused += 1
            return
        self.accepted += 1
        self.complaint = None
        self._edges.append((whole, edge))
        self._fit()

    def _fit(self) -> None:
        """A line through the edges, in three rounds of Cauchy weights that leave out the odd ones."""
        seconds = np.array([float(second) for second, _ in self._edges])
        indices = np.array([edge.index for _, edge in self._edges])
        reference = int(seconds[-1])
        x, y = seconds - reference, indices - indices[-1]
        weights = np.ones_like(x)
        for _ in range(3):
            mean_x, mean_y = np.average(x, weights=weights), np.average(y, weights=weights)
            spread = float((weights * (x - mean_x) ** 2).sum())
            slope = float((weights * (x - mean_x) * (y - mean_y)).sum()) / spread
            residual = y - mean_y - slope * (x - mean_x)
            scale = max(1.4826 * median(np.abs(residual)), 1e-4)
            weights = 1.0 / (1.0 + (residual / (3.0 * scale)) ** 2)
        total = float(weights.sum())
        stated = median(np.array([edge.sigma for _, edge in self._edges]))
        scatter = float((weights * residual**2).sum())
        each = math.sqrt((_VOUCHED * stated**2 + scatter) / (_VOUCHED + total - 2.0))
        at_end = math.sqrt(1.0 / total + float(mean_x) ** 2 / spread)
        self._train = _Train(
            reference=reference,
            origin=float(indices[-1] + mean_y - slope * mean_x),
            per_second=slope,
            sigma_ns=each * at_end / self._rate_hz * 1e9,
            span_s=float(-x[0]),
            last=reference,
        )

    def _label(self, edge: Edge, named: Callable[[float], tuple[int, float] | None]) -> None:
        """Name the train's seconds, and notice when the name has become wrong."""
        told = named(edge.index)
        if told is None or told[1] > _SURE_NS:
            if self._label_s is None:
                self.complaint = "pulses come, but no source is sure which second they begin"
            return
        assert self._train is not None  # noqa: S101  only called with a train
        utc_ns, sigma_ns = told
        second = round((utc_ns + self._delay_ns) / 1e9)
        off_ns = abs(utc_ns + self._delay_ns - second * 1e9)
        if off_ns > 3.0 * sigma_ns + _ADMIT_NS:
            self.complaint = (
                f"pulses come {off_ns / 1e6:.0f} ms off the second: is the channel inverted, or UTC wrong?"
            )
            self._mislabelled += 1
        elif self._label_s is not None and self._label_s != second - self._train.reference:
            self.complaint = "the pulses' seconds and the clock's have come apart"
            self._mislabelled += 1
        else:
            self._mislabelled = 0
            self.complaint = None
            self._label_s = second - self._train.reference
        if self._mislabelled >= _UNLABEL_AFTER:
            self._label_s = None
