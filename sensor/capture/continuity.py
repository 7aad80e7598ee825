"""Whether a stream's samples follow on, told from their times, and those times made plausible.

A driver that lost samples sometimes says so and sometimes does not (PulseAudio and PipeWire never
do), but the times of all later samples are then late by as much. A single late time proves nothing:
times are late by chance, often and by many milliseconds. So the reference is the median of the recent
ones, a block much beyond it is held back, and only if those after it are as late were samples lost: as
many as the least late of them says. Blocks held back in vain go on unchanged, a little later than otherwise.

Two more things drivers do: PulseAudio's times were seen up to 17 ms early on the first block of a
stream, and 50 to 95 ms in the burst in which it catches up after a pause; and some state times that are
later than the samples were in hand. Neither may reach the sample clock, whose estimate leans on the
earliest times.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

WINDOW_PIECES = 32
WINDOW_S = 4.0
"""Span of the reference, in blocks and at most in s: a crystal 500 ppm off moves its middle by 1 ms."""
START_PIECES = 4
"""Blocks of a new stream that are held back until they can be judged by each other."""
CONFIRM_S = 0.25
"""For how long, by the callbacks' own time, blocks must stay late before samples count as lost. A burst
is over by then."""
CONFIRM_PIECES = 3
"""And over how many blocks."""
DISPUTE_S = 1.0
"""How long to wait for more blocks while they are late by different amounts: a loss delays all alike."""
LATE_NS = 3_000_000
"""Least lateness worth suspicion; 1.7 ms was seen in a sound stream on a loaded machine."""
EARLY_NS = 500_000
"""Least earliness that is not believed."""
SPREADS = 6.0
"""Both at least so many times the usual scatter: 10 ms blocks through PulseAudio scatter by 20 ms."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Samples of one callback."""

    first: int
    """Index in the stream's ring."""
    frames: int
    mono_ns: int
    """CLOCK_MONOTONIC of the first sample as the driver has it, ns."""
    arrival_ns: int
    """Latest possible value of it: the callback less the block's length, ns."""
    overflow: bool = False
    """The driver says that samples were lost before it."""
    lost: int = 0
    """Samples found to be lost before it."""


class Continuity:
    """Finds the losses of one stream; give it every piece in order."""

    def __init__(self, rate_hz: float) -> None:
        """Begin a stream of ``rate_hz``."""
        self._rate_hz = rate_hz
        self._recent: deque[tuple[int, int, int]] = deque(maxlen=WINDOW_PIECES)
        """(index, driver's time of index 0, excess of it over the latest possible), ns."""
        self._held: list[Piece] = []
        self._started = False
        self._reference_ns = 0
        self._scatter_ns = 0
        self._excess_ns = 0

    def push(self, piece: Piece) -> list[Piece]:
        """Take a piece; return those that are now known to follow on, or by how much they do not.

        Their ``mono_ns`` is no later than possible and not much earlier than their neighbours say.
        """
        if not self._started:
            return self._start(piece)
        if self._held and piece.overflow:  # a second loss: settle the first
            return [*self._confirm(), *self.push(piece)]
        suspect = self._late_ns(piece) > self._tolerance_ns(LATE_NS)
        if not (self._held or suspect or piece.overflow):
            return self._release(piece)
        self._held.append(piece)
        if not suspect and not self._held[0].overflow:
            return self._release()
        return self._confirm() if self._evident() else []

    def flush(self) -> list[Piece]:
        """Return the pieces still held back, judged by what is known; the stream has ended."""
        if not self._started:
            return self._release()
        return self._confirm() if self._held else []

    def time_ns(self, index: int) -> int | None:
        """CLOCK_MONOTONIC of the sample ``index`` of the ring, ns, by the recent pieces; None without any."""
        if not self._recent:
            return None
        return self._reference_ns - self._excess_ns + self._span_ns(index)

    def _span_ns(self, samples: int) -> int:
        return round(samples / self._rate_hz * 1e9)

    def _callback_ns(self, piece: Piece) -> int:
        return piece.arrival_ns + self._span_ns(piece.frames)

    def _late_ns(self, piece: Piece) -> int:
        return piece.mono_ns - self._span_ns(piece.first) - self._reference_ns

    def _tolerance_ns(self, least_ns: int) -> float:
        return max(least_ns, SPREADS * self._scatter_ns)

    def _evident(self) -> bool:
        """Whether the pieces held back show a loss: enough of them, and late alike."""
        waited_ns = self._callback_ns(self._held[-1]) - self._callback_ns(self._held[0])
        if len(self._held) < CONFIRM_PIECES or waited_ns < CONFIRM_S * 1e9:
            return False
        late_ns = sorted(self._late_ns(piece) for piece in self._held)
        alike = late_ns[len(late_ns) // 2] - late_ns[0] <= self._tolerance_ns(LATE_NS)
        return alike or waited_ns >= DISPUTE_S * 1e9

    def _start(self, piece: Piece) -> list[Piece]:
        if self._held and piece.overflow:
            self._started = True
            return [*self._release(), *self.push(piece)]
        self._held.append(piece)
        if len(self._held) < START_PIECES:
            return []
        self._started = True
        return self._release()

    def _release(self, *more: Piece) -> list[Piece]:
        """Let the pieces held back, and ``more``, shape the reference, and then be timed by it."""
        pieces = [*self._held, *more]
        self._held.clear()
        for piece in pieces:
            base_ns = piece.mono_ns - self._span_ns(piece.first)
            self._recent.append((piece.first, base_ns, piece.mono_ns - piece.arrival_ns))
            while self._recent[0][0] < piece.first - WINDOW_S * self._rate_hz:
                self._recent.popleft()
        if pieces:
            bases = sorted(base_ns for _, base_ns, _ in self._recent)
            excesses = sorted(excess_ns for _, _, excess_ns in self._recent)
            self._reference_ns = bases[len(bases) // 2]
            self._scatter_ns = bases[len(bases) * 3 // 4] - self._reference_ns
            self._excess_ns = max(0, excesses[len(excesses) * 3 // 4])
        return [replace(piece, mono_ns=self._plausible_ns(piece)) for piece in pieces]

    def _plausible_ns(self, piece: Piece) -> int:
        """The piece's time: not much earlier than its neighbours say, no later than possible.

        Where the driver's times exceed the latest possible ones time and again, all are moved earlier
        by the usual excess: alike, so that they stay in step.
        """
        mono_ns = piece.mono_ns
        if self._late_ns(piece) < -self._tolerance_ns(EARLY_NS):
            mono_ns = self._reference_ns + self._span_ns(piece.first)
        return min(mono_ns - self._excess_ns, piece.arrival_ns)

    def _confirm(self) -> list[Piece]:
        """Release the pieces held back as the first ones after a loss."""
        late_ns = min(self._late_ns(piece) for piece in self._held)
        self._held[0] = replace(self._held[0], lost=max(1, round(late_ns * 1e-9 * self._rate_hz)))
        self._recent.clear()
        return self._release()
