"""Why a moment of a recording became a candidate, or did not.

The recording passes the very same :class:`Pipeline` as ever, with a witness that is shown the inner values
as they are used. Nothing here decides anything.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sensor.capture.audiofile import AudioFileSource
from sensor.detect.witness import Frames, Judged
from sensor.errors import ReplayError
from sensor.replay.channels import Channels
from sensor.replay.gates import Gate, gates_of
from sensor.replay.influence import Influences, influences
from sensor.replay.manifest import Made
from sensor.replay.recordings import RecordingFile
from sensor.replay.runner import BLOCK_S, ReplaySettings, classifier_for, pipeline_for
from sensor.types import Reject, RejectReason, Trigger, Verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sensor.pipeline import Pipeline
    from sensor.types import Samples

NEAR_S = 0.2
"""What happened this close to the moment asked for is explained."""
SAME_S = 0.01
"""A trigger this close is what is meant, even if something in its refractory time is closer still."""
STRONGEST_S = 0.05
"""Where nothing crossed, the strongest frame this close to the moment is told of."""
SILENT_DBFS = -150.0
"""A strongest frame of at most this is digital silence: a microphone is never that quiet."""
HEARD_OUT_S = 1.0
"""A crossing within ``NEAR_S`` is decided this long after the moment: pick, post-roll and hop are 0.4 s."""
EXCERPT_BEFORE_S = 0.3
EXCERPT_AFTER_S = 0.6
"""Kept for the picture; together less than the 1 s that the detector remembers."""
EXCERPT_HEARD_S = EXCERPT_AFTER_S + 0.05
"""The excerpt is taken once this much after the moment was read: the detector may be a hop behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One frame against what the threshold is held to, all in dB."""

    offset_s: float
    """Middle of the frame, seconds from the file's first sample."""
    level_dbfs: float
    floor_dbfs: float
    recent_dbfs: float
    """Mean level of the frames 24 to 4 ms before, none of them taken below the floor."""

    @property
    def over_floor_db(self) -> float:
        """Level over the noise floor."""
        return self.level_dbfs - self.floor_dbfs

    @property
    def excess_db(self) -> float:
        """What is compared with ``detect.threshold_db``."""
        return self.level_dbfs - self.recent_dbfs


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearby:
    """Another decision close to the one explained."""

    offset_s: float
    outcome: str
    """``candidate`` or the value of the :class:`RejectReason`."""
    p_gunshot: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Excerpt:
    """What the picture shows."""

    first_s: float
    """Seconds from the file's first sample to ``samples[0]``; may be negative, where samples are zero."""
    rate_hz: float
    samples: Samples
    frame_s: NDArray[np.float64]
    """Middle of each frame, seconds from the file's first sample."""
    level_db: NDArray[np.float64]
    recent_db: NDArray[np.float64]
    floor_db: NDArray[np.float64]
    crossed_s: tuple[float, ...]
    """All that crossed the threshold, whatever became of it; seconds from the file's first sample."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Explanation:
    """All that is known about one moment."""

    file: str
    at_s: float
    offset_s: float
    """Of what is explained: an onset, a crossing that was refused, or the strongest frame."""
    outcome: str
    """``candidate``, ``refused`` or ``nothing_crossed``."""
    decided_by: str
    """Name of the gate that decided, the last one of ``gates``."""
    threshold_db: float
    level: Level | None
    """The strongest frame of the crossing, or of all near; None where all is digital silence."""
    gates: tuple[Gate, ...]
    """In the order in which they are asked, up to the one that decided."""
    trigger: Trigger | None
    verdict: Verdict | None
    influences: Influences | None
    nearby: tuple[Nearby, ...]
    """In order of time."""
    trigger_before_s: float | None
    """The last trigger before what is explained, seconds from the file's first sample; None if none was
    near enough to matter."""
    trigger_after_s: float | None
    """The next one, likewise."""
    not_finite: int
    """Runs of NaN or infinite samples so far in the file; they were taken as zeros."""
    damaged: str | None
    cancelled: str | None
    """That the mean of the channels so far is not what they hold."""
    model_id: str
    excerpt: Excerpt


class _Notes:
    """Keeps what the pipeline tells of the time near one moment."""

    def __init__(self, at: float, reach: float) -> None:
        self.crossings: list[Judged] = []
        self.hops: list[Frames] = []
        self._verdicts: list[tuple[Trigger, Verdict]] = []
        self._heard: list[tuple[Trigger, float]] = []
        self._first = at - reach
        self._last = at + reach

    def frames(self, frames: Frames) -> None:
        """Keep a hop that reaches into the time of interest."""
        if frames.first + frames.levels_db.size * frames.frame > self._first and frames.first < self._last:
            self.hops.append(frames)

    def judged(self, judged: Judged) -> None:
        """Keep a crossing in the time of interest."""
        if self._first <= judged.sample <= self._last:
            self.crossings.append(judged)

    def heard(self, trigger: Trigger, share: float) -> None:
        """Keep how much was heard before a trigger in the time of interest."""
        if self._first <= trigger.onset <= self._last:
            self._heard.append((trigger, share))

    def classified(self, trigger: Trigger, verdict: Verdict) -> None:
        """Keep a verdict in the time of interest."""
        if self._first <= trigger.onset <= self._last:
            self._verdicts.append((trigger, verdict))

    def heard_share(self, judged: Judged | None) -> float | None:
        """How much of the moment before a crossing was heard; None if it is no trigger."""
        found = (share for trigger, share in self._heard if judged and trigger is judged.decision)
        return next(found, None)

    def verdict(self, judged: Judged) -> Verdict | None:
        """What was said of a crossing; None if it was refused before."""
        return next((verdict for trigger, verdict in self._verdicts if trigger is judged.decision), None)


def explain(file: RecordingFile, at_s: float, settings: ReplaySettings) -> Explanation:
    """Replay ``file`` up to a little after ``at_s`` and say what was decided there and why.

    Raises:
        CaptureError: the file is missing or not audio, or its sampling rate is not one to work at.
        ModelError: the weights cannot be used.
        ReplayError: the file ends before ``at_s``.
    """
    source = AudioFileSource(file.path, block_s=BLOCK_S)
    with closing(source):
        rate_hz = source.rate_hz
        notes = _Notes(at_s * rate_hz, HEARD_OUT_S * rate_hz)
        pipeline = pipeline_for(source, Made(), settings, settings.config.node, notes)
        channels = Channels(settings.config.audio.listen_channels)
        samples = _play(source, pipeline, at_s, channels)
    if at_s * rate_hz >= pipeline.counts.samples:
        lasts_s = pipeline.counts.samples / rate_hz
        raise ReplayError(f"{file.name} lasts {lasts_s:.3f} s; --at {at_s:g} lies outside")
    excerpt = _excerpt(samples, round((at_s - EXCERPT_BEFORE_S) * rate_hz), rate_hz, notes)
    near = [judged for judged in notes.crossings if abs(_distance_s(judged, at_s, rate_hz)) <= NEAR_S]
    asked = _asked(near, at_s, rate_hz)
    threshold_db = settings.config.detect.threshold_db
    level = _strongest(excerpt, at_s) if asked is None else _level(asked, excerpt, threshold_db)
    verdict = None if asked is None else notes.verdict(asked)
    excess_db = None if level is None else level.excess_db
    gates = gates_of(asked, excess_db, notes.heard_share(asked), verdict, settings, rate_hz)
    classifier = classifier_for(settings.config)
    before_s, after_s = _triggers_beside(asked, notes, rate_hz)
    return Explanation(
        file=file.name,
        at_s=at_s,
        offset_s=_onset(asked) / rate_hz if asked is not None else level.offset_s if level else at_s,
        outcome="nothing_crossed" if asked is None else "candidate" if gates[-1].passed else "refused",
        decided_by=gates[-1].name,
        threshold_db=threshold_db,
        level=level,
        gates=gates,
        trigger=asked.decision if asked is not None and isinstance(asked.decision, Trigger) else None,
        verdict=verdict,
        influences=None if verdict is None else influences(classifier, verdict),
        nearby=tuple(
            _nearby(judged, notes, settings, rate_hz)
            for judged in sorted(near, key=_onset)
            if judged is not asked
        ),
        trigger_before_s=before_s,
        trigger_after_s=after_s,
        not_finite=pipeline.counts.rejects[RejectReason.NOT_FINITE],
        damaged=source.stats().damaged,
        cancelled=channels.fault,
        model_id=classifier.model_id,
        excerpt=excerpt,
    )


def _play(source: AudioFileSource, pipeline: Pipeline, at_s: float, channels: Channels) -> Samples:
    """Hear the recording until all near the moment is decided; return the samples round it."""
    rate_hz = source.rate_hz
    first, last = (round((at_s + after_s) * rate_hz) for after_s in (-EXCERPT_BEFORE_S, EXCERPT_AFTER_S))
    samples: Samples | None = None
    for block in source.blocks():
        pipeline.process(block)
        channels.hear(block.samples)
        if samples is None and block.end >= (at_s + EXCERPT_HEARD_S) * rate_hz:
            samples = pipeline.detector.clip(first, last)
        if block.end >= (at_s + HEARD_OUT_S) * rate_hz:
            break
    else:
        pipeline.flush()
    return pipeline.detector.clip(first, last) if samples is None else samples


def _onset(judged: Judged) -> float:
    """Absolute index of what a crossing is known by."""
    return judged.decision.onset


def _distance_s(judged: Judged, at_s: float, rate_hz: float) -> float:
    return _onset(judged) / rate_hz - at_s


def _asked(near: list[Judged], at_s: float, rate_hz: float) -> Judged | None:
    """The crossing that the moment means: the nearest."""
    triggers = [judged for judged in near if isinstance(judged.decision, Trigger)]
    meant = [judged for judged in triggers if abs(_distance_s(judged, at_s, rate_hz)) <= SAME_S]
    return min(meant or near, key=lambda judged: abs(_distance_s(judged, at_s, rate_hz)), default=None)


def _triggers_beside(
    asked: Judged | None, notes: _Notes, rate_hz: float
) -> tuple[float | None, float | None]:
    """Times of the triggers next before and next after a crossing, those within ``NEAR_S`` of it."""
    if asked is None:
        return None, None
    at_s = _onset(asked) / rate_hz
    triggers_s = [
        _onset(judged) / rate_hz
        for judged in notes.crossings
        if isinstance(judged.decision, Trigger) and judged is not asked
    ]
    return (
        max((time_s for time_s in triggers_s if at_s - NEAR_S <= time_s < at_s), default=None),
        min((time_s for time_s in triggers_s if at_s < time_s <= at_s + NEAR_S), default=None),
    )


def _excerpt(samples: Samples, first: int, rate_hz: float, notes: _Notes) -> Excerpt:
    hops = notes.hops
    starts: list[NDArray[np.floating]] = [
        hop.first + hop.frame * np.arange(hop.levels_db.size, dtype=np.float64) for hop in hops
    ]
    floors = [np.full(hop.levels_db.size, hop.floor_db) for hop in hops]
    middle = hops[0].frame / 2 if hops else 0.0
    return Excerpt(
        first_s=first / rate_hz,
        rate_hz=rate_hz,
        samples=samples,
        frame_s=(_joined(starts) + middle) / rate_hz,
        level_db=_joined([hop.levels_db for hop in hops]),
        recent_db=_joined([hop.recent_db for hop in hops]),
        floor_db=_joined(floors),
        crossed_s=tuple(sorted(_onset(judged) / rate_hz for judged in notes.crossings)),
    )


def _joined(parts: list[NDArray[np.floating]]) -> NDArray[np.float64]:
    return np.concatenate(parts).astype(np.float64) if parts else np.zeros(0)


def _level(judged: Judged, excerpt: Excerpt, threshold_db: float) -> Level | None:
    """The strongest frame of those above the threshold that began with a crossing."""
    excess = excerpt.level_db - excerpt.recent_db
    first = int(np.searchsorted(excerpt.frame_s, judged.sample / excerpt.rate_hz))
    if first == excess.size:
        return None
    after = excess[first:] < threshold_db
    end = first + max(1, int(np.argmax(after)) if after.any() else after.size)
    return _level_at(excerpt, first + int(np.argmax(excess[first:end])))


def _strongest(excerpt: Excerpt, at_s: float) -> Level | None:
    """The frame about the moment that stood out most, else the nearest; None in digital silence."""
    away_s = np.where(np.isfinite(excerpt.recent_db), np.abs(excerpt.frame_s - at_s), np.inf)
    if away_s.min(initial=np.inf) > NEAR_S:
        return None
    near = away_s <= max(STRONGEST_S, float(away_s.min()))
    index = int(np.argmax(np.where(near, excerpt.level_db - excerpt.recent_db, -np.inf)))
    return None if excerpt.level_db[index] <= SILENT_DBFS else _level_at(excerpt, index)


def _level_at(excerpt: Excerpt, index: int) -> Level:
    return Level(
        offset_s=float(excerpt.frame_s[index]),
        level_dbfs=float(excerpt.level_db[index]),
        floor_dbfs=float(excerpt.floor_db[index]),
        recent_dbfs=float(excerpt.recent_db[index]),
    )


def _nearby(judged: Judged, notes: _Notes, settings: ReplaySettings, rate_hz: float) -> Nearby:
    verdict = notes.verdict(judged)
    if isinstance(judged.decision, Reject):
        outcome = judged.decision.reason.value
    elif verdict is None:
        outcome = RejectReason.OVERLOAD.value
    else:
        outcome = "candidate" if verdict.p_gunshot >= settings.p_min else RejectReason.BELOW_P_MIN.value
    return Nearby(
        offset_s=_onset(judged) / rate_hz,
        outcome=outcome,
        p_gunshot=None if verdict is None else verdict.p_gunshot,
    )
