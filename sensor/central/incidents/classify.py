"""What an incident is: the nodes' opinions combined, and everything else that speaks for or against, told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sensor.central.incidents.combine import GUNSHOT, combine, normalised, prior_logs
from sensor.central.incidents.factors import Setting, factors
from sensor.central.incidents.settings import IncidentSettings
from sensor.central.types import Arrival, Fix, IncidentClass, RoundTime

_LEAST = 1e-4
"""Nothing is certain: p_gunshot keeps this far from 0 and 1."""
_NAMED: dict[str, IncidentClass] = {
    "fireworks": "fireworks",
    "construction": "construction",
    "backfire": "backfire",
    "other": "other",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Class and probability, and how they came about."""

    incident_class: IncidentClass
    p_gunshot: float
    card: dict[str, Any]
    """``class_factors``, ``classes`` and ``opinion`` of the explain card."""


def judge(
    rounds: Sequence[RoundTime],
    arrivals: Sequence[Arrival],
    fix: Fix | None,
    setting: Setting,
    settings: IncidentSettings,
) -> Judgement:
    """Judge one incident. Without a single node that says what it heard, the class is ``unknown``."""
    opinion = combine(arrivals, node_prior=settings.node_prior, correlation=settings.node_correlation)
    found = factors(rounds, arrivals, fix, setting)
    logs = prior_logs(settings.prior)
    for name in logs:
        logs[name] += opinion.log_evidence[name] + sum(item.weights.get(name, 0.0) for item in found)
    shares = normalised(logs)
    p_gunshot = min(1.0 - _LEAST, max(_LEAST, round(shares[GUNSHOT], 4)))
    nodes = {
        "name": "nodes",
        "value": opinion.nodes,
        "weight": {name: round(value, 3) for name, value in opinion.log_evidence.items() if value},
        "words": f"{opinion.nodes} nodes say what they heard; they count as {opinion.effective:.1f}",
    }
    card = {
        "classes": {name: round(share, 4) for name, share in shares.items()},
        "class_factors": [nodes, *(item.plain() for item in found)],
        "prior": settings.prior,
    }
    name = _name(shares, p_gunshot, settings) if opinion.nodes else "unknown"
    return Judgement(incident_class=name, p_gunshot=p_gunshot, card=card)


def _name(shares: dict[str, float], p_gunshot: float, settings: IncidentSettings) -> IncidentClass:
    if p_gunshot >= settings.gunshot_p:
        return "gunshot"
    if p_gunshot >= settings.probable_p:
        return "probable_gunshot"
    rest = {name: share for name, share in shares.items() if name != GUNSHOT}
    return _NAMED[max(rest, key=lambda name: rest[name])]
