"""One stream's samples out of the ring, with their times and their losses."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sensor.capture.adctime import AdcClock, ClockDomain, Header, arrival_ns
from sensor.capture.continuity import Continuity, Piece
from sensor.capture.ring import Ring
from sensor.errors import Overrun

if TYPE_CHECKING:
    from sensor.types import Samples


@dataclass(slots=True)
class LossCounts:
    """How often samples were lost, over all streams of a source."""

    overruns: int = 0
    """The reader was lapped."""
    xruns: int = 0
    """The driver lost samples."""


@dataclass(frozen=True, slots=True, eq=False)  # eq: arrays do not compare to one truth value
class Chunk:
    """Samples of one callback that are ready to go on."""

    samples: Samples
    """Shape (channels, n)."""
    mono_ns: int
    """CLOCK_MONOTONIC of the first one, ns."""
    end_ns: int
    """CLOCK_MONOTONIC one sample past the last, by the recent chunks together, ns."""
    lost: int
    """Samples lost since the chunk before."""


class Reader:
    """Follows the writer of a ring; for one thread."""

    def __init__(self, ring: Ring, headers: deque[Header], rate_hz: float, counts: LossCounts) -> None:
        """Read ``ring`` from its start; the callback appends a header before it writes."""
        self._ring = ring
        self._headers = headers
        self._rate_hz = rate_hz
        self._counts = counts
        self._clock = AdcClock(rate_hz)
        self._continuity = Continuity(rate_hz)
        self._next = 0
        self._skip_to = 0
        self._lost = 0

    @property
    def domain(self) -> ClockDomain:
        """The clock that the driver's times come from, at present."""
        return self._clock.domain

    def wait(self, timeout_s: float) -> bool:
        """Wait for samples that were not taken yet; False if none came."""
        return self._ring.wait(self._next + 1, timeout_s)

    def take(self) -> Iterator[Chunk]:
        """Yield what is ready."""
        while self._headers and self._headers[0].first < self._ring.end:
            for piece in self._continuity.push(self._piece(self._headers.popleft())):
                yield from self._chunk(piece)

    def finish(self) -> Iterator[Chunk]:
        """Yield what is ready and what was held back: the stream has ended."""
        yield from self.take()
        for piece in self._continuity.flush():
            yield from self._chunk(piece)

    def _piece(self, header: Header) -> Piece:
        if header.first > self._next:  # the headers between were dropped: lapped
            self._lapped()
            self._lost += header.first - self._next
        self._next = header.first + header.frames
        return Piece(
            first=header.first,
            frames=header.frames,
            mono_ns=self._clock.first_sample_ns(header),
            arrival_ns=arrival_ns(header, self._rate_hz),
            overflow=header.overflow,
        )

    def _chunk(self, piece: Piece) -> Iterator[Chunk]:
        """The piece's samples, unless the writer has been faster."""
        end = piece.first + piece.frames
        self._counts.xruns += piece.lost > 0
        self._lost += piece.lost
        if piece.first >= self._skip_to:
            try:
                samples = self._ring.read(piece.first, end)
            except Overrun:
                self._lapped()
            else:
                lost, self._lost = self._lost, 0
                yield Chunk(samples, piece.mono_ns, self._continuity.time_ns(end) or piece.mono_ns, lost)
                return
        self._lost += piece.frames

    def _lapped(self) -> None:
        """Go on with the newest samples: catching up on old ones would only be lapped again."""
        if self._next >= self._skip_to:
            self._counts.overruns += 1
        self._skip_to = max(self._skip_to, self._ring.end - self._ring.capacity // 4)
