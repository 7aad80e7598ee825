"""Sample index -> CLOCK_MONOTONIC from jittery, late, sometimes missing capture time stamps."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sensor.timing.envelope import Line, SlopePrior, fit, hulls, median, softness, without_early
from sensor.timing.quantum import Quantum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sensor.timing.settings import TimingSettings

BUCKET_S = 1.0
"""Of all time stamps in this span only the earliest is kept."""
ACQUIRE_S = 20.0
"""An epoch younger than this is ``acquiring``."""
SETTLED_REFIT_S = 10.0
"""A settled line is renewed this often, a young one with every bucket."""
FIRST_RATE_SIGMA_PPM = 120.0
"""Sound cards are within 200 ppm of their nominal rate; two sigmas of it bound the first slope."""
KEPT_RATE_SIGMA_PPM = 5.0
"""After a break the crystal is the same one, at much the same temperature."""
FIRST_SCALE_NS = 1e6
"""Lateness assumed of an unknown stream: one USB frame."""
YOUNG_S = 4.0
"""How fast the suspicion fades that an unknown stream is worse than it looks."""
DRIFT_PPM_PER_S = 0.003
"""One sigma of the crystal's change of rate before it is measured: 0.3 ppm/K at 0.6 K a minute."""
EARLY_FLOOR_NS = 20_000.0
"""Nothing less than this is called too early."""
RESOLUTION_NS = 50.0
"""Least sigma: the clocks are read through a system call."""
CLEARLY_BETTER = 0.5
"""A shorter line is taken only when its sigma is so much smaller: choosing the smallest of four estimates
flatters it."""
SOFT = 2.0
"""Softness of the cloud's lower edge that one-sided jitter reaches by chance."""
SOFT_SHARE = 0.3
"""Where stamps err to both sides (softness above 3 to 5) the lowest ones wander by so much of their
distance from the usual ones."""
_ANY_RATE = SlopePrior(0.0, FIRST_RATE_SIGMA_PPM * 1e3)
_ODD_RATE = SlopePrior(0.0, 10.0 * FIRST_RATE_SIGMA_PPM * 1e3)
_SHORTEST_S = 15.0
_FEWEST = 8
_RECENT_S = 0.5
_RECENT_FEWEST = 3
_BREAK_S = 3.0
_FOLLOWED_NS = 1_500_000.0
"""Stamps that turn earlier by less than this show that the line was late; it moves without a break."""
_DOUBT_NS = 100_000.0
"""Recent time stamps that are all later than usual by less than this raise no doubt."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What ``predict`` needs; replaced as a whole."""

    reference: int
    """Sample index at x = 0."""
    reference_ns: int
    """Nominal monotonic time of it, to which the line is added."""
    period_ns: float
    rate_hz: float
    line: Line
    drift: float
    """One sigma of the crystal's change of rate, ns/s per second."""
    extra_ns: float
    """One sigma of what the line's own does not cover: drift, quantised stamps, resolution."""
    residual_ns: float
    """Median distance of the kept time stamps above the line."""

    def at(self, index: float) -> tuple[float, float]:
        """Monotonic time of a sample index and its sigma, ns."""
        since = index - self.reference
        x_s = since / self.rate_hz
        away_s = max(x_s, -x_s - self.line.span_s, 0.0)
        drift_ns = self.drift * away_s * (self.line.span_s + away_s) / 2.0
        slope_ns = self.line.slope_sigma * away_s
        time_ns = self.reference_ns + since * self.period_ns + self.line.value_ns + self.line.slope * x_s
        return time_ns, math.hypot(self.line.sigma_ns, slope_ns, drift_ns, self.extra_ns)

    @property
    def ppm(self) -> float:
        """Sampling rate against nominal."""
        return (1e9 / (1e9 + self.line.slope) - 1.0) * 1e6


class SampleClock:
    """Follows the sampling rate of one stream.

    Time stamps are late by a jitter of any shape (a USB frame's millisecond, a busy processor), so the
    line is laid under them (:mod:`sensor.timing.envelope`), through the earliest one of every second.
    It is laid four times, through the last 15, 30, 60 and 120 s, and the one with the smallest sigma
    is taken: a steady stream is followed closely, a jittery one averaged long. A shorter line that
    runs above the longest is not believed: nothing is later than the lowest points allow.

    Samples that are lost without a flag, a clock that is set, a stream that restarts: when every stamp
    of half a second is off, sigma grows by as much at once; when it lasts, a new epoch begins. A new
    epoch inherits the rate and nothing else.

    All methods are called from one thread; ``ppm``, ``residual_ns``, ``epoch`` and ``state`` may be read
    from any.
    """

    def __init__(self, nominal_rate_hz: float, settings: TimingSettings) -> None:
        self._rate_hz = nominal_rate_hz
        self._period_ns = 1e9 / nominal_rate_hz
        self._bucket_len = round(nominal_rate_hz * BUCKET_S)
        self._capacity = max(20, round(settings.window_s / BUCKET_S))
        self._previous: tuple[int, Fit] | None = None
        self._fit: Fit | None = None
        self._prior = _ANY_RATE
        self._scale_ns = FIRST_SCALE_NS
        self._drift = 1e3 * DRIFT_PPM_PER_S
        self._softness = 1.0
        self.epoch = 0
        self.breaks = 0
        """Epochs begun because the time stamps themselves showed a break."""
        self._begin()

    def _begin(self) -> None:
        self._origin: tuple[int, int] | None = None
        self._low: deque[tuple[float, float]] = deque(maxlen=self._capacity)
        self._bucket: tuple[int, float] | None = None
        self._bucket_number = 0
        self._next_refit = 0
        self._usual_ns = 0.0
        self._half_least_ns = math.inf
        self._half_end = 0
        self._side = 0
        self._least_ns = math.inf
        self._doubt_ns = 0.0
        self._suspects: list[tuple[int, int]] = []
        self._quantum = Quantum(self._rate_hz)

    def reset(self) -> None:
        """Begin a new epoch: samples were lost, or the stream began anew."""
        if self._origin is None:
            return
        if self._fit is not None:
            self._previous = (self._origin[0], self._fit)
            if self.state == "locked":
                self._prior = SlopePrior(self._fit.line.slope, KEPT_RATE_SIGMA_PPM * 1e3)
                if not self._quantum.found:
                    self._scale_ns = max(10e3, 2.0 * self._fit.residual_ns)
        self._fit = None
        self.epoch += 1
        self._begin()

    @property
    def state(self) -> str:
        """``none`` before the first time stamp, ``acquiring`` for the first 20 s of an epoch, ``locked``."""
        if self._fit is None:
            return "none" if self._previous is None else "acquiring"
        return "locked" if len(self._low) * BUCKET_S >= ACQUIRE_S else "acquiring"

    @property
    def ppm(self) -> float | None:
        """Sampling rate against nominal; None until locked once."""
        fitted = self._fit if self.state == "locked" else self._previous and self._previous[1]
        return None if fitted is None else fitted.ppm

    @property
    def drift_ppm_per_s(self) -> float:
        """Size of the rate's present change, as far as it can be told; the usual one until then."""
        return self._drift / 1e3

    @property
    def residual_ns(self) -> float | None:
        """Median distance of each second's earliest time stamp above the line."""
        return None if self._fit is None else self._fit.residual_ns

    def observe(self, index: int, mono_ns: int) -> None:
        """Take the time stamp of one sample; indices ascend. 0 means unknown and is passed over."""
        if mono_ns:
            self._learn(index, mono_ns)
            self._watch(index, mono_ns)

    def predict(self, index: float) -> tuple[float, float]:
        """Monotonic time of an absolute (fractional) sample index and its sigma, ns.

        Indices before the present epoch are answered by the previous one. Raises ValueError while
        ``state`` is ``none``.
        """
        if self._fit is not None and (
            self._previous is None or self._origin is None or index >= self._origin[0]
        ):
            time_ns, sigma_ns = self._fit.at(index)
            return time_ns, math.hypot(sigma_ns, self._doubt_ns)
        if self._previous is None:
            raise ValueError("no time stamp was observed yet: state is none")
        return self._previous[1].at(index)

    def _learn(self, index: int, mono_ns: int) -> None:
        if self._origin is None:
            self._origin = (index, mono_ns)
        since = index - self._origin[0]
        late_ns = (mono_ns - self._origin[1]) - since * self._period_ns
        self._quantum.observe(index, mono_ns)
        number = since // self._bucket_len
        bucket = self._bucket
        if bucket is None or number != self._bucket_number:
            self._close_bucket()
            self._bucket = (index, late_ns)
            self._bucket_number = number
            if number >= self._next_refit and not self._frozen:
                self._refit(number)
        elif late_ns < bucket[1]:
            self._bucket = (index, late_ns)
            if number == 0:
                self._refit(number)

    def _close_bucket(self) -> None:
        if self._bucket is not None and self._origin is not None:
            index, low_ns = self._bucket
            self._low.append(((index - self._origin[0]) / self._rate_hz, low_ns))

    def _refit(self, number: int) -> None:
        """Draw the line anew below all buckets, and say what its sigma does not cover."""
        assert self._origin is not None and self._bucket is not None  # noqa: S101, PT018  set by observe
        origin, origin_ns = self._origin
        index, low_ns = self._bucket
        points = np.array([*self._low, ((index - origin) / self._rate_hz, low_ns)])
        points = points[without_early(points[:, 0], points[:, 1], EARLY_FLOOR_NS)]
        at_s = points[-1, 0]
        x_s, late_ns = points[:, 0] - at_s, points[:, 1]
        self._quantum.look(x_s, late_ns)
        line = self._best_line(x_s, late_ns)
        above = late_ns - line.value_ns - line.slope * x_s
        behind_ns, quantum_sigma_ns = self._quantum.correction(line.slope, line.span_s)
        line = replace(line, value_ns=line.value_ns - behind_ns)
        drift_ns, residual_ns = self._drift_ns(line), median(above)
        soft_ns = SOFT_SHARE * residual_ns * min(max(0.0, 0.5 * self._softness - 1.5), 1.0)
        young_ns = self._scale_ns * math.exp(-len(points) * BUCKET_S / YOUNG_S)
        reference = origin + round(at_s * self._rate_hz)
        self._fit = Fit(
            reference=reference,
            reference_ns=origin_ns + round((reference - origin) * self._period_ns),
            period_ns=self._period_ns,
            rate_hz=self._rate_hz,
            line=line,
            drift=self._drift,
            extra_ns=math.hypot(
                *(drift_ns, soft_ns, quantum_sigma_ns, young_ns, _oddity_ns(line), RESOLUTION_NS)
            ),
            residual_ns=residual_ns,
        )
        settled = len(self._low) * BUCKET_S >= 2.0 * ACQUIRE_S
        self._next_refit = number + (round(SETTLED_REFIT_S / BUCKET_S) if settled else 1)

    def _measure_drift(self, longer: Line, shorter: Line) -> None:
        """Change of rate from the slopes of two lines, drawn towards none by what is usual."""
        lag_s = 0.5 * (longer.span_s - shorter.span_s)
        noise = math.hypot(longer.slope_sigma, shorter.slope_sigma) / lag_s
        usual = 1e3 * DRIFT_PPM_PER_S
        trust = usual**2 / (usual**2 + noise**2)
        measured = trust * (shorter.slope - longer.slope) / lag_s
        self._drift = math.hypot(measured, math.sqrt(trust) * noise)

    def _best_line(self, x_s: NDArray[np.float64], late_ns: NDArray[np.float64]) -> Line:
        """Of lines over ever shorter pasts, the longest, unless a shorter one is clearly surer."""
        counts: list[int] = []
        span_s = self._capacity * BUCKET_S
        while span_s > _SHORTEST_S:
            count = int(np.count_nonzero(x_s >= -span_s))
            if count >= _FEWEST:
                counts.insert(0, count)
            span_s /= 2.0
        counts = sorted({*counts, len(x_s)})
        looseness = max(1.0, self._softness / SOFT) ** 1.5
        found = [
            fit(x_s[-count:], late_ns[-count:], hull, self._prior, looseness)
            for count, hull in zip(counts, hulls(x_s.tolist(), late_ns.tolist(), counts), strict=True)
        ]
        best = longest = found[-1]
        if len(x_s) >= ACQUIRE_S / BUCKET_S and abs(longest.edge_slope - self._prior.mean) > (
            2.0 * self._prior.sigma
        ):
            # What was kept of the rate is wrong (another card, hours in the cold), or the card is very odd.
            self._prior = _ODD_RATE if self._prior == _ANY_RATE else _ANY_RATE
        if len(x_s) >= 2 * _FEWEST:
            self._softness += 0.2 * (softness(x_s, late_ns, longest) - self._softness)
        if len(found) > 1 and longest.span_s > 1.5 * found[-2].span_s:
            self._measure_drift(longest, found[-2])
        ceiling = longest.value_ns + 3.0 * longest.sigma_ns + 2.0 * self._drift_ns(longest)
        for line in reversed(found[:-1]):
            if line.value_ns <= ceiling and self._total_ns(line) < CLEARLY_BETTER * self._total_ns(best):
                best = line
        return best

    def _drift_ns(self, line: Line) -> float:
        """Error at the end of a straight line through a drifting crystal's curve, one sigma."""
        return self._drift * line.span_s**2 / 12.0

    def _total_ns(self, line: Line) -> float:
        return math.hypot(
            line.sigma_ns, self._drift_ns(line), self._quantum.correction(line.slope, line.span_s)[1]
        )

    def _watch(self, index: int, mono_ns: int) -> None:
        """Doubt the line when every recent time stamp is off to the same side."""
        if self._fit is None:
            return
        time_ns, sigma_ns = self._fit.at(index)
        off_ns = mono_ns - time_ns
        side = 0
        if off_ns > self._usual_ns + 3.0 * sigma_ns + _DOUBT_NS:
            side = 1
        elif off_ns < -(5.0 * sigma_ns + EARLY_FLOOR_NS):
            side = -1
        if side == 0 or side != self._side:
            self._side = side
            self._suspects = []
            self._least_ns = math.inf
            self._doubt_ns = 0.0
        self._least_ns = min(self._least_ns, abs(off_ns))
        if side == 0:
            self._learn_usual(index, off_ns)
        else:
            self._doubt(index, mono_ns)

    def _learn_usual(self, index: int, off_ns: float) -> None:
        """Follow the least lateness of half a second, so that a jittery stream is not doubted."""
        self._half_least_ns = min(self._half_least_ns, off_ns)
        if index >= self._half_end:
            self._usual_ns = max(4.0 * self._half_least_ns, self._usual_ns * 0.999)
            self._half_least_ns = math.inf
            self._half_end = index + round(_RECENT_S * self._rate_hz)

    @property
    def _frozen(self) -> bool:
        """Stamps have turned much too early: they would bend the line before they have proved themselves."""
        return self._side < 0 and self._doubt_ns > _FOLLOWED_NS

    def _doubt(self, index: int, mono_ns: int) -> None:
        self._suspects.append((index, mono_ns))
        lasting = index - self._suspects[0][0]
        if len(self._suspects) < _RECENT_FEWEST or lasting < 0.5 * _RECENT_S * self._rate_hz:
            return
        self._doubt_ns = self._least_ns
        self._next_refit = self._bucket_number + 1
        small = self._side < 0 and self._least_ns < _FOLLOWED_NS
        if small or lasting < _BREAK_S * self._rate_hz or len(self._low) < _FEWEST:
            return
        suspects = self._suspects
        self.breaks += 1
        self.reset()
        for suspect_index, suspect_ns in suspects:
            self._learn(suspect_index, suspect_ns)


def _oddity_ns(line: Line) -> float:
    """What a rate that no sound card has may be worth: the stamps, not the card, are then suspect."""
    excess = max(abs(line.slope), abs(line.edge_slope)) - 2.0 * _ANY_RATE.sigma
    return max(0.0, excess) * line.span_s
