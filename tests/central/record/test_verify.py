"""An exported incident: whole, it holds; with any byte changed, it does not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.central.incidents.chain import canonical
from sensor.central.incidents.signing import CentreKey, CentreKeys
from sensor.central.record.export import export_incident
from sensor.central.record.verify import verify_export
from sensor.central.store.sqlite import SqliteStore
from sensor.errors import CentralError, ChainError
from tests.support.incident_examples import AWKWARD, later, located, retracted
from tests.support.incidents import arrival_row
from tests.support.record import append, record

NOW_NS = 1_790_000_000_000_000_000
KEY = CentreKey.new()
KEYS = CentreKeys([KEY.public])
EVENTS = tuple(arrival_row(number).arrival.event_id for number in (1, 2, 3))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with record(tmp_path) as opened:
        opened.append_arrivals([arrival_row(1), arrival_row(2), arrival_row(9)], received_ns=NOW_NS)
        first = append(opened, located(event_ids=EVENTS), KEY)
        second = append(opened, later(first, reason=AWKWARD, p_gunshot=0.1 + 0.2), KEY)
        append(opened, retracted(second), KEY)
        incident = first.incident_id
        opened.add_label(incident, source="cad/city", label="false", reason="x", author="city", at_ns=1)
        opened.add_delivery("cad/city", incident, 1, due_ns=5)
        opened.audit(actor="ann", action="incident.read", subject=incident, detail={"a": 1}, at_ns=7)
        yield opened


def _export(store: SqliteStore, *, key: CentreKey | None = KEY, candidates: bool = True) -> bytes:
    return export_incident(
        store, located().incident_id, signer=key, exported_by="ann", now_ns=NOW_NS, candidates=candidates
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An export to change; small enough to try every byte."""
    with record(tmp_path_factory.mktemp("record")) as store:
        first = append(store, located(event_ids=EVENTS[:1], card={}), KEY)
        append(store, later(first, reason="one node more"), KEY)
        store.append_arrivals([arrival_row(1)], received_ns=NOW_NS)
        return _export(store)


def test_an_untouched_export_holds_and_says_what_it_holds(store: SqliteStore) -> None:
    data = _export(store)
    proof = verify_export(data, KEYS)
    assert (proof.versions, proof.signed, proof.candidates) == (3, True, 2)
    assert proof.missing == (EVENTS[2],)
    assert proof.last_hash == store.versions(located().incident_id)[-1].hash
    body = json.loads(data)
    assert [item["label"] for item in body["labels"]] == ["false"]
    assert [item["channel"] for item in body["deliveries"]] == ["cad/city"]
    assert [item["actor"] for item in body["audit"]] == ["ann"]


@settings(max_examples=300)
@given(data=st.data())
def test_any_changed_byte_is_found(whole: bytes, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(whole) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[position]))
    changed = whole[:position] + bytes([value]) + whole[position + 1 :]
    with pytest.raises(ChainError):
        verify_export(changed, KEYS)


@settings(max_examples=200)
@given(data=st.data())
def test_any_piece_cut_out_or_put_in_is_found(whole: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 50)))
    put_in = data.draw(st.binary(max_size=5) | st.sampled_from([b" ", b"\n", b",", b"}"]))
    changed = whole[:start] + put_in + whole[end:]
    if changed != whole:
        with pytest.raises(ChainError):
            verify_export(changed, KEYS)


def _forge(data: bytes, change: Callable[[dict[str, Any]], object], *, reseal: bool = True) -> bytes:
    """What somebody can make who knows the format but has no key: everything but signatures."""
    body = json.loads(data)
    change(body)
    if reseal:
        before = None
        for message in body["versions"]:
            message["prev_hash"] = before
            content = {key: value for key, value in message.items() if key not in {"hash", "signature"}}
            before = message["hash"] = hashlib.sha256(canonical(content)).hexdigest()
        content = {key: value for key, value in body.items() if key not in {"hash", "signature"}}
        body["hash"] = hashlib.sha256(canonical(content)).hexdigest()
    return canonical(body) + b"\n"


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body["versions"][0].update({"class": "fireworks"}),
        lambda body: body["versions"].pop(),
        lambda body: body["versions"].pop(0),
        lambda body: body["labels"].append({"label": "confirmed"}),
        lambda body: body.update({"exported_by": "somebody else"}),
        lambda body: body["candidates"].clear(),
        lambda body: body.update({"signature": None}),
        lambda body: body["versions"][1].update({"signature": None}),
        lambda body: body.update({"signature": "ed25519:0000000000000000:AAAA"}),
    ],
)
def test_a_forger_who_makes_all_hashes_anew_is_found_by_the_signatures(whole: bytes, change: Any) -> None:
    with pytest.raises(ChainError, match=r"signature|signed with key|version"):
        verify_export(_forge(whole, change), KEYS)


def test_without_keys_a_consistent_forgery_passes_and_the_proof_says_that_it_was_not_signed(
    whole: bytes,
) -> None:
    forged = _forge(whole, lambda body: body["versions"][0].update({"class": "fireworks"}))
    assert verify_export(forged, None).signed is False


def test_another_centres_export_does_not_pass(whole: bytes, store: SqliteStore) -> None:
    other = CentreKey.new()
    with pytest.raises(ChainError, match="which is not known here"):
        verify_export(whole, CentreKeys([other.public]))
    with pytest.raises(ChainError, match="version 1: it is signed with key"):
        verify_export(_export(store, key=other), CentreKeys([other.public]))


def test_an_unsigned_export_does_not_pass_where_keys_are_given(store: SqliteStore) -> None:
    data = _export(store, key=None)
    assert verify_export(data, None).versions == 3
    with pytest.raises(ChainError, match="the export: carries no signature"):
        verify_export(data, KEYS)


def _signed_export(change: Callable[[dict[str, Any]], object], whole: bytes) -> bytes:
    """What a centre could make that forges its own export: signed, but its versions are not of one chain."""
    body = json.loads(whole)
    change(body)
    content = {key: value for key, value in body.items() if key not in {"hash", "signature"}}
    body["hash"] = hashlib.sha256(canonical(content)).hexdigest()
    body["signature"] = KEY.sign(canonical(content))
    return canonical(body) + b"\n"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda body: body["versions"].clear(), "holds no versions"),
        (lambda body: body["versions"].pop(0), "version 1: is missing; version 2 stands in its place"),
        (lambda body: body["versions"].reverse(), "version 1: is missing"),
        (lambda body: body["versions"].append(body["versions"][0]), "version 3: is missing"),
        (lambda body: body["versions"][1].update({"prev_hash": "0" * 64}), "does not follow"),
        (lambda body: body["versions"][1].update({"reason": "x"}), "version 2: its hash is not"),
        (lambda body: body["versions"].insert(0, 7), "version 1: is no object"),
        (lambda body: body.update({"incident_id": "another"}), "belongs to incident"),
        (lambda body: body["candidates"].update({"x": "{}"}), "candidate x: is no message"),
        (lambda body: body["candidates"].update({"x": '{"event_id": "x"}'}), "not one that the incident"),
        (lambda body: body.update({"candidates": [1]}), "candidates: is no object"),
    ],
)
def test_what_is_signed_but_does_not_hang_together_is_found(whole: bytes, change: Any, told: str) -> None:
    with pytest.raises(ChainError, match=told):
        verify_export(_signed_export(change, whole), KEYS)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]\n", "no export"),
        (b'{"schema":"gunshot.export.v1"}', "edited or reformatted"),
        (b"[" * 200_000, "not JSON"),
        (b'{"schema":"gunshot.export.v1"}\n', "hash"),
        (b'{"a":NaN,"schema":"gunshot.export.v1"}\n', "cannot be written"),
    ],
)
def test_what_is_no_export_is_said(data: bytes, told: str) -> None:
    with pytest.raises(ChainError, match=told):
        verify_export(data, KEYS)


def test_candidates_can_be_left_out_because_they_tell_where_microphones_are(store: SqliteStore) -> None:
    proof = verify_export(_export(store, candidates=False), KEYS)
    assert proof.candidates == 0
    assert len(proof.missing) == 3


def test_an_unknown_incident_is_said(store: SqliteStore) -> None:
    with pytest.raises(CentralError, match="there is no incident nope"):
        export_incident(store, "nope", signer=None, exported_by="ann", now_ns=NOW_NS)
