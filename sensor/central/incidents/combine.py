"""One opinion out of many nodes' that all heard the same sound.

Logarithmic pooling: each node's evidence is what its probabilities say beyond the prior they were stated at,
averaged over its rounds and over the nodes, and counted ``n / (1 + (n - 1) correlation)`` times, the number
of independent observers that n equally correlated ones are worth (Kish's design effect). A node's share of
`echo` is left out: that its arrival is a round and no echo is what fusion has found, from where the others
heard it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sensor.central.types import Arrival

GUNSHOT = "gunshot"
REST = "rest"
CLASSES = (GUNSHOT, "fireworks", "construction", "backfire", "other")
"""What an incident can be."""
SAID_AS = {
    "gunshot": GUNSHOT,
    "firework": "fireworks",
    "fireworks": "fireworks",
    "firecracker": "fireworks",
    "construction": "construction",
    "nail_gun": "construction",
    "jackhammer": "construction",
    "hammer": "construction",
    "backfire": "backfire",
    "other_impulse": "other",
    "non_impulse": "other",
    "other": "other",
}
"""What nodes call it, and what it is called here; an unknown word counts as ``other``."""
SHARES = {"fireworks": 0.4, "construction": 0.15, "backfire": 0.05, "other": 0.4}
"""How what is no gunshot divides where nothing is known of it: a judgement, not a measurement."""
_LEAST = 1e-3
"""No node is ever surer than this: its calibration was not measured beyond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What the nodes say together."""

    log_evidence: Mapping[str, float]
    """Natural log of how much more likely each class has become; only differences mean something."""
    nodes: int
    """Nodes that said anything."""
    effective: float
    """How many independent nodes they count as."""


def combine(arrivals: Iterable[Arrival], *, node_prior: float, correlation: float) -> Opinion:
    """The opinion of all arrivals that say how likely a gunshot is."""
    by_node: dict[str, list[dict[str, float]]] = defaultdict(list)
    for arrival in arrivals:
        shares = shares_of(arrival)
        if shares:
            by_node[arrival.key].append(_evidence(shares, node_prior))
    count = len(by_node)
    if not count:
        return Opinion(log_evidence=dict.fromkeys(CLASSES, 0.0), nodes=0, effective=0.0)
    effective = count / (1.0 + (count - 1) * correlation)
    opinions = [_mean(rounds) for rounds in by_node.values()]
    pooled = _mean(opinions)
    return Opinion(
        log_evidence={name: effective * pooled[name] for name in CLASSES}, nodes=count, effective=effective
    )


def shares_of(arrival: Arrival) -> dict[str, float]:
    """Probability per class of CLASSES as the node states it, echoes left out; empty without a word."""
    shares: dict[str, float] = defaultdict(float)
    for word, share in arrival.classes.items():
        if word != "echo":
            shares[SAID_AS.get(word, "other")] += share
    total = sum(shares.values())
    if total > _LEAST and GUNSHOT in shares:
        return {name: share / total for name, share in shares.items()}
    if arrival.p_gunshot is None:
        return {}
    return {GUNSHOT: arrival.p_gunshot, REST: 1.0 - arrival.p_gunshot}


def _evidence(shares: Mapping[str, float], node_prior: float) -> dict[str, float]:
    """Log of share over prior for each class; one a node has no word for stands as the rest does."""
    gunshot = min(1.0 - _LEAST, max(_LEAST, shares[GUNSHOT]))
    rest = math.log((1.0 - gunshot) / (1.0 - node_prior))
    found = dict.fromkeys(CLASSES, rest)
    found[GUNSHOT] = math.log(gunshot / node_prior)
    named = {name: share for name, share in shares.items() if name in SHARES}
    known = sum(SHARES[name] for name in named)
    for name, share in named.items():
        # Within the rest, a class gains by how its share of the rest compares with its usual share.
        usual = SHARES[name] / known
        of_rest = max(_LEAST, share) / max(_LEAST, sum(named.values()))
        found[name] = rest + math.log(max(_LEAST, of_rest) / usual)
    return found


def _mean(items: list[dict[str, float]]) -> dict[str, float]:
    return {name: sum(item[name] for item in items) / len(items) for name in CLASSES}


def prior_logs(gunshot: float) -> dict[str, float]:
    """Natural log of the prior of each class."""
    return {
        name: math.log(gunshot if name == GUNSHOT else (1.0 - gunshot) * SHARES[name]) for name in CLASSES
    }


def normalised(logs: Mapping[str, float]) -> dict[str, float]:
    """Probabilities of these logs."""
    largest = max(logs.values())
    weights = {name: math.exp(value - largest) for name, value in logs.items()}
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}
