"""The canonical form, hashes and signatures: whoever changes a version is found out."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.central.incidents.chain import (
    body,
    canonical,
    hash_of,
    incident_json,
    seal,
    verify_chain,
    verify_version,
    version_from,
)
from sensor.central.incidents.signing import CentreKey, CentreKeys
from sensor.errors import ChainError
from tests.support.incidents import incident_version, next_version

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_the_form_is_sorted_dense_and_exact() -> None:
    value = {
        "b": 1.5,
        "a": [1_790_000_000_000_000_001, "ü", None, True],
        "c": np.float64(0.1),
        "d": np.arange(2),
    }
    assert canonical(value) == '{"a":[1790000000000000001,"ü",null,true],"b":1.5,"c":0.1,"d":[0,1]}'.encode()


@given(JSON)
def test_the_form_reads_back_to_the_same_and_does_not_depend_on_order(value: Any) -> None:
    try:
        written = canonical(value)
    except ChainError:  # a lone surrogate is no text
        return
    assert json.loads(written) == value
    assert canonical(json.loads(written)) == written


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {"a": {1: object()}}, "\ud800"])
def test_what_json_cannot_carry_is_refused(value: Any) -> None:
    with pytest.raises(ChainError, match="cannot be written"):
        canonical(value)


def test_a_version_survives_the_way_through_json() -> None:
    version = seal(incident_version(1, related_to=("incident-2",)), CentreKey.new())
    again = version_from(json.loads(canonical(incident_json(version))))
    assert again == version
    verify_version(again)


def test_a_reader_can_check_a_message_with_nothing_but_json_and_sha256() -> None:
    message = json.loads(canonical(incident_json(incident_version(1))))
    stated = message.pop("hash")
    del message["signature"]
    text = json.dumps(message, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == stated


@pytest.mark.parametrize(
    "forged",
    [
        {"rounds_hi": 9},
        {"place": None},
        {"author": "mallory"},
        {"created_ns": 0},
        {"card": {}},
        {"prev_hash": "x"},
    ],
)
def test_any_change_breaks_the_hash(forged: dict[str, Any]) -> None:
    with pytest.raises(ChainError, match="was changed after it was written"):
        verify_version(replace(incident_version(1), **forged))


def test_a_chain_must_be_whole_in_order_and_of_one_incident() -> None:
    first = incident_version(1)
    second = next_version(first)
    third = next_version(second)
    verify_chain([first, second, third])
    verify_chain([])
    for broken, told in (
        ([first, third], "version 2 is missing"),
        ([second, third], "version 1 is missing"),
        ([first, next_version(incident_version(1, reason="other"))], "does not follow"),
        ([first, next_version(incident_version(2))], "follows incident incident-1"),
    ):
        with pytest.raises(ChainError, match=told):
            verify_chain(broken)


def test_signatures_are_the_centres_and_of_this_version() -> None:
    key, stranger = CentreKey.new(), CentreKey.new()
    version = seal(incident_version(1), key)
    verify_version(version, CentreKeys([key.public]))
    verify_version(version, CentreKeys([stranger.public, key.public]))
    for bad, told in (
        (seal(incident_version(1), stranger), "not known"),
        (replace(version, signature=seal(incident_version(2), key).signature), "does not hold"),
        (replace(version, signature="ed25519:x"), "not a signature"),
        (replace(version, signature=None), "no signature"),
    ):
        with pytest.raises(ChainError, match=told):
            verify_version(bad, CentreKeys([key.public]))


def test_the_hash_covers_the_whole_body() -> None:
    version = incident_version(1)
    assert hash_of(version) == version.hash == hashlib.sha256(canonical(body(version))).hexdigest()
    assert set(incident_json(version)) - set(body(version)) == {"hash", "signature"}


@pytest.mark.parametrize(
    "broken", [{}, {"schema": "x"}, {"state": "gone"}, {"position": {"lat": 1}}, {"tags": [1]}]
)
def test_what_is_no_version_is_refused(broken: dict[str, Any]) -> None:
    message = incident_json(incident_version(1)) | broken if broken else {}
    with pytest.raises(ChainError):
        version_from(message)
