"""A round that sounds like the round before: found inside reverberation that hides its rise in level.

Automatic fire reaches one sensor over one path, so its rounds are alike to the waveform, and the diffuse
reverberation of a round is not like its beginning. The first 40 ms of a loud crossing are kept and sought in
what follows by normalised correlation (a matched filter in units of the sound it stands in). An echo is
refused by its amplitude and because other paths overlay it. Nothing is computed until something loud crosses.

What rises by itself and is surely like the template is timed by it, too: where two arrivals are about equally
strong, the rounds of a series are then all timed by the same one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import numpy as np

from sensor.detect.filter import band_pass_taps, overlapping, shifted_taps
from sensor.detect.onset import vertex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from sensor.detect.history import History
    from sensor.types import Samples

    Doubles = NDArray[np.float64]

LOW_HZ = 300.0
HIGH_HZ = 2400.0
"""A street round has little above; up to 5000 Hz the same rounds are found at twice the rate."""
HALF_S = 0.004
"""Half length of the band-pass."""
ROW = 16
"""Outputs in one row of the product: fewer mean more copies, more mean more multiplications by zero."""
TEMPLATE_S = 0.04
"""Of a round kept; with 20 ms reverberation is like it too often. Shorter than the fastest interval."""
LEAD_S = 0.001
"""The template begins this long before the crossing frame."""
LOUD_DB = 15.0
"""A template's loudest millisecond over the noise floor: what is weaker is like the noise."""
AMPLITUDE = 0.4
"""Least amplitude of a repeat relative to the template: rounds differ by some 2 dB, echoes are weaker."""
MARGIN = 0.999
"""What rounding may take from a bound."""
PAST_S, GAP_S = 0.024, 0.004
OUTSTANDING = 3.0
"""A repeat's correlation is this many times the RMS of the correlation from 24 to 4 ms before it: that of a
horn or a bell, which is like itself all the time, is not."""
LISTEN_S = 0.6
"""How long a template is sought after it, and after each repeat: several of the slowest intervals."""
APART_S = 0.005
"""Of several likenesses closer than this the best counts."""
TIMED_S = 3.0
"""How long after a template a crossing may be timed by it."""
SURE = 0.6
"""Least likeness that times a crossing."""
EARLY_S, LATE_S = 0.005, 0.02
"""How long before and after such a crossing its place is sought."""
SAME_S = 1e-3
"""A pick and a lag that are farther apart mean different arrivals: the lag's is that of the series."""
SIGMA_S = 65e-6
"""One sigma of a lag between two real rounds at one sensor."""


class Timed(Protocol):
    """A crossing that rose by itself."""

    @property
    def sample(self) -> int:
        """Absolute index of the first sample of the crossing frame."""

    @property
    def floor_db(self) -> float:
        """Noise floor then, dB re full scale."""


T = TypeVar("T", bound=Timed)


@dataclass(frozen=True, slots=True)
class Repeat(Generic[T]):
    """A place that sounds like the template."""

    sample: int
    """Absolute index of what corresponds to the first sample of the template's crossing frame."""
    likeness: float
    """Normalised correlation, up to 1."""
    lag: float
    """Samples from the template to here, to a fraction of one."""
    of: T
    """The crossing that it repeats."""


@dataclass(frozen=True, slots=True, eq=False)  # eq: arrays do not compare to one truth value
class _Template(Generic[T]):
    """The beginning of a loud crossing."""

    of: T
    start: int
    """Absolute index of its first sample."""
    wave: Samples
    """Band-passed and decimated."""
    energy: float
    loudest: float
    """Mean square of its loudest millisecond."""


class RepeatFinder(Generic[T]):
    """Seeks the beginning of the last loud crossing in what follows it."""

    def __init__(self, rate_hz: float, likeness: float, refractory_s: float) -> None:
        """``likeness``: least normalised correlation; ``refractory_s``: no repeat sooner, seconds."""
        high_hz = min(HIGH_HZ, 0.45 * rate_hz)
        self._step = max(1, int(rate_hz / (2.4 * high_hz)))
        self._half = round(HALF_S * rate_hz)
        self._width = max(1, round(1e-3 * rate_hz / self._step))
        """Outputs in about a millisecond."""
        taps = band_pass_taps(LOW_HZ, high_hz, rate_hz, self._half)
        last = (ROW - 1) * self._step
        matrix = shifted_taps(taps, range(0, last + 1, self._step), last + taps.size)
        self._matrix: Samples = matrix.astype(np.float32)
        self._gain = power_gain(taps, self._step)
        self._size = round(TEMPLATE_S * rate_hz / self._step)
        self._lead = round(LEAD_S * rate_hz)
        self._past, self._gap = (round(s * rate_hz / self._step) for s in (PAST_S, GAP_S))
        self._apart = round(APART_S * rate_hz)
        self._listen = round(LISTEN_S * rate_hz)
        self._early, self._late = round(EARLY_S * rate_hz), round(LATE_S * rate_hz)
        self._timed = round(TIMED_S * rate_hz)
        self._refractory = round(refractory_s * rate_hz)
        self._likeness = likeness
        self.forget()

    def forget(self) -> None:
        """Begin with another stream."""
        self._template: _Template[T] | None = None
        """What is sought."""
        self._kept: list[_Template[T]] = []
        """The templates of the last moments, the newest last: what a crossing may be timed by."""
        self._waiting: list[T] = []
        """Crossings that may become templates once their sound has been heard."""
        self._not_before = -math.inf
        """Absolute index before which no other template begins."""
        self._next = 0
        """The place of the template to be judged next, absolute."""
        self._until = 0
        """Places from here on are not judged."""
        self._best: Repeat[T] | None = None
        """The best likeness of the last moment, while a better one may follow."""

    def drop(self, crossing: T) -> None:
        """Seek and time nothing by a crossing that was no sound."""
        self._kept = [item for item in self._kept if item.of is not crossing]
        if self._template is not None and self._template.of is crossing:
            self._template = self._best = None

    @property
    def listening(self) -> bool:
        """Whether anything may be found without another crossing."""
        return self._template is not None or bool(self._waiting)

    @property
    def reach(self) -> int:
        """Samples after its start that a place needs to be judged."""
        return self._size * self._step + self._half + 1

    @property
    def timing_reach(self) -> int:
        """Samples after a crossing that ``alike`` needs."""
        return self._late + 2 * self._step + self.reach

    def alike(self, crossing: T, history: History) -> Repeat[T] | None:
        """The place near a crossing that is surely like the last template before it; None if there is none.

        ``history`` must hold ``timing_reach`` samples after the crossing: where it ends sooner there is none.
        """
        first, last = crossing.sample - self._timed, crossing.sample - self._refractory
        known = [item for item in self._kept if first <= item.of.sample <= last]
        if not known or crossing.sample + self.timing_reach > history.end:
            return None
        template = known[-1]
        start = crossing.sample - self._lead - self._early
        count = (self._early + self._late) // self._step + 1
        heard = self._outputs(start - self._step, count + 1 + self._size, history)
        likeness = self._correlate(template, heard)[1]
        best = 1 + int(likeness[1:-1].argmax())
        if likeness[best] < SURE:
            return None
        place = start + (best - 1) * self._step
        lag = place + self._step * vertex(likeness, best) - template.start
        return Repeat(place + self._lead, float(likeness[best]), lag, template.of)

    def find(self, crossings: list[T], history: History, until: int) -> list[Repeat[T]]:
        """Repeats that one more hop makes known, in order: ``reach`` and 5 ms after they begin.

        ``crossings``: by level, in that hop, in order; ``until``: absolute index of its end.
        """
        if self._likeness >= 1.0:
            return []
        for crossing in crossings:
            if crossing.sample >= self._not_before:
                self._waiting.append(crossing)
                self._not_before = crossing.sample + self._refractory
        found: list[Repeat[T]] = []
        end = until - self.reach + 1
        while self._waiting and self._waiting[0].sample - self._lead < end:
            crossing = self._waiting.pop(0)
            self._judge(crossing.sample - self._lead, history, found)
            self._consider(crossing, history, found)
        self._judge(min([end] + [crossing.sample - self._lead for crossing in self._waiting]), history, found)
        return found

    def _consider(self, crossing: T, history: History, found: list[Repeat[T]]) -> None:
        """Take a crossing as the template if it is loud, and louder than one still sought."""
        start = crossing.sample - self._lead
        wave = self._outputs(start, self._size, history)
        whole = wave[: wave.size // self._width * self._width].reshape(-1, self._width)
        loudest = float(np.square(whole).mean(axis=1).max())
        if 10.0 * math.log10(max(loudest, 1e-20)) < crossing.floor_db + LOUD_DB:
            return
        if self._template is None or loudest > self._template.loudest:
            self._close(found)
            self._template = _Template(crossing, start, wave, float(wave @ wave), loudest)
            self._kept = [item for item in self._kept if item.start >= start - self._timed]
            self._kept.append(self._template)
            self._next = start + -(-self._refractory // self._step) * self._step
            self._until = start + self._listen

    def _judge(self, stop: int, history: History, found: list[Repeat[T]]) -> None:
        """Compare the places before ``stop`` with the template; give it up when its time is over."""
        template = self._template
        if template is None:
            return
        while (count := -(-(min(stop, self._until) - self._next) // self._step)) > 0:
            for index, likeness in self._alike(template, count, history):
                place = self._next + index * self._step
                lag = place + self._step * vertex(likeness, index + 1) - template.start
                self._follow(Repeat(place + self._lead, float(likeness[index + 1]), lag, template.of), found)
            self._next += count * self._step
            if self._best is not None and self._next > self._best.sample - self._lead + self._apart:
                self._close(found)
            if self._next >= self._until:
                self._close(found)  # which prolongs the search
        if self._next >= self._until:
            self._template = None

    def _alike(self, template: _Template[T], count: int, history: History) -> Iterator[tuple[int, Doubles]]:
        """Which of the next places are alike; with each the likeness of all and of one more either side."""
        least = AMPLITUDE * template.energy
        raw = self._read(self._next - self._step, count + 1 + self._size, history)
        # No product exceeds the root of both energies: after most rounds it is soon too quiet for a repeat.
        enough = MARGIN * least**2 / template.energy
        if self._gain * float(np.vdot(raw, raw)) < enough:
            return  # the filter need not be asked
        heard = self._filtered(raw)[: count + 1 + self._size]
        if float(heard @ heard) < enough:
            return
        products, likeness = self._correlate(template, heard)
        alike = (likeness >= self._likeness) & (products >= least)
        places = np.flatnonzero(alike[1:-1])
        if places.size == 0:
            return
        recent = self._recent(template, count, history)
        stands = np.square(products[1:-1]) >= OUTSTANDING**2 * recent
        for index in places[stands[places]]:
            yield int(index), likeness

    def _recent(self, template: _Template[T], count: int, history: History) -> Doubles:
        """Mean square of the correlation in the moment before each of the next places, shape (count,)."""
        past, gap = self._past, self._gap
        before = self._outputs(self._next - past * self._step, past - gap + count - 2 + self._size, history)
        products = np.correlate(before, template.wave, mode="valid")
        sums = np.concatenate(([0.0], np.cumsum(np.square(products), dtype=np.float64)))
        recent: Doubles = (sums[past - gap :] - sums[:count]) / (past - gap)
        return recent

    def _correlate(self, template: _Template[T], heard: Samples) -> tuple[Samples, Doubles]:
        """Correlation with the template of all places in ``heard``: as it is, and normalised."""
        products: Samples = np.correlate(heard, template.wave, mode="valid")
        sums = np.concatenate(([0.0], np.cumsum(np.square(heard), dtype=np.float64)))
        energies = np.maximum(sums[self._size :] - sums[: -self._size], 1e-30)
        likeness: Doubles = products / np.sqrt(template.energy * energies)
        return products, likeness

    def _follow(self, repeat: Repeat[T], found: list[Repeat[T]]) -> None:
        """Keep the better of neighbours."""
        if self._best is not None and repeat.sample > self._best.sample + self._apart:
            self._close(found)
        if self._best is None or repeat.likeness > self._best.likeness:
            self._best = repeat

    def _close(self, found: list[Repeat[T]]) -> None:
        """Hand out the best of the last moment; the template is sought on."""
        if self._best is not None:
            found.append(self._best)
            self._until = self._best.sample - self._lead + self._listen
            self._best = None

    def _outputs(self, start: int, count: int, history: History) -> Samples:
        """Band-passed sound at ``start`` and every step after it, shape (count,)."""
        return self._filtered(self._read(start, count, history))[:count]

    def _read(self, start: int, count: int, history: History) -> Samples:
        """The samples that so many outputs look at, and those that fill the last row of the product."""
        first = start - self._half
        rows = -(-count // ROW)
        return history.read(first, first + (rows - 1) * ROW * self._step + self._matrix.shape[0])

    def _filtered(self, raw: Samples) -> Samples:
        """Outputs of whole rows."""
        span, advance = self._matrix.shape[0], ROW * self._step
        view = overlapping(raw, ((raw.size - span) // advance + 1, span), (advance,))
        outputs: Samples = np.ravel(np.ascontiguousarray(view) @ self._matrix)
        return outputs


def power_gain(taps: Doubles, step: int) -> float:
    """Most that the energy of every ``step``-th output of a filter can be of the energy of its input.

    The largest sum over the frequencies that decimation takes for one, by their number (Vaidyanathan,
    Multirate Systems and Filter Banks, ch. 4); a percent more, as it is taken on a grid.
    """
    power = np.abs(np.fft.fft(taps, 4 * step * taps.size)) ** 2
    return 1.01 * float(power.reshape(step, -1).sum(axis=0).max()) / step
