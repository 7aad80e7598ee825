"""Samples for a calibration, from a microphone or a file, with a meter while they come in."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sensor.errors import CalibrationError, CaptureError, DeviceError
from sensor.physics import db_from_ratio

if TYPE_CHECKING:
    from sensor.calibrate.console import Console
    from sensor.capture.settings import CaptureSettings
    from sensor.capture.source import Source
    from sensor.types import Block, Samples

PATIENCE_S = 15.0
"""How long a microphone may deliver nothing before the technician is told."""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """Consecutive samples."""

    samples: Samples
    """Shape (channels, n), ±1.0 full scale; zeros stand for lost samples, so that indices are time."""
    rate_hz: float
    device: str
    """What capture calls the source."""
    lost: int
    """Samples per channel that were lost on the way."""


@dataclass(frozen=True, slots=True)
class Cue:
    """Something to tell the technician when the recording has come so far."""

    at_s: float
    text: str


def open_source(file: Path | None, capture: CaptureSettings) -> Source:
    """A source for a file, or for the microphone that the settings choose, tried once.

    Raises:
        CaptureError: the microphone is absent, busy or does not offer the format.
    """
    if file is not None:
        from sensor.capture.audiofile import AudioFileSource  # noqa: PLC0415  loads libsndfile

        return AudioFileSource(file)
    from sensor.capture.portaudio import PortAudioSource  # noqa: PLC0415  loads PortAudio

    try:
        PortAudioSource.probe(capture)
    except CaptureError as error:
        raise DeviceError(f"{error}. If the daemon has it: sudo systemctl stop gunshot-sensor") from error
    return PortAudioSource(capture)


class Patience:
    """Closes a source that delivers nothing for ``PATIENCE_S``: capture itself would wait for ever."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._last_s = time.monotonic()
        self._done = threading.Event()
        self.ended = False
        """Patience came to an end."""
        threading.Thread(target=self._watch, name="patience", daemon=True).start()

    def fed(self) -> None:
        """Note that samples came."""
        self._last_s = time.monotonic()

    def stop(self) -> None:
        """Watch no longer."""
        self._done.set()

    def _watch(self) -> None:
        while not self._done.wait(0.5):
            if time.monotonic() - self._last_s > PATIENCE_S:
                self.ended = True
                self._source.close()
                return


def metered(
    source: Source,
    console: Console,
    *,
    channel: int,
    seconds: float | None,
    cues: tuple[Cue, ...] = (),
) -> Iterator[Block]:
    """A microphone's blocks for ``seconds``, with a meter and cues as they pass; a file's (None) to its end.

    Raises:
        CaptureError: the device or file cannot be read, or went silent.
        CalibrationError: ``channel`` does not exist.
    """
    waiting = list(cues)
    patience = Patience(source)
    try:
        for block in source.blocks():
            patience.fed()
            if channel >= block.samples.shape[0]:
                there = block.samples.shape[0]
                raise CalibrationError(f"there is no channel {channel}: {source.name} has {there}, from 0 on")
            here_s = block.first / source.rate_hz
            while waiting and here_s >= waiting[0].at_s:
                console.step(waiting.pop(0).text)
            if seconds is not None and block.samples.size:
                row = block.samples[channel].astype(np.float64)
                console.meter(
                    db_from_ratio(math.sqrt(float(np.mean(row**2)))),
                    db_from_ratio(float(np.max(np.abs(row)))),
                    f"{max(0.0, seconds - here_s):3.0f} s left",
                )
            yield block
            if seconds is not None and block.end / source.rate_hz >= seconds:
                return
    finally:
        patience.stop()
        source.close()
    if patience.ended:
        raise DeviceError(f"{source.name} delivered nothing for {PATIENCE_S:.0f} s: unplugged, or in use?")


def record(
    source: Source, console: Console, *, channel: int, seconds: float | None, cues: tuple[Cue, ...] = ()
) -> Recording:
    """Collect a whole recording in memory; see ``metered``."""
    rows: list[Samples] = []
    lost = 0
    for block in metered(source, console, channel=channel, seconds=seconds, cues=cues):
        if block.lost and rows:
            rows.append(np.zeros((block.samples.shape[0], block.lost), dtype=np.float32))
        rows.append(block.samples)
        lost += block.lost
    if not rows:
        raise CalibrationError(f"{source.name} gave no samples")
    return Recording(np.concatenate(rows, axis=1), source.rate_hz, source.name, lost)
