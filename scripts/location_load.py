"""How many candidates one core carries, and how long an answer takes after the last arrival.

Seconds are of this process's CPU, so that a busy machine does not make the figures worse or better.
"""

from __future__ import annotations

import cProfile
import pstats
import time
from typing import Any

import numpy as np

from scripts.simulated_towns import BEGIN_NS, Shooter, Town, TownSettings, volley
from sensor.central.fusion import Fusion
from sensor.central.types import Arrival

_SECOND_NS = 1_000_000_000


def throughput(seconds: int, seed: int) -> dict[str, Any]:
    """A city of 1,000 nodes: clutter as measured, one shooting in ten seconds; stepped by the second."""
    town = Town(settings=TownSettings(side_m=11_180.0, facades=60, with_p=True), seed=seed)
    rng = np.random.default_rng([seed, 2])
    arrivals = town.clutter(float(seconds))
    for begin in np.arange(2.0, seconds - 4.0, 10.0):
        at = rng.uniform(-5000.0, 5000.0, 2)
        arrivals += town.hear(Shooter(east_m=at[0], north_m=at[1], rounds_s=volley(float(begin), [0.4, 0.5])))
    arrivals.sort(key=lambda arrival: arrival.utc_ns)
    profile = cProfile.Profile()
    fusion = Fusion(air=town.air, listeners=lambda: town.listeners)
    began_s = time.process_time()
    profile.enable()
    located = _stepped(fusion, arrivals)
    profile.disable()
    spent_s = time.process_time() - began_s
    return {
        "nodes": len(town.positions),
        "candidates": len(arrivals),
        "simulated_s": seconds,
        "cpu_s": round(spent_s, 2),
        "candidates_per_s": round(len(arrivals) / spent_s, 1),
        "intake_per_s": _intake(arrivals),
        "sources": located,
        "profile": _shares(profile),
    }


def _stepped(fusion: Fusion, arrivals: list[Arrival]) -> int:
    """Sources located, asked once a second."""
    index, now_ns, located = 0, BEGIN_NS, 0
    while index < len(arrivals):
        now_ns += _SECOND_NS
        while index < len(arrivals) and arrivals[index].utc_ns <= now_ns:
            fusion.push(arrivals[index])
            index += 1
        fusion.advance(now_ns)
    for window in fusion.flush():
        located += sum(source.fix is not None for source in window.sources)
    return located


def _intake(arrivals: list[Arrival]) -> float:
    """Candidates a second that are taken, told apart and counted, before any is fused."""
    fusion = Fusion()
    began_s = time.process_time()
    for arrival in arrivals:
        fusion.push(arrival)
    return round(len(arrivals) / max(1e-9, time.process_time() - began_s), 0)


def _shares(profile: cProfile.Profile) -> dict[str, float]:
    """Share of the time by function, the five dearest."""
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]  # typeshed leaves it out
    own = {f"{name[0].rpartition('/')[2]}:{name[2]}": row[2] for name, row in stats.items()}
    total = sum(own.values())
    dearest = sorted(own, key=lambda name: -own[name])[:5]
    return {name: round(own[name] / total, 3) for name in dearest}


def latency(seed: int, *, shots: int = 30) -> dict[str, Any]:
    """A town of a hundred nodes in a running minute: from the last arrival to the located source."""
    town = Town(settings=TownSettings(side_m=3540.0, facades=12, with_p=True), seed=seed)
    rng = np.random.default_rng([seed, 3])
    spent = []
    for _ in range(shots):
        at, begin = rng.uniform(-1400.0, 1400.0, 2), float(rng.uniform(5.0, 50.0))
        shooter = Shooter(east_m=at[0], north_m=at[1], rounds_s=volley(begin, [0.4] * rng.integers(0, 4)))
        arrivals = town.hear(shooter) + town.clutter(begin + 4.0)
        fusion = Fusion(air=town.air, listeners=lambda: town.listeners)
        for arrival in arrivals:
            fusion.push(arrival)
        began_s = time.process_time()
        windows = fusion.advance(max(arrival.utc_ns for arrival in arrivals))
        took_s = time.process_time() - began_s
        if any(source.fix is not None for window in windows for source in window.sources):
            spent.append(took_s)
    return {
        "nodes": len(town.positions),
        "shots": shots,
        "located": len(spent),
        "p50_s": round(float(np.quantile(spent, 0.5)), 3),
        "p95_s": round(float(np.quantile(spent, 0.95)), 3),
        "most_s": round(max(spent), 3),
    }
