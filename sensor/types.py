"""The values that pass between the stages.

Conventions: a sample index is absolute (counted from the start of the stream, lost samples
included) and ranges are half-open ``[first, end)``; amplitudes are float32 in ±1.0 full scale;
absolute time is integer nanoseconds UTC; names carry their unit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)  # eq: arrays do not compare to one truth value
class Block:
    """Consecutive samples of every channel; capture -> detect."""

    first: int
    """Absolute index of ``samples[:, 0]``. A jump from the last block's ``end`` equals ``lost``."""
    samples: Samples
    """Shape (channels, n), float32, ±1.0 full scale. The receiver must not write to it."""
    mono_ns: int
    """CLOCK_MONOTONIC of the first sample at the microphone, best single estimate, ns; 0 = unknown."""
    lost: int = 0
    """Samples lost immediately before ``first``; anything but 0 obliges stateful stages to start anew."""

    @property
    def end(self) -> int:
        """Absolute index one past the last sample."""
        return self.first + int(self.samples.shape[1])


class RejectReason(StrEnum):
    """Why something that crossed the threshold did not become a candidate."""

    DIGITAL_SILENCE = "digital_silence"
    """The step into or out of exact zeros."""
    DC_STEP = "dc_step"
    """The level shifted and stayed: plugging, power-up, a loose contact."""
    GLITCH = "glitch"
    """One or two samples only: a lost USB frame, a bit error."""
    COARSE = "coarse"
    """Only the last bit of the converter moved."""
    OVERLOAD = "overload"
    """The input stood on its rail just before: there was nothing to hold the impulse against."""
    REFRACTORY = "refractory"
    """Within the refractory time of the previous trigger."""
    NOT_FINITE = "not_finite"
    """NaN or infinite samples; they were replaced by zeros."""
    BELOW_P_MIN = "below_p_min"
    """Judged, and less like a gunshot than ``publish.p_min``."""
    RATE_LIMITED = "rate_limited"
    """A candidate beyond ``publish.burst_max`` and ``publish.per_minute_max``."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A typed, counted no."""

    reason: RejectReason
    onset: float
    """Absolute (fractional) sample index it is about."""


@dataclass(frozen=True, slots=True)
class LaterArrival:
    """An echo or a further sound after the first arrival."""

    dt_s: float
    """Seconds after the first arrival, 0 to 0.2."""
    rel_db: float
    """Peak relative to the first arrival's, dB."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """An impulse whose first arrival was found; detect -> classify."""

    onset: float
    """First arrival, absolute fractional sample index."""
    onset_sigma_s: float
    """One sigma of the pick alone, seconds."""
    on: int
    """First sample of the clip that classify needs."""
    off: int
    """One past the last sample of that clip; the trigger is emitted once it is in the history."""
    peak_fs: float
    """Farthest that a sample of the impulse, unfiltered, is from where the input rested, full scale."""
    swing_fs: float
    """Half the way from its lowest to its highest sample, full scale: no rest is needed."""
    snr_db: float
    """Peak of the impulse's band-passed frame level over the noise floor, dB."""
    noise_dbfs: float
    """Noise floor in the detector's band just before the onset, dB; RMS re full scale, so that a
    full-scale square wave is 0."""
    later_arrivals: tuple[LaterArrival, ...] = ()
    """At most three, within 200 ms and before the next crossing, in time order."""


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What a trigger sounds like; classify -> pipeline."""

    classes: Mapping[str, float]
    """Calibrated probability per class, sums to 1; the key ``gunshot`` is always there."""
    rise_s: float
    """10 to 90 % rise of the envelope, seconds."""
    duration_s: float
    """Time in which the middle 80 % of the energy arrives, seconds."""
    clip_fraction: float
    """Share of the samples round the peak that sit at the rail, 0 to 1."""
    features: NDArray[np.float32] | None = None
    """The classifier's own features, a row per look, for explanation."""
    image: NDArray[np.float32] | None = None
    """What the classifier compares later sounds with; opaque to all others."""

    @property
    def p_gunshot(self) -> float:
        """Calibrated probability of a gunshot at the model card's prior."""
        return self.classes["gunshot"]


class ClockSource(StrEnum):
    """Where UTC comes from, best first; FILE is a recording's stated start."""

    PPS = "pps"
    GPS = "gps"
    NTP = "ntp"
    HOLDOVER = "holdover"
    FILE = "file"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Timestamp:
    """UTC of a sample and how far it may be off; timing -> pipeline."""

    utc_ns: int
    """UTC of the first arrival at the microphone, integer nanoseconds since 1970."""
    sigma_ns: int
    """One sigma of ``utc_ns``, root sum of the squares of ``parts_ns``; never 0."""
    source: ClockSource
    """Clock source at that moment."""
    state: str = "locked"
    """``locked``, or ``acquiring`` while the sample clock has seen too little of its stream."""
    parts_ns: Mapping[str, int] = field(default_factory=dict)
    """What the sigma is made of: ``pick``, ``sample_clock``, ``clock_source``, ``latency``."""


@dataclass(frozen=True, slots=True)
class ClockReport:
    """State of the node's clock now; timing -> health, status and check."""

    source: ClockSource
    state: str
    """``locked``, ``acquiring`` or ``none``."""
    utc_sigma_ns: int
    """One sigma of monotonic -> UTC, ns."""
    ppm: float | None = None
    """Sampling rate against its nominal value, parts per million; None while unknown."""
    residual_ns: int | None = None
    """Robust spread of the sample clock's regression residuals, ns; None while unknown."""
    epoch: int = 0
    """How often the sample clock had to begin anew."""
    steps: int = 0
    """How often the system's UTC was stepped."""
    via: str = ""
    """Where UTC comes from, for people: ``kernel``, ``chrony 192.0.2.1``, ``gpsd pulse``."""
    problems: tuple[str, ...] = ()
    """Sources that disagree, are missing or are wrong, in words."""
