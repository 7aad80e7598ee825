"""What was recorded round the worst misses and false candidates of a score, as figures for its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from html import escape
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sensor.capture.audiofile import AudioFileSource
from sensor.errors import CaptureError
from sensor.pairing import TOLERANCE_S
from sensor.replay import svg
from sensor.replay.recordings import RecordingFile
from sensor.replay.runner import FileResult
from sensor.replay.scoring import FalseCandidate, Miss

WORST = 20
"""How many of each sort are shown."""
LOOKED_AT = 1000
"""Among so many of the loudest misses those that can be heard are looked for: a few seconds of reading."""
SHOWN_BEFORE_S, SHOWN_AFTER_S = 0.15, 0.45

Channels = tuple[int, ...] | None
"""Those of which the mean is heard; None = all."""


def shown_misses(
    misses: Sequence[Miss],
    heard: Mapping[str, FileResult],
    files: Mapping[str, RecordingFile],
    listen: Channels = None,
) -> list[str]:
    """The loudest that can be heard, then those where the recording holds nothing."""
    sounding: list[tuple[Miss, _Excerpt]] = []
    silent: list[tuple[Miss, _Excerpt]] = []
    for miss in islice(misses, LOOKED_AT):
        excerpt = _excerpt(files[miss.name], miss.onset.onset_s, listen)
        sort = silent if excerpt.silent else sounding
        if len(sort) < WORST:
            sort.append((miss, excerpt))
        if len(sounding) == WORST:
            break
    return [_miss(miss, heard[miss.name], excerpt) for miss, excerpt in [*sounding, *silent][:WORST]]


def shown_false(
    false: Sequence[FalseCandidate], files: Mapping[str, RecordingFile], listen: Channels = None
) -> list[str]:
    """The first of them."""
    return [_false(item, _excerpt(files[item.name], item.heard.offset_s, listen)) for item in false[:WORST]]


def _miss(miss: Miss, heard: FileResult, excerpt: _Excerpt) -> str:
    refused = f"refused as {' and '.join(miss.refused)}" if miss.refused else "nothing triggered"
    why = refused if miss.p_nearby is None else f"best p nearby {miss.p_nearby:.3f}"
    onset_s = miss.onset.onset_s
    # A trigger within the tolerance is the round's own.
    earlier = [offset_s for offset_s, _ in heard.triggers if TOLERANCE_S < onset_s - offset_s < 1.0]
    after = f", {(onset_s - max(earlier)) * 1e3:.0f} ms after another trigger" if earlier else ""
    loud = "" if miss.onset.level_db is None else f", {miss.onset.level_db:.0f} dB"
    text = f"{miss.name} at {onset_s:.4f} s, round {miss.onset.shot + 1}{loud}: {why}{after}"
    return excerpt.figure(svg.TRUTH, f"{text}; digital silence here" if excerpt.silent else text)


def _false(item: FalseCandidate, excerpt: _Excerpt) -> str:
    candidate = item.heard.candidate
    really = ""
    if item.near:
        really = f", really {item.near}"
    elif item.among_shots:
        really = ", outside every listed window of a file with shots"
    text = f"{item.name} at {item.heard.offset_s:.4f} s: p {candidate.p_gunshot:.3f}{really}"
    return excerpt.figure(svg.INK, text)


@dataclass(frozen=True, slots=True, eq=False)
class _Excerpt:
    """What was recorded round a moment."""

    at_s: float
    begin_s: float
    """Of the first sample, seconds from the file's first."""
    rate_hz: float
    samples: NDArray[np.float32]
    fault: str = ""
    """Why there are no samples."""

    @property
    def silent(self) -> bool:
        """Whether one value repeats for as long as a trigger would count: there is nothing to hear."""
        reach = TOLERANCE_S * self.rate_hz
        middle = (self.at_s - self.begin_s) * self.rate_hz
        near = self.samples[max(0, round(middle - reach)) : max(0, round(middle + reach))]
        return near.size > 1 and bool(np.all(near == near[0]))

    def figure(self, colour: str, text: str) -> str:
        """The waveform with a mark at the moment, or the fault, and a caption."""
        if self.fault:
            plot = f"<p>{escape(self.fault)}</p>"
        else:
            plot = svg.waveform(self.samples, self.rate_hz, self.begin_s, [(self.at_s, colour)])
        return f"<figure>{plot}<figcaption>{escape(text)}</figcaption></figure>"


def _excerpt(file: RecordingFile, at_s: float, listen: Channels = None) -> _Excerpt:
    try:
        samples, rate_hz, begin_s = _read(file.path, at_s - SHOWN_BEFORE_S, at_s + SHOWN_AFTER_S, listen)
    except CaptureError as error:
        return _Excerpt(at_s, at_s, 1.0, np.zeros(0, np.float32), str(error))
    return _Excerpt(at_s, begin_s, rate_hz, samples)


def _read(
    path: Path, begin_s: float, end_s: float, listen: Channels
) -> tuple[NDArray[np.float32], float, float]:
    """Mean of the channels heard from ``begin_s`` to ``end_s``, the rate, and where it really begins."""
    pieces = []
    with closing(AudioFileSource(path, block_s=0.25)) as source:
        first = max(0, round(begin_s * source.rate_hz))
        last = round(end_s * source.rate_hz)
        source.skip(first)
        for block in source.blocks():
            if block.end > first:
                samples = block.samples if listen is None else block.samples[list(listen)]
                mono = samples.mean(axis=0, dtype=np.float32)
                pieces.append(mono[max(0, first - block.first) : last - block.first])
            if block.end >= last:
                break
    samples = np.concatenate(pieces) if pieces else np.zeros(1, np.float32)
    return samples, source.rate_hz, first / source.rate_hz
