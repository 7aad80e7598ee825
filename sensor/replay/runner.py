"""Recordings through the pipeline: each a fresh stream, the output the same for any number of processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path

from sensor import __version__
from sensor.capture.audiofile import AudioFileSource
from sensor.classify import model
from sensor.classify.classifier import DEFAULT_MODEL, Classifier
from sensor.classify.settings import ClassifySettings
from sensor.config import Config
from sensor.errors import ReplayError, SensorError
from sensor.events import EVENT_NAMESPACE, Candidate, Versions
from sensor.pipeline import Node, Pipeline, PipelineWitness
from sensor.replay.channels import Channels
from sensor.replay.manifest import Made
from sensor.replay.recordings import RecordingFile
from sensor.replay.refusals import Refusals
from sensor.timing.timebase import FileTimebase
from sensor.types import RejectReason
from sensor.uplink.numbering import Numbering

NODE_NAME = "replay"
"""Node of candidates when neither a configuration nor a manifest names one: the same on every machine."""
BLOCK_S = 0.5
"""Length of the blocks read from a file; the result does not depend on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySettings:
    """What holds for every file of a replay."""

    config: Config
    p_min: float
    """Candidates below this are counted, not handed out."""
    every_trigger: bool = False
    """Note the probability of every trigger, as scoring wants it."""
    realtime: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """One candidate and where in its file it began."""

    candidate: Candidate
    offset_s: float
    """Seconds from the file's first sample to the onset."""


@dataclass(slots=True)
class FileResult:
    """What became of one file."""

    name: str
    heard: list[Heard] = field(default_factory=list)
    triggers: list[tuple[float, float]] = field(default_factory=list)
    """Offset in seconds and p_gunshot of every trigger, if asked for."""
    refusals: list[tuple[float, str]] = field(default_factory=list)
    """Offset in seconds of what was refused before it could be judged, and why, if triggers are asked for."""
    counts: Counter[str] = field(default_factory=Counter)
    """``triggers``, ``candidates`` and the reasons of rejects."""
    seconds: float = 0.0
    refused: str | None = None
    """Why the file, or the rest of it, could not be read."""
    damaged: str | None = None
    """How the file falls short of its header, though it was read."""
    cancelled: str | None = None
    """That the mean of its channels is not what they hold."""


Listener = Callable[[RecordingFile, Heard], None]


def default_config() -> Config:
    """The configuration of a replay without one; the same on every machine."""
    return Config(node=NODE_NAME)


def chain_id(name: str) -> str:
    """Chain of the candidates of one file: UUIDv5 of the name that is printed."""
    return str(uuid.uuid5(EVENT_NAMESPACE, f"replay/{os.fsencode(name).hex()}"))


def replay_file(
    file: RecordingFile, made: Made, settings: ReplaySettings, on_heard: Listener | None = None
) -> FileResult:
    """Put one recording through the pipeline; a file that cannot be read is told in the result."""
    result = FileResult(file.name)
    try:
        source = AudioFileSource(file.path, realtime=settings.realtime, block_s=BLOCK_S)
        with closing(source):
            _play(source, file, made, settings, result, on_heard)
        result.damaged = source.stats().damaged
    except SensorError as error:
        result.refused = str(error)
    return result


def _play(
    source: AudioFileSource,
    file: RecordingFile,
    made: Made,
    settings: ReplaySettings,
    result: FileResult,
    on_heard: Listener | None,
) -> None:
    config = settings.config
    node_name = made.node or config.node
    refusals = Refusals(source.rate_hz) if settings.every_trigger else None
    pipeline = pipeline_for(source, made, settings, node_name, refusals)
    numbering = Numbering(config.site, node_name, chain_id(file.name))
    start_ns = made.start_utc_ns or 0
    channels = Channels(config.audio.listen_channels)

    def take(candidates: list[Candidate]) -> None:
        """Number and keep what the replay wants of these, as the outbox would."""
        for candidate in candidates:
            offset_s = (candidate.utc_ns - start_ns) / 1e9
            if settings.every_trigger:
                result.triggers.append((offset_s, candidate.p_gunshot))
            if candidate.p_gunshot < settings.p_min:
                continue
            heard = Heard(numbering.stamp(candidate), offset_s)
            result.heard.append(heard)
            if on_heard is not None:
                on_heard(file, heard)

    try:
        for block in source.blocks():
            take(pipeline.process(block))
            channels.hear(block.samples)
    finally:
        take(pipeline.flush())
        result.cancelled = channels.fault
        result.refusals = refusals.noted if refusals is not None else []
        result.seconds = pipeline.counts.samples / source.rate_hz
        result.counts = _counts(pipeline, len(result.heard))


def pipeline_for(
    source: AudioFileSource,
    made: Made,
    settings: ReplaySettings,
    node_name: str,
    witness: PipelineWitness | None = None,
) -> Pipeline:
    """The stages that one recording passes; ``witness`` is told what every decision rested on.

    Raises:
        ModelError: the weights cannot be used.
        CaptureError: the detector cannot work at the recording's sampling rate.
    """
    config = settings.config
    classifier = classifier_for(config)
    versions = Versions(software=__version__, model=classifier.model_id, config=config.digest)
    return Pipeline(
        rate_hz=source.rate_hz,
        detect=config.detect,
        classifier=classifier,
        timebase=FileTimebase(source.rate_hz, made.start_utc_ns, made.start_sigma_s),
        node=Node(
            site=config.site,
            node=node_name,
            versions=versions,
            position=made.position or (config.wire_position if node_name == config.node else None),
            full_scale_db_spl=made.full_scale_db_spl,
        ),
        p_min=0.0 if settings.every_trigger else settings.p_min,
        listen=config.audio.listen_channels,
        witness=witness,
    )


def stated_prior(config: Config) -> float:
    """Share of gunshots among triggers at which the model's probabilities are stated.

    Raises:
        ModelError: the weights cannot be used.
    """
    named = config.classify.model
    return model.read(DEFAULT_MODEL if named == ClassifySettings().model else Path(named)).prior


def classifier_for(config: Config) -> Classifier:
    """The classifier that a configuration names.

    Raises:
        ModelError: the weights cannot be used.
    """
    return _classifier(config.classify.model)


@cache
def _classifier(named: str) -> Classifier:
    """The weights of a configuration, loaded once a process."""
    return Classifier.load(None if named == ClassifySettings().model else Path(named))


def _counts(pipeline: Pipeline, handed_out: int) -> Counter[str]:
    """What went through, as if the pipeline itself had applied ``p_min``."""
    counts: Counter[str] = Counter({reason.value: count for reason, count in pipeline.counts.rejects.items()})
    counts[RejectReason.BELOW_P_MIN.value] += pipeline.counts.candidates - handed_out
    counts["triggers"] = pipeline.counts.triggers
    counts["candidates"] = handed_out
    return counts


def replay_all(
    work: Sequence[tuple[RecordingFile, Made]], settings: ReplaySettings, jobs: int, on_heard: Listener
) -> Iterator[FileResult]:
    """Results in the order of ``work``; ``on_heard`` gets every candidate in that order as well.

    One job works in this process and hands out candidates as they are found; more start processes of
    their own, each with one thread of arithmetic.

    Raises:
        ModelError: the weights cannot be used.
        ReplayError: a process died.
    """
    classifier_for(settings.config)  # unusable weights are one fault, not one for every file
    if min(jobs, len(work)) <= 1:
        for file, made in work:
            yield replay_file(file, made, settings, on_heard)
        return
    with _processes(min(jobs, len(work))) as pool:
        waiting: deque[tuple[RecordingFile, Future[FileResult]]] = deque()
        todo = iter(work)
        for file, made in islice(todo, 4 * jobs):
            waiting.append((file, _submit(pool, file, made, settings)))
        while waiting:
            file, future = waiting.popleft()
            try:
                result = future.result()
            except BrokenProcessPool as error:
                raise ReplayError(
                    f"killed at or after {file.name}, perhaps for want of memory; try fewer jobs"
                ) from error
            for heard in result.heard:
                on_heard(file, heard)
            yield result
            for following, made in islice(todo, 1):
                waiting.append((following, _submit(pool, following, made, settings)))


@contextmanager
def _processes(count: int) -> Iterator[ProcessPoolExecutor]:
    """Fresh processes (spawned, so that no thread or lock is inherited); gone at the end, done or not."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # the processes are the parallelism
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), initializer=_begin_worker)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            process.terminate()


def _submit(
    pool: ProcessPoolExecutor, file: RecordingFile, made: Made, settings: ReplaySettings
) -> Future[FileResult]:
    """Hand one file to the pool, which may start a process for it.

    Interrupts are held back meanwhile: a process inherits that, and so cannot be hit by a Ctrl-C before it
    has come as far as to leave interrupts to its parent.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return pool.submit(replay_file, file, made, settings)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_worker() -> None:
    """Leave Ctrl-C, which goes to the whole group, to the parent; and do not outlive it, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # what is in hand is for a parent that is gone
