"""How many rounds, how fast, from how many places: what can be said by rule, with its evidence.

Rates of fire and rules: interval below 150 ms, at least 4 shots, coefficient of variation below 0.10 for an
automatic weapon and above 0.4 for firecrackers; the fastest weapons fire every 37 ms (1600 a minute).
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sensor.central.types import Arrival, Association, Fix, RoundTime, Source, Tag

AUTO_SHOTS = 4
AUTO_INTERVAL_S = 0.150
AUTO_VARIATION = 0.10
CRACKERS_VARIATION = 0.40
FASTEST_S = 0.035
"""No single weapon fires faster (MAC-11: 1600 a minute is 37 ms)."""
APART_M = 15.0
"""Two positions nearer than this are not told apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many rounds: least, best, most."""

    lo: int
    best: int
    hi: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """Intervals of a run of shots."""

    shots: int
    mean_s: float
    variation: float
    """Standard deviation of the intervals over their mean."""

    @property
    def per_minute(self) -> float:
        """Rate of fire."""
        return 60.0 / self.mean_s


def count_rounds(association: Association) -> Count:
    """Least, best and most rounds.

    Best is what fusion found. At least those that several nodes heard: half as many as the best heard round,
    two at any rate. At most what any one node heard, echoes included where they sound like shots: a round may
    hide among another's echoes.
    """
    best = len(association.rounds)
    support = [len(volley) for volley in association.rounds]
    needed = max(2, math.ceil(0.5 * max(support, default=0)))
    firm = sum(count >= needed for count in support)
    per_node: Counter[str] = Counter()
    for volley in association.rounds:
        per_node.update(arrival.key for arrival in volley)
    likely = Counter(echo.key for echo in association.echoes if (echo.p_gunshot or 0.0) >= 0.5)
    most = max((per_node[key] + likely[key] for key in per_node), default=best)
    return Count(lo=max(1, firm), best=best, hi=max(best, most))


def round_times(source: Source) -> tuple[RoundTime, ...]:
    """When the source fired; of a source that was not located, when each round was first heard."""
    if source.fix is not None:
        return tuple(
            RoundTime(utc_ns=int(item.utc_ns), sigma_ns=int(item.sigma_ns)) for item in source.fix.rounds
        )
    return tuple(
        RoundTime(utc_ns=first.utc_ns, sigma_ns=first.sigma_ns)
        for first in (min(volley, key=_time) for volley in source.association.rounds if volley)
    )


def _time(arrival: Arrival) -> int:
    return arrival.utc_ns


def intervals_s(rounds: Sequence[RoundTime]) -> list[float]:
    """Seconds from each round to the next, in order of time."""
    times = sorted(item.utc_ns for item in rounds)
    return [(later - earlier) / 1e9 for earlier, later in itertools.pairwise(times)]


def cadence_of(gaps_s: Sequence[float]) -> Cadence | None:
    """Cadence of these intervals; None for fewer than two, or none that lasts."""
    if len(gaps_s) < 2 or (mean_s := statistics.fmean(gaps_s)) <= 0.0:
        return None
    return Cadence(shots=len(gaps_s) + 1, mean_s=mean_s, variation=statistics.pstdev(gaps_s) / mean_s)


def fast_run(rounds: Sequence[RoundTime]) -> Cadence | None:
    """The longest run of intervals below AUTO_INTERVAL_S, if it has AUTO_SHOTS shots."""
    best: list[float] = []
    run: list[float] = []
    for gap_s in intervals_s(rounds):
        run = [*run, gap_s] if gap_s < AUTO_INTERVAL_S else []
        best = max(best, run, key=len)
    return cadence_of(best) if len(best) + 1 >= AUTO_SHOTS else None


def cadence_tags(rounds: Sequence[RoundTime]) -> list[Tag]:
    """``full_auto``, ``rapid_fire`` or ``crackle``; ``several_shooters`` where no one weapon is so fast."""
    tags: list[Tag] = []
    run = fast_run(rounds)
    if run is not None:
        name = (
            "full_auto"
            if run.variation < AUTO_VARIATION
            else "crackle"
            if run.variation > CRACKERS_VARIATION
            else "rapid_fire"
        )
        evidence: dict[str, object] = {
            "shots": run.shots,
            "interval_ms": round(1e3 * run.mean_s, 1),
            "variation": round(run.variation, 3),
            "per_minute": round(run.per_minute),
        }
        tags.append(Tag(name=name, evidence=evidence))
    ordered = sorted(rounds, key=lambda item: item.utc_ns)
    for earlier, later in itertools.pairwise(ordered):
        gap_s = (later.utc_ns - earlier.utc_ns) / 1e9
        sigma_s = math.hypot(earlier.sigma_ns, later.sigma_ns) / 1e9
        if gap_s + 3.0 * sigma_s < FASTEST_S and (run is None or run.variation <= CRACKERS_VARIATION):
            evidence = {
                "why": "two rounds closer together than any one weapon fires",
                "interval_ms": round(1e3 * gap_s, 1),
                "sigma_ms": round(1e3 * sigma_s, 1),
            }
            tags.append(Tag(name="several_shooters", evidence=evidence))
            break
    return tags


def shooters_tag(own: Fix, others: Sequence[tuple[str, Fix]], distance_m: Sequence[float]) -> Tag | None:
    """``several_shooters`` where another place fired in between and the two are surely apart."""
    mine = sorted(item.utc_ns for item in own.rounds)
    for (incident_id, other), apart_m in zip(others, distance_m, strict=True):
        theirs = sorted(item.utc_ns for item in other.rounds)
        needed_m = max(APART_M, own.ellipse_95.semi_major_m + other.ellipse_95.semi_major_m)
        interleaved = mine[0] <= theirs[-1] and theirs[0] <= mine[-1]
        if apart_m > needed_m and interleaved:
            evidence = {
                "why": "rounds of two places alternate",
                "other": incident_id,
                "apart_m": round(apart_m, 1),
                "needed_m": round(needed_m, 1),
            }
            return Tag(name="several_shooters", evidence=evidence)
    return None
