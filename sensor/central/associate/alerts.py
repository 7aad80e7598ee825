"""Heard, not located: what one to three nodes say, told as what it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sensor.central.associate.search import Medium
from sensor.central.associate.settings import AssociateSettings
from sensor.central.frame import Frame
from sensor.central.types import Arrival, Association, Listener, Source

_SLACK_S = 0.06
_ECHO_S = 3.0
_QUIET_M = 300.0
"""Live nodes within this of the loudest that heard nothing are worth telling."""


def alerts_of(
    left: Sequence[Arrival],
    located: bool,  # noqa: FBT001  whether anything in this burst was located
    listeners: Sequence[Listener],
    frame: Frame,
    medium: Medium,
    settings: AssociateSettings,
) -> tuple[list[Source], list[Arrival]]:
    """Sources without a place among the arrivals that no place explains, and what remains.

    Nodes agree when their arrivals could be one sound: no further apart in time than sound takes from one to
    the other. Only what sounds at least as much like a gunshot as not (``p_join``) takes part: in a town
    something else is always heard somewhere. One node is believed where its own ``p_gunshot`` is at least
    ``p_alert``; candidates that do not say how much they sound like a gunshot are believed where two
    nodes agree and nothing in the burst was located: beside a located source they are mostly its echoes.
    """
    sources: list[Source] = []
    single = [one for one in left if one.p_gunshot is not None and one.p_gunshot < settings.p_join]
    likely = [one for one in left if one.p_gunshot is None or one.p_gunshot >= settings.p_join]
    for group in _groups(likely, frame, medium):
        if _believed(group, located=located, settings=settings):
            sources.append(_alert(group, listeners, frame, settings))
        else:
            single.extend(arrival for volley in group for arrival in volley)
    return sources, single


def _groups(left: Sequence[Arrival], frame: Frame, medium: Medium) -> list[list[tuple[Arrival, ...]]]:
    """Arrivals that may be one place's rounds: each group a list of rounds, one arrival per node each."""
    ordered = sorted(left, key=lambda a: (a.utc_ns, a.event_id))
    places = frame.enu_many([arrival.position for arrival in ordered])[:, :2]
    slowest = medium.speed_m_s - float(np.hypot(*medium.wind_m_s)) - 5.0
    rounds: list[dict[str, int]] = []
    for index, arrival in enumerate(ordered):
        for members in rounds:
            if arrival.key in members:
                continue
            others = list(members.values())
            far = np.hypot(*(places[others] - places[index]).T)
            late = np.array([(arrival.utc_ns - ordered[other].utc_ns) * 1e-9 for other in others])
            slack = _SLACK_S + 3e-9 * np.array([arrival.sigma_ns + ordered[o].sigma_ns for o in others])
            if (late <= far / slowest + slack).all():
                members[arrival.key] = index
                break
        else:
            rounds.append({arrival.key: index})
    groups: list[list[tuple[Arrival, ...]]] = []
    for members in rounds:
        volley = tuple(ordered[index] for index in members.values())
        for group in groups:
            same = {a.key for r in group for a in r} & {a.key for a in volley}
            if same and (volley[0].utc_ns - group[-1][0].utc_ns) * 1e-9 < _ECHO_S:
                group.append(volley)
                break
        else:
            groups.append([volley])
    return groups


def _believed(group: list[tuple[Arrival, ...]], *, located: bool, settings: AssociateSettings) -> bool:
    told = [a.p_gunshot for volley in group for a in volley if a.p_gunshot is not None]
    if told:
        return max(told) >= settings.p_alert
    return not located and len({arrival.key for volley in group for arrival in volley}) > 1


def _alert(
    group: list[tuple[Arrival, ...]],
    listeners: Sequence[Listener],
    frame: Frame,
    settings: AssociateSettings,
) -> Source:
    """A source without a place, and why it has none in words."""
    heard = {arrival.key: arrival.position for volley in group for arrival in volley}
    at = frame.enu_many(list(heard.values()))[:, :2]
    quiet = [
        one.key
        for one in listeners
        if one.alive
        and not one.quarantined
        and one.key not in heard
        and float(np.hypot(*(at - np.array(frame.enu(one.position)[:2])).T).min()) < _QUIET_M
    ]
    count = len(heard)
    nodes = f"heard by {count} node{'s' if count > 1 else ''}"
    reason = f"{nodes}, {settings.nodes_min} that agree are needed"
    if count >= settings.nodes_min:
        reason = f"{nodes}, but fewer than {settings.nodes_min} agree on a place"
    if quiet:
        one = len(quiet) == 1
        reason += f"; {len(quiet)} live node{' ' if one else 's '}within {_QUIET_M:.0f} m heard nothing"
    return Source(
        association=Association(rounds=tuple(group), silent=tuple(sorted(quiet))), fix=None, reason=reason
    )
