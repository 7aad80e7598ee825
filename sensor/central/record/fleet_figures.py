"""How long each node listened in a period, and how much of each site was covered."""

from __future__ import annotations

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
    """Of the time since the period's begin; None where it never spoke."""
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


def node_figures(store: Store, since_ns: int, until_ns: int) -> tuple[NodeFigures, ...]:
    """Every node the record knows, by name."""
    return tuple(
        _node(
            state.site,
            state.node,
            store.node_samples(
                site=state.site,
                node=state.node,
                kind="health",
                since_ns=since_ns,
                until_ns=until_ns,
                limit=_MOST,
            ),
            since_ns,
            until_ns,
        )
        for state in sorted(store.nodes(), key=lambda item: item.key)
    )


def _node(site: str, node: str, samples: Sequence[NodeSample], since_ns: int, until_ns: int) -> NodeFigures:
    times = [sample.utc_ns for sample in samples]
    if not times or until_ns <= since_ns:
        return NodeFigures(
            site=site, node=node, up_share=None, longest_silence_s=None, health_messages=0, problem_share=None
        )
    gaps_ns = [after - before for before, after in zip(times, [*times[1:], until_ns], strict=True)]
    up_ns = sum(min(gap, UP_S * 1e9) for gap in gaps_ns)
    silences_s = [(times[0] - since_ns) / 1e9, *(gap / 1e9 for gap in gaps_ns)]
    return NodeFigures(
        site=site,
        node=node,
        up_share=min(1.0, up_ns / (until_ns - since_ns)),
        longest_silence_s=max(silences_s),
        health_messages=len(times),
        problem_share=sum(bool(sample.values.get("problems")) for sample in samples) / len(samples),
    )


def coverage_of(store: Store, since_ns: int, until_ns: int) -> tuple[SiteCoverage, ...]:
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
