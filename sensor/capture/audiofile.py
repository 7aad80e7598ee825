"""A recording as a source; the only file that imports soundfile.

WAV, RF64, FLAC and OGG, told by their content and not by their name, at any rate and with any number
of channels. A recording that ends before its header says is read as far as it goes and marked as damaged.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sensor.capture.source import CaptureStats, ZeroRun
from sensor.errors import AudioFileError
from sensor.types import Block

if TYPE_CHECKING:
    from soundfile import SoundFile

    from sensor.types import Samples

AUDIO_SUFFIXES = frozenset({".wav", ".wave", ".rf64", ".flac", ".ogg", ".oga", ".opus"})
"""What such files are usually called, in lower case."""
FORMATS = frozenset({"WAV", "WAVEX", "RF64", "FLAC", "OGG"})
"""libsndfile's names of the containers that are read. MPEG is not: its pre-echo blurs onsets."""
MAX_RATE_HZ = 1_000_000
MAX_BLOCK_VALUES = 1_000_000
"""Bound on a block whatever a header claims, samples times channels: 4 MB."""
UNKNOWN_FRAMES = 1 << 62
"""From here on libsndfile means that a stream does not say how long it is."""

_WAV_SHORT = re.compile(r"data : (\d+) \(should be (\d+)\)")
_RF64_SHORT = re.compile(r"Calculated frame count \d+ does not match value from 'ds64' chunk of \d+")
_OGG_SHORT = re.compile(r"Last page lacks an end-of-stream bit")
_SEEK_FAULT = "Internal psf_fseek() failed"
"""What soundfile meets at the end of a FLAC stream whose stated length is unknown or wrong."""
_OPEN_ENDED = (range(0x7FFF0000, 0x80000000), range(0xFFFF0000, 0x100000000))
"""Sizes that recorders write when they do not know the length yet: no sign of damage."""


class AudioFileSource:
    """Reads a file as fast as it is asked, or at the pace at which it was recorded."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        realtime: bool = False,
        block_s: float = 0.1,
        begin_mono_ns: int | None = None,
        repeat: bool = False,
    ) -> None:
        """Open ``path``.

        Args:
            path: a regular file.
            realtime: hand over each block when its last sample has been played; ``mono_ns`` is then the
                time at which its first one was. Otherwise ``mono_ns`` is 0.
            block_s: length of the blocks, s; the last one may be shorter.
            begin_mono_ns: in real time, when the first sample is played; None = when ``blocks`` is called.
            repeat: begin again at the end, without a gap and with indices that go on, until closed.

        Raises:
            AudioFileError: It is missing, unreadable, not audio or empty.
        """
        self._path = Path(path)
        self._realtime = realtime
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._begin_mono_ns = begin_mono_ns
        self._repeat = repeat
        self._samples = 0
        self._passed = 0
        """Samples of the passes that are over."""
        self._ended = False
        self._file = self._open()
        self._zeros = ZeroRun(self._file.channels)
        self._rate_hz = float(self._file.samplerate)
        self._channels = int(self._file.channels)
        most = max(1, MAX_BLOCK_VALUES // self._channels)
        self._frames = min(max(1, round(block_s * self._rate_hz)), most)
        self._damaged = _shortfall(self._file.extra_info)

    @property
    def name(self) -> str:
        """The path as given."""
        return str(self._path)

    @property
    def rate_hz(self) -> float:
        """Sampling rate, Hz."""
        return self._rate_hz

    @property
    def channels(self) -> int:
        """Channels of the recording."""
        return self._channels

    def stats(self) -> CaptureStats:
        """How far it got; ``damaged`` is final once ``blocks`` has ended."""
        return CaptureStats(
            device=self.name,
            rate_hz=self._rate_hz,
            channels=self._channels,
            samples=self._samples,
            zero_s=self._zeros.longest / self._rate_hz,
            clock_domain="file",
            problem=self._damaged,
            damaged=self._damaged,
        )

    def open(self) -> None:
        """Do nothing: the file is open."""

    def skip(self, samples: int) -> None:
        """Let ``blocks`` begin at this sample, or before it where the file cannot be searched.

        Not for a file that is played in real time.

        Raises:
            AudioFileError: The file is not there any more.
        """
        import soundfile  # noqa: PLC0415  see below

        with self._lock:
            try:
                self._samples = int(self._file.seek(samples))
            except soundfile.SoundFileError:  # a stream that is cut off, or does not say how long it is
                self._file.close()
                self._file = self._open()
                self._samples = 0

    def blocks(self) -> Iterator[Block]:
        """Yield the recording; see ``stats().damaged`` at its end."""
        start_ns = time.monotonic_ns() if self._begin_mono_ns is None else self._begin_mono_ns
        while not (self._closing.is_set() or self._ended):
            samples = self._read()
            if samples.shape[1] == 0:
                if not (self._repeat and self._rewind()):
                    break
                continue
            first = self._samples
            self._samples += samples.shape[1]
            self._zeros.update(samples)
            mono_ns = 0
            if self._realtime:
                mono_ns = start_ns + self._span_ns(first)
                due_ns = start_ns + self._span_ns(self._samples)
                if self._closing.wait(max(0, due_ns - time.monotonic_ns()) * 1e-9):
                    self._samples = first  # closed before it was played
                    break
            yield Block(first=first, samples=samples, mono_ns=mono_ns)
        self.close()

    def close(self) -> None:
        """Close the file; ``blocks`` ends."""
        self._closing.set()
        with self._lock:
            self._file.close()

    def _span_ns(self, samples: int) -> int:
        return round(samples / self._rate_hz * 1e9)

    def _open(self) -> SoundFile:
        """The open file, once it is known to be a recording.

        Raises:
            AudioFileError: It is none.
        """
        import soundfile  # noqa: PLC0415  35 MB that only files need

        try:
            if not self._path.is_file():
                what = "is no file" if self._path.exists() else "does not exist"
                raise AudioFileError(f"{self._path} {what}; name a WAV, RF64, FLAC or OGG recording")
            # By descriptor: libsndfile would trust some names' endings more than the content.
            with self._path.open("rb", buffering=0) as handle:
                if handle.seek(0, 2) == 0:
                    raise AudioFileError(f"{self._path} is empty; record it again")
                handle.seek(0)
                file = soundfile.SoundFile(os.dup(handle.fileno()), closefd=True)
        except OSError as error:
            raise AudioFileError(f"{self._path} cannot be opened: {error.strerror or error}") from error
        except soundfile.SoundFileError as error:
            raise AudioFileError(
                f"{self._path} is not audio that can be read: {_words(error)}; convert it to WAV or FLAC"
            ) from error
        fault = _unfit(file)
        if fault:
            file.close()
            raise AudioFileError(f"{self._path} {fault}")
        return file

    def _read(self) -> Samples:
        """Up to one block, shape (channels, n); n is 0 at the end."""
        import soundfile  # noqa: PLC0415  see above

        # NaN marks what a failing read did not reach: formats whose decoder can fail hold no NaN.
        buffer = np.full((self._frames, self._channels), np.nan, dtype=np.float32)
        fault = None
        with self._lock:
            if self._file.closed:
                return buffer[:0].T
            try:
                got = len(self._file.read(out=buffer))
            except soundfile.SoundFileError as error:
                got = int(np.flatnonzero(~np.isnan(buffer[:, 0])).max(initial=-1)) + 1
                fault = _words(error)
                self._ended = True
            promised = self._file.frames
        self._judge(
            self._samples - self._passed + got, promised, fault, ended=self._ended or got < self._frames
        )
        return np.ascontiguousarray(buffer[:got].T)

    def _rewind(self) -> bool:
        """Begin the recording again; False when there was nothing in it or it is closed."""
        with self._lock:
            if self._file.closed or self._samples == self._passed:
                return False
            self._file.seek(0)
        self._passed = self._samples
        return True

    def _judge(self, read: int, promised: int, fault: str | None, *, ended: bool) -> None:
        """Note the damage that shows after ``read`` of the ``promised`` samples."""
        at_s = read / self._rate_hz
        if fault is not None and fault != _SEEK_FAULT:
            self._damaged = f"damaged {at_s:.2f} s after its start: {fault}"
        elif ended and read < promised < UNKNOWN_FRAMES:
            self._damaged = (
                f"holds {at_s:.2f} s of the {promised / self._rate_hz:.2f} s that its header promises"
            )


def _words(error: Exception) -> str:
    """The reason that libsndfile gives, without soundfile's prefix."""
    return str(getattr(error, "error_string", error)).strip().rstrip(".")


def _unfit(file: SoundFile) -> str | None:
    """Why an audio file cannot be used; None if it can."""
    if file.format not in FORMATS:
        return f"is {file.format}; convert it to WAV or FLAC"
    if not 1 <= file.samplerate <= MAX_RATE_HZ:
        return f"claims {file.samplerate} samples per second; its header is damaged"
    if file.frames == 0:
        return "holds no samples; if the recorder was cut off, restore the header's length"
    return None


def _shortfall(log: str) -> str | None:
    """What libsndfile's log of the header says is missing at the end; None if nothing is."""
    short = _WAV_SHORT.search(log)
    if short and not any(int(short[1]) in sizes for sizes in _OPEN_ENDED):
        return f"holds {short[2]} of the {short[1]} bytes of samples that its header promises"
    if _RF64_SHORT.search(log):
        return "holds fewer samples than its header promises"
    if _OGG_SHORT.search(log):
        return "breaks off: the mark of the stream's end is missing"
    return None
