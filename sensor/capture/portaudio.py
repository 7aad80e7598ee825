"""The microphone, through PortAudio, opened again under the same identity whenever it fails.

The callback copies and leaves. Everything else happens in the thread that iterates ``blocks``, and
every call into PortAudio that a dead device could block is bounded in time.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Iterator

from sensor.capture import stream as pa
from sensor.capture.bounded import Hung, bounded
from sensor.capture.devices import InputDevice, choose
from sensor.capture.reader import Chunk, LossCounts, Reader
from sensor.capture.settings import CaptureSettings
from sensor.capture.source import CaptureStats, ZeroRun
from sensor.complaints import Complaints
from sensor.errors import DeviceAbsent, DeviceError
from sensor.types import Block

logger = logging.getLogger(__name__)

TICK_S = 0.25
"""How often a waiting reader looks after its stream."""
HEALTHY_S = 10.0
"""A stream that delivered for so long was healthy: its failure is met with the shortest pause."""
PAUSE_S = 0.25
"""Shortest pause before another attempt to open; it doubles with each."""


class PortAudioSource:
    """A microphone: waited for until it is there, read until ``close``, got back when it fails."""

    def __init__(self, settings: CaptureSettings) -> None:
        """Remember what to open; nothing is opened yet."""
        self._settings = settings
        self._selection = settings.device
        self._device: InputDevice | None = None
        self._stream: pa.Stream | None = None
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._complaints = Complaints(logger)
        self._problem: str | None = None
        self._pause_s = PAUSE_S
        self._rate_hz = 0.0
        self._domain = "unknown"
        self._counts = LossCounts()
        self._zeros = ZeroRun(settings.channels)
        self._samples = self._lost = self._reopened = 0
        self._next = 0
        self._next_ns: int | None = None

    @classmethod
    def probe(cls, settings: CaptureSettings) -> str:
        """Open the device and close it again; return what it is, for an operator.

        Raises:
            DeviceAbsent: It is not there, or not free.
            DeviceError: It does not offer the format, or PortAudio is missing.
        """
        source = cls(settings)
        source._attempt()
        source.close()
        return source.stats().device

    @property
    def name(self) -> str:
        """The device's most stable identity; before it was found, its selection."""
        return self._selection if self._device is None else self._device.selection

    @property
    def rate_hz(self) -> float:
        """Sampling rate, Hz; 0 before ``open``."""
        return self._rate_hz

    @property
    def channels(self) -> int:
        """As configured."""
        return self._settings.channels

    def stats(self) -> CaptureStats:
        """How it is now; cheap, from any thread."""
        stream = self._stream
        return CaptureStats(
            device="" if self._device is None else str(self._device),
            rate_hz=self._rate_hz,
            channels=self._settings.channels,
            samples=self._samples,
            lost=self._lost,
            overruns=self._counts.overruns,
            xruns=self._counts.xruns,
            reopened=self._reopened,
            zero_s=self._zeros.longest / self._rate_hz if self._rate_hz else 0.0,
            stalled=stream is None or stream.age_s > self._settings.stall_s,
            clock_domain=self._domain,
            problem=self._problem,
        )

    def open(self) -> None:
        """Open the device; wait for it while it is absent or busy, until ``close``.

        Raises:
            DeviceError: Waiting would not help, or PortAudio does not come back.
        """
        while self._stream is None and not self._closing.is_set():
            try:
                self._attempt()
            except DeviceAbsent as error:
                self._problem = str(error)
                self._complaints.warn(f"{error}; trying until it comes", kind="absent")
                self._pause()
            except DeviceError as error:
                self._problem = str(error)
                raise

    def blocks(self) -> Iterator[Block]:
        """Yield blocks until ``close``; while the device is away, wait (``stats`` says so).

        Raises:
            DeviceError: The device cannot be had without a restart of the process.
        """
        try:
            while True:
                self.open()
                stream = self._stream
                if stream is None:
                    return
                yield from self._read(stream)
                if self._closing.is_set():
                    return
                self._shut()
                self._pause()
        finally:
            self.close()

    def close(self) -> None:
        """Free the device, or leave it behind if it hangs; ``blocks`` ends with what was captured."""
        self._closing.set()
        try:
            self._shut()
        except DeviceError as error:
            self._complaints.warn(str(error), kind="hung")

    def _attempt(self) -> None:
        """List, choose and open, once.

        Raises:
            DeviceAbsent: It is not there, or not free.
            DeviceError: Waiting would not help.
        """
        try:
            stream = bounded(
                lambda: pa.Stream(
                    choose(self._selection, pa.list_inputs()), self._settings, round(self._rate_hz) or None
                ),
                self._settings.open_timeout_s,
                "portaudio-open",
                give_up=self._closing,
                undo=pa.Stream.close,
            )
        except Hung as hung:
            pa.leave_behind()
            if self._closing.is_set():
                return
            raise DeviceError(
                f"opening {self._selection} hangs in the driver for {self._settings.open_timeout_s:.0f} s; "
                "the process must be started anew"
            ) from hung
        self._welcome(stream)
        with self._lock:
            self._stream = stream
        if self._closing.is_set():
            self.close()

    def _welcome(self, stream: pa.Stream) -> None:
        """Note what was opened, and say so."""
        before, self._device = self._device, stream.device
        self._selection = stream.device.selection if self._selection == "auto" else self._selection
        self._rate_hz = stream.rate_hz
        self._problem = None
        self._complaints.settle("absent")
        if before is not None:
            self._reopened += 1
        if before is not None and before.identity != stream.device.identity:
            logger.warning("%s took the place of %s, as %s allows", stream.device, before, self._selection)
        logger.info("opened %s at %.0f Hz", stream.device, stream.rate_hz)

    def _read(self, stream: pa.Stream) -> Iterator[Block]:
        """Yield the stream's blocks until it fails or the source is closed."""
        reader = Reader(stream.ring, stream.headers, stream.rate_hz, self._counts)
        new, quiet_s, opened_s = True, 0.0, time.monotonic()
        while True:
            # Counted in waits, not read from a clock: a process that was itself stopped is no stall.
            quiet_s = 0.0 if reader.wait(TICK_S) else quiet_s + TICK_S
            failure = self._failure(stream, quiet_s)
            over = failure is not None or self._closing.is_set()
            for chunk in reader.finish() if over else reader.take():
                yield self._block(chunk, new=new)
                new = False
            self._domain = reader.domain.value
            if over:
                break
        if time.monotonic() - opened_s > HEALTHY_S + quiet_s:
            self._pause_s = PAUSE_S
            self._complaints.settle("failed")
        if failure is not None:
            self._problem = f"{stream.device}: {failure}"
            self._complaints.warn(f"{self._problem}; opening it again", kind="failed")

    def _failure(self, stream: pa.Stream, quiet_s: float) -> str | None:
        """Why the stream is of no more use; None while it is."""
        if stream.error is not None:
            return f"the callback failed ({stream.error!r})"
        if stream.finished:
            return "the driver ended the stream; was it unplugged?"
        if quiet_s >= self._settings.stall_s:
            return f"the driver delivered nothing for {quiet_s:.1f} s"
        return None

    def _block(self, chunk: Chunk, *, new: bool) -> Block:
        """Give the chunk its place in the source's count of samples; ``new``: the first of its stream."""
        lost = chunk.lost
        if new and self._next_ns is not None:
            # The device was away: what the monotonic clock says would have come, did not.
            lost = max(1, round((chunk.mono_ns - self._next_ns) * 1e-9 * self._rate_hz))
        block = Block(first=self._next + lost, samples=chunk.samples, mono_ns=chunk.mono_ns, lost=lost)
        self._next, self._next_ns = block.end, chunk.end_ns
        self._samples += chunk.samples.shape[1]
        self._lost += lost
        self._zeros.update(chunk.samples)
        return block

    def _pause(self) -> None:
        """Wait before the next attempt, twice as long each time, unlike other nodes of the same fate."""
        self._closing.wait(self._pause_s * random.uniform(0.5, 1.0))  # noqa: S311  not a secret
        self._pause_s = min(2 * self._pause_s, self._settings.retry_max_s)

    def _shut(self) -> None:
        """Close the stream, if one is open.

        Raises:
            DeviceError: It does not let itself be closed; only the end of the process frees it.
        """
        with self._lock:
            stream, self._stream = self._stream, None
        if stream is None:
            return
        stream.ring.close()
        try:
            bounded(stream.close, self._settings.close_timeout_s, "portaudio-close")
        except Hung as hung:
            pa.leave_behind()
            raise DeviceError(
                f"{stream.device} hangs and cannot be closed within {self._settings.close_timeout_s:.0f} s; "
                "the process must be started anew"
            ) from hung
