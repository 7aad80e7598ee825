"""How long each node listened in a period, and how much of each site was covered."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sensor.central.store import NodeSample, Store

UP_S = 90.0
"""A health message stands for so long: one comes each 60 s."""
_MOST = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFigures:
    """One node."""

    site: str
    node: str
    up_share: float | None
    """Of the period; None where it never spoke in it."""
    longest_silence_s: float | None
    health_messages: int
    problem_share: float | None
    """Of its health messages, those that name a problem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteCoverage:
    """One site: share of what it could cover on a quiet night with all nodes."""

    site: str
    points: int
    mean: float | None
    least: float | None
    below_half: float | None
    """Share of the time below one half."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetFigures:
    """All nodes and sites."""

    nodes: tuple[NodeFigures, ...]
    """Every node the record knows, by site and name."""
    heard_any_share: float | None
    """Of the period, when at least one node was heard: the rest is an outage of centre or broker. None where
    none ever was."""
    coverage: tuple[SiteCoverage, ...]


def fleet_figures(store: Store, since_ns: int, until_ns: int) -> FleetFigures:
    """Read the nodes' history; raise StoreError when it cannot be read."""
    nodes: list[NodeFigures] = []
    spoke_ns: list[int] = []
    for state in sorted(store.nodes(), key=lambda item: item.key):
        samples = store.node_samples(
            site=state.site,
            node=state.node,
            kind="health",
            since_ns=since_ns,
            until_ns=until_ns,
            limit=_MOST,
        )
        nodes.append(_node(state.site, state.node, samples, since_ns, until_ns))
        spoke_ns += [sample.utc_ns for sample in samples]
    return FleetFigures(
        nodes=tuple(nodes),
        heard_any_share=_up_share(sorted(spoke_ns), since_ns, until_ns),
        coverage=_coverage(store, since_ns, until_ns),
    )


def _node(site: str, node: str, samples: Sequence[NodeSample], since_ns: int, until_ns: int) -> NodeFigures:
    times = [sample.utc_ns for sample in samples]
    if not times:
        return NodeFigures(
            site=site, node=node, up_share=None, longest_silence_s=None, health_messages=0, problem_share=None
        )
    edges = [since_ns, *times, until_ns]
    return NodeFigures(
        site=site,
        node=node,
        up_share=_up_share(times, since_ns, until_ns),
        longest_silence_s=max(after - before for before, after in itertools.pairwise(edges)) / 1e9,
        health_messages=len(times),
        problem_share=sum(bool(sample.values.get("problems")) for sample in samples) / len(samples),
    )


def _up_share(times: Sequence[int], since_ns: int, until_ns: int) -> float | None:
    """Share of the period within UP_S after one of the ordered ``times``; None where there is none."""
    if not times or until_ns <= since_ns:
        return None
    up_ns = sum(
        min(after - before, UP_S * 1e9) for before, after in zip(times, [*times[1:], until_ns], strict=True)
    )
    return min(1.0, up_ns / (until_ns - since_ns))


def _coverage(store: Store, since_ns: int, until_ns: int) -> tuple[SiteCoverage, ...]:
    """Every site of which the fleet's watch has written coverage."""
    samples = store.node_samples(kind="coverage", since_ns=since_ns, until_ns=until_ns, limit=_MOST)
    shares: dict[str, list[float]] = defaultdict(list)
    for sample in samples:
        value = sample.values.get("share")
        if isinstance(value, int | float):
            shares[sample.site].append(float(value))
    sites = sorted({sample.site for sample in samples})
    return tuple(_site(site, shares[site]) for site in sites)


def _site(site: str, shares: Sequence[float]) -> SiteCoverage:
    count = len(shares)
    return SiteCoverage(
        site=site,
        points=count,
        mean=sum(shares) / count if count else None,
        least=min(shares, default=None),
        below_half=sum(value < 0.5 for value in shares) / count if count else None,
    )
