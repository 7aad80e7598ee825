"""Identity of a candidate: its place in a gapless chain. Standard library only."""

from __future__ import annotations

from dataclasses import replace

from sensor.errors import WireError
from sensor.events import Candidate, event_id


class Numbering:
    """A chain of candidates of one node, numbered from 1 without gaps.

    Replay uses it directly, with a chain of its own per file; the outbox uses the same rule and keeps
    ``seq`` on disk.
    """

    def __init__(self, site: str, node: str, chain_id: str, *, seq: int = 0) -> None:
        """Continue the chain after ``seq``, the last number given; 0 = a new chain."""
        self.site = site
        self.node = node
        self.chain_id = chain_id
        self.seq = seq

    def peek(self, candidate: Candidate) -> Candidate:
        """``candidate`` as the next of the chain, without using up the number.

        Raises:
            WireError: it is of another site or node.
        """
        if (candidate.site, candidate.node) != (self.site, self.node):
            message = (
                f"a candidate of {candidate.site}/{candidate.node} does not belong in the chain of "
                f"{self.site}/{self.node}"
            )
            raise WireError(message)
        seq = self.seq + 1
        identity = event_id(self.site, self.node, self.chain_id, seq)
        return replace(candidate, chain_id=self.chain_id, seq=seq, event_id=identity)

    def stamp(self, candidate: Candidate) -> Candidate:
        """``candidate`` as the next of the chain; raises WireError as ``peek`` does."""
        stamped = self.peek(candidate)
        self.seq += 1
        return stamped
