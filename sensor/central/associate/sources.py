"""Places that fired, one after another, best explained first, until what is left is chance."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sensor.central.associate.likelihood import Floats, Ints
from sensor.central.associate.pulses import Flags, Pulses, clutter
from sensor.central.associate.rounds import anchors, pattern_at
from sensor.central.associate.search import Ground, Medium, Spot, climb, judged, votes
from sensor.central.associate.settings import AssociateSettings
from sensor.central.associate.templates import Templates, templates_of

_MARGIN_M = 700.0
"""A source lies no further than this from a node that heard it."""
_SEEDS = 8
_TRIED = 3
"""Places for which rounds are sought, of those climbed."""
_AGAIN = 4
"""Places tried anew once the rounds are known."""
_EARLY_S = 0.06
_LATE_S = 0.10
"""An arrival further from its time explains nothing about where or when."""
_ECHO_S = 3.0
_SLOWEST_M_S = 300.0
_SAME_ECHO_S = 0.006


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """One place that fired, with the pulses it explains."""

    spot: Spot
    pattern_s: Floats
    """(K,) rounds after the first."""
    members: Ints
    """(N, K) pulse of each node and round, -1 for none."""
    begin_s: Floats
    """(N,) when the first round arrived or should have at each node within reach, NaN for others."""

    @property
    def heard(self) -> int:
        """Nodes that heard at least one round."""
        return int((self.members >= 0).any(axis=1).sum())


@dataclass(frozen=True, kw_only=True, eq=False)
class _Scene:
    """What is left to explain, and by which beliefs."""

    pulses: Pulses
    rates_hz: Floats
    active: Flags
    ground: Ground
    medium: Medium
    settings: AssociateSettings

    def templates(self, pattern_s: Floats) -> Templates:
        """Templates of the pulses still active, for rounds at ``pattern_s`` (K,) after the first."""
        return templates_of(self.pulses, self.rates_hz, self.active, pattern_s, self.settings)

    def votes(self, templates: Templates, top: int) -> list[Spot]:
        """The ``top`` places and times at which most evidence of different nodes meets, best first."""
        return votes(templates, self.ground, self.settings, top)

    def climbed(self, templates: Templates, seeds: list[Spot]) -> list[Spot]:
        """The best places near ``seeds``, best first."""
        nodes = self.pulses.node_places_m
        tops = [climb(templates, seed, self.medium, nodes, self.settings) for seed in seeds]
        spots = [judged(templates, spot, self.medium, nodes, self.settings) for spot in tops]
        return sorted(spots, key=lambda spot: -spot.score)


def find_sources(pulses: Pulses, medium: Medium, settings: AssociateSettings) -> list[Found]:
    """All places that fired, by falling evidence."""
    rates = clutter(pulses, settings)
    active = np.ones(pulses.times_s.size, dtype=bool)
    found: list[Found] = []
    ground = Ground.around(pulses.node_places_m[: pulses.nodes], _MARGIN_M, medium, settings)
    while active.any():
        scene = _Scene(
            pulses=pulses,
            rates_hz=rates,
            active=active,
            ground=ground,
            medium=medium,
            settings=settings,
        )
        best = _best(scene)
        if best is None or best.spot.score < _evidence_wanted(pulses, best, found, settings):
            break
        found.append(best)
        active = active & ~_claimed(pulses, best, settings)
        rates = np.maximum(rates, _repeated(pulses, best, active, settings))
    return found


def _evidence_wanted(pulses: Pulses, best: Found, found: list[Found], settings: AssociateSettings) -> float:
    """More is wanted of a place whose pulses mostly follow those of another: it may be an echo's image."""
    mine = best.members[best.members >= 0]
    follows = np.zeros(mine.size, dtype=bool)
    for other in found:
        begin = other.begin_s[pulses.node[mine]]
        lag = pulses.times_s[mine][:, None] - begin[:, None] - other.pattern_s[None, :]
        follows |= ((lag > 0.0) & (lag < _ECHO_S)).any(axis=1)
    return settings.evidence_wake_min if follows.mean() > 0.6 else settings.evidence_min


def _best(scene: _Scene) -> Found | None:
    """The place that explains most of what is left; None where too few nodes agree on any."""
    single = scene.templates(np.zeros(1))
    spots = scene.climbed(single, scene.votes(single, _SEEDS))[:_TRIED]
    candidates = [_with_rounds(scene, single, spot) for spot in spots]
    best = max(candidates, key=lambda found: found.spot.score, default=None)
    return None if best is None or best.heard < scene.settings.nodes_min else best


def _with_rounds(scene: _Scene, templates: Templates, spot: Spot) -> Found:
    """The volley that ``spot`` belongs to: intervals, then the place anew from all rounds."""
    pattern = np.zeros(1)
    for _ in range(3):
        chosen, _ = anchors(templates, spot, scene.medium, scene.settings)
        rounds = pattern_at(scene.pulses, scene.rates_hz, scene.active, templates, chosen, scene.settings)
        again = rounds - rounds[0]
        if again.size == pattern.size and np.abs(again - pattern).max() < 0.002:
            break
        pattern = again
        templates = scene.templates(pattern)
        spot = replace(spot, fired_s=spot.fired_s + float(rounds[0]))
        near = _at_about(templates, spot, scene.settings)
        spot = scene.climbed(templates, [spot, *scene.votes(near, _AGAIN)])[0]
    return _found(scene, templates, spot)


def _at_about(templates: Templates, spot: Spot, settings: AssociateSettings) -> Templates:
    """The templates that a volley fired near ``spot`` at about its time can have caused."""
    after = templates.times_s - spot.fired_s
    far = np.hypot(templates.places_m[:, 0] - spot.east_m, templates.places_m[:, 1] - spot.north_m)
    soon = (after > -1.0) & (after < settings.reach_m / _SLOWEST_M_S + 1.0)
    return templates.only(soon & (far < 2.0 * settings.reach_m))


def _found(scene: _Scene, templates: Templates, spot: Spot) -> Found:
    pulses = scene.pulses
    chosen, late = anchors(templates, spot, scene.medium, scene.settings)
    members = np.full((pulses.nodes, templates.pattern_s.size), -1, dtype=np.int64)
    here = np.array([[spot.east_m, spot.north_m]])
    travel, distance = scene.medium.travel(here, pulses.node_places_m[: pulses.nodes])
    begin = np.where(distance[0] < scene.settings.reach_m, spot.fired_s + travel[0], np.nan)
    for node, template in enumerate(chosen):
        if template >= 0 and -_EARLY_S < late[template] < _LATE_S:
            members[node] = templates.members[template]
            begin[node] = templates.times_s[template]
    return Found(spot=spot, pattern_s=templates.pattern_s, members=members, begin_s=begin)


def _repeated(pulses: Pulses, found: Found, active: Flags, settings: AssociateSettings) -> Floats:
    """(P,) how surely each pulse is the echo of one round because the same echo follows another round.

    What a wall sends back after one round it sends back after all: the second time proves nothing.
    """
    rates = np.zeros(pulses.times_s.size)
    if found.pattern_s.size == 1:
        return rates
    for node in np.flatnonzero(~np.isnan(found.begin_s)):
        mine = np.flatnonzero(active & (pulses.node == node))
        lag = pulses.times_s[mine][:, None] - found.begin_s[node] - found.pattern_s[None, :]
        echo = (lag > 0.0) & (lag < _ECHO_S)
        for row, first in zip(*np.nonzero(echo), strict=True):
            same = echo & (np.abs(lag - lag[row, first]) < _SAME_ECHO_S)
            same[:, first] = False
            rates[mine[same.any(axis=1) & (mine > mine[row])]] = 1.0 / settings.interval_sigma_s
    return rates


def _claimed(pulses: Pulses, found: Found, settings: AssociateSettings) -> Flags:
    """Pulses that are rounds of ``found``, and what tells the same sound twice."""
    mine = found.members[found.members >= 0]
    claimed = np.zeros(pulses.times_s.size, dtype=bool)
    for pulse in mine:
        claimed |= (pulses.node == pulses.node[pulse]) & (
            np.abs(pulses.times_s - pulses.times_s[pulse]) < settings.twins_s
        )
    return claimed
