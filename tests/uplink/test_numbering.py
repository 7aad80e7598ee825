from __future__ import annotations

import uuid

import pytest

from sensor.errors import WireError
from sensor.events import Candidate, event_id
from sensor.uplink.numbering import Numbering
from tests.support.messages import NODE, SITE, candidate

CHAIN = "6a9f3f0e-6f0c-4f0e-9a53-0a5a2c1f5d11"


def test_numbers_run_from_one_without_gaps() -> None:
    chain = Numbering(SITE, NODE, CHAIN)
    assert [chain.stamp(candidate(n)).seq for n in range(5)] == [1, 2, 3, 4, 5]


def test_the_id_follows_from_site_node_chain_and_number_alone() -> None:
    first = Numbering(SITE, NODE, CHAIN).stamp(candidate(1))
    again = Numbering(SITE, NODE, CHAIN).stamp(candidate(2))
    assert first.event_id == again.event_id == event_id(SITE, NODE, CHAIN, 1)
    assert first.event_id is not None
    assert uuid.UUID(first.event_id).version == 5


def test_ids_of_a_chain_differ_and_another_chain_has_others() -> None:
    here = Numbering(SITE, NODE, CHAIN)
    there = Numbering(SITE, NODE, str(uuid.uuid4()))
    ids = [chain.stamp(candidate()).event_id for chain in (here, there) for _ in range(10)]
    assert len(set(ids)) == 20


def test_a_chain_continues_after_the_last_number() -> None:
    assert Numbering(SITE, NODE, CHAIN, seq=41).stamp(candidate()).seq == 42


def test_looking_uses_up_no_number() -> None:
    chain = Numbering(SITE, NODE, CHAIN)
    assert chain.peek(candidate()) == chain.peek(candidate())
    assert chain.stamp(candidate()).seq == 1


@pytest.mark.parametrize("stranger", [candidate(site="raleigh"), candidate(node="roof-08")])
def test_a_candidate_of_another_node_is_refused(stranger: Candidate) -> None:
    chain = Numbering(SITE, NODE, CHAIN)
    with pytest.raises(WireError, match="does not belong"):
        chain.stamp(stranger)
    assert chain.stamp(candidate()).seq == 1
