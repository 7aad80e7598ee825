"""Capture time stamps as sound cards and their drivers deliver them, with the truth beside them.

The kinds are those met in the field: a steady stream (I2S, PipeWire), a USB microphone whose stamps
move in frames of 1 ms, callbacks that carry no ADC time and are stamped on arrival, and PulseAudio's
two-sided jitter. Each may drift with the temperature, lose samples with or without saying so, leave
stamps out, and have its clock set under it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

FRAME_NS = 1e6
"""A USB frame."""
_STARTED_NS = 3_600 * 10**9


class Jitter(StrEnum):
    """How the stamps of a stream err."""

    STEADY = "steady"
    """Late by 3 to 40 us, exponential or half-normal."""
    USB = "usb"
    """Rounded up to the host's next frame, then 5 to 100 us late."""
    CALLBACK = "callback"
    """Stamped on arrival: 0.1 to 2 ms late, exponential."""
    TWO_SIDED = "two_sided"
    """Early or late by 5 to 30 us, normal."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Samples that never arrived."""

    at_s: float
    samples: int
    flagged: bool
    """Whether capture noticed: the index then jumps by about as many, and Block.lost says so."""
    miscount: int = 0
    """By how many samples capture's count of them is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One capture stream: its crystal, its jitter and its mishaps."""

    jitter: Jitter
    rate_hz: float = 48_000.0
    block: int = 1024
    ppm: float = 0.0
    """Sampling rate against nominal at the start."""
    thermal_ppm: float = 0.0
    """Amplitude of the rate's swing with temperature."""
    thermal_period_s: float = 7200.0
    thermal_phase: float = 0.0
    spread_ns: float = 20e3
    """Scale of the jitter."""
    half_normal: bool = False
    """Shape of STEADY: half-normal instead of exponential."""
    frame_ppm: float = 0.0
    """Rate of the host's USB frames against CLOCK_MONOTONIC."""
    frame_phase_ns: float = 0.0
    late_fraction: float = 0.0
    """Share of callbacks that come much too late."""
    late_ns: float = 5e6
    """Mean of that, exponential."""
    early_fraction: float = 0.0
    """Share of stamps that are wrong in the other direction, by 1 to 20 ms."""
    missing_fraction: float = 0.0
    """Share of blocks without a time stamp (0)."""
    losses: tuple[Loss, ...] = ()

    def sample_ns(self, number: Floats) -> Floats:
        """When the crystal took its ``number``-th sample, ns of CLOCK_MONOTONIC."""
        nominal_s = number / self.rate_hz
        turn = 2.0 * math.pi / self.thermal_period_s
        swing = (math.cos(self.thermal_phase) - np.cos(turn * nominal_s + self.thermal_phase)) / turn
        return _STARTED_NS + nominal_s * 1e9 - 1e3 * (self.ppm * nominal_s + self.thermal_ppm * swing)

    def true_ns(self, index: Floats) -> Floats:
        """When the sample with this index was taken, mishaps included."""
        index = np.asarray(index, dtype=np.float64)
        number = index.copy()
        for loss in self.losses:
            begin = self._index_after(loss)
            number[index >= begin] += loss.miscount if loss.flagged else loss.samples
        return self.sample_ns(number)

    def _index_after(self, loss: Loss) -> int:
        """First index after a loss, rounded to a block boundary of the stream."""
        before = sum(self._jump(item) for item in self.losses if item.at_s < loss.at_s)
        return self._block_number(loss) * self.block + before + self._jump(loss)

    def _block_number(self, loss: Loss) -> int:
        return math.ceil(loss.at_s * self.rate_hz / self.block)

    @staticmethod
    def _jump(loss: Loss) -> int:
        return loss.samples - loss.miscount if loss.flagged else 0

    def blocks(self, duration_s: float, rng: np.random.Generator) -> tuple[Indices, Indices, Indices]:
        """First index, time stamp (ns, 0 = missing) and flagged loss of every block."""
        count = int(duration_s * self.rate_hz / self.block)
        first = np.arange(count, dtype=np.int64) * self.block
        lost = np.zeros(count, dtype=np.int64)
        for loss in self.losses:
            number = self._block_number(loss)
            first[number:] += self._jump(loss)
            if loss.flagged and number < count:
                lost[number] = self._jump(loss)
        stamp_ns = self._stamped_ns(self.true_ns(first.astype(np.float64)), rng)
        stamp_ns[rng.random(count) < self.missing_fraction] = 0.0
        return first, stamp_ns.astype(np.int64), lost

    def _stamped_ns(self, true_ns: Floats, rng: np.random.Generator) -> Floats:
        count = len(true_ns)
        if self.jitter is Jitter.TWO_SIDED:
            stamp_ns = true_ns + rng.normal(0.0, self.spread_ns, count)
        elif self.jitter is Jitter.USB:
            frame_ns = FRAME_NS * (1.0 - 1e-6 * self.frame_ppm)
            frames = np.ceil((true_ns - _STARTED_NS - self.frame_phase_ns) / frame_ns)
            stamp_ns = _STARTED_NS + self.frame_phase_ns + frames * frame_ns
            stamp_ns += rng.exponential(self.spread_ns, count)
        elif self.half_normal:
            stamp_ns = true_ns + np.abs(rng.normal(0.0, self.spread_ns, count))
        else:
            stamp_ns = true_ns + rng.exponential(self.spread_ns, count)
        late = rng.random(count) < self.late_fraction
        stamp_ns[late] += rng.exponential(self.late_ns, int(late.sum()))
        early = rng.random(count) < self.early_fraction
        stamp_ns[early] -= rng.uniform(1e6, 2e7, int(early.sum()))
        return stamp_ns


SPREAD_NS = {
    Jitter.STEADY: (3e3, 4e4),
    Jitter.USB: (5e3, 1e5),
    Jitter.CALLBACK: (1e5, 2e6),
    Jitter.TWO_SIDED: (5e3, 3e4),
}
"""Range from which the scale of each kind's jitter is drawn."""
FORMATS = {
    Jitter.STEADY: ((48_000, 1024), (48_000, 4800), (48_000, 480), (44_100, 1024), (16_000, 1600)),
    Jitter.USB: ((48_000, 1024), (48_000, 4799), (48_000, 500), (44_100, 1024)),
    Jitter.CALLBACK: ((48_000, 1024), (48_000, 4800), (44_100, 1024)),
    Jitter.TWO_SIDED: ((48_000, 4800), (48_000, 1024)),
}
"""Rates and block lengths that are drawn from. A USB block of whole milliseconds meets one phase of the
frames only; see sensor.timing.quantum."""


def draw(jitter: Jitter, rng: np.random.Generator) -> Stream:
    """A stream of one kind with parameters drawn from the ranges that docs/timing.md states.

    Rate error normal with 60 ppm (four in five) or even within 200 ppm; thermal swing 0 to 2 ppm with a
    period of half an hour to four hours; 0 to 1 % of the stamps late by 1 to 20 ms on average; the
    host's frames 10 ppm (normal) off.
    """
    rate_hz, block = FORMATS[jitter][rng.integers(len(FORMATS[jitter]))]
    return Stream(
        jitter=jitter,
        rate_hz=float(rate_hz),
        block=block,
        ppm=rng.normal(0.0, 60.0) if rng.random() < 0.8 else rng.uniform(-200.0, 200.0),
        thermal_ppm=rng.uniform(0.0, 2.0),
        thermal_period_s=rng.uniform(1800.0, 14_400.0),
        thermal_phase=rng.uniform(0.0, 2.0 * math.pi),
        spread_ns=rng.uniform(*SPREAD_NS[jitter]),
        half_normal=rng.random() < 0.5,
        frame_ppm=rng.normal(0.0, 10.0),
        frame_phase_ns=rng.uniform(0.0, FRAME_NS),
        late_fraction=rng.uniform(0.0, 0.01),
        late_ns=rng.uniform(1e6, 2e7),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PulseChannel:
    """A receiver's pulse per second on an audio channel, as an AC-coupled input hears it."""

    rate_hz: float = 48_000.0
    ppm: float = 0.0
    start_s: float = 0.3
    """Stream time of the first pulse."""
    height_fs: float = 0.03
    width_s: float = 0.1
    coupling_s: float = 0.02
    """Time constant of the input's high-pass."""
    passband: float = 0.96
    """Part of the Nyquist band that the input passes."""
    noise_fs: float = 1e-4
    hum_fs: float = 0.0
    hum_hz: float = 50.0
    missing: frozenset[int] = frozenset()
    """Seconds without a pulse."""
    false_s: tuple[float, ...] = ()
    """Stream times of pulses that belong to no second."""

    def edge_index(self, second: Floats) -> Floats:
        """Sample index of the rising edge of each second since the first pulse."""
        return (self.start_s + np.asarray(second, dtype=np.float64)) * self.rate_hz * (1.0 + 1e-6 * self.ppm)

    def samples(self, duration_s: float, rng: np.random.Generator) -> NDArray[np.float32]:
        """The channel, shape (n,)."""
        count = int(duration_s * self.rate_hz)
        time_s = np.arange(count) / self.rate_hz
        signal = rng.normal(0.0, self.noise_fs, count)
        signal += self.hum_fs * np.sin(2.0 * np.pi * self.hum_hz * time_s + rng.uniform(0.0, 2.0 * np.pi))
        seconds = [s for s in range(int(duration_s) + 1) if s not in self.missing]
        places = [
            *self.edge_index(np.array(seconds, dtype=np.float64)),
            *np.multiply(self.false_s, self.rate_hz),
        ]
        for place in places:
            self._add_step(signal, place, self.height_fs)
            self._add_step(signal, place + self.width_s * self.rate_hz, -self.height_fs)
        return signal.astype(np.float32)

    def _add_step(self, signal: Floats, place: float, height_fs: float) -> None:
        """A band-limited step (Blackman-windowed sinc, integrated) that decays through the coupling."""
        begin, end = (
            max(0, int(place) - 64),
            min(len(signal), int(place + 8.0 * self.coupling_s * self.rate_hz)),
        )
        if begin >= end:
            return
        since = np.arange(begin, end) - place
        near = np.linspace(-64.0, 64.0, 64 * 256 + 1)
        pulse = np.sinc(self.passband * near) * np.blackman(len(near))
        rise = np.cumsum(pulse) - 0.5 * pulse
        shape = np.interp(since, near, rise / rise[-1], left=0.0, right=1.0)
        decay = np.exp(-np.maximum(since, 0.0) / (self.coupling_s * self.rate_hz))
        signal[begin:end] += height_fs * shape * decay
