"""Which time to believe: sources come and go, disagree and lie; what is held carries over."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

from sensor.timing.holdover import Oscillator
from sensor.types import ClockSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sensor.timing.settings import TimingSettings
    from sensor.timing.vote import Vote

logger = logging.getLogger(__name__)

QUALIFY_POLLS = 3
"""A source must hold this many polls in a row before it is believed."""
INSIST_S = (30.0, 3600.0)
"""A time that contradicts the one held must insist for as long as that one had held, within these."""
AGREE_SIGMAS = 3.0
_BETTER = 0.5
"""Another source must be this much better than the one followed before it takes over."""


@dataclass(frozen=True, slots=True)
class Belief:
    """UTC as believed at one moment."""

    offset_ns: int
    """UTC - CLOCK_MONOTONIC."""
    sigma_ns: int
    """One sigma of it, holdover left out."""
    source: ClockSource
    holdover_ns: int
    """One sigma of what the clock may have wandered since its source was lost."""
    via: str


class Discipline:
    """Weighs the sources' votes, once per poll.

    * A source counts once it has voted three polls in a row.
    * Of those that agree with the time held the one with the smallest sigma is followed; another takes
      over only when it is twice as good.
    * One that disagrees by more than three sigmas is reported and not followed.
    * When all disagree, the time held goes on with a sigma as large as the disagreement, until they have
      insisted long enough.
    * When none votes, the time held goes on (holdover) and its sigma grows.

    Holdover runs on CLOCK_MONOTONIC, which steps of the system clock do not touch.
    """

    def __init__(self, settings: TimingSettings) -> None:
        self._oscillator = Oscillator.of(settings)
        self._streaks: dict[ClockSource, int] = {}
        self._held: Vote | None = None
        self._held_at_ns = 0
        self._held_since_ns = 0
        self._doubt_since_ns: int | None = None
        self._gap_ns = 0
        self.alarms: tuple[str, ...] = ()
        """Disagreements at the last poll, in words."""

    @property
    def held(self) -> Vote | None:
        """The time held; None while none was ever believed."""
        return self._held

    def forget(self) -> None:
        """Believe nothing any more: CLOCK_MONOTONIC itself stood still (the machine slept)."""
        self._streaks = {}
        self._held = None
        self._doubt_since_ns = None

    def leap(self, leap_ns: int) -> None:
        """Carry the time held over a leap second."""
        if self._held is not None:
            self._held = replace(self._held, offset_ns=self._held.offset_ns + leap_ns)

    def weigh(self, votes: Sequence[Vote], mono_ns: int) -> None:
        """Take one poll's votes."""
        self._streaks = {vote.source: self._streaks.get(vote.source, 0) + 1 for vote in votes}
        ready = [vote for vote in votes if self._streaks[vote.source] >= QUALIFY_POLLS]
        self.alarms = tuple(_disagreement(a, b) for a, b in combinations(ready, 2) if not _agree(a, b))
        if self._held is None or mono_ns - self._held_since_ns < INSIST_S[0] * 1e9:
            # A time held for seconds only has no more right than one that comes a moment later.
            if ready:
                self._held_since_ns = mono_ns if self._held is None else self._held_since_ns
                self._hold(_elect(ready), mono_ns)
            return
        present = self._aged(mono_ns)
        agreeing = [vote for vote in ready if _agree(vote, present)]
        if agreeing:
            self._hold(self._choose(agreeing), mono_ns)
        elif ready:
            self._contradicted(ready, present, mono_ns)
        else:
            self._doubt_since_ns = None

    def belief(self, mono_ns: int) -> Belief | None:
        """The time held, as of ``mono_ns``; None while there is none."""
        if self._held is None:
            return None
        held = self._held
        if self._held_at_ns == mono_ns:
            return Belief(held.offset_ns, held.sigma_ns, held.source, 0, held.via)
        gap_ns = 0 if self._doubt_since_ns is None else self._gap_ns
        sigma_ns = math.ceil(math.hypot(held.sigma_ns, gap_ns))
        return Belief(
            held.offset_ns, sigma_ns, ClockSource.HOLDOVER, math.ceil(self._wander_ns(mono_ns)), held.via
        )

    def _wander_ns(self, mono_ns: int) -> float:
        return self._oscillator.sigma_ns((mono_ns - self._held_at_ns) / 1e9)

    def _aged(self, mono_ns: int) -> Vote:
        """The time held with what it may have wandered since."""
        assert self._held is not None  # noqa: S101  only called while something is held
        sigma_ns = math.ceil(math.hypot(self._held.sigma_ns, self._wander_ns(mono_ns)))
        return replace(self._held, sigma_ns=sigma_ns)

    def _choose(self, agreeing: Sequence[Vote]) -> Vote:
        if not all(_agree(a, b) for a, b in combinations(agreeing, 2)):
            return _elect(agreeing)
        best = min(agreeing, key=lambda vote: vote.sigma_ns)
        for vote in agreeing:
            followed = self._held is not None and _key(vote) == _key(self._held)
            if followed and best.sigma_ns > _BETTER * vote.sigma_ns:
                return vote
        return best

    def _hold(self, vote: Vote, mono_ns: int) -> None:
        if self._held is None or _key(vote) != _key(self._held):
            logger.info("clock source: %s (%s), sigma %.6f s", vote.source, vote.via, vote.sigma_ns / 1e9)
        self._held = vote
        self._held_at_ns = mono_ns
        self._doubt_since_ns = None

    def _contradicted(self, ready: Sequence[Vote], present: Vote, mono_ns: int) -> None:
        elected = _elect(ready)
        self._gap_ns = abs(elected.offset_ns - present.offset_ns)
        self.alarms = (*self.alarms, _disagreement(elected, present))
        if self._doubt_since_ns is None:
            self._doubt_since_ns = mono_ns
            logger.warning("%s", _disagreement(elected, present))
        proven_s = (self._held_at_ns - self._held_since_ns) / 1e9
        patience_s = min(max(proven_s, INSIST_S[0]), INSIST_S[1])
        if mono_ns - self._doubt_since_ns >= patience_s * 1e9:
            logger.warning("%s insisted for %.0f s: its time is taken", elected.via, patience_s)
            self._hold(elected, mono_ns)
            self._held_since_ns = mono_ns


def _key(vote: Vote) -> str:
    """Names a source apart from which server it follows at the moment."""
    return f"{vote.source} {vote.via.partition(' ')[0]}"


def _agree(a: Vote, b: Vote) -> bool:
    return abs(a.offset_ns - b.offset_ns) <= AGREE_SIGMAS * math.hypot(a.sigma_ns, b.sigma_ns)


def _disagreement(a: Vote, b: Vote) -> str:
    apart_s = abs(a.offset_ns - b.offset_ns) / 1e9
    return f"{a.source.value} ({a.via}) and {b.source.value} ({b.via}) are {apart_s:.3f} s apart"


def _elect(votes: Sequence[Vote]) -> Vote:
    """The most precise vote of the largest agreeing party.

    Parties of one size: the one with NTP in it, since many servers stand behind that; then, with no one
    to decide, its sigma becomes as large as the disagreement.
    """
    parties = [[other for other in votes if _agree(vote, other)] for vote in votes]

    def strength(party: list[Vote]) -> tuple[int, bool]:
        return len(party), any(vote.source is ClockSource.NTP for vote in party)

    party = max(parties, key=strength)
    best = min(party, key=lambda vote: vote.sigma_ns)
    others = [vote for vote in votes if vote not in party]
    if not others or len(party) > len(others):
        return best
    gap_ns = max(abs(vote.offset_ns - best.offset_ns) for vote in others)
    return replace(best, sigma_ns=math.ceil(math.hypot(best.sigma_ns, gap_ns)))
