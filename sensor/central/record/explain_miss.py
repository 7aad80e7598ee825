"""Why a shooting was not reported: for each node whether it lived, could hear it, and what it did hear.

Expected levels and the chance of hearing are those of the coverage map (`sensor.central.fleet.coverage`): the
free-field peak of a 9 mm pistol beside its line of fire, less what buildings take, against the node's noise
and what the detector needs. They are a model; what the node said at the time is a fact. Both are told.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from sensor.central.fleet.coverage import (
    ASSUMED_DB,
    FARTHEST_M,
    NEEDED_DB,
    expected_db_spl,
    hears,
)
from sensor.central.record.fleet_figures import UP_S
from sensor.central.record.heard_then import Heard, NearIncident, heard_then, near_incidents, users_of
from sensor.central.record.node_then import NodeThen, node_then
from sensor.central.store import NodeState, Store
from sensor.geodesy import enu_from_llh
from sensor.physics import speed_of_sound_m_s

_S = 10**9


class Gate(StrEnum):
    """Where a node stopped."""

    DOWN = "down"
    """It was not working."""
    UNKNOWN = "unknown"
    """The record does not say how it was."""
    FAR = "far"
    """It worked, was not expected to hear, and said nothing."""
    QUIET = "quiet"
    """It was expected to hear and had no impulse at all."""
    REFUSED = "refused"
    """It had impulses and refused them."""
    SILENT = "silent"
    """It was expected to hear and sent nothing; its counters are not in the record."""
    SENT = "sent"
    """It sent a sound that became part of no incident."""
    USED = "used"
    """It sent a sound that is part of an incident."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What somebody says happened."""

    utc_ns: int
    within_s: float
    """How well the time is known, plus or minus."""
    lat_deg: float
    lon_deg: float
    temperature_c: float = 15.0
    excess_db: float = 17.0
    """What buildings take off a shot's level."""
    nodes_min: int = 4
    """Nodes that must hear a shot for it to be located."""
    history_from_ns: int = 0
    """What nodes said before is not kept any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One node."""

    site: str
    node: str
    distance_m: float
    arrives_ns: int
    """When the sound was there, by the question's time."""
    then: NodeThen
    noise_db_spl: float
    noise_assumed: bool
    """The node is not calibrated; a busy street is assumed."""
    expected_db_spl: float
    margin_db: float
    """Expected level over what the detector needs in this noise."""
    chance: float
    """Of hearing it, had it worked."""
    heard: tuple[Heard, ...]
    gate: Gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Everything that can be said."""

    question: Question
    incidents: tuple[NearIncident, ...]
    """Of that time, nearest first."""
    accounts: tuple[Account, ...]
    """Nodes within FARTHEST_M, nearest first."""
    nodes_elsewhere: int
    chance_of_enough: float
    """That at least ``nodes_min`` of the nodes that worked hear such a shot."""
    chance_with_all: float
    """The same, had all worked."""


def explain_miss(store: Store, question: Question) -> Explanation:
    """Ask the record; raise StoreError when it cannot be read."""
    placed = [(state, _distance_m(question, state)) for state in store.nodes() if state.position]
    close = sorted(
        ((d, state.key, state) for state, d in placed if d <= FARTHEST_M), key=lambda item: item[:2]
    )
    incidents = near_incidents(
        store, question.utc_ns, question.within_s, (question.lat_deg, question.lon_deg)
    )
    users = users_of(store, question.utc_ns, question.within_s)
    accounts = tuple(_account(store, question, state, distance_m, users) for distance_m, _, state in close)
    worked = [account.chance for account in accounts if account.then.working is True or account.heard]
    return Explanation(
        question=question,
        incidents=incidents,
        accounts=accounts,
        nodes_elsewhere=len(placed) - len(close),
        chance_of_enough=chance_of_enough(worked, question.nodes_min),
        chance_with_all=chance_of_enough([account.chance for account in accounts], question.nodes_min),
    )


def chance_of_enough(chances: Sequence[float], enough: int) -> float:
    """P(at least ``enough`` hear), each independently with its chance."""
    counts = [1.0] + [0.0] * enough
    for chance in chances:
        moved = [value * chance for value in counts[:-1]]
        for index, value in enumerate(moved):
            counts[index] -= value
            counts[index + 1] += value
    return min(1.0, max(0.0, counts[enough]))


def _distance_m(question: Question, state: NodeState) -> float:
    position = state.position
    if position is None:
        return math.inf
    here = (question.lat_deg, question.lon_deg, 0.0)
    east_m, north_m, _ = enu_from_llh((position.lat_deg, position.lon_deg, 0.0), here)
    return math.hypot(east_m, north_m)


def _account(
    store: Store, question: Question, state: NodeState, distance_m: float, users: Mapping[str, list[str]]
) -> Account:
    """What a node would have heard of the shot, and what it did hear, at the moment its sound passed."""
    travel_ns = round(distance_m / speed_of_sound_m_s(question.temperature_c) * _S)
    arrives_ns = question.utc_ns + travel_ns
    then = node_then(store, state.site, state.node, arrives_ns, up_s=UP_S, from_ns=question.history_from_ns)
    noise_db = ASSUMED_DB if then.noise_db_spl is None else then.noise_db_spl
    expected_db = float(expected_db_spl(np.array([distance_m]), question.excess_db)[0])
    chance = float(hears(np.array([distance_m]), noise_db, question.excess_db)[0])
    heard = heard_then(store, state.site, state.node, arrives_ns, question.within_s, users)
    return Account(
        site=state.site,
        node=state.node,
        distance_m=distance_m,
        arrives_ns=arrives_ns,
        then=then,
        noise_db_spl=noise_db,
        noise_assumed=then.noise_db_spl is None,
        expected_db_spl=expected_db,
        margin_db=expected_db - noise_db - NEEDED_DB,
        chance=chance,
        heard=heard,
        gate=_gate(then, heard, chance),
    )


def _gate(then: NodeThen, heard: Sequence[Heard], chance: float) -> Gate:
    if heard:
        return Gate.USED if any(item.incidents for item in heard) else Gate.SENT
    if then.working is None:
        return Gate.UNKNOWN
    if not then.working:
        return Gate.DOWN
    if then.refused:
        return Gate.REFUSED
    if chance < 0.5:
        return Gate.FAR
    return Gate.QUIET if then.refused is not None else Gate.SILENT


def gates(explanation: Explanation) -> Mapping[Gate, int]:
    """How many nodes stopped where."""
    return {gate: sum(item.gate is gate for item in explanation.accounts) for gate in Gate}
