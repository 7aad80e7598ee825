"""How well candidates agree with listed onsets, per group, with intervals; nothing is pooled.

A candidate counts at ``CANDIDATE_P``. Candidates and counted onsets are paired one to one within
``TOLERANCE_S``: as many pairs as possible, and among those the least sum of time differences. A candidate
outside every window is false; one inside a window that is nobody's pair is an echo, counted apart.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from sensor.pairing import CANDIDATE_P, TOLERANCE_S, pair
from sensor.reliability import Bin, reliability
from sensor.replay.labels import FileTruth, Onset, Truth, put_down_to
from sensor.replay.runner import FileResult, Heard

DISTANCES_M = (0.0, 100.0, 200.0, 300.0, 450.0, 600.0, 800.0, math.inf)
"""Edges between which recall by distance is told."""


@dataclass(frozen=True, slots=True)
class Miss:
    """A counted onset without a candidate."""

    name: str
    onset: Onset
    p_nearby: float | None
    """Best probability of a trigger within the tolerance; None: nothing was judged."""
    refused: tuple[str, ...] = ()
    """Why what crossed within the tolerance was refused, each reason once."""


@dataclass(frozen=True, slots=True)
class FalseCandidate:
    """A candidate outside every window."""

    name: str
    heard: Heard
    near: str
    """Label of the listed other sound it belongs to, or of a file without shots; empty when nothing is
    known."""
    among_shots: bool = False
    """Whether its file has shots: what the file is called then says nothing of this sound."""


@dataclass(slots=True)
class GroupScore:
    """Counts of one group."""

    group: str
    files: int = 0
    background_s: float = 0.0
    """Listening time outside every window."""
    rounds: int = 0
    """Counted onsets."""
    not_judged: int = 0
    """Counted onsets that are no ``rounds``: after what was heard of their file, or in a file never read."""
    hits: int = 0
    listed: int = 0
    """Onsets in what was heard, counted or not."""
    first_rounds: int = 0
    first_hits: int = 0
    in_windows: int = 0
    """Candidates inside the windows, pairs and echoes."""
    false: int = 0
    false_files: int = 0
    """Files without any listed onset that hold a false candidate."""
    empty_files: int = 0
    """Files without any listed onset."""
    background_triggers: int = 0
    """Triggers of whatever probability outside every window."""
    unlisted_files: int = 0
    unlisted_heard: int = 0
    """Files known to hold shots at unlisted times, and those of them with a candidate."""
    errors_s: list[float] = field(default_factory=list)
    """Candidate minus listed onset of every pair."""

    @property
    def per_round(self) -> float | None:
        """Candidates inside the windows per listed onset, counted or not; None without any."""
        return self.in_windows / self.listed if self.listed else None

    @property
    def false_per_h(self) -> float:
        """False candidates per hour of background; 0 without background."""
        return self.false * 3600.0 / self.background_s if self.background_s > 0.0 else 0.0


@dataclass(frozen=True, slots=True)
class Recall:
    """Counted onsets of one group from one range of distances."""

    group: str
    from_m: float
    to_m: float
    """Not included; may be infinite."""
    rounds: int
    hits: int


@dataclass(slots=True)
class Scores:
    """The whole comparison."""

    groups: list[GroupScore]
    labels: list[GroupScore]
    """The same counts for files without listed onsets, by what the file holds."""
    misses: list[Miss]
    """Loudest first."""
    false: list[FalseCandidate]
    """Most probable first."""
    reliability: list[Bin]
    """At the model's stated prior; bins that hold a trigger."""
    rounds: list[tuple[Onset, str, bool]]
    """Every counted onset, its group, and whether it was hit."""
    prior: float | None = None
    """Share of gunshots among triggers to which the reliability is weighted; None = as it was found."""
    recordings: int = 0
    """Files that the truth is about."""
    not_read: int = 0
    """Those of them that were refused, or that the replay did not come to."""


def why_not_scored(p_min: float, what: str) -> str | None:
    """What is wrong with a score of candidates from ``p_min`` on, as ``what`` has it; None if nothing is."""
    if p_min <= CANDIDATE_P:
        return None
    return (
        f"--labels scores candidates from p {CANDIDATE_P} on; {what} above that would hide some; "
        f"give --p-min {CANDIDATE_P} or less"
    )


def score(truth: Truth, results: Sequence[FileResult], prior: float | None = None) -> Scores:
    """Compare the results of a replay that noted every trigger with the truth about its files.

    Args:
        truth: about every file of the replay; one without a result was not read.
        results: of a replay with ``every_trigger``.
        prior: share of gunshots among triggers at which probabilities are stated; None = as found.
    """
    groups: dict[str, GroupScore] = {}
    labels: dict[str, GroupScore] = {}
    scores = Scores([], [], [], [], [], [], prior)
    judged: list[tuple[float, bool]] = []
    read = [result for result in results if result.refused is None or result.seconds > 0.0]
    for result in read:
        about = truth[result.name]
        group = groups.setdefault(about.group, GroupScore(about.group))
        _score_file(about, result, group, scores, judged)
        if not about.onsets and about.label:
            label = labels.setdefault(about.label, GroupScore(about.label))
            _score_file(about, result, label, Scores([], [], [], [], [], []), [])
    heard = {result.name for result in read}
    for about in truth.values():
        if about.name not in heard:
            group = groups.setdefault(about.group, GroupScore(about.group))
            group.not_judged += sum(onset.counted for onset in about.onsets)
    scores.recordings = len(truth)
    scores.not_read = len(truth) - sum(result.refused is None for result in results)
    scores.groups = sorted(groups.values(), key=lambda item: item.group)
    scores.labels = sorted(labels.values(), key=lambda item: item.group)
    scores.misses.sort(key=lambda miss: (-(miss.onset.level_db or 0.0), miss.name, miss.onset.onset_s))
    scores.false.sort(key=lambda item: (-item.heard.candidate.p_gunshot, item.name, item.heard.offset_s))
    scores.reliability = reliability(judged, prior)
    return scores


def _score_file(
    about: FileTruth,
    result: FileResult,
    group: GroupScore,
    scores: Scores,
    judged: list[tuple[float, bool]],
) -> None:
    """Add one file to its group, to the lists and to the judged triggers."""
    windows = about.windows(result.seconds)
    counted = [onset for onset in about.onsets if onset.counted and onset.onset_s < result.seconds]
    likely = [heard for heard in result.heard if heard.candidate.p_gunshot >= CANDIDATE_P]
    pairs = pair([onset.onset_s for onset in counted], [heard.offset_s for heard in likely], TOLERANCE_S)
    hit = dict(pairs)
    group.files += 1
    group.background_s += result.seconds - sum(
        min(end, result.seconds) - max(begin, 0.0) for begin, end in windows
    )
    group.rounds += len(counted)
    group.listed += sum(onset.onset_s < result.seconds for onset in about.onsets)
    group.not_judged += sum(onset.counted for onset in about.onsets) - len(counted)
    group.hits += len(pairs)
    group.errors_s += [likely[j].offset_s - counted[i].onset_s for i, j in pairs]
    for index, onset in enumerate(counted):
        scores.rounds.append((onset, about.group, index in hit))
        if onset.shot == 0:
            group.first_rounds += 1
            group.first_hits += index in hit
        if index not in hit:
            scores.misses.append(_miss(about.name, onset, result))
    outside = [heard for heard in likely if not _inside(heard.offset_s, windows)]
    if about.onsets:
        until_s = about.ignored_until_s
        ignored = sum(heard.offset_s < until_s for heard in likely) if until_s > 0.0 else 0
        group.in_windows += len(likely) - len(outside) - ignored
    group.false += len(outside)
    if about.unlisted_shots:
        group.unlisted_files += 1
        group.unlisted_heard += bool(likely)
    elif not about.onsets:
        group.empty_files += 1
        group.false_files += bool(outside)
    group.background_triggers += sum(not _inside(offset_s, windows) for offset_s, _ in result.triggers)
    scores.false += [
        FalseCandidate(about.name, heard, _near(about, heard.offset_s), about.has_shots) for heard in outside
    ]
    judged += _judged(counted, windows, result.triggers)


def _miss(name: str, onset: Onset, result: FileResult) -> Miss:
    """What became of a round that is no hit."""
    near = [p for offset_s, p in result.triggers if abs(offset_s - onset.onset_s) <= TOLERANCE_S]
    why = [why for offset_s, why in result.refusals if abs(offset_s - onset.onset_s) <= TOLERANCE_S]
    return Miss(name, onset, max(near, default=None), tuple(dict.fromkeys(why)))


def _judged(
    counted: Sequence[Onset], windows: Sequence[tuple[float, float]], triggers: Sequence[tuple[float, float]]
) -> list[tuple[float, bool]]:
    """Probability and truth of the triggers of which it is known: pairs, and those outside every window."""
    pairs = {j for _, j in pair([o.onset_s for o in counted], [t for t, _ in triggers], TOLERANCE_S)}
    return [
        (p, index in pairs)
        for index, (offset_s, p) in enumerate(triggers)
        if index in pairs or not _inside(offset_s, windows)
    ]


def by_distance(scores: Scores) -> list[Recall]:
    """Recall of each group between ``DISTANCES_M``; groups in order, ranges that hold an onset."""
    hits: dict[tuple[str, float, float], list[bool]] = defaultdict(list)
    for onset, group, hit in scores.rounds:
        for low_m, high_m in pairwise(DISTANCES_M):
            if onset.distance_m is not None and low_m <= onset.distance_m < high_m:
                hits[group, low_m, high_m].append(hit)
    return [Recall(*place, rounds=len(found), hits=sum(found)) for place, found in sorted(hits.items())]


def _inside(time_s: float, windows: Sequence[tuple[float, float]]) -> bool:
    return any(begin <= time_s <= end for begin, end in windows)


def _near(about: FileTruth, offset_s: float) -> str:
    """What was really heard there, as far as the lists say."""
    near = put_down_to(about.others, offset_s)
    if near is not None:
        return near[1]
    return "" if about.has_shots else about.label
