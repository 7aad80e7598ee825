"""How many rounds: intervals that many nodes agree on to the millisecond."""

from __future__ import annotations

import numpy as np

from sensor.central.associate.likelihood import Floats, Ints, bias_density, hearing, interval_density
from sensor.central.associate.pulses import Flags, Pulses
from sensor.central.associate.search import Medium, Spot
from sensor.central.associate.settings import AssociateSettings
from sensor.central.associate.templates import Templates

_ROUND_EVIDENCE = 8.0
"""Nats that a further round must bring: it is one place in thousands in time."""


def anchors(
    templates: Templates, spot: Spot, medium: Medium, settings: AssociateSettings
) -> tuple[Ints, Floats]:
    """Template that each node gives to ``spot``, -1 for none, for nodes 0 to the last; and its lateness."""
    place = np.array([[spot.east_m, spot.north_m]])
    travel, distance = medium.travel(place, templates.places_m)
    late = templates.times_s - travel[0] - spot.fired_s
    density = bias_density(late, templates.rows, settings)
    heard = hearing(distance[0], 650.0, settings)
    heard[distance[0] > settings.reach_m] = 0.0
    odds = density * np.exp(np.minimum(templates.evidence, 600.0)) * heard / (1.0 - heard)
    nodes = int(templates.node[-1]) + 1 if templates.node.size else 0
    chosen = np.full(nodes, -1, dtype=np.int64)
    for index in np.argsort(odds, kind="stable"):
        if odds[index] > 1.0:
            chosen[templates.node[index]] = index
    return chosen, late


def pattern_at(
    pulses: Pulses,
    rates_hz: Floats,
    active: Flags,
    templates: Templates,
    chosen: Ints,
    settings: AssociateSettings,
) -> Floats:
    """(K,) rounds before and after the first one, 0 included, that the nodes' intervals agree on."""
    nodes = np.flatnonzero(chosen >= 0)
    if nodes.size < 2:
        return np.zeros(1)
    reference = np.full(int(pulses.node[-1]) + 1, np.nan)
    reference[nodes] = templates.times_s[chosen[nodes]]
    index = np.flatnonzero(active & ~np.isnan(reference[pulses.node]))
    after = pulses.times_s[index] - reference[pulses.node[index]]
    starts = np.flatnonzero(np.diff(pulses.node[index], prepend=-1))
    found = [0.0]
    free = np.ones(index.size, dtype=bool)
    free[np.abs(after) < settings.round_gap_s / 2] = False
    rate = rates_hz[index]
    while free.any():
        interval, score, part = _best(after, rate, starts, free, settings)
        if score < _ROUND_EVIDENCE or part < max(2.5, 0.4 * nodes.size):
            break
        found.append(interval)
        free &= np.abs(after - interval) >= settings.round_gap_s
    return np.sort(np.array(found))


def _best(
    after: Floats, rate_hz: Floats, starts: Ints, free: Flags, settings: AssociateSettings
) -> tuple[float, float, int]:
    """The interval that most evidence meets at, its log-likelihood ratio and the nodes that share it."""
    candidates = np.unique(np.round(after[free], 4))
    candidates = candidates[np.append(True, np.diff(candidates) > 0.0005)]
    off = after[None, :] - candidates[:, None]
    gain = np.where(free[None, :], interval_density(off, settings) / rate_hz[None, :], 0.0)
    best = np.maximum.reduceat(gain, starts, axis=1)
    scores = np.log((1.0 - settings.repeats) + settings.repeats * best).sum(axis=1)
    top = int(scores.argmax())
    close = free & (np.abs(off[top]) < 3.0 * settings.interval_sigma_s)
    interval = float(np.median(after[close])) if close.any() else float(candidates[top])
    return interval, float(scores[top]), int((best[top] > 1.0).sum())
