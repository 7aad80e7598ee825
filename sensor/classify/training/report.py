"""What a set of verdicts is worth, group by group; nothing is pooled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from sensor.classify.training.calibration import Floats
from sensor.classify.training.corpus import RANGE_ONSETS_S, Corpus, Label, Recording
from sensor.classify.training.dataset import RANGE_COPIES
from sensor.classify.training.examples import BURST_COPIES, Dataset, seed_of
from sensor.classify.training.protocol import PRIOR, known
from sensor.classify.training.synthetic import burst
from sensor.intervals import poisson_rate, wilson
from sensor.pairing import CANDIDATE_P, outside
from sensor.reliability import calibration_error as expected_error
from sensor.reliability import reliability

CUTS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Share:
    """So many of so many, with the 95 % Wilson interval."""

    hits: int
    of: int

    def __str__(self) -> str:
        """As a table shows it."""
        if self.of == 0:
            return "–"
        low, high = wilson(self.hits, self.of)
        return f"{self.hits}/{self.of} = {100 * self.hits / self.of:.1f} % ({100 * low:.1f}–{100 * high:.1f})"


@dataclass(frozen=True)
class Rate:
    """So many false candidates in so many hours, with the 95 % Poisson interval per hour."""

    count: int
    hours: float

    def __str__(self) -> str:
        """As a table shows it."""
        low, high = poisson_rate(self.count, self.hours)
        return f"{self.count} in {self.hours:.2f} h ({low:.1f}–{high:.1f} per h)"


@dataclass(frozen=True)
class Report:
    """All figures of one model under the protocol."""

    rounds: dict[str, Share]
    first_rounds: dict[str, Share]
    detected: dict[str, Share]
    """Rounds with a trigger: what no classifier can better."""
    per_round: dict[str, float]
    """Candidates per round inside the windows."""
    street: dict[str, Rate]
    negatives: dict[str, Rate]
    fireworks: dict[str, Share]
    """Clips called gunshot, per uploader."""
    range_original: dict[str, Share]
    range_channels: dict[str, Share]
    bursts: dict[str, Share]
    """Rounds of simulated automatic fire, per group."""
    calibration_error: float
    """Over the triggers whose kind is known; what counts as no round, echoes, apart."""
    calibration_error_with_echoes: float
    """The same, echoes counted as no shots: what the echo network's lenience costs."""
    echoes: Share
    """Triggers inside the windows that are nobody's round and became candidates."""
    reliability: list[tuple[float, float, int]]
    """Mean stated probability, observed share, triggers, per bin."""

    def to_json(self) -> dict[str, object]:
        """Plain values for ``--json``."""
        return asdict(self)


@dataclass(frozen=True)
class Cut:
    """What another threshold than ``CANDIDATE_P`` would give, summed over groups."""

    p: float
    rounds: Share
    first_rounds: Share
    street: int
    """False candidates."""
    negatives: int
    """The same on all other negatives but fireworks."""
    fireworks: Share
    range_channels: Share


def judge(corpus: Corpus, data: Dataset, gunshot: Floats) -> Report:
    """Figures of the probabilities ``gunshot`` (one per row, out of fold)."""
    candidate = gunshot >= CANDIDATE_P
    error, reliability = calibration_error(data, gunshot)
    groups = sorted({item.group for item in corpus.recordings if item.path.startswith("pittsburgh")})
    echo = data.originals & (data.labels == Label.ECHO)
    return Report(
        rounds={g: _rounds(corpus, data, candidate, g, first_only=False) for g in groups},
        first_rounds={g: _rounds(corpus, data, candidate, g, first_only=True) for g in groups},
        detected={g: _rounds(corpus, data, np.ones_like(candidate), g, first_only=False) for g in groups},
        per_round={g: _per_round(corpus, data, candidate, g) for g in groups},
        street={g: _street(corpus, data, candidate, g) for g in groups},
        negatives=_negatives(corpus, data, candidate),
        fireworks=_fireworks(corpus, data, candidate),
        range_original=_range(data, candidate, [0]),
        range_channels=_range(data, candidate, list(RANGE_COPIES)),
        bursts=_bursts(corpus, data, candidate),
        calibration_error=error,
        calibration_error_with_echoes=calibration_error(data, gunshot, with_echoes=True)[0],
        echoes=Share(int((echo & candidate).sum()), int(echo.sum())),
        reliability=reliability,
    )


def cuts(corpus: Corpus, data: Dataset, gunshot: Floats) -> list[Cut]:
    """The trade between rounds heard and false candidates, at ``CUTS``."""
    groups = sorted({item.group for item in corpus.recordings if item.path.startswith("pittsburgh")})
    street = data.originals & (data.labels == Label.STREET)
    others = data.originals & np.isin(data.labels, (Label.OTHER_IMPULSE, Label.NON_IMPULSE))
    found = []
    for p in CUTS:
        candidate = gunshot >= p
        found.append(
            Cut(
                p=p,
                rounds=total({g: _rounds(corpus, data, candidate, g, first_only=False) for g in groups}),
                first_rounds=total({g: _rounds(corpus, data, candidate, g, first_only=True) for g in groups}),
                street=int((street & candidate).sum()),
                negatives=int((others & candidate).sum()),
                fireworks=total(_fireworks(corpus, data, candidate)),
                range_channels=total(_range(data, candidate, list(RANGE_COPIES))),
            )
        )
    return found


def total(shares: Mapping[str, Share]) -> Share:
    """Sum of shares, for the goals that are stated over all groups."""
    return Share(sum(s.hits for s in shares.values()), sum(s.of for s in shares.values()))


def _rounds(
    corpus: Corpus, data: Dataset, candidate: NDArray[np.bool_], group: str, *, first_only: bool
) -> Share:
    listed = [
        (item.path, index)
        for item in corpus.recordings
        if item.group == group
        for index, shot in enumerate(item.rounds)
        if shot.counts and (shot.number == 0 or not first_only)
    ]
    rows = data.originals & (data.rows["group"] == group) & (data.labels == Label.GUNSHOT) & candidate
    hit = set(zip(data.rows["path"][rows].tolist(), data.rows["round"][rows].tolist(), strict=True))
    return Share(sum(item in hit for item in listed), len(listed))


def _per_round(corpus: Corpus, data: Dataset, candidate: NDArray[np.bool_], group: str) -> float:
    inside = data.originals & (data.rows["group"] == group) & (data.labels != Label.STREET) & candidate
    rounds = sum(len(item.rounds) for item in corpus.recordings if item.group == group)
    return float(inside.sum() / rounds)


def _street(corpus: Corpus, data: Dataset, candidate: NDArray[np.bool_], group: str) -> Rate:
    rows = data.originals & (data.rows["group"] == group) & (data.labels == Label.STREET) & candidate
    own = [item for item in corpus.recordings if item.group == group]
    seconds = sum(background_s(item, corpus.read(item).size) for item in own)
    return Rate(int(rows.sum()), seconds / 3600.0)


def background_s(item: Recording, samples: int) -> float:
    """Seconds of a street recording outside every round's window and after what is to be ignored."""
    onsets_s = [shot.onset_s for shot in item.rounds]
    return float(outside(onsets_s, samples, item.rate_hz, item.ignore_before_s).sum() / item.rate_hz)


def _negatives(corpus: Corpus, data: Dataset, candidate: NDArray[np.bool_]) -> dict[str, Rate]:
    """False candidates of all other negatives but fireworks, per kind of sound."""
    seconds: dict[str, float] = {}
    kind_of: dict[str, str] = {}
    for item in corpus.recordings:
        if item.label in {Label.OTHER_IMPULSE, Label.NON_IMPULSE}:
            kind = item.kind.removeprefix("neg_")
            kind_of[item.path] = kind
            seconds[kind] = seconds.get(kind, 0.0) + corpus.read(item).size / item.rate_hz
    rows = data.originals & np.isin(data.labels, (Label.OTHER_IMPULSE, Label.NON_IMPULSE)) & candidate
    hits = [kind_of[path] for path in data.rows["path"][rows].tolist()]
    return {kind: Rate(hits.count(kind), seconds[kind] / 3600.0) for kind in sorted(seconds)}


def _fireworks(corpus: Corpus, data: Dataset, candidate: NDArray[np.bool_]) -> dict[str, Share]:
    rows = data.originals & (data.labels == Label.FIREWORK) & candidate
    called = set(data.rows["path"][rows].tolist())
    clips: dict[str, list[str]] = {}
    for item in corpus.recordings:
        if item.label == Label.FIREWORK:
            clips.setdefault(item.group, []).append(item.path)
    return {
        group: Share(sum(p in called for p in paths), len(paths)) for group, paths in sorted(clips.items())
    }


def _range(data: Dataset, candidate: NDArray[np.bool_], copies: list[int]) -> dict[str, Share]:
    rows = np.isin(data.rows["copy"], copies) & candidate
    hit = set(zip(data.rows["path"][rows].tolist(), data.rows["copy"][rows].tolist(), strict=True))
    result: dict[str, Share] = {}
    for path in sorted(RANGE_ONSETS_S):
        weapon = "ffsl_D" if "gungame" in path else f"ffsl_{path[5]}"
        before = result.get(weapon, Share(0, 0))
        hits = sum((path, copy) in hit for copy in copies)
        result[weapon] = Share(before.hits + hits, before.of + len(copies))
    return result


def _bursts(corpus: Corpus, data: Dataset, candidate: NDArray[np.bool_]) -> dict[str, Share]:
    """Rounds of automatic fire, 50 to 130 ms apart, made of each recording's first round."""
    copy = BURST_COPIES[0]
    hits = (data.rows["copy"] == copy) & (data.labels == Label.GUNSHOT) & candidate
    result: dict[str, Share] = {}
    for item in corpus.recordings:
        if item.rounds and item.rounds[0].counts and item.path.startswith("pittsburgh"):
            rng = np.random.default_rng(seed_of(item.path, copy))
            made, _ = burst(item, corpus.read(item), rng)
            before = result.get(item.group, Share(0, 0))
            got = int((hits & (data.rows["path"] == item.path)).sum())
            result[item.group] = Share(before.hits + got, before.of + len(made.rounds))
    return result


def calibration_error(
    data: Dataset, gunshot: Floats, *, with_echoes: bool = False
) -> tuple[float, list[tuple[float, float, int]]]:
    """Expected calibration error over 15 equal bins at the stated prior, and the bins."""
    rows = known(data, with_echoes=with_echoes)
    truth = data.labels[rows] == Label.GUNSHOT
    bins = reliability(list(zip(gunshot[rows].tolist(), truth.tolist(), strict=True)), PRIOR)
    return expected_error(bins), [(part.p, part.share, part.triggers) for part in bins]
