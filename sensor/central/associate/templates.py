"""Rounds folded onto one another: what one node heard of a volley becomes one arrival, better known.

A shooter who stands still is heard with the same interval between rounds at every node, to a tenth of a
millisecond; echoes of different rounds share it, chance does not. So once the intervals are known, each
node's pulses become *templates*: a time at which the first round would have arrived, and how much evidence
all its rounds together give. Whatever the place, the intervals within one node do not change; so this is
done once, and places are searched with templates alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sensor.central.associate.likelihood import Floats, Ints, interval_density, sigma_class
from sensor.central.associate.pulses import Flags, Pulses
from sensor.central.associate.settings import AssociateSettings

_APART_S = 1.0e5
"""Between the time lines of two nodes laid end to end."""
_MATCH_S = 0.03


@dataclass(frozen=True, kw_only=True, eq=False)
class Templates:
    """T possible first arrivals, sorted by node."""

    times_s: Floats
    """(T,) when the first round of the pattern arrived or would have."""
    evidence: Floats
    """(T,) log of how much likelier the pulses are as this volley than as clutter, apart from the place;
    in seconds, to be multiplied with a density of lateness."""
    places_m: Floats
    node: Ints
    rows: Ints
    """Class of sigma, see `bias_density`."""
    members: Ints
    """(T, K) pulse of each round, -1 where there is none."""
    pattern_s: Floats
    """(K,) rounds after the first."""

    @property
    def starts(self) -> Ints:
        """Where each node that has a template begins."""
        return np.flatnonzero(np.diff(self.node, prepend=-1)).astype(np.int64)

    def only(self, keep: Flags) -> Templates:
        """Those to ``keep`` (T,)."""
        return replace(
            self,
            times_s=self.times_s[keep],
            evidence=self.evidence[keep],
            places_m=self.places_m[keep],
            node=self.node[keep],
            rows=self.rows[keep],
            members=self.members[keep],
        )


def templates_of(
    pulses: Pulses, rates_hz: Floats, active: Flags, pattern_s: Floats, settings: AssociateSettings
) -> Templates:
    """Templates of the pulses that are ``active`` for rounds at ``pattern_s`` (K,) after the first."""
    index = np.flatnonzero(active)
    if pattern_s.size == 1:
        return _templates(pulses, index, -np.log(rates_hz[index]), index[:, None], pattern_s, settings)
    line = pulses.node[index] * _APART_S + pulses.times_s[index]
    rounds = pattern_s.size
    anchor = np.repeat(index, rounds)
    anchored = np.tile(np.arange(rounds), index.size)
    begin = pulses.times_s[anchor] - pattern_s[anchored]
    wanted = (pulses.node[anchor] * _APART_S + begin)[:, None] + pattern_s[None, :]
    off, found = _nearest(line, wanted)
    member = index[found]
    matched = np.abs(off) < _MATCH_S
    matched[np.arange(anchor.size), anchored] = True
    gain = interval_density(off, settings) / rates_hz[member]
    gain = np.where(matched, gain, 0.0)
    gain[np.arange(anchor.size), anchored] = 1.0 / rates_hz[anchor]
    factor = (1.0 - settings.repeats) + settings.repeats * gain
    factor[np.arange(anchor.size), anchored] = settings.repeats * gain[np.arange(anchor.size), anchored]
    used = matched & (factor > 1.0)
    used[np.arange(anchor.size), anchored] = True
    first = used.argmax(axis=1) == anchored
    members = np.where(used, member, -1)[first]
    evidence = np.log(factor[first]).sum(axis=1)
    mean = (np.where(used, off, 0.0)[first].sum(axis=1)) / used[first].sum(axis=1)
    return _templates(
        pulses, anchor[first], evidence, members, pattern_s, settings, times_s=begin[first] + mean
    )


def _nearest(line: Floats, wanted: Floats) -> tuple[Floats, Ints]:
    """Offset to, and index of, the entry of ``line`` (ascending) nearest to each of ``wanted``."""
    right = np.clip(np.searchsorted(line, wanted), 1, max(1, line.size - 1))
    left = right - 1
    right = np.minimum(right, line.size - 1)
    nearer = np.where(np.abs(line[right] - wanted) < np.abs(line[left] - wanted), right, left)
    return line[nearer] - wanted, nearer.astype(np.int64)


def _templates(
    pulses: Pulses,
    anchor: Ints,
    evidence: Floats,
    members: Ints,
    pattern_s: Floats,
    settings: AssociateSettings,
    *,
    times_s: Floats | None = None,
) -> Templates:
    return Templates(
        times_s=pulses.times_s[anchor] if times_s is None else times_s,
        evidence=evidence,
        places_m=pulses.places_m[anchor],
        node=pulses.node[anchor],
        rows=sigma_class(pulses.sigmas_s[anchor], settings),
        members=members,
        pattern_s=pattern_s,
    )
