"""Hours of bad input through the whole path: no crash, no growth, limited, counted, not deaf afterwards."""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from scipy.signal import lfilter

from sensor.classify.classifier import Classifier
from sensor.classify.context import MEMORY_S
from sensor.detect.settings import DetectSettings
from sensor.events import Candidate, Versions
from sensor.pipeline import Node, Pipeline
from sensor.rate_limit import RateLimit
from sensor.replay.manifest import Made
from sensor.replay.recordings import RecordingFile
from sensor.replay.runner import ReplaySettings, default_config, replay_file
from sensor.timing.timebase import FileTimebase
from sensor.types import Block, RejectReason
from tests.support.blasts import add_blast, noise
from tests.support.command import gunshot_sensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from sensor.types import Samples

RATE_HZ = 8000
SEGMENT_S = 10
HOUR_S = 3600
START_NS = 10**18
CLASSIFIER = Classifier.load()
NODE = Node(site="test", node="roof", versions=Versions(software="0", model="m", config="c"))


def pipeline(*, limit: RateLimit | None = None, refractory_s: float = 0.04) -> Pipeline:
    """Everything judged is a candidate, so that what is tested does not hang on the weights."""
    return Pipeline(
        rate_hz=RATE_HZ,
        detect=DetectSettings(refractory_s=refractory_s),
        classifier=CLASSIFIER,
        timebase=FileTimebase(RATE_HZ, START_NS),
        node=NODE,
        p_min=0.0,
        limit=limit,
    )


class Stream:
    """Feeds a pipeline segment after segment and remembers when candidates came, not the candidates."""

    def __init__(self, stages: Pipeline) -> None:
        self.stages = stages
        self.at = 0
        self.heard_s: list[float] = []

    def feed(self, segment: Samples, seconds: int) -> None:
        """Repeat ``segment`` for ``seconds``."""
        for _ in range(seconds * RATE_HZ // segment.size):
            self._note(self.stages.process(Block(self.at, segment[np.newaxis], 0)))
            self.at += segment.size

    def growth(self, segment: Samples, seconds: int) -> int:
        """Bytes that stay behind from the best of three spans of ``segment``: a leak leaks in each."""
        tracemalloc.start()
        try:
            self.feed(segment, SEGMENT_S)
            held = [tracemalloc.get_traced_memory()[0]]
            for _ in range(3):
                self.feed(segment, seconds)
                held.append(tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
        return min(after - before for before, after in pairwise(held))

    def end(self) -> None:
        self._note(self.stages.flush())

    def _note(self, candidates: list[Candidate]) -> None:
        for candidate in candidates:
            json.loads(candidate.to_json())  # refuses what is not finite
            self.heard_s.append((candidate.utc_ns - START_NS) / 1e9)


def jackhammer() -> Samples:
    """Ten seconds, four blows a second, none like the last."""
    rng = np.random.default_rng(4)
    audio = noise(RATE_HZ, SEGMENT_S)
    for blow in range(4 * SEGMENT_S - 2):
        add_blast(audio, RATE_HZ, 0.1 + 0.25 * blow + rng.uniform(0.0, 0.02), rng.uniform(0.1, 0.8))
    return audio


def test_a_third_of_an_hour_of_jackhammer_is_limited_counted_and_leaves_nothing_behind() -> None:
    """A refractory second keeps the test short; every blow it leaves would be a candidate."""
    limit = RateLimit(burst=40, per_minute=12.0)
    stream = Stream(pipeline(limit=limit, refractory_s=1.0))
    blows = jackhammer()
    stream.feed(blows, 300)
    left = stream.growth(blows, 20)
    stream.feed(blows, 1200 - 370)
    counts = stream.stages.counts
    assert counts.triggers > 800
    assert counts.candidates == len(stream.heard_s) == pytest.approx(40 + 12 * 20, abs=3)
    assert counts.rejects[RejectReason.RATE_LIMITED] == counts.triggers - counts.candidates
    assert counts.rejects[RejectReason.REFRACTORY] > counts.triggers
    assert left < 150_000  # a leak of each trigger's clip would be 200 kB in this time
    assert len(stream.stages._earlier) <= MEMORY_S + 1  # one a second
    assert len(stream.stages.detector._pending) <= 32


def silent(_: np.random.Generator, n: int) -> Samples:
    return np.zeros(n, np.float32)


def clipped(rng: np.random.Generator, n: int) -> Samples:
    return np.clip(30.0 * rng.standard_normal(n), -1.0, 1.0).astype(np.float32)


def wind_over_the_rail(rng: np.random.Generator, n: int) -> Samples:
    """It stands on one rail, then on the other; every edge looks like an impulse out of silence."""
    wind = lfilter([1.0], [1.0, -0.999], rng.standard_normal(n))
    return np.clip(50.0 * wind / wind.std(), -1.0, 1.0).astype(np.float32)


def bit_crushed(rng: np.random.Generator, n: int) -> Samples:
    return (np.round(0.05 * rng.standard_normal(n) * 8.0) / 8.0).astype(np.float32)


def zero_stuffed(rng: np.random.Generator, n: int) -> Samples:
    audio = (0.05 * rng.standard_normal(n)).astype(np.float32)
    audio[1::2] = 0.0
    return audio


def not_finite(rng: np.random.Generator, n: int) -> Samples:
    audio = (0.01 * rng.standard_normal(n)).astype(np.float32)
    audio[n // 4 : n // 2] = np.nan
    audio[::4001] = np.inf
    return audio


def only_nan(_: np.random.Generator, n: int) -> Samples:
    return np.full(n, np.nan, np.float32)


def stuck_at_the_rail(_: np.random.Generator, n: int) -> Samples:
    return np.full(n, -1.0, np.float32)


def wandering_dc(rng: np.random.Generator, n: int) -> Samples:
    steps = np.repeat(rng.uniform(-0.9, 0.9, 20), n // 20)
    return (steps + 1e-3 * rng.standard_normal(n)).astype(np.float32)


def dropouts(rng: np.random.Generator, n: int) -> Samples:
    audio = (0.05 * rng.standard_normal(n)).astype(np.float32)
    for first in range(0, n - 800, 4000):
        audio[first : first + 80] = 0.0
    return audio


RUBBISH: tuple[tuple[Callable[[np.random.Generator, int], Samples], set[RejectReason]], ...] = (
    (silent, set()),
    (clipped, set()),
    (wind_over_the_rail, {RejectReason.OVERLOAD}),
    (bit_crushed, set()),
    (zero_stuffed, set()),
    (not_finite, {RejectReason.NOT_FINITE}),
    (only_nan, {RejectReason.NOT_FINITE}),
    (stuck_at_the_rail, set()),
    (wandering_dc, {RejectReason.DC_STEP}),
    (dropouts, set()),
)
AFTER_S = 30
"""How long after an hour of rubbish a blast must be heard again; the floor falls by 20 dB a second."""


@pytest.mark.parametrize(("make", "told"), RUBBISH, ids=lambda item: getattr(item, "__name__", ""))
def test_an_hour_of_rubbish_is_no_flood_and_does_not_deafen(
    make: Callable[[np.random.Generator, int], Samples], told: set[RejectReason]
) -> None:
    stream = Stream(pipeline(limit=RateLimit()))
    rubbish = make(np.random.default_rng(8), SEGMENT_S * RATE_HZ)
    stream.feed(rubbish, 300)
    left = stream.growth(rubbish, 20)
    stream.feed(rubbish, HOUR_S - 370)
    assert left < 150_000  # 20 s of samples are 640 kB
    assert len(stream.heard_s) <= HOUR_S / 60, "a false candidate a minute would drown the centre"
    assert told <= set(stream.stages.counts.rejects)
    street = noise(RATE_HZ, AFTER_S + 1, level=1e-3)
    add_blast(street, RATE_HZ, AFTER_S, 0.3)
    shot_s = stream.at / RATE_HZ + AFTER_S
    stream.feed(street, AFTER_S + 1)
    stream.end()
    assert any(abs(heard_s - shot_s) < 2e-3 for heard_s in stream.heard_s), "deaf"


@pytest.fixture(scope="module")
def stumps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings of no, one, two and a few samples, loud and not finite, at the lowest and highest rates."""
    folder = tmp_path_factory.mktemp("stumps")
    for rate_hz in (8000, 48_000, 192_000):
        for n in (0, 1, 2, 7, 400):
            soundfile.write(folder / f"{rate_hz}-{n}.wav", np.ones(n, np.float32), rate_hz, subtype="FLOAT")
        soundfile.write(
            folder / f"{rate_hz}-nan.wav", np.full(3, np.nan, np.float32), rate_hz, subtype="FLOAT"
        )
    return folder


def test_recordings_of_a_few_samples_are_read_and_say_nothing(stumps: Path) -> None:
    done = gunshot_sensor("replay", "--jsonl", "--p-min", "0", stumps)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    refused = {path.name for path in stumps.iterdir() if f"{path.name} holds no samples" in done.stderr}
    assert refused == {"8000-0.wav", "48000-0.wav", "192000-0.wav"}, done.stderr
    assert done.returncode == 1


def test_ruined_recordings_replay_as_they_would_have_been_heard(tmp_path: Path) -> None:
    """A minute of each kind of rubbish as a file: the same counts as from a microphone."""
    settings = ReplaySettings(config=default_config(), p_min=0.0, every_trigger=True)
    for make, told in RUBBISH:
        rubbish = make(np.random.default_rng(8), 60 * RATE_HZ)
        path = tmp_path / f"{make.__name__}.wav"
        soundfile.write(path, rubbish, RATE_HZ, subtype="FLOAT")
        found = replay_file(RecordingFile(path.name, path), Made(), settings)
        assert found.refused is None, make.__name__
        stages = pipeline()
        stages.process(Block(0, rubbish[np.newaxis], 0))
        stages.flush()
        live = Counter({reason.value: count for reason, count in stages.counts.rejects.items()})
        live |= {"triggers": stages.counts.triggers, "candidates": stages.counts.candidates}
        assert +found.counts == +live, make.__name__
        assert {reason.value for reason in told} <= set(+found.counts), make.__name__
