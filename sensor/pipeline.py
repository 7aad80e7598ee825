"""Stages 2 to 4 joined: blocks in, candidates out; no threads, no I/O.

Microphone, file and simulator all pass through :class:`Pipeline`; its result does not depend on how
the stream is cut into blocks, so a recording from a roof reproduces a roof's bug.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from sensor.classify.classifier import Classifier
from sensor.classify.context import MEMORY_S, Heard
from sensor.detect.detector import Detector
from sensor.detect.overload import LEAST_HEARD, heard_before
from sensor.detect.settings import DetectSettings
from sensor.detect.witness import Witness
from sensor.errors import CaptureError, ConfigError
from sensor.events import Candidate, Position, Versions
from sensor.physics import db_from_ratio, spl_db_from_dbfs
from sensor.rate_limit import RateLimit, TokenBucket
from sensor.types import Block, Reject, RejectReason, Trigger, Verdict

if TYPE_CHECKING:
    from sensor.timing.timebase import Timebase
    from sensor.types import Samples, Timestamp

RAIL_FS = 0.999
"""From here on a sample counts as clipped, full scale; converters stop a few codes short of 1."""
TUNING_S = 0.5
"""New settings wait so long at the most for crossings that are undecided: where something bangs on and on."""
RAIL_MEMORY_S = 60.0
"""Time constant of the reported share of clipped samples, seconds of the stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Who reports, from where, and what made the report."""

    site: str
    node: str
    versions: Versions
    position: Position | None = None
    full_scale_db_spl: float | None = None
    """Calibrated sound pressure level of 0 dBFS, dB re 20 µPa; None = uncalibrated."""


@dataclass(slots=True)
class PipelineCounts:
    """What went through so far; written by the thread that calls ``process``, read by any."""

    samples: int = 0
    lost: int = 0
    triggers: int = 0
    candidates: int = 0
    rejects: Counter[RejectReason] = field(default_factory=Counter)
    clip_fraction: float = 0.0
    """Share of the samples of about the last minute that sat at full scale, of the worst channel, 0 to 1."""


@dataclass(frozen=True, slots=True)
class _Tuning:
    """Settings that wait for their moment."""

    detect: DetectSettings
    p_min: float
    versions: Versions
    latest: int
    """Count of samples at which they wait no longer."""


class PipelineWitness(Witness, Protocol):
    """Is told what detector and classifier decided and why, in the order in which it happens."""

    def heard(self, trigger: Trigger, share: float) -> None:
        """How much of the moment before a trigger the input did not stand on a rail, 0 to 1."""

    def classified(self, trigger: Trigger, verdict: Verdict) -> None:
        """A trigger was judged, whatever became of it then."""


class Pipeline:
    """One stream's way from samples to candidates.

    Args:
        rate_hz: sampling rate of the stream, 8 to 192 kHz.
        detect: settings of the trigger.
        classifier: a loaded model.
        timebase: maps a sample index to UTC; it is shown every block.
        node: what every candidate says about its sender.
        p_min: candidates below this probability are counted, not returned.
        listen: channels whose mean is listened to; None = all. Keep a PPS channel out of it.
        limit: how many candidates may pass; those beyond are counted, not returned. None = any number.
        witness: is told what every decision rested on; None in the daemon.

    Raises:
        CaptureError: the stream's sampling rate is outside that range.
    """

    def __init__(  # noqa: PLR0913  the stages and what every candidate carries, all by name
        self,
        *,
        rate_hz: float,
        detect: DetectSettings,
        classifier: Classifier,
        timebase: Timebase,
        node: Node,
        p_min: float = 0.2,
        listen: tuple[int, ...] | None = None,
        limit: RateLimit | None = None,
        witness: PipelineWitness | None = None,
    ) -> None:
        self.counts = PipelineCounts()
        try:
            self.detector = Detector(rate_hz, detect, witness)
        except ValueError as error:
            raise CaptureError(str(error)) from error
        self._witness = witness
        self._rate_hz = rate_hz
        self._classifier = classifier
        self._timebase = timebase
        self._node = node
        self._p_min = p_min
        self._listen = listen
        self._budget = TokenBucket(limit) if limit is not None else None
        self._earlier: deque[Heard] = deque()
        self._tuning: _Tuning | None = None
        """What is to be taken over once nothing is undecided."""

    def process(self, block: Block) -> list[Candidate]:
        """Return the candidates that ``block`` completed, in order of their onsets."""
        candidates = self._take_tuning()
        if block.lost:
            # Decided and stamped before the time base hears of the break, by the clock as it was.
            self.counts.lost += block.lost
            candidates += self._judge(self.detector.reset(block.first))
        self._timebase.observe(block)
        heard = self._listened(block.samples)
        mono = _mean(heard)
        self.counts.samples += mono.size
        self._note_rail(heard)
        return candidates + self._judge(self.detector.process(block.first, mono))

    def _note_rail(self, heard: Samples) -> None:
        """Follow the share of samples at the rail, of the worst channel; it forgets with `RAIL_MEMORY_S`."""
        kept = math.exp(-heard.shape[1] / (RAIL_MEMORY_S * self._rate_hz))
        share = 0.0
        for channel in heard:
            # Mostly all squares together stay below that of one sample at the rail: then there is none.
            if not np.vdot(channel, channel) < RAIL_FS**2:
                share = max(share, float(np.count_nonzero(np.abs(channel) >= RAIL_FS)) / channel.size)
        self.counts.clip_fraction = kept * self.counts.clip_fraction + (1.0 - kept) * share

    def flush(self) -> list[Candidate]:
        """Decide what is pending at the end of the stream with what has been heard."""
        return self._judge(self.detector.flush())

    def retune(self, *, detect: DetectSettings, p_min: float, versions: Versions) -> None:
        """Take new settings once nothing is undecided, at the latest ``TUNING_S`` later.

        Nothing is forgotten: a shot round the change is heard with what came before it. ``versions`` is what
        candidates state from then on.
        """
        self._tuning = _Tuning(detect, p_min, versions, self.counts.samples + round(TUNING_S * self._rate_hz))

    def _take_tuning(self) -> list[Candidate]:
        """Take over what ``retune`` was told, unless that can wait for something undecided."""
        tuning = self._tuning
        if tuning is None or (self.detector.undecided and self.counts.samples < tuning.latest):
            return []
        self._tuning = None
        candidates: list[Candidate] = []
        if tuning.detect != self.detector.settings:
            candidates = self.flush()
            self.detector = self.detector.retuned(tuning.detect)
        self._p_min = tuning.p_min
        self._node = replace(self._node, versions=tuning.versions)
        return candidates

    def _listened(self, samples: Samples) -> Samples:
        """The channels that are listened to, shape (channels, n)."""
        if self._listen is not None:
            if max(self._listen) >= samples.shape[0]:
                message = (
                    f"audio.listen_channels: channel {max(self._listen)} does not exist, the stream has "
                    f"{samples.shape[0]} (counted from 0); name existing ones or leave the key out"
                )
                raise ConfigError(message)
            samples = samples[list(self._listen)]
        return samples

    def _judge(self, decisions: list[Trigger | Reject]) -> list[Candidate]:
        candidates = []
        for decision in decisions:
            if isinstance(decision, Reject):
                self.counts.rejects[decision.reason] += 1
                continue
            self.counts.triggers += 1
            heard = heard_before(self.detector.clip, decision.onset, self._rate_hz)
            if self._witness is not None:
                self._witness.heard(decision, heard)
            if heard < LEAST_HEARD:
                self.counts.rejects[RejectReason.OVERLOAD] += 1
                continue
            verdict = self._classify(decision)
            if self._witness is not None:
                self._witness.classified(decision, verdict)
            if verdict.p_gunshot < self._p_min:
                self.counts.rejects[RejectReason.BELOW_P_MIN] += 1
                continue
            if self._budget is not None and not self._budget.take(decision.onset / self._rate_hz):
                self.counts.rejects[RejectReason.RATE_LIMITED] += 1
                continue
            stamp = self._timebase.stamp(decision.onset, decision.onset_sigma_s)
            self.counts.candidates += 1
            candidates.append(self._candidate(decision, verdict, stamp))
        return candidates

    def _classify(self, trigger: Trigger) -> Verdict:
        oldest = trigger.onset - MEMORY_S * self._rate_hz
        while self._earlier and self._earlier[0].trigger.onset < oldest:
            self._earlier.popleft()
        clip = self.detector.clip(trigger.on, trigger.off)
        verdict = self._classifier.classify(trigger, clip, self._rate_hz, tuple(self._earlier))
        if verdict.image is not None:
            self._earlier.append(Heard(trigger, verdict.image))
        return verdict

    def _candidate(self, trigger: Trigger, verdict: Verdict, stamp: Timestamp) -> Candidate:
        peak_dbfs = db_from_ratio(trigger.peak_fs)
        full_scale = self._node.full_scale_db_spl
        return Candidate(
            site=self._node.site,
            node=self._node.node,
            utc_ns=stamp.utc_ns,
            sigma_ns=stamp.sigma_ns,
            clock={
                "source": stamp.source.value,
                "state": stamp.state,
                "parts_ns": dict(stamp.parts_ns),
                "ppm": self._timebase.report().ppm,
            },
            position=self._node.position,
            p_gunshot=verdict.p_gunshot,
            classes=dict(verdict.classes),
            peak_dbfs=peak_dbfs,
            peak_db_spl=None if full_scale is None else spl_db_from_dbfs(peak_dbfs, full_scale),
            snr_db=trigger.snr_db,
            rise_ms=verdict.rise_s * 1e3,
            duration_ms=verdict.duration_s * 1e3,
            clip_fraction=verdict.clip_fraction,
            later_arrivals=tuple(
                {"dt_ms": arrival.dt_s * 1e3, "rel_db": arrival.rel_db} for arrival in trigger.later_arrivals
            ),
            versions=self._node.versions,
        )


def _mean(samples: Samples) -> Samples:
    """Mean of channels (channels, n), shape (n,)."""
    if samples.shape[0] == 1:
        return samples[0]
    with np.errstate(invalid="ignore", over="ignore"):
        mono: Samples = samples.mean(axis=0, dtype=np.float32)
    # The sum of all squares is finite only if every sample is: then nothing more is to be done.
    return mono if math.isfinite(np.vdot(mono, mono)) else _finite_mean(samples, mono)


def _finite_mean(samples: Samples, mono: Samples) -> Samples:
    """``mono``, the mean of the channels, with that of the finite ones where it is not finite itself.

    A channel that fails, and gives no numbers, does not make the others deaf. NaN where none is finite.
    """
    broken = np.flatnonzero(~np.isfinite(mono))
    total = np.zeros(broken.size)
    count = np.zeros(broken.size)
    for channel in samples:  # one by one: the order of a sum must not depend on the block's length
        values = channel[broken]
        finite = np.isfinite(values)
        total += np.where(finite, values, 0.0)
        count += finite
    mono[broken] = np.where(count > 0.0, total, np.nan) / np.maximum(count, 1.0)
    return mono
