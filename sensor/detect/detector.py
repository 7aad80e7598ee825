"""Joins the parts: mono audio in blocks of any size -> triggers and typed refusals."""

from __future__ import annotations

import math
from bisect import insort
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from sensor.detect import silence
from sensor.detect.amplitude import REST_S, peak_and_swing
from sensor.detect.echoes import WITHIN_S, later_arrivals
from sensor.detect.faults import Suspect, explain, margins
from sensor.detect.filter import FrameFilter, HopFilter
from sensor.detect.history import History
from sensor.detect.intake import Intake
from sensor.detect.noise_floor import (
    RMS_BELOW_QUANTILE_DB,
    SILENT_DB,
    START_HOPS,
    NoiseFloor,
    sounds,
)
from sensor.detect.onset import Pick, Picker, fused
from sensor.detect.pending import Pending
from sensor.detect.repeats import SAME_S, SIGMA_S, RepeatFinder
from sensor.detect.settings import DetectSettings
from sensor.detect.trigger import Crossing, TriggerFinder, levels_db
from sensor.detect.witness import Frames, Judged
from sensor.types import Reject, RejectReason, Trigger

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sensor.detect.witness import Witness
    from sensor.types import Samples

HOP_FRAMES = 50
"""The one block size of all that follows: about 50 ms."""
MOST_HOPS = 4
"""Hops whose levels are computed together, where a block holds so many; each is still judged by itself."""
HISTORY_S = 1.0
SAME_CROSSING_S = 0.005
"""A repeat this near to a crossing by level is the same sound."""
BODY_S = 0.05
"""Time after the onset in which the peak of an impulse is looked for."""
BELOW_CROSSING_DB = 3.0
"""What is left without a fault is one too, unless it comes so near to crossing by itself."""


class Detector:
    """Finds impulses in one channel of audio.

    The result does not depend on how the stream is cut into blocks. The clip of a trigger can be read from
    the moment it is returned until the next call of ``process``.

    Args:
        rate_hz: sampling rate, 8000 to 192000.
        settings: thresholds and times.
        witness: is told what every decision rested on; None in the daemon.

    Raises:
        ValueError: the rate is out of range, or the band too narrow.
    """

    _first: int | None
    """Absolute index of the stream's first sample; None between streams."""
    _history: History
    _flushed: History | None
    """The stream before the last reset: the clips of what its flush decided, and what came before the loss in
    clips that reach over it. None once all of it is older than what is kept."""

    def __init__(
        self,
        rate_hz: float,
        settings: DetectSettings = DetectSettings(),  # noqa: B008  frozen
        witness: Witness | None = None,
    ) -> None:
        if not 8000.0 <= rate_hz <= 192_000.0:
            raise ValueError(f"rate_hz is {rate_hz:g}; the detector works from 8000 to 192000 Hz")
        self._rate_hz = rate_hz
        self._settings = settings
        self._witness = witness
        self._picker = Picker(rate_hz)
        self._filters = FrameFilter(rate_hz, settings.band_low_hz, settings.band_high_hz)
        self._hop = HOP_FRAMES * self._filters.frame
        self._frame_s = self._filters.frame / rate_hz
        self._hops = HopFilter(self._filters, HOP_FRAMES, MOST_HOPS)
        self._work, self._tail = self._hops.samples, self._hops.lead
        """The hops that are filtered together, behind so many samples that they look back at."""
        starts = range(self._tail, self._work.size, self._hop)
        self._hops_in_work = [self._work[at : at + self._hop] for at in starts]
        self._repeats: RepeatFinder[Pending] = RepeatFinder(
            rate_hz, settings.repeat_likeness, settings.refractory_s
        )
        self._begin(None)

    def process(self, first: int, samples: Samples) -> list[Trigger | Reject]:
        """Take in the samples that follow the last call's and return what was decided, in order of decision.

        Args:
            first: absolute index of ``samples[0]``; the end of the last block unless a stream begins.
            samples: shape (n,), n >= 0, float32, ±1.0 full scale; not written to and not kept.

        Raises:
            ValueError: ``first`` does not continue the stream (after lost samples call ``reset``).
        """
        if self._first is None:
            self._begin(first)
        at = self._history.end + self._fill
        if first != at:
            raise ValueError(
                f"samples begin at {first}, the stream is at {at}; after lost samples call reset"
            )
        if self._flushed is not None and first - self._flushed.end >= HISTORY_S * self._rate_hz:
            self._flushed = None
        self._history.trim()
        out: list[Trigger | Reject] = []
        taken = 0
        while taken < samples.size:
            start = self._tail + self._fill
            part = samples[taken : taken + self._work.size - start]
            self._work[start : start + part.size] = part
            self._fill += part.size
            taken += part.size
            if self._fill >= self._hop:
                self._take_hops(out)
        return out

    def flush(self) -> list[Trigger | Reject]:
        """End the stream: decide what is pending with the samples there are."""
        out: list[Trigger | Reject] = []
        if self._first is not None:
            self._take_rest(out)
            self._decide_ready(out, last=True)
        self._pending.clear()
        self._first = None
        return out

    def reset(self, first: int) -> list[Trigger | Reject]:
        """After lost samples: flush, then begin a new stream at the absolute index ``first``.

        A shot soon after the loss is heard with what came before it: its clip has zeros for what was lost
        and for all that came before an earlier loss.

        Raises:
            ValueError: ``first`` lies before the end of the stream.
        """
        at = self._history.end + self._fill
        if self._first is not None and first < at:
            raise ValueError(f"the stream cannot begin anew at {first}, it is at {at} already")
        out = self.flush()
        self._begin_after(self, first)
        return out

    @property
    def settings(self) -> DetectSettings:
        """Thresholds and times in force."""
        return self._settings

    @property
    def undecided(self) -> bool:
        """Whether a crossing waits for what comes after it."""
        return bool(self._pending)

    def retuned(self, settings: DetectSettings) -> Detector:
        """A detector of other settings that goes on where this one, flushed, ended, with what it heard."""
        other = Detector(self._rate_hz, settings, self._witness)
        if not self._history.empty:
            other._begin_after(self, self._history.end)
        return other

    def clip(self, on: int, off: int) -> Samples:
        """Raw samples [on, off), shape (off - on,); zeros where they are lost, forgotten or yet to come."""
        out = self._history.read(on, off)
        if self._flushed is not None and on < self._flushed.end:
            before = self._flushed.read(on, min(off, self._flushed.end))
            out[: before.size] = before
        return out

    @property
    def level_dbfs(self) -> float:
        """RMS of the input over about the last second, dB re full scale; -200 for silence."""
        return self._intake.level_dbfs

    @property
    def noise_dbfs(self) -> float:
        """RMS of the background in the detector's band, dB re full scale; -200 before any sound."""
        rms = self._finder.floor.rms_dbfs
        return -200.0 if math.isnan(rms) else rms

    def _begin(self, first: int | None) -> None:
        """Forget everything; the stream begins at ``first``, or at the first block where that is None."""
        settings, hop_s = self._settings, HOP_FRAMES * self._frame_s
        self._first = first
        self._fill = 0
        """Samples of the next hops already in the work buffer."""
        self._hops.forget()
        self._history = History(round(HISTORY_S * self._rate_hz), first or 0)
        self._waiting: deque[Samples] = deque()
        """Energies of the hops that wait, while there is no floor, for those that tell of one."""
        self._judged_until = self._history.end
        """Absolute index after the last hop that was judged."""
        self._flushed = None
        floor = NoiseFloor(settings.floor_rise_db_s * hop_s, settings.floor_fall_db_s * hop_s)
        self._finder = TriggerFinder(
            settings.threshold_db, floor, None if self._witness is None else self._show_frames
        )
        self._repeats.forget()
        self._refractory_until = -math.inf
        """Absolute index before which no other trigger may be."""
        self._pending: list[Pending] = []
        self._intake = Intake()

    def _begin_after(self, before: Detector, first: int) -> None:
        """Begin at ``first``, with what was before as past unless the indices count anew: another stream."""
        kept, until = before._history, before._refractory_until
        self._begin(first)
        if kept.end <= first:
            self._flushed, self._refractory_until = kept, until

    def _take_hops(self, out: list[Trigger | Reject]) -> None:
        """Judge the complete hops in the work buffer, one by one, and make room for those that follow."""
        size, count = self._hop, self._fill // self._hop
        hops = self._hops_in_work[:count]
        bad = [self._intake.clean(hop, self._history.end + n * size) for n, hop in enumerate(hops)]
        energies = self._hops.energies(count)
        for n, hop in enumerate(hops):
            out += bad[n]
            self._take(hop, energies[n], out)
        kept = self._work[count * size : self._tail + self._fill]
        self._work[: kept.size] = kept
        self._fill -= count * size

    def _take_rest(self, out: list[Trigger | Reject]) -> None:
        """Judge the last, incomplete hop: only frames whose filter lies within the stream."""
        rest = self._work[self._tail : self._tail + self._fill]
        out.extend(self._intake.clean(rest, self._history.end))
        self._work[self._tail + self._fill :] = 0.0
        energies = self._hops.energies(1)[0, : self._fill // self._filters.frame]
        self._fill = 0
        self._take(rest, energies, out, last=True)

    def _take(
        self, hop: Samples, energies: Samples, out: list[Trigger | Reject], *, last: bool = False
    ) -> None:
        """Judge the frames of one hop, or let them wait until it is known what they begin."""
        self._history.append(hop)
        if self._finder.floor.known and not self._waiting:
            self._judged_until = self._history.end
            self._advance(energies, out)
            return
        self._waiting.append(energies.copy())
        while self._waiting and not self._must_wait(last=last):
            if not self._finder.floor.known and sounds(self._waiting[0]):
                self._finder.start(list(self._waiting)[:START_HOPS])
            self._judged_until = (
                self._history.end if len(self._waiting) == 1 else self._judged_until + self._hop
            )
            self._advance(self._waiting.popleft(), out)
        if self._waiting and self._pending:
            self._decide_ready(out)

    def _must_wait(self, *, last: bool) -> bool:
        """Whether the first hop that waits has sound, no floor to hold it against, and too few behind it."""
        lacking = not self._finder.floor.known and sounds(self._waiting[0])
        return lacking and not last and len(self._waiting) < START_HOPS

    def _advance(self, energies: Samples, out: list[Trigger | Reject]) -> None:
        """Look for crossings in the frames of one hop, then decide what has been heard long enough."""
        crossings = self._finder.find(energies) if energies.size else []
        if not (crossings or self._pending or self._repeats.listening):
            return
        risen = [Pending(crossing, self._sample(crossing.frame)) for crossing in crossings]
        if risen or self._repeats.listening:
            self._pending += risen
            self._add_repeats(risen)
        if self._pending:
            self._decide_ready(out)

    def _add_repeats(self, risen: list[Pending]) -> None:
        """Put what repeats an earlier crossing among those that rose by themselves, in order of time."""
        for repeat in self._repeats.find(risen, self._history, self._judged_until):
            near = SAME_CROSSING_S * self._rate_hz
            if any(abs(item.sample - repeat.sample) <= near for item in self._pending if item.repeat is None):
                continue  # it rose by itself
            frame = round((repeat.sample - self._sample(0)) / self._filters.frame)
            crossing = Crossing(frame, 0.0, repeat.of.floor_db, likeness=repeat.likeness)
            insort(
                self._pending, Pending(crossing, repeat.sample, repeat=repeat), key=lambda item: item.sample
            )

    def _sample(self, frame: int) -> int:
        """Absolute index of the first sample of a frame; the first frame begins `half` before the stream."""
        return (self._first or 0) + frame * self._filters.frame - self._filters.half

    def _decide_ready(self, out: list[Trigger | Reject], *, last: bool = False) -> None:
        """Decide, in order, what has its post-roll; at the ``last`` of a stream everything."""
        post_roll = math.ceil(self._settings.post_roll_s * self._rate_hz)
        while self._pending:
            pending = self._pending[0]
            until = self._refractory_until
            if pending.sample < until:
                refused = Reject(RejectReason.REFRACTORY, float(pending.sample))
                self._conclude(out, pending, refused, until)
            else:
                heard = max(self._picker.after, self._repeats.timing_reach)
                if pending.pick is None and (last or pending.sample + heard <= self._history.end):
                    pending.pick = self._time(pending)
                if pending.pick is None or not (last or pending.pick.index + post_roll <= self._history.end):
                    return
                self._conclude(out, pending, self._decide(pending, pending.pick), until)
            self._pending.pop(0)

    def _conclude(
        self, out: list[Trigger | Reject], pending: Pending, decision: Trigger | Reject, until: float
    ) -> None:
        """Hand out a decision, with what it rested on where somebody asks."""
        out.append(decision)
        if self._witness is not None:
            faults = margins(self._suspect(pending)) if pending.sample >= until else None
            self._witness.judged(Judged(pending.sample, pending.crossing, until, faults, decision))

    def _show_frames(
        self, frame: int, levels_db: Samples, recent_db: NDArray[np.float64], floor_db: float
    ) -> None:
        """Tell the witness of one hop of frames."""
        if self._witness is not None:
            width = self._filters.frame
            self._witness.frames(Frames(self._sample(frame), width, levels_db, recent_db, floor_db))

    def _suspect(self, pending: Pending) -> Suspect:
        """A crossing and what a fault is told by."""
        filters = self._filters
        before, after = silence.before(filters), filters.half + math.ceil(silence.SETTLED_S * self._rate_hz)
        near = self._history.read(pending.sample - before, min(pending.sample + after, self._history.end))
        limit_db = pending.floor_db + self._settings.threshold_db - BELOW_CROSSING_DB
        return Suspect(near, before, filters, limit_db)

    def _time(self, pending: Pending) -> Pick:
        """The onset of a crossing, by absolute index: picked, and by its lag to one that it is like."""
        repeat = pending.repeat or self._repeats.alike(pending, self._history)
        by_lag = None
        if repeat is not None and repeat.of.pick is not None:
            first = repeat.of.pick
            by_lag = Pick(first.index + repeat.lag, math.hypot(first.sigma_s, SIGMA_S))
            if pending.repeat is not None:
                return by_lag  # it does not rise: there is nothing to pick
        start = pending.sample - self._picker.before
        samples = self._history.read(start, min(pending.sample + self._picker.after, self._history.end))
        picked = self._picker.pick(samples, self._picker.before, 10.0 ** (pending.crossing.floor_db / 10.0))
        own = Pick(start + picked.index, picked.sigma_s)
        if by_lag is None:
            return own
        return fused(own, by_lag) if abs(own.index - by_lag.index) <= SAME_S * self._rate_hz else by_lag

    def _decide(self, pending: Pending, pick: Pick) -> Trigger | Reject:
        """The trigger or reject that a timed crossing has become."""
        rate_hz, filters, settings = self._rate_hz, self._filters, self._settings
        fault = explain(self._suspect(pending))
        if pending.repeat is not None:
            fault = pending.repeat.of.fault or fault
        if fault is not None:
            pending.fault = fault
            self._repeats.drop(pending)
            return Reject(fault, float(pending.sample))
        self._refractory_until = max(pending.sample, pick.index) + settings.refractory_s * rate_hz
        index = math.floor(pick.index)
        later = [other.sample for other in self._pending if other.sample >= self._refractory_until]
        until = min([*later[:1], self._judged_until if self._waiting else math.inf])
        until_s = (until - index) / rate_hz
        noise_dbfs = pending.crossing.floor_db - RMS_BELOW_QUANTILE_DB
        reach = index + round(WITHIN_S * rate_hz) + filters.half
        sound = self._history.read(index - filters.half, min(reach, self._history.end))
        body = max(filters.span, filters.half + round(min(until_s, BODY_S) * rate_hz))
        levels = levels_db(filters.energies(filters.frames(sound)))
        of_body = levels[: (body - filters.half) // filters.frame]
        before = self._history.read(max(index - round(REST_S * rate_hz), self._first or 0), index)
        peak_fs, swing_fs = peak_and_swing(sound[filters.half : body], before)
        return Trigger(
            onset=pick.index,
            onset_sigma_s=pick.sigma_s,
            on=index - round(settings.pre_roll_s * rate_hz),
            off=index + round(settings.post_roll_s * rate_hz),
            peak_fs=peak_fs,
            swing_fs=swing_fs,
            snr_db=float(of_body.max(initial=SILENT_DB)) - noise_dbfs,
            noise_dbfs=noise_dbfs,
            later_arrivals=later_arrivals(levels, self._frame_s, until_s),
        )
