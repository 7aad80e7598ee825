"""Why a message is not taken: every no has a type and a counter."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum


class Refusal(StrEnum):
    """Why a message does not become an arrival."""

    MALFORMED = "malformed"
    """Not JSON, a field is missing, or a figure cannot be (NaN, a latitude of 100)."""
    FORGED_TOPIC = "forged_topic"
    """It came on another node's topic than it names."""
    UNKNOWN_NODE = "unknown_node"
    """`intake.known_nodes` does not name its node."""
    FUTURE = "future"
    """Dated ahead of the centre's clock."""
    TOO_OLD = "too_old"
    """Older than `intake.age_max_days`."""
    NOWHERE = "nowhere"
    """0, 0: the ocean off Ghana, where a GPS without a fix is."""
    MOVED = "moved"
    """Far from where its node announced itself."""
    RATE_LIMITED = "rate_limited"
    """Beyond `intake.burst_max` and `intake.per_minute_max`."""
    UNSIGNED = "unsigned"
    """It carries no signature and `intake.unsigned` refuses that."""
    BAD_SIGNATURE = "bad_signature"
    """Its signature does not hold, or is of a key that is not the node's."""
    BROKEN_CHAIN = "broken_chain"
    """It does not follow the candidate that its node sent before it."""
    TWO_NODES = "two_nodes"
    """Its number belongs to another candidate already: two nodes speak under one name."""
    TOO_MANY_NODES = "too_many_nodes"
    """It is of one more node than `intake.nodes_max`: names are being invented."""
    UNEXPECTED = "unexpected"
    """Reading it failed in a way that nobody foresaw; the log says how."""
    OTHER_SCHEMA = "other_schema"
    """A message of another kind; left alone."""


Counts = Counter[Refusal]
